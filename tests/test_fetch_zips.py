"""Fetching: zip archives that are damaged, or packed in ways that cannot be unpacked."""

from __future__ import annotations

import errno
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from neurokit import NeurokitError, take_members

METHODS = {
    "stored": zipfile.ZIP_STORED,
    "deflate": zipfile.ZIP_DEFLATED,
    "bzip2": zipfile.ZIP_BZIP2,
    "lzma": zipfile.ZIP_LZMA,
}
CONTENT = b"grey values " * 400


def _zip(method: str) -> bytearray:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", METHODS[method]) as archive:
        archive.writestr("one.tif", CONTENT)
    return bytearray(packed.getvalue())


def _taken(archive: Path, body: bytes | bytearray) -> str | None:
    """The error of unpacking; None where it went well."""
    archive.write_bytes(body)
    folder = archive.parent / "folder"
    folder.mkdir(exist_ok=True)
    try:
        take_members([archive], ["one.tif"], folder)
    except NeurokitError as error:
        return str(error)
    assert (folder / "one.tif").read_bytes() == CONTENT
    return None


@pytest.mark.parametrize("method", METHODS)
def test_any_damage_is_told_in_one_line(tmp_path: Path, method: str) -> None:
    random = np.random.default_rng(4)
    whole = _zip(method)
    archive = tmp_path / "a.zip"
    assert _taken(archive, whole) is None
    damaged = 0
    for _ in range(200):
        body = bytearray(whole)
        for place in random.integers(0, len(body), 3):
            body[place] ^= int(random.integers(1, 256))
        said = _taken(archive, body[: int(random.integers(len(body) // 2, len(body) + 1))])
        if said is not None:
            assert "\n" not in said
            damaged += said.startswith(f"{archive} is damaged: ")
    assert damaged > 50


@pytest.mark.parametrize("method", ["deflate", "bzip2", "lzma"])
def test_a_damaged_member(tmp_path: Path, method: str) -> None:
    body = _zip(method)
    start = 30 + len("one.tif")
    body[start + 9 : start + 24] = b"\xff" * 15
    said = _taken(tmp_path / "a.zip", body)
    assert said is not None
    assert said.startswith(f"{tmp_path / 'a.zip'} is damaged: ")
    assert said.endswith("; remove it, and fetch it again")


def _flagged(local: int, central: int, value: int) -> bytes:
    """A zip with a number of two bytes changed in both headers of its member."""
    body = _zip("stored")
    place = body.rindex(b"PK\x01\x02")
    for start in (local, place + central):
        body[start : start + 2] = value.to_bytes(2, "little")
    return bytes(body)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (_flagged(6, 8, 0x1), "'one.tif' is encrypted"),
        (_flagged(8, 10, 9), "'one.tif': That compression method is not supported"),
        (_flagged(8, 10, 77), "'one.tif': That compression method is not supported"),
    ],
)
def test_what_cannot_be_unpacked(tmp_path: Path, body: bytes, why: str) -> None:
    assert _taken(tmp_path / "a.zip", body) == (
        f"{tmp_path / 'a.zip'} cannot be unpacked here: {why}; unpack it by other means, or tell "
        f"the authors of the archive"
    )


def test_a_disk_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Iterator[bytes]:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("zipfile.ZipExtFile.read", fail)
    assert _taken(tmp_path / "a.zip", _zip("deflate")) == (
        f"cannot read {tmp_path / 'a.zip'}: {os.strerror(errno.EIO)}"
    )
