"""Fetching an archive: what lacks is found out, downloaded, unpacked, and put into its place.

Files are downloaded to a hidden folder inside of the archive's own, so that a rename brings them to
their place. An archive of plain files is complete when each is there. One whose files are unpacked,
or made into others, is complete when its record is there, which is written last.
"""

from __future__ import annotations

import filecmp
import hashlib
import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from neurokit.errors import NeurokitError
from neurokit.fetching.connection import Connection, PassingError
from neurokit.fetching.download import kept_bytes
from neurokit.fetching.record import (
    is_as_recorded,
    read_record,
    record_path,
    settings_of,
    write_record,
)
from neurokit.fetching.remote import RemoteFile
from neurokit.fetching.several import download_all
from neurokit.volumes import require_space

if TYPE_CHECKING:
    from neurokit.kinds import Archive

_READ_AGAIN = 4 * 10**9
"""Bytes up to which files that are there are checked by their checksums, too.

Beyond, their sizes must do: each was checked before it came to its place, and to read a terabyte
each time a download goes on would take hours.
"""


@frozen(kw_only=True)
class Fetch:
    """What there is to do.

    Attributes:
        archive: what is fetched.
        folder: where it is put.
        files: what is to be downloaded; none where everything is there.
        count: how many files the archive has in all.
        kept: bytes of them that an interrupted download has left.
        again: replace files that are not as they should be.
    """

    archive: Archive
    folder: Path
    files: tuple[RemoteFile, ...]
    count: int
    kept: int
    again: bool

    @property
    def size(self) -> int:
        """Bytes that are still to be downloaded, as far as the host says."""
        return sum(file.size or 0 for file in self.files) - self.kept

    def carry_out(self) -> None:
        """Download what lacks, unpack it, and put it into its place.

        Raises:
            NeurokitError: it cannot be done; what has arrived is kept for the next time.
        """
        if not self.files:
            return
        unpacked = self.archive.unpacked_bytes if self.archive.contents else 0
        require_space(self.folder, self.size + unpacked)
        downloads = _downloads(self.archive, self.folder)
        made = not self.folder.exists()
        try:
            downloads.mkdir(parents=True, exist_ok=True)
            if self.archive.contents:
                arrived = {file.path: place for file, place in download_all(self.files, downloads)}
                self._unpack([arrived[file.path] for file in self.files])
            else:
                for file, place in download_all(self.files, downloads):
                    _put(place, self.folder / file.path)
            shutil.rmtree(downloads)
        except OSError as error:
            raise NeurokitError(
                f"cannot write to {self.folder}: {error.strerror or error}; free some space or "
                f"choose another place with --folder"
            ) from error
        finally:
            _remove_empty(downloads)
            if made:
                _remove_empty(self.folder)

    def _unpack(self, downloaded: Sequence[Path]) -> None:
        """Make the contents beside their place, and move them there when all are made."""
        made = _downloads(self.archive, self.folder) / "unpacked"
        shutil.rmtree(made, ignore_errors=True)  # what one that was killed has left
        made.mkdir()
        try:
            self.archive.unpack(downloaded, made)
            missing = [each for each in self.archive.contents if not (made / each).is_file()]
            if missing:
                raise NeurokitError(
                    f"{type(self.archive).__name__} did not unpack {', '.join(missing)}, which it "
                    f"announces; tell its authors"
                )
            for each in self.archive.contents:
                self._put_unless_another_is_there(made / each, self.folder / each)
        finally:
            shutil.rmtree(made, ignore_errors=True)
        write_record(self.archive, self.folder, self.files)

    def _put_unless_another_is_there(self, made: Path, target: Path) -> None:
        same = not target.exists() or filecmp.cmp(made, target, shallow=False)
        if not same and not self.again:
            raise NeurokitError(_in_the_way(target))
        _put(made, target)


def plan_fetch(archive: Archive, folder: Path, again: bool = False) -> Fetch:
    """Find out what is there, and what is to be downloaded; nothing is written.

    Args:
        archive: what to fetch.
        folder: where it is put.
        again: whether files that are there and wrong may be replaced.

    Raises:
        NeurokitError: a file is there and wrong, or the archive's host cannot be asked.
    """
    if folder.exists() and not folder.is_dir():
        raise NeurokitError(f"{folder} is no folder; choose another place with --folder")
    if archive.contents and _is_complete(archive, folder, again):
        return Fetch(archive=archive, folder=folder, files=(), count=0, kept=0, again=again)
    files = archive.files()
    lacking = list(files) if archive.contents else _lacking(files, folder, again)
    measured = tuple(_measured(lacking))
    downloads = _downloads(archive, folder)
    kept = sum(kept_bytes(file, downloads / file.path) for file in measured)
    return Fetch(
        archive=archive,
        folder=folder,
        files=measured,
        count=len(files),
        kept=kept,
        again=again,
    )


def _is_complete(archive: Archive, folder: Path, again: bool) -> bool:
    """Whether all that an archive is unpacked to is there, as it was fetched."""
    there = [name for name in archive.contents if (folder / name).exists()]
    record = read_record(archive, folder) if not again or there else None
    if record is None:
        # An interrupted download has left its folder: then they may be of an interrupted unpacking.
        if there and not again and not _downloads(archive, folder).exists():
            raise NeurokitError(_in_the_way(folder / there[0]))
        return False
    if record["settings"] != settings_of(archive):
        if again:
            return False
        raise NeurokitError(
            f"{folder} holds what was fetched with other settings, which "
            f"{record_path(archive, folder)} lists; --again replaces it, --folder puts this "
            f"elsewhere"
        )
    changed = [name for name in there if not is_as_recorded(record, folder, name)]
    if changed and not again:
        raise NeurokitError(
            f"{folder / changed[0]} is not as it was fetched; move it away if it is of use, or "
            f"replace it with --again"
        )
    return not changed and len(there) == len(archive.contents)


def _lacking(files: Sequence[RemoteFile], folder: Path, again: bool) -> list[RemoteFile]:
    """The files that are not there, or wrong."""
    there = {file: folder / file.path for file in files if (folder / file.path).exists()}
    read = sum(place.stat().st_size for place in there.values()) <= _READ_AGAIN
    wrong = {file: there[file] for file in there if not _is_right(file, there[file], read)}
    if wrong and not again:
        file, place = next(iter(wrong.items()))
        others = f", and {len(wrong) - 1} more are wrong" if len(wrong) > 1 else ""
        raise NeurokitError(
            f"{place} is there, and is not what {file.url} should give{others}; move it away if it "
            f"is of use, or replace it with --again"
        )
    return [file for file in files if file not in there or file in wrong]


def _is_right(file: RemoteFile, place: Path, read: bool) -> bool:
    if not place.is_file() or (file.size is not None and place.stat().st_size != file.size):
        return False
    return not read or file.checksum is None or file.found_checksum(place) == file.checksum


def _measured(files: Sequence[RemoteFile]) -> list[RemoteFile]:
    """The files with their sizes, where the host says them."""
    connection = Connection()
    try:
        return [each if each.size is not None else _asked(connection, each) for each in files]
    finally:
        connection.close()


def _asked(connection: Connection, file: RemoteFile) -> RemoteFile:
    try:
        with connection.ask("HEAD", file.url) as answer:
            length = answer.headers.get("Content-Length", "")
    except (PassingError, NeurokitError):
        return file  # the download tells, if it has the same trouble
    return evolve(file, size=int(length)) if answer.ok and length.isdecimal() else file


def _downloads(archive: Archive, folder: Path) -> Path:
    """Where an archive's files are downloaded to; others for other settings."""
    named = json.dumps([type(archive).__qualname__, settings_of(archive)], sort_keys=True)
    return folder / f".fetching-{hashlib.sha256(named.encode()).hexdigest()[:8]}"


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _put(made: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    made.replace(target)


def _in_the_way(target: Path) -> str:
    return (
        f"{target} is there, and it was not neurokit fetch that put it there; move it away, or "
        f"replace it with --again"
    )
