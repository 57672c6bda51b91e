"""Fetching: downloads that break, lie or fill the disk, and what becomes of them."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import requests
from attrs import frozen
from serving import Served, serving

from neurokit import Archive, NeurokitError, RemoteFile, list_bucket, param, take_members
from neurokit.fetching import Fetch, connection, plan_fetch
from neurokit.fetching.record import record_path
from neurokit.progress import listening

NOTES = "fetched_Plain.json"
BODY = np.random.default_rng(0).bytes(3_210_987)


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as server:
        server.files["a.bin"] = BODY
        yield server


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been waited; nothing is."""
    waited: list[float] = []

    def pause(stopping: threading.Event, seconds: float) -> bool:
        waited.append(seconds)
        return stopping.is_set()

    monkeypatch.setattr(connection, "_pause", pause)
    return waited


@frozen(kw_only=True)
class Plain(Archive):
    """Files that are kept as they come."""

    licence: ClassVar[str] = "CC0"
    citation: ClassVar[str] = "nobody"
    page: ClassVar[str] = "https://example.org"
    folder: ClassVar[str] = "datasets/plain"
    size: ClassVar[str] = "little"

    url: str = param(help="of the server")
    paths: tuple[str, ...] = param(("a.bin",), help="of the files")
    sizes: tuple[int, ...] = param((), help="of the files, where they are known")
    checksums: tuple[str, ...] = param((), help="of the files, where they are known")

    def files(self) -> list[RemoteFile]:
        return [
            RemoteFile(
                url=f"{self.url}/{path}",
                path=path,
                size=dict(enumerate(self.sizes)).get(place),
                checksum=dict(enumerate(self.checksums)).get(place),
            )
            for place, path in enumerate(self.paths)
        ]


@frozen(kw_only=True)
class Zipped(Archive):
    """Two files in a zip archive."""

    licence: ClassVar[str] = "CC0"
    citation: ClassVar[str] = "nobody"
    page: ClassVar[str] = "https://example.org"
    folder: ClassVar[str] = "datasets/zipped"
    size: ClassVar[str] = "little"
    contents: ClassVar[tuple[str, ...]] = ("one.tif", "inner/two.tif")
    unpacked_bytes: ClassVar[int] = 4_404_000

    url: str = param(help="of the server")

    def files(self) -> list[RemoteFile]:
        return [RemoteFile(url=f"{self.url}/both.zip", path="both.zip")]


def _md5(body: bytes) -> str:
    return f"md5:{hashlib.md5(body).hexdigest()}"


def _sha256(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _fetched(archive: Archive, folder: Path, again: bool = False) -> Fetch:
    planned = plan_fetch(archive, folder, again)
    planned.carry_out()
    return planned


def _partial(folder: Path, name: str = "a.bin") -> Path:
    """Where an interrupted download lies."""
    (found,) = folder.glob(f".fetching-*/{name}.partial")
    return found


def _names(folder: Path) -> list[str]:
    """What lies in a folder, without what was noted of it."""
    return sorted(each.name for each in folder.iterdir() if each.name != NOTES)


def _interrupted(served: Served, archive: Archive, folder: Path, after: int) -> None:
    """Let a download break off for good after so many bytes."""
    served.breaks = [after] + [0] * 20
    with pytest.raises(NeurokitError, match="6 times; what has arrived is kept"):
        _fetched(archive, folder)
    served.breaks = []
    assert _partial(folder).read_bytes() == BODY[:after]
    served.asked.clear()


@pytest.mark.parametrize("says_length", [True, False])
@pytest.mark.parametrize("checksum", [None, _md5(BODY), _sha256(BODY)])
def test_a_whole_file(
    served: Served, tmp_path: Path, checksum: str | None, says_length: bool
) -> None:
    served.says_length = says_length
    folder = tmp_path / "new" / "folder"
    archive = Plain(url=served.url, checksums=(checksum,) if checksum else ())
    planned = _fetched(archive, folder)
    assert planned.size == (len(BODY) if says_length else 0)
    assert (folder / "a.bin").read_bytes() == BODY
    assert _names(folder) == ["a.bin"]
    assert (folder / NOTES).exists() == (checksum is None)


def test_progress_counts_megabytes(served: Served, tmp_path: Path) -> None:
    heard: list[tuple[str, int, int]] = []
    with listening(lambda *said: heard.append(said)):
        _fetched(Plain(url=served.url), tmp_path)
    assert heard == [("MB", done, 4) for done in range(5)]
    _interrupted(served, Plain(url=served.url), tmp_path / "other", 2_500_000)
    heard.clear()
    with listening(lambda *said: heard.append(said)):
        _fetched(Plain(url=served.url), tmp_path / "other")
    assert heard == [("MB", done, 4) for done in range(2, 5)]


def test_broken_connections_go_on_where_they_broke(
    served: Served, tmp_path: Path, pauses: list[float]
) -> None:
    served.breaks = [1_000_000, 0, 700_000, 5]
    planned = plan_fetch(Plain(url=served.url, sizes=(len(BODY),)), tmp_path)
    planned.carry_out()
    assert (tmp_path / "a.bin").read_bytes() == BODY
    starts = [0, 1_000_000, 1_000_000, 1_700_000, 1_700_005]
    etag = served.etag(BODY)
    assert served.asked == [
        ("a.bin", f"bytes={start}-" if start else None, etag if start else None) for start in starts
    ]
    # The wait grows while nothing arrives, and is short again when something has.
    assert pauses == [1.0, 2.0, 1.0, 1.0]


def test_the_last_bytes_before_a_stall_are_written(served: Served, tmp_path: Path) -> None:
    served.stalls_after = 1000
    fetching = threading.Thread(target=_fetched, args=(Plain(url=served.url), tmp_path))
    fetching.start()
    deadline = time.monotonic() + 30
    written = 0
    while written < 1000 and time.monotonic() < deadline:
        found = list(tmp_path.glob(".fetching-*/a.bin.partial"))
        written = found[0].stat().st_size if found else 0
        time.sleep(0.01)
    served.stalls_after = None
    fetching.join()
    assert written == 1000
    assert [asked for _, asked, _ in served.asked] == [None, "bytes=1000-"]
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_a_later_call_goes_on(served: Served, tmp_path: Path) -> None:
    archive = Plain(url=served.url)
    _interrupted(served, archive, tmp_path, 2_000_000)
    planned = plan_fetch(archive, tmp_path)
    assert (planned.kept, planned.size) == (2_000_000, len(BODY) - 2_000_000)
    planned.carry_out()
    assert served.asked[-1] == ("a.bin", "bytes=2000000-", served.etag(BODY))
    assert (tmp_path / "a.bin").read_bytes() == BODY
    assert _names(tmp_path) == ["a.bin"]


def test_a_server_without_ranges_begins_anew(served: Served, tmp_path: Path) -> None:
    archive = Plain(url=served.url)
    _interrupted(served, archive, tmp_path, 2_000_000)
    served.ranges = False
    _fetched(archive, tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_a_file_that_has_changed_begins_anew(served: Served, tmp_path: Path) -> None:
    archive = Plain(url=served.url)
    _interrupted(served, archive, tmp_path, 2_000_000)
    served.files["a.bin"] = other = BODY[::-1][:2_500_000]
    _fetched(archive, tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == other


def test_without_version_or_checksum_nothing_is_kept(served: Served, tmp_path: Path) -> None:
    served.versions = False
    archive = Plain(url=served.url)
    served.breaks = [2_000_000] + [0] * 20
    with pytest.raises(NeurokitError):
        _fetched(archive, tmp_path)
    served.breaks = []
    served.asked.clear()
    planned = _fetched(archive, tmp_path)
    assert planned.kept == 0
    assert {asked for _, asked, _ in served.asked} == {None}
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_a_checksum_vouches_for_a_file_without_version(served: Served, tmp_path: Path) -> None:
    served.versions = False
    archive = Plain(url=served.url, checksums=(_md5(BODY),))
    _interrupted(served, archive, tmp_path, 2_000_000)
    _fetched(archive, tmp_path)
    assert served.asked[-1] == ("a.bin", "bytes=2000000-", None)
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_more_than_there_is_begins_anew(served: Served, tmp_path: Path) -> None:
    """A part that is longer than the file, which the server answers with 416."""
    archive = Plain(url=served.url, checksums=(_md5(BODY),))
    served.says_length = False
    _interrupted_at_the_end = BODY + b"more"
    folder = tmp_path
    planned = plan_fetch(archive, folder)
    served.breaks = [1] + [0] * 20
    with pytest.raises(NeurokitError, match="try again"):
        planned.carry_out()  # without a length, an end too soon looks like the end
    served.breaks = []
    _interrupted_part = next(iter(folder.glob(".fetching-*")), None)
    assert _interrupted_part is None  # what was wrong was removed
    place = folder / _downloads_name(archive, folder)
    place.mkdir()
    (place / "a.bin.partial").write_bytes(_interrupted_at_the_end)
    _fetched(archive, folder)
    assert (folder / "a.bin").read_bytes() == BODY


def _downloads_name(archive: Archive, folder: Path) -> str:
    from neurokit.fetching.fetch import _downloads

    return _downloads(archive, folder).name


def test_a_wrong_checksum(served: Served, tmp_path: Path) -> None:
    wrong = _md5(b"other")
    archive = Plain(url=served.url, checksums=(wrong,))
    with pytest.raises(NeurokitError) as caught:
        _fetched(archive, tmp_path / "new")
    assert str(caught.value) == (
        f"what arrived from {served.url}/a.bin is wrong and was removed: expected {wrong}, found "
        f"{_md5(BODY)}; try again, and if it stays so, the file has been replaced or something on "
        f"the way changes it"
    )
    assert not (tmp_path / "new").exists()


def test_another_size_than_expected(served: Served, tmp_path: Path) -> None:
    with pytest.raises(NeurokitError) as caught:
        _fetched(Plain(url=served.url, sizes=(7,)), tmp_path)
    assert str(caught.value) == (
        f"{served.url}/a.bin has {len(BODY)} bytes, and 7 were expected; it is not the file that "
        f"was meant, or has been replaced"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, "404 Not Found: there is no such file"),
        (403, "403 Forbidden: it refuses to give it"),
        (401, "401 Unauthorized: it wants a login"),
        (400, "400 Bad Request"),
    ],
)
def test_refusals_are_final(
    served: Served, tmp_path: Path, pauses: list[float], status: int, said: str
) -> None:
    served.statuses = [(status, {})]
    with pytest.raises(NeurokitError) as caught:
        _fetched(Plain(url=served.url, sizes=(len(BODY),)), tmp_path)
    assert str(caught.value) == f"cannot fetch {served.url}/a.bin: the server answers {said}"
    assert (len(served.asked), pauses) == (1, [])


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408])
def test_trouble_of_the_server_passes(
    served: Served, tmp_path: Path, pauses: list[float], status: int
) -> None:
    served.statuses = [(status, {})] * 3
    _fetched(Plain(url=served.url, sizes=(len(BODY),)), tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == BODY
    assert pauses == [1.0, 2.0, 4.0]


def test_trouble_that_does_not_pass(
    served: Served, tmp_path: Path, pauses: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    served.statuses = [(500, {})] * 50
    with pytest.raises(NeurokitError) as caught:
        _fetched(Plain(url=served.url, sizes=(len(BODY),)), tmp_path)
    assert str(caught.value) == (
        f"cannot fetch {served.url}/a.bin: the server answers 500 Internal Server Error 6 times; "
        f"try again later"
    )
    assert (len(served.asked), pauses) == (6, [1.0, 2.0, 4.0, 8.0, 16.0])
    assert caplog.messages[0] == (
        f"{served.url}/a.bin: the server answers 500 Internal Server Error; trying again in 1 s"
    )


@pytest.mark.parametrize(("asked", "waited"), [("7", 7.0), ("0", 1.0), ("soon", 1.0)])
def test_it_waits_as_long_as_it_is_asked_to(
    served: Served, tmp_path: Path, pauses: list[float], asked: str, waited: float
) -> None:
    served.statuses = [(429, {"Retry-After": asked})]
    _fetched(Plain(url=served.url, sizes=(len(BODY),)), tmp_path)
    assert pauses == [waited]


def test_a_wait_may_be_asked_for_by_a_date(
    served: Served, tmp_path: Path, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.0)
    served.statuses = [(503, {"Retry-After": "Tue, 14 Nov 2023 22:13:50 GMT"})]
    _fetched(Plain(url=served.url, sizes=(len(BODY),)), tmp_path)
    assert pauses == [30.0]


def test_too_long_a_wait_is_refused(served: Served, tmp_path: Path, pauses: list[float]) -> None:
    served.statuses = [(429, {"Retry-After": "3600"})]
    with pytest.raises(NeurokitError) as caught:
        _fetched(Plain(url=served.url, sizes=(len(BODY),)), tmp_path)
    assert str(caught.value) == (
        f"cannot fetch {served.url}/a.bin: the server answers 429 Too Many Requests, and asks to "
        f"wait 3600 s; try again later"
    )
    assert pauses == []


@pytest.mark.parametrize("sizes", [(), (7,)])
def test_nobody_listens(
    tmp_path: Path, pauses: list[float], caplog: pytest.LogCaptureFixture, sizes: tuple[int, ...]
) -> None:
    with serving() as server:
        url = server.url
    with pytest.raises(NeurokitError) as caught:
        _fetched(Plain(url=url, sizes=sizes), tmp_path / "new" / "folder")
    assert str(caught.value) == (
        f"cannot fetch {url}/a.bin: Connection refused; check the network and the address"
    )
    assert list(tmp_path.iterdir()) == []
    assert (pauses, caplog.messages) == ([1.0], [])


@pytest.mark.parametrize("sizes", [(), (7,)])
def test_a_name_that_cannot_be_resolved(
    tmp_path: Path, pauses: list[float], monkeypatch: pytest.MonkeyPatch, sizes: tuple[int, ...]
) -> None:
    def resolve(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(NeurokitError) as caught:
        _fetched(Plain(url="http://data.invalid:81", sizes=sizes), tmp_path / "new" / "folder")
    assert str(caught.value) == (
        "cannot fetch http://data.invalid:81/a.bin: the name data.invalid cannot be resolved; "
        "check the network and the address"
    )
    assert list(tmp_path.iterdir()) == []
    assert pauses == [1.0]


def test_without_network_what_has_arrived_is_kept(tmp_path: Path) -> None:
    with serving() as server:
        server.files["a.bin"] = BODY
        archive = Plain(url=server.url, sizes=(len(BODY),))
        _interrupted(server, archive, tmp_path, 2_000_000)
    with pytest.raises(NeurokitError) as caught:
        _fetched(archive, tmp_path)
    assert str(caught.value) == (
        f"cannot fetch {server.url}/a.bin: Connection refused; what has arrived is kept, "
        f"and the same command goes on"
    )
    assert _partial(tmp_path).read_bytes() == BODY[:2_000_000]


def test_a_host_that_has_answered_is_waited_for(
    served: Served, tmp_path: Path, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that is away for a while does not end a long download."""
    real = requests.Session.request
    calls = 0

    def request(*arguments: Any, **more: Any) -> requests.Response:
        nonlocal calls
        calls += 1
        if 2 <= calls <= 5:
            raise requests.ConnectionError(ConnectionRefusedError(errno.ECONNREFUSED, "refused"))
        return real(*arguments, **more)

    monkeypatch.setattr("requests.Session.request", request)
    served.breaks = [1_000_000]
    _fetched(Plain(url=served.url, sizes=(len(BODY),)), tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == BODY
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0]


def test_a_proxy_of_the_environment_is_used(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server stands in for a proxy, which is asked for whole addresses."""
    monkeypatch.setenv("http_proxy", served.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    _fetched(Plain(url="http://data.invalid", sizes=(len(BODY),)), tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_a_proxy_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    with serving() as server:
        proxy = server.url
    monkeypatch.setenv("https_proxy", proxy)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(NeurokitError) as caught:
        _fetched(Plain(url="https://data.invalid", sizes=(1,)), tmp_path)
    assert str(caught.value) == (
        "cannot reach https://data.invalid/a.bin: Connection refused; check certificates and "
        "proxies (HTTPS_PROXY, REQUESTS_CA_BUNDLE)"
    )
    assert pauses == []


def test_no_space(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    folder = tmp_path / "new"
    with pytest.raises(NeurokitError) as caught:
        _fetched(Plain(url=served.url), folder)
    assert str(caught.value) == (
        f"{folder} has 1.0 MB free, 2.2 MB less than needed; "
        f"free some space or choose another place"
    )
    assert not folder.exists()
    assert served.asked == []


def test_the_space_of_what_is_unpacked_counts(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.files["both.zip"] = _both()
    assert len(ONE) + len(TWO) == Zipped.unpacked_bytes
    usage = type("Usage", (), {"free": len(_both()) + Zipped.unpacked_bytes - 1})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(NeurokitError, match="1 byte less than needed; free some space"):
        _fetched(Zipped(url=served.url), tmp_path)
    usage.free += 1  # type: ignore[attr-defined]
    _fetched(Zipped(url=served.url), tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_disk_that_fills_up(served: Served, tmp_path: Path) -> None:
    archive = Plain(url=served.url)
    place = tmp_path / _downloads_name(archive, tmp_path)
    place.mkdir()
    (place / "a.bin.partial").symlink_to("/dev/full")
    with pytest.raises(NeurokitError) as caught:
        _fetched(archive, tmp_path)
    assert str(caught.value) == (
        f"cannot write {place / 'a.bin'}: {os.strerror(errno.ENOSPC)}; what has arrived is kept: "
        f"free some space, and the same command goes on"
    )
    assert not (tmp_path / "a.bin").exists()


def test_a_small_disk_that_fills_up(served: Served, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("only root can mount a small disk")
    try:
        archive = Plain(url=served.url, checksums=(_md5(BODY),))
        served.says_length = False  # so that it cannot be known beforehand
        with pytest.raises(NeurokitError, match="No space left on device; what has arrived"):
            _fetched(archive, disk)
        kept = _partial(disk).stat().st_size
        assert 1_000_000 < kept < 2**21
        assert _partial(disk).read_bytes() == BODY[:kept]
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        served.asked.clear()
        _fetched(archive, disk)
        assert served.asked[-1][1] == f"bytes={kept}-"
        assert (disk / "a.bin").read_bytes() == BODY
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_what_is_there_is_not_fetched_again(served: Served, tmp_path: Path) -> None:
    archive = Plain(url=served.url, checksums=(_md5(BODY),))
    _fetched(archive, tmp_path)
    served.asked.clear()
    planned = _fetched(archive, tmp_path)
    assert (planned.files, planned.count, planned.size) == ((), 1, 0)
    assert served.asked == []


@pytest.mark.parametrize("known", [{"sizes": (len(BODY),)}, {"checksums": (_md5(BODY),)}])
def test_what_is_there_and_wrong(
    served: Served, tmp_path: Path, known: dict[str, tuple[object, ...]]
) -> None:
    (tmp_path / "a.bin").write_bytes(b"mine")
    archive = Plain(url=served.url, **known)  # type: ignore[arg-type]
    with pytest.raises(NeurokitError) as caught:
        plan_fetch(archive, tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'a.bin'} is there, and is not what {served.url}/a.bin should give; move it "
        f"away if it is of use, or replace it with --again"
    )
    assert (tmp_path / "a.bin").read_bytes() == b"mine"
    _fetched(archive, tmp_path, again=True)
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_large_files_that_are_there_are_known_by_their_size(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Plain(url=served.url, sizes=(len(BODY),), checksums=(_md5(BODY),))
    (tmp_path / "a.bin").write_bytes(BODY[::-1])
    with pytest.raises(NeurokitError, match="is there, and is not"):
        plan_fetch(archive, tmp_path)
    monkeypatch.setattr("neurokit.fetching.there.READ_AGAIN", len(BODY) - 1)
    assert plan_fetch(archive, tmp_path).files == ()


def test_many_files(served: Served, tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    bodies = {
        f"deep/{n % 7}/{n}": random.bytes(int(random.integers(0, 90_000))) for n in range(150)
    }
    bodies["deep/0/empty"] = b""
    served.files = dict(bodies)
    served.breaks = [1000, 0, 30]
    paths, checksums = tuple(bodies), tuple(map(_md5, bodies.values()))
    sizes = tuple(map(len, bodies.values()))
    archive = Plain(url=served.url, paths=paths, sizes=sizes, checksums=checksums)
    heard: list[tuple[str, int, int]] = []
    with listening(lambda *said: heard.append(said)):
        planned = _fetched(archive, tmp_path)
    assert planned.size == sum(sizes)
    assert heard[-1] == ("MB", -(-sum(sizes) // 10**6), -(-sum(sizes) // 10**6))
    found = {str(each.relative_to(tmp_path)): each for each in tmp_path.rglob("*")}
    assert {path: file.read_bytes() for path, file in found.items() if file.is_file()} == bodies
    (tmp_path / "deep/0/7").unlink()
    assert [each.path for each in plan_fetch(archive, tmp_path).files] == ["deep/0/7"]


def test_one_failure_ends_all_and_what_is_there_stays(served: Served, tmp_path: Path) -> None:
    served.files = {f"{n}": bytes(1000) for n in range(30)}
    paths = (*served.files, "missing", *(f"{n}" for n in range(30, 40)))
    archive = Plain(url=served.url, paths=paths, sizes=(1000,) * len(paths))
    with pytest.raises(NeurokitError, match="404 Not Found: there is no such file"):
        _fetched(archive, tmp_path)
    whole = {path for path in paths for each in tmp_path.rglob(path) if each.is_file()}
    assert len(whole) >= 20
    served.files |= {path: bytes(1000) for path in paths}
    served.asked.clear()
    _fetched(archive, tmp_path)
    assert {path for path, _, _ in served.asked} == set(paths) - whole
    assert _names(tmp_path) == sorted(paths)


def test_two_processes_do_not_write_the_same_file(served: Served, tmp_path: Path) -> None:
    import fcntl

    archive = Plain(url=served.url)
    place = tmp_path / _downloads_name(archive, tmp_path)
    place.mkdir()
    with (place / "a.bin.partial").open("wb") as other:
        other.write(b"theirs")
        other.flush()
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(NeurokitError) as caught:
            _fetched(archive, tmp_path)
    assert str(caught.value) == (
        f"another process is downloading {place / 'a.bin.partial'}; wait for it, or end it"
    )
    assert (place / "a.bin.partial").read_bytes() == b"theirs"


KILLED = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_fetch import Plain
from neurokit.fetching import plan_fetch
from neurokit.fetching import download
import os, signal
arrived = 0
def count(n, put):
    global arrived
    arrived += n
    put(n)
    if arrived > 1_500_000:
        os.kill(os.getpid(), signal.SIGKILL)
import neurokit.fetching.several as several
real = several.download
several.download = lambda c, f, t, put: real(c, f, t, lambda n: count(n, put))
plan_fetch(Plain(url={url!r}), Path({folder!r})).carry_out()
"""


def test_sigkill_and_the_same_again(served: Served, tmp_path: Path) -> None:
    code = KILLED.format(
        tests=str(Path(__file__).parent), url=served.url, folder=str(tmp_path / "there")
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (tmp_path / "there" / "a.bin").exists()
    kept = _partial(tmp_path / "there").stat().st_size
    assert 1_000_000 < kept < len(BODY)
    served.asked.clear()
    planned = _fetched(Plain(url=served.url), tmp_path / "there")
    assert planned.kept == kept
    assert served.asked[-1][1] == f"bytes={kept}-"
    assert (tmp_path / "there" / "a.bin").read_bytes() == BODY


ONE, TWO = bytes(range(256)) * 9000, b"two" * 700_000


def _zip(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return packed.getvalue()


def _both() -> bytes:
    return _zip(
        {
            "__MACOSX/._one.tif": b"-",
            "some/folder/one.tif": ONE,
            "some/inner/two.tif": TWO,
            "two.tif": b"of another folder",
            "some/readme.txt": b"hello",
        }
    )


def _there(folder: Path) -> list[str]:
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())


RECORD = "fetched_Zipped.json"


def test_what_is_zipped_is_unpacked(served: Served, tmp_path: Path) -> None:
    served.files["both.zip"] = _both()
    heard: list[tuple[str, int, int]] = []
    with listening(lambda *said: heard.append(said)):
        _fetched(Zipped(url=served.url), tmp_path)
    assert (tmp_path / "one.tif").read_bytes() == ONE
    assert (tmp_path / "inner/two.tif").read_bytes() == TWO
    assert _there(tmp_path) == [RECORD, "inner/two.tif", "one.tif"]
    assert [said for said in heard if said[0] != "MB"] == [
        ("MB unpacked", done, 5) for done in range(6)
    ]
    record = json.loads((tmp_path / RECORD).read_text())
    assert record["licence"] == "CC0"
    assert record["from"] == [{"url": f"{served.url}/both.zip", "checksum": None}]
    assert record["files"]["one.tif"] == {"size": len(ONE), "checksum": _sha256(ONE)}
    served.asked.clear()
    assert _fetched(Zipped(url=served.url), tmp_path).files == ()
    assert served.asked == []


def test_what_was_unpacked_and_is_missing_is_fetched(served: Served, tmp_path: Path) -> None:
    served.files["both.zip"] = _both()
    _fetched(Zipped(url=served.url), tmp_path)
    (tmp_path / "one.tif").unlink()
    _fetched(Zipped(url=served.url), tmp_path)
    assert (tmp_path / "one.tif").read_bytes() == ONE


def test_what_was_unpacked_and_has_changed(served: Served, tmp_path: Path) -> None:
    served.files["both.zip"] = _both()
    archive = Zipped(url=served.url)
    _fetched(archive, tmp_path)
    (tmp_path / "one.tif").write_bytes(b"mine")
    with pytest.raises(NeurokitError) as caught:
        plan_fetch(archive, tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'one.tif'} is not as it was fetched; move it away if it is of use, or "
        f"replace it with --again"
    )
    _fetched(archive, tmp_path, again=True)
    assert (tmp_path / "one.tif").read_bytes() == ONE


def test_files_of_the_users_own_stay(served: Served, tmp_path: Path) -> None:
    served.files["both.zip"] = _both()
    (tmp_path / "one.tif").write_bytes(b"mine")
    (tmp_path / "other.tif").write_bytes(b"mine, too")
    with pytest.raises(NeurokitError) as caught:
        plan_fetch(Zipped(url=served.url), tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / 'one.tif'} is there, and it was not neurokit fetch that put it there; move "
        f"it away, or replace it with --again"
    )
    assert served.asked == []
    _fetched(Zipped(url=served.url), tmp_path, again=True)
    assert (tmp_path / "one.tif").read_bytes() == ONE
    assert (tmp_path / "other.tif").read_bytes() == b"mine, too"


def test_files_that_came_meanwhile_stay(served: Served, tmp_path: Path) -> None:
    """Put there while the archive was downloaded."""
    served.files["both.zip"] = _both()
    planned = plan_fetch(Zipped(url=served.url), tmp_path)
    (tmp_path / "one.tif").write_bytes(b"mine")
    with pytest.raises(NeurokitError, match="it was not neurokit fetch that put it there"):
        planned.carry_out()
    assert (tmp_path / "one.tif").read_bytes() == b"mine"


def test_other_settings_are_told_apart(served: Served, tmp_path: Path) -> None:
    served.files["both.zip"] = served.files["copy/both.zip"] = _both()
    _fetched(Zipped(url=served.url), tmp_path)
    other = Zipped(url=f"{served.url}/copy")
    with pytest.raises(NeurokitError) as caught:
        plan_fetch(other, tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} holds what was fetched with other settings, which {tmp_path / RECORD} lists; "
        f"--again replaces it, --folder puts this elsewhere"
    )
    _fetched(other, tmp_path, again=True)
    assert json.loads((tmp_path / RECORD).read_text())["settings"] == {"url": other.url}


def test_a_record_that_is_none(served: Served, tmp_path: Path) -> None:
    path = record_path(Zipped(url=served.url), tmp_path)
    path.write_text("[]")
    with pytest.raises(NeurokitError) as caught:
        plan_fetch(Zipped(url=served.url), tmp_path)
    assert str(caught.value) == (
        f"{path} is not as neurokit fetch writes it; remove it, and fetch with --again"
    )


@pytest.mark.parametrize("moment", ["unpacking", "placing", "recording"])
def test_killed_while_unpacking(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """What a kill leaves never looks complete, and nothing is downloaded twice."""
    served.files["both.zip"] = _both()
    places = {
        "unpacking": "neurokit.fetching.members.require_space",
        "placing": "neurokit.fetching.fetch._put",
        "recording": "neurokit.fetching.fetch.write_record",
    }
    calls = 0

    def die(*arguments: Path) -> None:
        nonlocal calls
        calls += 1
        if moment == "placing" and calls == 1:
            arguments[1].parent.mkdir(parents=True, exist_ok=True)
            arguments[0].replace(arguments[1])
            return
        os._exit(7)

    process = os.fork()
    if process == 0:
        monkeypatch.setattr(places[moment], die)
        _fetched(Zipped(url=served.url), tmp_path)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 7
    assert not (tmp_path / RECORD).exists()
    served.asked.clear()
    _fetched(Zipped(url=served.url), tmp_path)
    assert _there(tmp_path) == [RECORD, "inner/two.tif", "one.tif"]
    assert (tmp_path / "one.tif").read_bytes() == ONE
    assert served.asked == []


def _link(name: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
        archive.writestr("one.tif", b"1")
    return packed.getvalue()


def _damaged() -> bytes:
    whole = bytearray(_zip({"one.tif": bytes(1000), "inner/two.tif": b"2"}))
    whole[45] ^= 0xFF
    return bytes(whole)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (
            _zip({"../one.tif": b"1", "inner/two.tif": b"2"}),
            "{zip} is refused: its member '../one.tif' leads out of the folder",
        ),
        (
            _zip({"/etc/one.tif": b"1", "inner/two.tif": b"2"}),
            "{zip} is refused: its member '/etc/one.tif' leads out of the folder",
        ),
        (
            _zip({"one.tif": b"1", "inner/two.tif": b"2", "a/../../x": b"3"}),
            "{zip} is refused: its member 'a/../../x' leads out of the folder",
        ),
        (
            _zip({"one.tif": b"1", "inner/two.tif": b"2", "C:/x": b"3"}),
            "{zip} is refused: its member 'C:/x' leads out of the folder",
        ),
        (_link("inner/two.tif"), "{zip} is refused: its member 'inner/two.tif' is a link"),
        (
            _zip({"a/one.tif": b"1", "b/one.tif": b"1", "inner/two.tif": b"2"}),
            "{zip} holds one.tif twice: 'a/one.tif' and 'b/one.tif'",
        ),
        (_zip({"two.tif": b"2"}), "{zip} holds no one.tif and no inner/two.tif; is it the right "),
        (b"no zip", "{zip} is damaged: File is not a zip file; remove it, and fetch it "),
        (_damaged(), "{zip} is damaged: Bad CRC-32 for file 'one.tif'; remove it, and fetch it "),
    ],
)
def test_evil_and_damaged_zips(tmp_path: Path, body: bytes, error: str) -> None:
    archive = tmp_path / "both.zip"
    archive.write_bytes(body)
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(NeurokitError) as caught:
        take_members([archive], ["one.tif", "inner/two.tif"], folder)
    assert str(caught.value).startswith(error.format(zip=archive))
    assert "\n" not in str(caught.value)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["both.zip", "folder"]


def test_an_evil_zip_leaves_nothing(served: Served, tmp_path: Path) -> None:
    served.files["both.zip"] = _zip({"../one.tif": b"1", "inner/two.tif": b"2"})
    with pytest.raises(NeurokitError, match="leads out of the folder"):
        _fetched(Zipped(url=served.url), tmp_path / "folder")
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]
    assert [Path(each).name for each in _there(tmp_path)] == ["both.zip"]


def test_members_of_several_zips(tmp_path: Path) -> None:
    for name in ("one.tif", "two.tif"):
        (tmp_path / f"{name}.zip").write_bytes(_zip({f"x/{name}": name.encode()}))
    take_members(
        [tmp_path / "one.tif.zip", tmp_path / "two.tif.zip"], ["two.tif", "one.tif"], tmp_path
    )
    assert (tmp_path / "one.tif").read_bytes() == b"one.tif"
    assert (tmp_path / "two.tif").read_bytes() == b"two.tif"


@pytest.mark.parametrize(
    "path", ["", "/a", "../a", "a/../../b", "a\\b", "C:a", "a//b", "a/", "./a", "a\nb", ".."]
)
def test_names_that_lead_out(path: str) -> None:
    with pytest.raises(NeurokitError) as caught:
        RemoteFile(url="https://example.org/x", path=path)
    assert str(caught.value) == f"the name {path!r} does not do as that of a file in a folder"


def test_names_and_addresses_that_do() -> None:
    RemoteFile(url="https://example.org/x", path="a/.zgroup")
    with pytest.raises(NeurokitError, match="'ftp://x' is no address that begins with https://"):
        RemoteFile(url="ftp://x", path="a")
    for wrong in ("md5:12", "sha1:" + "0" * 40, "0" * 32, "md5:" + "A" * 32, ":"):
        with pytest.raises(NeurokitError, match="is neither md5: and 32 nor"):
            RemoteFile(url="https://x", path="a", checksum=wrong)


@pytest.mark.parametrize("page", [1, 3, 7, 1000])
def test_a_bucket_is_listed_page_by_page(served: Served, page: int) -> None:
    served.page = page
    names = ["s/a b&c/.zarray", "s/0/0", "s/10", "s/9", "s/é", "s/x+y", "s/folder/"]
    served.files = {f"public/{name}": name.encode() for name in names}
    served.files |= {"public/other/1": b"1"}
    found = list_bucket(served.url, "public", "s/")
    assert [file.path for file in found] == sorted(names[:-1])
    for file in found:
        assert file.size == len(file.path.encode())
        assert file.checksum == _md5(file.path.encode())
    assert len(served.asked) == -(-len(names) // page)


def test_what_is_listed_can_be_fetched(served: Served, tmp_path: Path) -> None:
    served.files = {f"public/s/{n} &+#?": f"{n}".encode() for n in range(5)}
    files = list_bucket(served.url, "public", "s/")

    @frozen(kw_only=True)
    class Listed(Plain):
        """As listed."""

        def files(self) -> list[RemoteFile]:
            return files

    _fetched(Listed(url=served.url), tmp_path)
    assert (tmp_path / "s" / "3 &+#?").read_text() == "3"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<html>", "no element found: line 1, column 6"),
        (b"<html></html>", "it is a html"),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><x/>", "it declares entities"),
        (
            b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
            "it does not say how the list goes on",
        ),
        (
            b"<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
            "an entry has no name or size",
        ),
    ],
)
def test_answers_that_are_no_lists(
    served: Served, monkeypatch: pytest.MonkeyPatch, body: bytes, why: str
) -> None:
    monkeypatch.setattr("serving._page", lambda *_: body)
    with pytest.raises(NeurokitError) as caught:
        list_bucket(served.url, "public", "s/")
    assert str(caught.value) == f"what {served.url}/public answers is no list of its files: {why}"


def test_a_list_that_turns_in_circles(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (
        b"<ListBucketResult><IsTruncated>true</IsTruncated>"
        b"<NextContinuationToken>x</NextContinuationToken></ListBucketResult>"
    )
    monkeypatch.setattr("serving._page", lambda *_: page)
    with pytest.raises(NeurokitError, match="does not say how the list goes on"):
        list_bucket(served.url, "public", "")


def test_a_bucket_with_names_that_lead_out(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (
        b"<ListBucketResult><Contents><Key>s/../../x</Key><Size>1</Size></Contents>"
        b"</ListBucketResult>"
    )
    monkeypatch.setattr("serving._page", lambda *_: page)
    with pytest.raises(NeurokitError, match=r"the name 's/\.\./\.\./x' does not do"):
        list_bucket(served.url, "public", "s/")


def test_a_list_is_asked_for_again(served: Served, pauses: list[float]) -> None:
    served.files = {"public/s": b"1"}
    served.statuses = [(503, {})]
    served.breaks = [20]
    assert [file.path for file in list_bucket(served.url, "public", "")] == ["s"]
    assert pauses == [1.0, 2.0]
