"""Fetching an archive: what lacks is found out, downloaded, unpacked, and put into its place.

Files are downloaded to a hidden folder inside of the archive's own, so that a rename brings them to
their place. An archive of plain files is complete when each is there, as it was declared or, where
nothing is, as it was noted when it was fetched. One whose files are unpacked, or made into others,
is complete when its record is there, which is written last.
"""

from __future__ import annotations

import errno
import filecmp
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from neurokit.errors import NeurokitError
from neurokit.fetching.connection import GivenUpError
from neurokit.fetching.download import kept_bytes
from neurokit.fetching.record import (
    Note,
    add_notes,
    is_as_recorded,
    note_of,
    read_notes,
    read_record,
    record_path,
    settings_of,
    write_record,
)
from neurokit.fetching.remote import RemoteFile
from neurokit.fetching.several import Arrived, download_all
from neurokit.fetching.there import READ_AGAIN, lacking, measured
from neurokit.space import require_space

if TYPE_CHECKING:
    from neurokit.kinds import Archive


@frozen(kw_only=True)
class Fetch:
    """What there is to do.

    Attributes:
        archive: what is fetched.
        folder: where it is put.
        files: what is to be downloaded; none where everything is there.
        count: how many files the archive has in all.
        kept: bytes of them that an interrupted download has left.
        again: replace files that are there.
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
        downloads = _downloads(self.archive, self.folder)
        made = [each for each in (self.folder, *self.folder.parents) if not each.exists()]
        try:
            downloads.mkdir(parents=True, exist_ok=True)
            unpacked = self.archive.unpacked_bytes if self.archive.contents else 0
            require_space(self.folder, self.size + unpacked)
            self._drop_unvouched(downloads)
            if self.archive.contents:
                arrived = {each.file: each.place for each in download_all(self.files, downloads)}
                self._unpack([arrived[file] for file in self.files])
            else:
                self._place(download_all(self.files, downloads))
            shutil.rmtree(downloads)
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        except GivenUpError as error:
            if not self.has_begun():
                raise
            raise NeurokitError(
                f"{error.what}; what has arrived is kept, and the same command goes on"
            ) from error
        finally:
            _remove_empty_below(downloads)
            for each in made:
                _remove_empty(each)

    def has_begun(self) -> bool:
        """Whether something is there that the next time need not download."""
        downloads = _downloads(self.archive, self.folder)
        if any(each.is_file() and each.stat().st_size for each in downloads.rglob("*")):
            return True
        placed = () if self.archive.contents or self.again else self.files
        return any((self.folder / file.path).exists() for file in placed)

    def _drop_unvouched(self, downloads: Path) -> None:
        """Remove, to download it anew, what an earlier call got and nothing tells is right."""
        for file in self.files:
            if self.again and file.checksum is None:
                (downloads / file.path).unlink(missing_ok=True)

    def _place(self, arriving: Iterator[Arrived]) -> None:
        """Put each file to its place when it is there; note those that have no checksum."""
        notes: dict[str, Note] = {}
        read = 0
        try:
            for each in arriving:
                place = self.folder / each.file.path
                _put(each.place, place)
                if each.file.checksum is None:
                    read += place.stat().st_size
                    notes[each.file.path] = note_of(
                        each.file, place, each.version, read <= READ_AGAIN
                    )
        finally:
            if notes:
                add_notes(self.archive, self.folder, notes)

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
        again: whether files that are there are replaced; those that have the checksum that the
            archive declares stay.

    Raises:
        NeurokitError: a file is there and wrong, or the archive's host cannot be asked.
    """
    if folder.exists() and not folder.is_dir():
        raise NeurokitError(f"{folder} is no folder; choose another place with --folder")
    if archive.contents and not again and _is_complete(archive, folder):
        return Fetch(archive=archive, folder=folder, files=(), count=0, kept=0, again=again)
    files = archive.files()
    if archive.contents:
        wanted = list(files)
    else:
        wanted = lacking(files, folder, read_notes(archive, folder, again), again)
    sized = tuple(measured(wanted))
    downloads = _downloads(archive, folder)
    kept = sum(kept_bytes(file, downloads / file.path, again) for file in sized)
    return Fetch(
        archive=archive,
        folder=folder,
        files=sized,
        count=len(files),
        kept=kept,
        again=again,
    )


def _is_complete(archive: Archive, folder: Path) -> bool:
    """Whether all that an archive is unpacked to is there, as it was fetched."""
    there = [name for name in archive.contents if (folder / name).exists()]
    record = read_record(archive, folder)
    if record is None:
        # An interrupted download has left its folder: then they may be of an interrupted unpacking.
        if there and not _downloads(archive, folder).exists():
            raise NeurokitError(_in_the_way(folder / there[0]))
        return False
    if record["settings"] != settings_of(archive):
        raise NeurokitError(
            f"{folder} holds what was fetched with other settings, which "
            f"{record_path(archive, folder)} lists; --again replaces it, --folder puts this "
            f"elsewhere"
        )
    changed = [name for name in there if not is_as_recorded(record, folder, name)]
    if changed:
        raise NeurokitError(
            f"{folder / changed[0]} is not as it was fetched; move it away if it is of use, or "
            f"replace it with --again"
        )
    return len(there) == len(archive.contents)


def _downloads(archive: Archive, folder: Path) -> Path:
    """Where an archive's files are downloaded to; others for other settings."""
    named = json.dumps([type(archive).__qualname__, settings_of(archive)], sort_keys=True)
    return folder / f".fetching-{hashlib.sha256(named.encode()).hexdigest()[:8]}"


def _remove_empty_below(folder: Path) -> None:
    """Remove a folder and those in it, as far as there is no file in them."""
    for each in sorted(folder.rglob("*"), reverse=True):
        if each.is_dir():
            _remove_empty(each)
    _remove_empty(folder)


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _put(made: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    made.replace(target)


def _unwritable(folder: Path, error: OSError) -> NeurokitError:
    reason = os.strerror(error.errno) if error.errno else str(error)
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return NeurokitError(
        f"cannot write to {folder}: {reason}; {'free some space or ' if full else ''}choose "
        f"another place with --folder"
    )


def _in_the_way(target: Path) -> str:
    return (
        f"{target} is there, and it was not neurokit fetch that put it there; move it away, or "
        f"replace it with --again"
    )
