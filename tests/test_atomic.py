"""Files that are whole or absent."""

from pathlib import Path

import pytest

from neurokit import NeurokitError, replacing
from neurokit.atomic import write_bytes, write_text


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
    advice = "free some space or choose another place"
    for path, reason in (
        (tmp_path / "file" / "a", "File exists"),
        (tmp_path / "file" / "b" / "a", "Not a directory"),
        (tmp_path / "folder", "Is a directory"),
        (tmp_path / ("a" * 255), "File name too long"),
    ):
        assert _error(path) == f"cannot write {path}: {reason}; {advice}"
    assert sorted(place.name for place in tmp_path.iterdir()) == ["file", "folder"]


def test_a_body_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NeurokitError, match="No such file or directory"), replacing(tmp_path / "a"):
        pass
