"""Files that are there already: whether they are what should be fetched."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import evolve

from neurokit.errors import NeurokitError
from neurokit.fetching.connection import Connection, PassingError
from neurokit.fetching.download import is_page, packing
from neurokit.fetching.part import Version
from neurokit.fetching.record import Note
from neurokit.fetching.remote import RemoteFile

log = logging.getLogger("neurokit.fetching")

READ_AGAIN = 4 * 10**9
"""Bytes up to which files that are there are checked by their checksums, too.

Beyond, their sizes must do: each was checked before it came to its place, and to read a terabyte
each time a download goes on would take hours.
"""


def lacking(
    files: Sequence[RemoteFile], folder: Path, notes: Mapping[str, Note], again: bool
) -> list[RemoteFile]:
    """The files that are to be downloaded.

    One that is there is compared with the checksum and size that the archive declares. Where it
    declares no checksum, it is compared with what was noted when it was fetched, and where nothing
    was, with the size that the host says now.

    Args:
        files: of the archive.
        folder: where they are put.
        notes: of those that were fetched before.
        again: whether files are replaced; those stay that have the checksum that is declared.

    Raises:
        NeurokitError: one is there and wrong, and is not to be replaced.
    """
    there = {file: folder / file.path for file in files if (folder / file.path).exists()}
    if again:
        right = {file for file, place in there.items() if file.checksum and _fits(file, place)}
        return [file for file in files if file not in right]
    read = sum(place.stat().st_size for place in there.values()) <= READ_AGAIN
    told = _told([file for file in there if file.checksum is None and file.size is None])
    wrong = []
    for file, place in there.items():
        note = notes.get(file.path) if file.checksum is None else None
        if note is None:
            size = file.size if file.size is not None else told.get(file, Version()).total
            if not _fits(evolve(file, size=size), place, read):
                wrong.append(f"{place} is there, and is not what {file.url} should give")
            elif file.checksum is None and size is None:
                log.warning("%s is there; whether it is whole cannot be told", place)
        elif note.url != file.url:
            wrong.append(f"{place} is there, and was fetched from {note.url}, not from {file.url}")
        elif not _fits(evolve(file, size=note.size, checksum=note.checksum), place, read):
            wrong.append(f"{place} is not as it was fetched")
        elif note.version.differs_from(told.get(file, Version())):
            log.warning(
                "%s has been replaced since it was fetched to %s; --again fetches it anew",
                file.url,
                place,
            )
    if wrong:
        others = f", and {len(wrong) - 1} more are wrong" if len(wrong) > 1 else ""
        raise NeurokitError(
            f"{wrong[0]}{others}; move it away if it is of use, or replace it with --again"
        )
    return [file for file in files if file not in there]


def measured(files: Sequence[RemoteFile]) -> list[RemoteFile]:
    """The files with their sizes, where the host says them.

    Raises:
        NeurokitError: a host cannot be reached.
    """
    connection = Connection()
    try:
        return [each if each.size is not None else _measured(connection, each) for each in files]
    finally:
        connection.close()


def _fits(file: RemoteFile, place: Path, read: bool = True) -> bool:
    """Whether a file has the size and, where it may be read, the checksum that are known."""
    if not place.is_file() or (file.size is not None and place.stat().st_size != file.size):
        return False
    return not read or file.checksum is None or file.found_checksum(place) == file.checksum


def _told(files: Sequence[RemoteFile]) -> dict[RemoteFile, Version]:
    """What the host tells of files; nothing of any once it cannot be reached."""
    connection = Connection()
    told = {}
    try:
        for file in files:
            told[file] = _asked(connection, file)
    except PassingError as error:
        log.warning("what is there cannot be compared with its source: %s", error)
    finally:
        connection.close()
    return told


def _measured(connection: Connection, file: RemoteFile) -> RemoteFile:
    failures = 0
    while True:
        try:
            return evolve(file, size=_asked(connection, file).total)
        except PassingError as error:
            failures += 1
            connection.wait_after(error, failures, file.url)


def _asked(connection: Connection, file: RemoteFile) -> Version:
    """What the host tells of a file without sending it; nothing where it does not like to.

    Raises:
        PassingError: the host cannot be reached.
    """
    try:
        with connection.ask("HEAD", file.url) as answer:
            length = answer.headers.get("Content-Length", "")
            whole = answer.status_code == 200 and length.isdecimal() and not packing(answer)
            if is_page(answer, file):
                return Version()
            return Version.told(answer.headers, int(length) if whole else None)
    except PassingError as error:
        if not error.reached:
            raise
    except NeurokitError:
        pass
    return Version()  # the download tells, if it has the same trouble
