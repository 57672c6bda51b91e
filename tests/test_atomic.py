"""Files that are whole or absent."""

import errno
import os
from pathlib import Path

import pytest

from neurokit import NeurokitError, replacing
from neurokit.atomic import cannot_write, write_bytes, write_text


def test_content_takes_its_place_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with replacing(path) as partial:
        partial.write_text("whole")
        assert partial.parent == path.parent
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_keeps_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def interrupted() -> None:
        with replacing(path) as partial:
            partial.write_text("half")
            raise error

    with pytest.raises(error):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / ".a.txt.partial").write_text("left over, and longer than what follows")
    write_text(tmp_path / "a.txt", "größer")
    assert (tmp_path / "a.txt").read_bytes() == "größer".encode()
    assert len(list(tmp_path.iterdir())) == 1


def test_bytes_are_kept_as_they_are(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"\r\n\0")
    assert (tmp_path / "a").read_bytes() == b"\r\n\0"


def _error(path: Path) -> str:
    with pytest.raises(NeurokitError) as caught:
        write_text(path, "text")
    return str(caught.value)


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder").mkdir()
    for path, reason in (
        (tmp_path / "file" / "a", "File exists"),
        (tmp_path / "file" / "b" / "a", "Not a directory"),
        (tmp_path / "folder", "Is a directory"),
        (tmp_path / ("a" * 255), "File name too long"),
    ):
        assert _error(path) == f"cannot write {path}: {reason}; choose another place"
    assert sorted(place.name for place in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EACCES, "change the access rights or choose another place"),
        (errno.EPERM, "change the access rights or choose another place"),
        (errno.EROFS, "choose another place"),
        (errno.ENOSPC, "free some space or choose another place"),
        (errno.EDQUOT, "free some space or choose another place"),
        (errno.EFBIG, "free some space or choose another place"),
    ],
)
def test_the_advice_fits_the_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", fail)
    path = tmp_path / "card.md"
    assert _error(path) == f"cannot write {path}: {os.strerror(number)}; {advice}"


def test_a_cause_without_a_number_may_be_a_full_disk() -> None:
    told = cannot_write(Path("a.h5"), OSError("file write failed"))
    assert str(told) == (
        "cannot write a.h5: file write failed; free some space or choose another place"
    )


def test_a_body_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NeurokitError, match="No such file or directory"), replacing(tmp_path / "a"):
        pass


def test_a_disk_that_fails_at_any_point_keeps_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    write_bytes(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for place, name in ((Path, "write_bytes"), (os, "fsync"), (Path, "replace")):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, fail)
            with pytest.raises(NeurokitError) as caught:
                write_bytes(path, b"new")
        assert str(caught.value) == (
            f"cannot write {path}: No space left on device; free some space or choose another place"
        )
        assert path.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [path]


def _folders_cannot_be_flushed(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    flush = os.fsync
    calls: list[int] = []

    def fail(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:  # the first is the file
            raise OSError(number, os.strerror(number))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", fail)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_that_flushes_no_folders_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    _folders_cannot_be_flushed(monkeypatch, number)
    write_text(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "new"


def test_a_folder_that_breaks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _folders_cannot_be_flushed(monkeypatch, errno.EIO)
    with pytest.raises(NeurokitError, match="Input/output error"):
        write_text(tmp_path / "a", "new")
