"""The archive: which files of the bucket it names, and that the dataset reads what is fetched."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import get_args
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
import pytest

from neurokit import NeurokitError
from neurokit.fetching import plan_fetch
from neurokit.testing import conform
from neurokit_nisb.archive import NisbBucket
from neurokit_nisb.cubes import grown, write_cube
from neurokit_nisb.dataset import Nisb, Split


class _Bucket(BaseHTTPRequestHandler):
    """A folder as a bucket `nisb`; lists have two entries a page."""

    def __init__(self, *arguments: object, folder: Path) -> None:
        self.folder = folder
        super().__init__(*arguments)  # type: ignore[arg-type]

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        if split.query:
            body = self._page({key: each[0] for key, each in parse_qs(split.query).items()})
        else:
            body = (self.folder / unquote(split.path).removeprefix("/nisb/")).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _page(self, query: dict[str, str]) -> bytes:
        files = sorted(
            (str(each.relative_to(self.folder)), each)
            for each in self.folder.rglob("*")
            if each.is_file() and str(each.relative_to(self.folder)).startswith(query["prefix"])
        )
        start = int(query.get("continuation-token", "0"))
        entries = "".join(
            f"<Contents><Key>{key}</Key><Size>{file.stat().st_size}</Size>"
            f'<ETag>"{hashlib.md5(file.read_bytes()).hexdigest()}"</ETag></Contents>'
            for key, file in files[start : start + 2]
        )
        more = str(start + 2 < len(files)).lower()
        return (
            f"<ListBucketResult><IsTruncated>{more}</IsTruncated>{entries}"
            f"<NextContinuationToken>{start + 2}</NextContinuationToken></ListBucketResult>"
        ).encode()


@pytest.fixture(scope="module")
def cubes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small cubes of synthetic tissue, laid out as the bucket is."""
    folder = tmp_path_factory.mktemp("bucket")
    for split, seed in {"train": 0, "val": 100, "test": 101}.items():
        write_cube(folder / "base" / split / f"seed{seed}", grown((20, 40, 44), seed))
    return folder


@pytest.fixture
def endpoint(cubes: Path) -> Iterator[str]:
    handler = partial(_Bucket, folder=cubes)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_split_is_fetched_and_read(cubes: Path, endpoint: str, tmp_path: Path) -> None:
    splits: tuple[Split, ...] = get_args(Split)
    for split in splits:
        plan_fetch(NisbBucket(endpoint=endpoint, split=split), tmp_path).carry_out()
    for split in splits:
        (wanted,) = Nisb(root=str(cubes), split=split).volumes()
        (found,) = Nisb(root=str(tmp_path), split=split).volumes()
        assert found.name == wanted.name
        assert np.array_equal(found.image[...], wanted.image[...])
        assert found.labels is not None
        assert wanted.labels is not None
        assert np.array_equal(found.labels[...], wanted.labels[...])
        assert found.skeletons is not None
    assert plan_fetch(NisbBucket(endpoint=endpoint), tmp_path).files == ()


def test_seeds_are_chosen(cubes: Path, endpoint: str) -> None:
    second = cubes / "base/train/seed10"
    second.mkdir()
    (second / "skeleton.npz").write_bytes(b"1")
    try:
        every = NisbBucket(endpoint=endpoint, split="train").files()
        chosen = NisbBucket(endpoint=endpoint, split="train", seeds=(10,)).files()
        both = NisbBucket(endpoint=endpoint, split="train", seeds=(10, 0)).files()
    finally:
        (second / "skeleton.npz").unlink()
        second.rmdir()
    assert [file.path for file in chosen] == ["base/train/seed10/skeleton.npz"]
    assert sorted(both, key=lambda file: file.path) == every
    # The folder of seed 1 would begin like that of seed 10.
    with pytest.raises(NeurokitError, match="has no base/train/seed1/; check setting, split and"):
        NisbBucket(endpoint=endpoint, split="train", seeds=(1,)).files()


def test_what_is_not_there(endpoint: str) -> None:
    with pytest.raises(NeurokitError) as caught:
        NisbBucket(endpoint=endpoint, setting="liconn").files()
    assert str(caught.value) == (
        f"the bucket 'nisb' of {endpoint} has no liconn/val/; check setting, split and seeds"
    )
    with pytest.raises(NeurokitError, match=r"seeds names one twice: \[3, 3\]"):
        NisbBucket(seeds=(3, 3))


def test_checksums_can_be_left_out(endpoint: str) -> None:
    assert all(file.checksum for file in NisbBucket(endpoint=endpoint).files())
    left_out = NisbBucket(endpoint=endpoint, etags_are_md5=False).files()
    assert {file.checksum for file in left_out} == {None}
    assert all(file.size for file in left_out)


def test_it_conforms(endpoint: str) -> None:
    conform(NisbBucket(endpoint=endpoint))
    conform(NisbBucket(endpoint=endpoint, split="train", seeds=(0,)))
