"""A file on a server, as an archive declares it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath

from attrs import frozen

from neurokit.errors import NeurokitError

_DIGITS = {"md5": 32, "sha256": 64}
_AT_ONCE = 2**20  # bytes that are read at once


@frozen(kw_only=True)
class RemoteFile:
    """A file to download.

    Attributes:
        url: where it is.
        path: what it is called in the archive's folder, with slashes.
        size: in bytes; None where the host says it only when asked.
        checksum: `md5:` or `sha256:` and hexadecimal digits; None where none is known.

    Raises:
        NeurokitError: the path would lead out of the folder, or the checksum is none.
    """

    url: str
    path: str
    size: int | None = None
    checksum: str | None = None

    def __attrs_post_init__(self) -> None:
        require_inside(self.path)
        if not re.match(r"https?://", self.url):
            raise NeurokitError(f"{self.url!r} is no address that begins with https:// or http://")
        if self.checksum is not None:
            method, _, digits = self.checksum.partition(":")
            if not re.fullmatch(f"[0-9a-f]{{{_DIGITS.get(method, 0)}}}", digits) or not digits:
                raise NeurokitError(
                    f"the checksum {self.checksum!r} of {self.path} is neither md5: and 32 nor "
                    f"sha256: and 64 hexadecimal digits, in lower case"
                )

    def found_checksum(self, file: Path) -> str:
        """The checksum of a file, by the method of this one's."""
        return checksum_of(file, (self.checksum or "").partition(":")[0])


def checksum_of(file: Path, method: str = "sha256") -> str:
    """The checksum of a file as `RemoteFile` has it."""
    # As a check of what arrived, not against forgers: also where MD5 is not for security.
    digest = hashlib.new(method, usedforsecurity=False)
    with file.open("rb") as stream:
        while content := stream.read(_AT_ONCE):
            digest.update(content)
    return f"{method}:{digest.hexdigest()}"


def require_inside(path: str) -> None:
    """Refuse the name of a file that would lead out of the folder it is put into.

    Raises:
        NeurokitError: it is absolute, or has a part `..`, or what no file is called.
    """
    whole = PurePosixPath(path)
    plain = path.isprintable() and "\\" not in path and not re.match(r"\w:", path)
    if not path or whole.is_absolute() or ".." in whole.parts or not plain or path != str(whole):
        raise NeurokitError(f"the name {path!r} does not do as that of a file in a folder")
