"""Downloading one file: on from where it stopped, checked, and in its place when it is whole."""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import requests
from urllib3.exceptions import HTTPError

from neurokit.errors import NeurokitError
from neurokit.fetching.connection import Connection, PassingError, Stopped
from neurokit.fetching.remote import RemoteFile

_AT_ONCE = 2**18  # bytes


def download(
    connection: Connection, file: RemoteFile, target: Path, arrived: Callable[[int], None]
) -> None:
    """Download a file; what was interrupted goes on, in this process or another.

    Until all of it is there and its checksum is right, it is called `NAME.partial`. Beside it,
    `NAME.version` says which version of the file it is a part of, as the server tells it apart.

    Args:
        connection: by which; its `stopping` calls the work off.
        file: where it is, and what is known of it.
        target: where it is put.
        arrived: called with the number of bytes whenever some arrive; with a negative number where
            what was there turns out to be of no use.

    Raises:
        NeurokitError: it cannot be had, is not what it should be, or cannot be written.
        Stopped: the work was called off.
    """
    part = _Part(file, target)
    try:
        if target.exists() and part.is_right(target):
            return
        with part.opened() as stream:
            part.drop_useless(stream)
            _fill(connection, file, part, stream, arrived)
            stream.flush()
            os.fsync(stream.fileno())
        part.require_right()
        part.path.replace(target)
        part.version.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        part.remove_if_empty()


def kept_bytes(file: RemoteFile, target: Path) -> int:
    """How much of a file an earlier `download` has left to go on from."""
    return target.stat().st_size if target.exists() else _Part(file, target).kept()


class _Part:
    """What has arrived of a file so far."""

    def __init__(self, file: RemoteFile, target: Path) -> None:
        self.file = file
        self.path = target.with_name(f"{target.name}.partial")
        self.version = target.with_name(f"{target.name}.version")

    def opened(self) -> BinaryIO:
        """The file to write to, which no other process may have open."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        stream = self.path.open("r+b" if self.path.exists() else "w+b")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stream.close()
            raise NeurokitError(
                f"another process is downloading {self.path}; wait for it, or end it"
            ) from error
        except OSError:
            pass  # a file system without locks: then only the checksum tells
        return stream

    def kept(self) -> int:
        """How many bytes there are to go on from; none where they may be of anything else."""
        size = self.path.stat().st_size if self.path.exists() else 0
        known = self.version.exists() or self.file.checksum is not None
        too_many = self.file.size is not None and size > self.file.size
        return size if known and not too_many else 0

    def drop_useless(self, stream: BinaryIO) -> None:
        """Empty the file if there is nothing to go on from."""
        if self.kept() == 0 and stream.seek(0, os.SEEK_END) > 0:
            stream.truncate(0)

    def remove_if_empty(self) -> None:
        """Leave nothing where nothing has arrived."""
        with suppress(OSError):
            if self.path.stat().st_size == 0:
                self.path.unlink()
                self.version.unlink()

    def is_right(self, path: Path) -> bool:
        """Whether a file has the size and the checksum that are known."""
        expected, found = self._expected_and_found(path)
        return expected == found

    def require_right(self) -> None:
        """Check what has arrived, and remove it if it is wrong: no further part could mend it."""
        expected, found = self._expected_and_found(self.path)
        if expected != found:
            self.path.unlink()
            self.version.unlink(missing_ok=True)
            raise NeurokitError(
                f"what arrived from {self.file.url} is wrong and was removed: expected {expected}, "
                f"found {found}; try again, and if it stays so, the file has been replaced or "
                f"something on the way changes it"
            )

    def _expected_and_found(self, path: Path) -> tuple[str, str]:
        """In words; the checksum only where the size is right."""
        size = path.stat().st_size
        if self.file.size is not None and size != self.file.size:
            return f"{self.file.size} bytes", f"{size} bytes"
        if self.file.checksum is not None:
            return self.file.checksum, self.file.found_checksum(path)
        return "", ""

    def range_headers(self, size: int) -> dict[str, str]:
        """What asks for the rest, or for all of it if it is another version by now."""
        headers = {"Range": f"bytes={size}-"} if size else {}
        if size and self.version.exists():
            headers["If-Range"] = self.version.read_text(encoding="utf-8")
        return headers

    def note_version(self, answer: requests.Response) -> None:
        """Keep what tells this version of the file from others, where the server says it."""
        etag = answer.headers.get("ETag", "")
        version = etag if etag.startswith('"') else answer.headers.get("Last-Modified", "")
        if version:
            self.version.write_text(version, encoding="utf-8")
        else:
            self.version.unlink(missing_ok=True)


def _fill(
    connection: Connection,
    file: RemoteFile,
    part: _Part,
    stream: BinaryIO,
    arrived: Callable[[int], None],
) -> None:
    """Download what lacks, trying again as long as now and then something arrives."""
    failures = 0
    while True:
        before = stream.seek(0, os.SEEK_END)
        if before and before == file.size:
            return
        try:
            _one_try(connection, file, part, stream, arrived)
            return
        except PassingError as error:
            failures = 1 if stream.seek(0, os.SEEK_END) > before else failures + 1
            connection.wait_after(error, failures, file.url)


def _one_try(
    connection: Connection,
    file: RemoteFile,
    part: _Part,
    stream: BinaryIO,
    arrived: Callable[[int], None],
) -> None:
    """Ask for what lacks, and write it until the end or the next trouble."""
    size = stream.seek(0, os.SEEK_END)
    with connection.ask("GET", file.url, part.range_headers(size)) as answer:
        start, total = _extent(answer)
        if file.size is not None and total is not None and total != file.size:
            raise NeurokitError(
                f"{file.url} has {total} bytes, and {file.size} were expected; it is not the file "
                f"that was meant, or has been replaced"
            )
        if start != size or answer.status_code == 416:
            stream.truncate(0)
            stream.seek(0)
            arrived(-size)
        if start not in (0, size) or answer.status_code == 416:
            part.version.unlink(missing_ok=True)
            raise PassingError("the server has no such part of the file")
        if start == 0:
            part.note_version(answer)
        while content := _some(answer):
            if connection.stopping.is_set():
                raise Stopped
            stream.write(content)
            arrived(len(content))
    if total is not None and stream.seek(0, os.SEEK_END) != total:
        raise PassingError("the connection broke")


def _some(answer: requests.Response) -> bytes:
    """What has arrived of a body, as it is stored, once something has; nothing at its end.

    To wait for a whole block would lose the part of it that comes before a connection breaks.
    """
    try:
        content: bytes = answer.raw.read1(_AT_ONCE, decode_content=False)
    except HTTPError as error:
        raise PassingError("the connection broke") from error
    return content


def _extent(answer: requests.Response) -> tuple[int, int | None]:
    """Where the body begins in the file, and how long the file is."""
    if answer.status_code == 206:
        found = re.fullmatch(
            r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", "").strip()
        )
        if found is None:
            return -1, None
        return int(found[1]), None if found[2] == "*" else int(found[2])
    length = answer.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() and answer.status_code != 416 else None


def _unwritable(target: Path, error: OSError) -> NeurokitError:
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NeurokitError(
            f"cannot write {target}: {reason}; what has arrived is kept: free some space, and the "
            f"same command goes on"
        )
    return NeurokitError(f"cannot write {target}: {reason}; choose another place with --folder")
