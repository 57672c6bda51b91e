"""What was fetched into a folder: where from, under which licence, and how each file was then."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from attrs import frozen

from neurokit.atomic import write_text
from neurokit.errors import NeurokitError
from neurokit.fetching.part import Version
from neurokit.fetching.remote import RemoteFile, checksum_of

if TYPE_CHECKING:
    from neurokit.kinds import Archive


def record_path(archive: Archive, folder: Path) -> Path:
    """Where the record of an archive lies in its folder."""
    return folder / f"fetched_{type(archive).__name__}.json"


def write_record(archive: Archive, folder: Path, sources: Iterable[RemoteFile]) -> None:
    """Note what was fetched; written last, it says that all of it is there.

    Raises:
        NeurokitError: it cannot be written.
    """
    record = {
        **_origin(archive),
        "from": [{"url": each.url, "checksum": each.checksum} for each in sources],
        "settings": settings_of(archive),
        "files": {name: _described(folder / name) for name in archive.contents},
    }
    write_text(record_path(archive, folder), json.dumps(record, indent=2) + "\n")


def read_record(archive: Archive, folder: Path) -> Mapping[str, Any] | None:
    """What `write_record` noted; None where nothing is noted.

    Raises:
        NeurokitError: what lies in its place is none.
    """
    return _read(record_path(archive, folder), "settings")


@frozen(kw_only=True)
class Note:
    """How a file was when it was fetched, of which the archive declares no checksum.

    Attributes:
        url: where it came from.
        size: in bytes.
        checksum: as in `RemoteFile`; None where it would have taken too long.
        version: as the server told it.
    """

    url: str
    size: int
    checksum: str | None
    version: Version


def note_of(file: RemoteFile, place: Path, version: Version, read: bool) -> Note:
    """How a file is now; its checksum only where it may be read."""
    checksum = checksum_of(place) if read else None
    return Note(url=file.url, size=place.stat().st_size, checksum=checksum, version=version)


def add_notes(archive: Archive, folder: Path, notes: Mapping[str, Note]) -> None:
    """Note, of an archive whose files are kept as they come, how they came; by their paths.

    What was noted of other files, and fetched with other settings, stays.

    Raises:
        NeurokitError: it cannot be written.
    """
    files = read_notes(archive, folder, again=True) | dict(notes)
    record = {
        **_origin(archive),
        "files": {path: attrs.asdict(note) for path, note in sorted(files.items())},
    }
    write_text(record_path(archive, folder), json.dumps(record, indent=2) + "\n")


def read_notes(archive: Archive, folder: Path, again: bool) -> dict[str, Note]:
    """What `add_notes` noted, by the paths of the files.

    Args:
        archive: of which.
        folder: where it is.
        again: take for nothing what cannot be read.

    Raises:
        NeurokitError: what lies in its place is none.
    """
    path = record_path(archive, folder)
    try:
        record = _read(path)
        noted = record["files"] if record is not None else {}
        try:
            return {
                name: Note(**{**note, "version": Version(**note["version"])})
                for name, note in noted.items()
            }
        except (TypeError, KeyError) as error:
            raise _no_record(path) from error
    except NeurokitError:
        if again:
            return {}
        raise


def _read(path: Path, *more: str) -> Mapping[str, Any] | None:
    """The document at a path, in which `files` and what else is named are tables."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if not all(isinstance(record[name], dict) for name in ("files", *more)):
            raise TypeError
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise _no_record(path) from error
    found: Mapping[str, Any] = record
    return found


def _no_record(path: Path) -> NeurokitError:
    return NeurokitError(
        f"{path} is not as neurokit fetch writes it; remove it, and fetch with --again"
    )


def _origin(archive: Archive) -> dict[str, str]:
    return {
        "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
        "licence": archive.licence,
        "cite": archive.citation,
        "page": archive.page,
    }


def settings_of(archive: Archive) -> dict[str, Any]:
    """An archive's parameters as JSON holds them."""
    # A kind is no attrs class; its components are.
    settings: dict[str, Any] = json.loads(json.dumps(attrs.asdict(archive)))  # type: ignore[arg-type]
    return settings


def is_as_recorded(record: Mapping[str, Any], folder: Path, name: str) -> bool:
    """Whether a file is as it was when it was fetched; reads all of it."""
    return bool(record["files"].get(name) == _described(folder / name))


def _described(file: Path) -> dict[str, Any]:
    return {"size": file.stat().st_size, "checksum": checksum_of(file)}
