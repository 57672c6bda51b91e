"""Fetching: files that are there, of which the archive declares neither checksum nor size."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Served, serving
from test_fetch import BODY, NOTES, Plain, Zipped, _both, _fetched, _partial, _sha256

from neurokit import NeurokitError
from neurokit.fetching import plan_fetch


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as server:
        server.files["a.bin"] = BODY
        yield server


def _refused(archive: Plain, folder: Path) -> str:
    with pytest.raises(NeurokitError) as caught:
        plan_fetch(archive, folder)
    return str(caught.value)


WAYS_OUT = "; move it away if it is of use, or replace it with --again"


@pytest.mark.parametrize("versions", [True, False])
@pytest.mark.parametrize("wrong", [BODY[:100], BODY[::-1], b""])
def test_a_file_that_has_changed_since(
    served: Served, tmp_path: Path, wrong: bytes, versions: bool
) -> None:
    served.versions = versions
    archive, file = Plain(url=served.url), tmp_path / "a.bin"
    _fetched(archive, tmp_path)
    assert plan_fetch(archive, tmp_path).files == ()
    note = json.loads((tmp_path / NOTES).read_text())["files"]["a.bin"]
    assert (note["size"], note["checksum"]) == (len(BODY), _sha256(BODY))
    assert note["version"]["etag"] == (served.etag(BODY) if versions else None)
    file.write_bytes(wrong)
    assert _refused(archive, tmp_path) == f"{file} is not as it was fetched{WAYS_OUT}"
    _fetched(archive, tmp_path, again=True)
    assert file.read_bytes() == BODY
    assert plan_fetch(archive, tmp_path).files == ()


def test_a_file_of_which_nothing_was_noted(served: Served, tmp_path: Path) -> None:
    archive, file = Plain(url=served.url), tmp_path / "a.bin"
    file.write_bytes(BODY[:100])
    assert _refused(archive, tmp_path) == (
        f"{file} is there, and is not what {served.url}/a.bin should give{WAYS_OUT}"
    )
    assert (served.heads, served.asked) == (["a.bin"], [])
    file.write_bytes(BODY)
    assert plan_fetch(archive, tmp_path).files == ()


def test_a_file_of_which_nothing_can_be_told(
    served: Served, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served.says_length = False
    (tmp_path / "a.bin").write_bytes(b"mine")
    assert plan_fetch(Plain(url=served.url), tmp_path).files == ()
    assert caplog.messages == [f"{tmp_path / 'a.bin'} is there; whether it is whole cannot be told"]


def test_a_file_that_was_replaced_at_its_source(
    served: Served, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archive, file = Plain(url=served.url), tmp_path / "a.bin"
    _fetched(archive, tmp_path)
    served.files["a.bin"] = BODY[::-1]
    assert plan_fetch(archive, tmp_path).files == ()
    assert caplog.messages == [
        f"{served.url}/a.bin has been replaced since it was fetched to {file}; --again fetches it "
        f"anew"
    ]
    _fetched(archive, tmp_path, again=True)
    assert file.read_bytes() == BODY[::-1]


def test_a_file_from_elsewhere(served: Served, tmp_path: Path) -> None:
    """Two samples may have files of the same name and size."""
    served.files["b/a.bin"] = BODY[::-1]
    _fetched(Plain(url=served.url), tmp_path)
    other = Plain(url=f"{served.url}/b")
    assert _refused(other, tmp_path) == (
        f"{tmp_path / 'a.bin'} is there, and was fetched from {served.url}/a.bin, not from "
        f"{other.url}/a.bin{WAYS_OUT}"
    )


def test_notes_of_other_files_stay(served: Served, tmp_path: Path) -> None:
    served.files["b.bin"] = b"b"
    _fetched(Plain(url=served.url), tmp_path)
    _fetched(Plain(url=served.url, paths=("b.bin",)), tmp_path)
    (tmp_path / "a.bin").write_bytes(BODY[::-1])
    assert "is not as it was fetched" in _refused(Plain(url=served.url), tmp_path)


def test_without_network_notes_do(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with serving() as server:
        server.files |= {"a.bin": BODY, "b.bin": b"b"}
        archive = Plain(url=server.url, paths=("a.bin", "b.bin"))
        _fetched(archive, tmp_path)
    assert plan_fetch(archive, tmp_path).files == ()
    assert caplog.messages == [
        "what is there cannot be compared with its source: Connection refused"
    ]


def test_notes_that_are_none(served: Served, tmp_path: Path) -> None:
    archive = Plain(url=served.url)
    _fetched(archive, tmp_path)
    for text in ("[]", "{", '{"files": {"a.bin": 1}}', '{"files": {"a.bin": {"version": {}}}}'):
        (tmp_path / NOTES).write_text(text)
        assert _refused(archive, tmp_path) == (
            f"{tmp_path / NOTES} is not as neurokit fetch writes it; remove it, and fetch with "
            f"--again"
        )
    _fetched(archive, tmp_path, again=True)
    assert plan_fetch(archive, tmp_path).files == ()


def test_again_downloads_anew(served: Served, tmp_path: Path) -> None:
    """What is declared and right stays; of all else nobody can tell."""
    served.files |= {"both.zip": _both(), "b.bin": b"b"}
    known = Plain(url=served.url, paths=("a.bin", "b.bin"), checksums=(_sha256(BODY),))
    for archive, wanted in ((known, ["b.bin"]), (Zipped(url=served.url), ["both.zip"])):
        _fetched(archive, tmp_path)
        served.asked.clear()
        _fetched(archive, tmp_path, again=True)
        assert [path for path, _, _ in served.asked] == wanted


def test_again_leaves_no_zip_that_is_damaged(served: Served, tmp_path: Path) -> None:
    archive = Zipped(url=served.url)
    served.files["both.zip"] = _both()[:-10]
    with pytest.raises(NeurokitError, match="is damaged"):
        _fetched(archive, tmp_path)
    served.files["both.zip"] = _both()
    planned = _fetched(archive, tmp_path, again=True)
    assert planned.kept == 0
    assert (tmp_path / "one.tif").is_file()


def test_again_goes_on_where_it_broke(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neurokit.fetching.connection._pause", lambda *_: False)
    archive = Plain(url=served.url)
    _fetched(archive, tmp_path)
    served.breaks = [2_000_000] + [0] * 20
    with pytest.raises(NeurokitError, match="what has arrived is kept"):
        _fetched(archive, tmp_path, again=True)
    served.breaks = []
    assert _partial(tmp_path).stat().st_size == 2_000_000
    assert _fetched(archive, tmp_path, again=True).kept == 2_000_000
    assert (tmp_path / "a.bin").read_bytes() == BODY
