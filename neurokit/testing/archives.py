"""What an archive must hold to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from neurokit.errors import NeurokitError
from neurokit.fetching import RemoteFile
from neurokit.fetching.remote import require_inside
from neurokit.kinds import Archive
from neurokit.testing.findings import Stages, doing
from neurokit.testing.surroundings import Surroundings

_SAID = ("licence", "citation", "page", "folder", "size")


def _said(archive: Archive, _: Surroundings) -> Iterator[str]:
    for name in _SAID:
        said = getattr(archive, name, None)
        if not isinstance(said, str) or not said.strip():
            yield f"its {name} must be said in words, and is {said!r}"
        elif name == "page" and not re.match("https?://", said):
            yield f"its page must be an address, not {said!r}"
        elif name == "folder" and _leads_out(said):
            yield f"its folder must lie in the working directory, and is {said!r}"
    if not isinstance(archive.lacks, str):
        yield f"its lacks must be a string, not {archive.lacks!r}"
    pairs = archive.commands.items() if isinstance(archive.commands, Mapping) else [(1, 1)]
    if not all(isinstance(word, str) and word for pair in pairs for word in pair):
        yield f"its commands must be strings by what they are for, not {archive.commands!r}"


def _contents(archive: Archive, _: Surroundings) -> Iterator[str]:
    contents = archive.contents
    if not isinstance(contents, tuple) or not all(isinstance(each, str) for each in contents):
        yield f"its contents must be a tuple of names, not {contents!r}"
        return
    for name in contents:
        if _leads_out(name):
            yield f"its contents {name!r} does not do as the name of a file in its folder"
    if len(set(contents)) < len(contents):
        yield "its contents name a file twice"
    unpacks = type(archive).unpack is not Archive.unpack
    if unpacks and not contents:
        yield "it has an unpack, and no contents that this makes"
    if contents and not archive.unpacked_bytes > 0:
        yield "its unpacked_bytes must say about how much space its contents take"


def _files(archive: Archive, _: Surroundings) -> Iterator[str]:
    with doing("files"):
        files = list(archive.files())
    if not all(isinstance(each, RemoteFile) for each in files):
        yield f"files must give neurokit.RemoteFile, not {files!r}"
        return
    if not files:
        yield "files gives none"
    paths = [file.path for file in files]
    if len(set(paths)) < len(paths):
        yield "two files have the same path"
    folders = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    for path in sorted(folders & set(paths)):
        yield f"the path {path!r} is that of a file, and of a folder of others"
    for file in files:
        if file.checksum is None and file.url.startswith("http://"):
            yield f"{file.url} has no checksum, and comes by http, where anyone can change it"
    if archive.contents and type(archive).unpack is Archive.unpack:
        for path in paths:
            if not path.endswith(".zip"):
                yield f"{path!r} is no zip archive, and there is no unpack that takes it"
    with doing("files"):
        if list(archive.files()) != files:
            yield "files gives other files, or another order, the second time"


STAGES: Stages = ((_said, _contents), (_files,))


def _leads_out(path: str) -> bool:
    try:
        require_inside(path)
    except NeurokitError:
        return True
    return False
