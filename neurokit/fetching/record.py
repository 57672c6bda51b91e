"""What was fetched into a folder: where from, under which licence, and how each file was then."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from neurokit.atomic import write_text
from neurokit.errors import NeurokitError
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
        "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
        "licence": archive.licence,
        "cite": archive.citation,
        "page": archive.page,
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
    path = record_path(archive, folder)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(record["files"], dict) or not isinstance(record["settings"], dict):
            raise TypeError
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise NeurokitError(
            f"{path} is not as neurokit fetch writes it; remove it, and fetch with --again"
        ) from error
    found: Mapping[str, Any] = record
    return found


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
