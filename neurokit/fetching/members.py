"""Taking files out of zip archives, and nothing else than those files."""

from __future__ import annotations

import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from neurokit.errors import NeurokitError, first_line
from neurokit.fetching.remote import require_inside
from neurokit.progress import track
from neurokit.space import require_space

_MB = 10**6
_DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    OverflowError,
    struct.error,
)
"""What zipfile and the decompressors under it raise of damaged archives."""
_ENCRYPTED = 0x1  # of a member's flags


def take_members(archives: Sequence[Path], names: Sequence[str], folder: Path) -> None:
    """Unpack files by their names, in whatever folder of the zip archives they are.

    Args:
        archives: zip files.
        names: of the files, each of which must be there once; with slashes, the folders above it
            must be called so, too.
        folder: gets the files, under these names.

    Raises:
        NeurokitError: a file is missing, or there twice; an archive is damaged, or has a member
            that leads out of the folder; the disk is too full.
    """
    found = _found(archives, names)
    size = sum(member.file_size for _, member in found.values())
    require_space(folder, size)
    done = track(_unpacked(found, folder), "MB unpacked", -(-size // _MB))
    for _ in done:
        pass


_Members = dict[str, tuple[Path, zipfile.ZipInfo]]


def _found(archives: Sequence[Path], names: Sequence[str]) -> _Members:
    """Each name's archive and member."""
    found: _Members = {}
    for archive in archives:
        for member in _members(archive):
            _require_harmless(archive, member)
            parts = PurePosixPath(member.filename).parts
            for name in names:
                wanted = PurePosixPath(name).parts
                if member.is_dir() or parts[-len(wanted) :] != wanted:
                    continue
                if name in found:
                    raise NeurokitError(
                        f"{archive} holds {name} twice: {found[name][1].filename!r} and "
                        f"{member.filename!r}"
                    )
                found[name] = archive, member
    missing = [name for name in names if name not in found]
    if missing:
        where = ", ".join(str(archive) for archive in archives)
        raise NeurokitError(f"{where} holds no {' and no '.join(missing)}; is it the right file?")
    return found


def _members(archive: Path) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(archive) as opened:
            return opened.infolist()
    except NotImplementedError as error:
        raise _unknown(archive, str(error)) from error
    except _DAMAGES as error:
        raise _damaged(archive, error) from error
    except OSError as error:
        raise _unread(archive, error) from error


def _require_harmless(archive: Path, member: zipfile.ZipInfo) -> None:
    """Refuse an archive made to write elsewhere, though only named files are taken."""
    try:
        require_inside(member.filename.rstrip("/"))
    except NeurokitError as error:
        raise NeurokitError(
            f"{archive} is refused: its member {member.filename!r} leads out of the folder"
        ) from error
    if stat.S_ISLNK(member.external_attr >> 16):
        raise NeurokitError(f"{archive} is refused: its member {member.filename!r} is a link")


def _unpacked(found: _Members, folder: Path) -> Iterator[None]:
    """Write each member; one item for each million bytes, and one for the rest."""
    written = told = 0
    for name, (archive, member) in found.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as stream:
            for content in _read(archive, member):
                written += stream.write(content)
                while written >= (told + 1) * _MB:
                    told += 1
                    yield
    if written > told * _MB:
        yield


def _read(archive: Path, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """The content of a member, piece by piece.

    Raises:
        NeurokitError: it is damaged, or packed in a way that cannot be unpacked here.
    """
    if member.flag_bits & _ENCRYPTED:
        raise _unknown(archive, f"{member.filename!r} is encrypted")
    try:
        with zipfile.ZipFile(archive) as opened, opened.open(member) as packed:
            while content := packed.read(_MB):
                yield content
    except NotImplementedError as error:
        raise _unknown(archive, f"{member.filename!r}: {error}") from error
    except (*_DAMAGES, RuntimeError) as error:
        raise _damaged(archive, error) from error
    except OSError as error:
        raise _unread(archive, error) from error


def _damaged(archive: Path, error: Exception) -> NeurokitError:
    reason = first_line(error)
    return NeurokitError(f"{archive} is damaged: {reason}; remove it, and fetch it again")


def _unknown(archive: Path, reason: str) -> NeurokitError:
    return NeurokitError(
        f"{archive} cannot be unpacked here: {reason}; unpack it by other means, or tell the "
        f"authors of the archive"
    )


def _unread(archive: Path, error: OSError) -> NeurokitError:
    """Decompressors raise errors without a number where the disk raises some with one."""
    if error.errno is None:
        return _damaged(archive, error)
    return NeurokitError(f"cannot read {archive}: {os.strerror(error.errno)}")
