"""Downloading one file: on from where it stopped, checked, and in its place when it is whole."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import requests
from urllib3.exceptions import HTTPError

from neurokit.errors import NeurokitError
from neurokit.fetching.connection import Connection, PassingError, Stopped
from neurokit.fetching.part import Part, Version
from neurokit.fetching.remote import RemoteFile

_AT_ONCE = 2**18  # bytes
_PAGES = {"text/html", "application/xhtml+xml"}
_PAGE_ENDINGS = {".html", ".htm", ".xhtml"}
_PACKED_ENDINGS = {".gz", ".tgz", ".bz2", ".xz", ".zst", ".br", ".z"}


def download(
    connection: Connection, file: RemoteFile, target: Path, arrived: Callable[[int], None]
) -> Version:
    """Download a file; what was interrupted goes on, in this process or another.

    Until all of it is there and its checksum is right, it is called `NAME.partial`. Beside it,
    `NAME.version` says which version of the file it is a part of, as the server tells it apart.

    Args:
        connection: by which; its `stopping` calls the work off.
        file: where it is, and what is known of it.
        target: where it is put.
        arrived: called with the number of bytes whenever some arrive; with a negative number where
            what was there turns out to be of no use.

    Returns:
        Which version of the file it is; one of which nothing is known if it was there before.

    Raises:
        NeurokitError: it cannot be had, is not what it should be, or cannot be written.
        Stopped: the work was called off.
    """
    part = Part(file, target)
    try:
        if target.exists() and part.is_right(target):
            return Version()
        with part.opened() as stream:
            part.drop_useless(stream)
            _fill(connection, file, part, stream, arrived)
            stream.flush()
            os.fsync(stream.fileno())
        part.require_right()
        part.path.replace(target)
        arrived_version = part.version
        part.forget_version()
        return arrived_version
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        part.remove_if_empty()


def kept_bytes(file: RemoteFile, target: Path, again: bool = False) -> int:
    """How much of a file an earlier `download` has left to go on from.

    Args:
        file: which.
        target: where it was to be put.
        again: whether a whole file counts only where a checksum vouches for it.
    """
    if target.exists() and not (again and file.checksum is None):
        return target.stat().st_size
    return Part(file, target).kept()


def _fill(
    connection: Connection,
    file: RemoteFile,
    part: Part,
    stream: BinaryIO,
    arrived: Callable[[int], None],
) -> None:
    """Download what lacks, trying again as long as now and then something arrives."""
    failures = furthest = 0
    while True:
        before = stream.seek(0, os.SEEK_END)
        furthest = max(furthest, before)
        if before and before == file.size:
            return
        try:
            _one_try(connection, file, part, stream, arrived)
            return
        except PassingError as error:
            # To come as far as before, after it began anew, is no progress.
            failures = 1 if stream.seek(0, os.SEEK_END) > furthest else failures + 1
            connection.wait_after(error, failures, file.url)


def _one_try(
    connection: Connection,
    file: RemoteFile,
    part: Part,
    stream: BinaryIO,
    arrived: Callable[[int], None],
) -> None:
    """Ask for what lacks, and write it until the end or the next trouble."""
    size = stream.seek(0, os.SEEK_END)
    with connection.ask("GET", file.url, part.range_headers(size)) as answer:
        start, total = _extent(answer)
        version = Version.told(answer.headers, total)
        if answer.status_code in (206, 416):
            # Some servers give a part of whatever there is by now, whatever they were asked.
            other = version.differs_from(part.version) if size else False
            if start != size or other or Version(total=file.size).differs_from(version):
                part.begin_anew(stream)
                arrived(-size)
                why = "has been replaced meanwhile" if other else "cannot be had from there on"
                raise PassingError(f"the file {why}, and is begun anew")
        _require_the_file(answer, file, total)
        if start == 0:
            part.begin_anew(stream)
            arrived(-size)
            part.note_version(version)
        while content := _some(answer):
            if connection.stopping.is_set():
                raise Stopped
            stream.write(content)
            stream.flush()  # what has arrived is kept, also if the process is killed while it waits
            arrived(len(content))
    if total is not None and stream.seek(0, os.SEEK_END) != total:
        raise PassingError("the connection broke")


def _require_the_file(answer: requests.Response, file: RemoteFile, total: int | None) -> None:
    """Refuse what is sent in place of a file."""
    if is_page(answer, file):
        raise NeurokitError(
            f"{file.url} gives a web page in place of {file.path}, maybe to log in or to agree to "
            f"something; look at it in a browser"
        )
    # Some servers say so of files that are stored packed: a checksum is of what is stored.
    packed = packing(answer)
    if packed and file.checksum is None and _ending(file) not in _PACKED_ENDINGS:
        raise NeurokitError(
            f"{file.url} comes packed by {packed}, which was not asked for, and would be no "
            f"{file.path}; download it with a browser, or tell the authors of the archive"
        )
    if file.size is not None and total is not None and total != file.size:
        raise NeurokitError(
            f"{file.url} has {total} bytes, and {file.size} were expected; it is not the file "
            f"that was meant, or has been replaced"
        )


def is_page(answer: requests.Response, file: RemoteFile) -> bool:
    """Whether a web page is sent in place of a file that is none."""
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind in _PAGES and _ending(file) not in _PAGE_ENDINGS


def _ending(file: RemoteFile) -> str:
    return PurePosixPath(file.path).suffix.lower()


def packing(answer: requests.Response) -> str | None:
    """How a body is packed on its way; None where it is the file as it is."""
    encoding = answer.headers.get("Content-Encoding", "").strip().lower()
    return None if encoding in ("", "identity") else encoding


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
