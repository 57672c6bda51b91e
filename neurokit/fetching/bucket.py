"""What a public bucket of an S3 server holds."""

from __future__ import annotations

import re
from urllib.parse import quote
from xml.etree import ElementTree

from neurokit.errors import NeurokitError
from neurokit.fetching.connection import Connection
from neurokit.fetching.remote import RemoteFile


def list_bucket(endpoint: str, bucket: str, prefix: str) -> list[RemoteFile]:
    """The files of a bucket that anyone may list, by rising name.

    It speaks ListObjectsV2 of Amazon's S3, page by page, without signing. The ETag of a file that
    was uploaded whole is its MD5 sum, and is taken for that; of one uploaded in parts it is not.

    Args:
        endpoint: of the server, `https://s3.example.org:443`.
        bucket: its name.
        prefix: what the files' names begin with; they keep it in their paths.

    Raises:
        NeurokitError: the server cannot be reached, refuses, or answers what is no such list.
    """
    connection = Connection()
    base = f"{endpoint.rstrip('/')}/{quote(bucket)}"
    files: list[RemoteFile] = []
    token: str | None = None
    seen: set[str] = set()
    try:
        while True:
            query = {"list-type": "2", "prefix": prefix, "max-keys": "1000"}
            if token is not None:
                query["continuation-token"] = token
            page = _parsed(connection.read(base, params=query), base)
            files += [file for entry in page.iter("Contents") for file in _file(entry, base)]
            token = page.findtext("NextContinuationToken")
            if page.findtext("IsTruncated") != "true":
                return files
            if not token or token in seen:
                raise _no_list(base, "it does not say how the list goes on")
            seen.add(token)
    finally:
        connection.close()


def _file(entry: ElementTree.Element, base: str) -> list[RemoteFile]:
    """The file of an entry; none of one that stands for a folder."""
    key, size = entry.findtext("Key"), entry.findtext("Size")
    if not key or size is None or not size.isdecimal():
        raise _no_list(base, "an entry has no name or size")
    if key.endswith("/"):
        return []
    etag = (entry.findtext("ETag") or "").strip('"').lower()
    checksum = f"md5:{etag}" if re.fullmatch("[0-9a-f]{32}", etag) else None
    return [RemoteFile(url=f"{base}/{quote(key)}", path=key, size=int(size), checksum=checksum)]


def _parsed(body: bytes, base: str) -> ElementTree.Element:
    """A page, its names without the name space."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:  # lists have neither; both can blow up parsers
        raise _no_list(base, "it declares entities")
    try:
        page = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise _no_list(base, str(error)) from error
    for element in page.iter():
        element.tag = element.tag.rpartition("}")[2]
    if page.tag != "ListBucketResult":
        raise _no_list(base, f"it is a {page.tag}")
    return page


def _no_list(base: str, why: str) -> NeurokitError:
    return NeurokitError(f"what {base} answers is no list of its files: {why}")
