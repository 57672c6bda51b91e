"""Fetching: answers of servers that are not what was asked for."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Served, serving
from test_fetch import BODY, Plain, _fetched, _interrupted, _md5, _partial

from neurokit import NeurokitError

OTHER = BODY[::-1]


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as server:
        server.files["a.bin"] = BODY
        yield server


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neurokit.fetching.connection._pause", lambda *_: False)


@pytest.mark.parametrize("by", ["etag", "date", "weak etag"])
def test_a_part_of_another_version_is_not_taken(
    served: Served, tmp_path: Path, caplog: pytest.LogCaptureFixture, by: str
) -> None:
    """The server does not look at If-Range, and the new file is as long as the old one."""
    date = {"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
    served.versions, served.heeds_if_range = by == "etag", False
    served.headers = date | ({"ETag": 'W/"1"'} if by == "weak etag" else {})
    archive = Plain(url=served.url)
    _interrupted(served, archive, tmp_path, 2_000_000)
    caplog.clear()
    served.files["a.bin"] = OTHER
    if by == "date":
        served.headers = {"Last-Modified": "Tue, 02 Jan 2024 00:00:00 GMT"}
    elif by == "weak etag":
        served.headers = date | {"ETag": 'W/"2"'}
    _fetched(archive, tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == OTHER
    assert [asked for _, asked, _ in served.asked] == ["bytes=2000000-", None]
    assert caplog.messages == [
        f"{served.url}/a.bin: the file has been replaced meanwhile, and is begun anew; trying "
        f"again in 1 s"
    ]


def test_the_same_version_goes_on(served: Served, tmp_path: Path) -> None:
    served.heeds_if_range = False
    archive = Plain(url=served.url)
    _interrupted(served, archive, tmp_path, 2_000_000)
    _fetched(archive, tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == BODY
    assert [asked for _, asked, _ in served.asked] == ["bytes=2000000-"]


@pytest.mark.parametrize(("shift", "longer"), [(5, 0), (-5, 0), (-2_000_000, 0), (0, 3), (0, -3)])
@pytest.mark.parametrize("checksum", [(), (_md5(BODY),)])
def test_another_part_than_asked_for_is_not_taken(
    served: Served, tmp_path: Path, shift: int, longer: int, checksum: tuple[str, ...]
) -> None:
    archive = Plain(url=served.url, checksums=checksum)
    _interrupted(served, archive, tmp_path, 2_000_000)
    served.shift, served.longer = shift, longer
    _fetched(archive, tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == BODY
    assert [asked for _, asked, _ in served.asked] == ["bytes=2000000-", None]


def test_a_new_file_as_long_as_what_has_arrived(served: Served, tmp_path: Path) -> None:
    archive = Plain(url=served.url)
    _interrupted(served, archive, tmp_path, 2_000_000)
    served.files["a.bin"] = OTHER[:2_000_000]
    assert _fetched(archive, tmp_path).kept == 0
    assert (tmp_path / "a.bin").read_bytes() == OTHER[:2_000_000]


def test_a_server_that_never_gets_further_is_given_up(served: Served, tmp_path: Path) -> None:
    """Each second answer is of another version, and the others break off at the same place."""
    served.shift = 1
    served.breaks = [1_000_000] * 100
    with pytest.raises(NeurokitError, match="6 times"):
        _fetched(Plain(url=served.url), tmp_path)


@pytest.mark.parametrize("kind", ["text/html", "Text/HTML; charset=utf-8", "application/xhtml+xml"])
def test_a_web_page_is_no_data(served: Served, tmp_path: Path, kind: str) -> None:
    served.headers = {"Content-Type": kind}
    with pytest.raises(NeurokitError) as caught:
        _fetched(Plain(url=served.url), tmp_path / "new")
    assert str(caught.value) == (
        f"{served.url}/a.bin gives a web page in place of a.bin, maybe to log in or to agree to "
        f"something; look at it in a browser"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_web_page_does_not_spoil_what_has_arrived(served: Served, tmp_path: Path) -> None:
    archive = Plain(url=served.url)
    _interrupted(served, archive, tmp_path, 2_000_000)
    served.headers, served.ranges = {"Content-Type": "text/html"}, False
    with pytest.raises(NeurokitError, match="gives a web page in place of"):
        _fetched(archive, tmp_path)
    assert _partial(tmp_path).read_bytes() == BODY[:2_000_000]


def test_a_web_page_that_is_meant(served: Served, tmp_path: Path) -> None:
    served.files["read.html"] = b"<html>"
    served.headers = {"Content-Type": "text/html"}
    _fetched(Plain(url=served.url, paths=("read.html",)), tmp_path)
    assert (tmp_path / "read.html").read_bytes() == b"<html>"


def test_a_packed_body_is_refused(served: Served, tmp_path: Path) -> None:
    served.files["a.bin"] = gzip.compress(BODY)
    served.headers = {"Content-Encoding": "gzip"}
    with pytest.raises(NeurokitError) as caught:
        _fetched(Plain(url=served.url), tmp_path / "new")
    assert str(caught.value) == (
        f"{served.url}/a.bin comes packed by gzip, which was not asked for, and would be no a.bin; "
        f"download it with a browser, or tell the authors of the archive"
    )
    assert list(tmp_path.iterdir()) == []


def test_what_is_packed_by_its_name_or_checksum(served: Served, tmp_path: Path) -> None:
    served.headers = {"Content-Encoding": "gzip"}
    served.files |= {"a.tif.gz": b"packed"}
    _fetched(Plain(url=served.url, paths=("a.tif.gz",)), tmp_path)
    assert (tmp_path / "a.tif.gz").read_bytes() == b"packed"
    _fetched(Plain(url=served.url, checksums=(_md5(BODY),)), tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == BODY
    with pytest.raises(NeurokitError, match="is wrong and was removed"):
        _fetched(Plain(url=served.url, checksums=(_md5(b"unpacked"),)), tmp_path / "new")


def test_it_asks_for_what_is_stored(served: Served) -> None:
    from neurokit.fetching.connection import Connection

    with Connection().ask("GET", f"{served.url}/a.bin") as answer:
        assert answer.request.headers["Accept-Encoding"] == "identity"
