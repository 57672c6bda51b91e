"""What has arrived of a file, and of which version of it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import attrs
from attrs import frozen

from neurokit.errors import NeurokitError
from neurokit.fetching.remote import RemoteFile


@frozen(kw_only=True)
class Version:
    """What tells a version of a file from others, as far as the server says it.

    Attributes:
        etag: the header `ETag`.
        modified: the header `Last-Modified`.
        total: bytes of the whole file.
    """

    etag: str | None = None
    modified: str | None = None
    total: int | None = None

    @classmethod
    def told(cls, headers: Mapping[str, str], total: int | None) -> Version:
        """What the headers of an answer tell."""
        return cls(
            etag=headers.get("ETag") or None,
            modified=headers.get("Last-Modified") or None,
            total=total,
        )

    def differs_from(self, other: Version) -> bool:
        """Whether what is known of both is not the same; the date counts where an ETag lacks."""
        if None not in (self.total, other.total) and self.total != other.total:
            return True
        if None not in (self.etag, other.etag):
            return self.etag != other.etag
        return None not in (self.modified, other.modified) and self.modified != other.modified

    @property
    def condition(self) -> str | None:
        """What asks, as header `If-Range`, for a part of this version and no other.

        An ETag that begins with `W/` is the same for files that differ a little.
        """
        return self.etag if self.etag and self.etag.startswith('"') else self.modified


class Part:
    """What has arrived of a file so far: `NAME.partial`, and beside it `NAME.version`."""

    def __init__(self, file: RemoteFile, target: Path) -> None:
        self.file = file
        self.path = target.with_name(f"{target.name}.partial")
        self._note = target.with_name(f"{target.name}.version")
        self.version = _read_version(self._note)

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
        known = self.version.condition is not None or self.file.checksum is not None
        too_many = self.file.size is not None and size > self.file.size
        other = self.version.differs_from(Version(total=self.file.size))
        return size if known and not too_many and not other else 0

    def drop_useless(self, stream: BinaryIO) -> None:
        """Empty the file if there is nothing to go on from."""
        if self.kept() == 0:
            self.begin_anew(stream)

    def begin_anew(self, stream: BinaryIO) -> None:
        """Forget what has arrived."""
        stream.seek(0)
        # What is no plain file cannot be cut, and has nothing to cut.
        if os.fstat(stream.fileno()).st_size:
            stream.truncate(0)
        self.forget_version()

    def remove_if_empty(self) -> None:
        """Leave nothing where nothing has arrived."""
        with suppress(OSError):
            if self.path.stat().st_size == 0:
                self.path.unlink()
                self._note.unlink()

    def is_right(self, path: Path) -> bool:
        """Whether a file has the size and the checksum that are known."""
        expected, found = self._expected_and_found(path)
        return expected == found

    def require_right(self) -> None:
        """Check what has arrived, and remove it if it is wrong: no further part could mend it."""
        expected, found = self._expected_and_found(self.path)
        if expected != found:
            self.path.unlink()
            self.forget_version()
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
        if size and self.version.condition is not None:
            headers["If-Range"] = self.version.condition
        return headers

    def note_version(self, version: Version) -> None:
        """Keep which version this is a part of; beyond this process, where that is of use."""
        self.version = version
        if version.condition is not None:
            self._note.write_text(json.dumps(attrs.asdict(version)), encoding="utf-8")
        else:
            self._note.unlink(missing_ok=True)

    def forget_version(self) -> None:
        """Keep no version."""
        self.note_version(Version())


def _read_version(note: Path) -> Version:
    """The version that was noted; one of which nothing is known where the note is of no use."""
    try:
        noted: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
        return Version(**noted)
    except (OSError, ValueError, TypeError):
        return Version()
