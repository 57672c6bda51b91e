"""Results that are kept: found again by their key, and made again where they are damaged."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import attrs
import numpy as np
import pytest
from attrs import frozen
from numpy.typing import NDArray

from neurokit.graph.agglomeration import merge_tree
from neurokit.graph.building import region_graph
from neurokit.graph.fragments import Fragments
from neurokit.graph.keeping import is_keeping, keeping, kept
from neurokit.graph.merge_tree import MergeTree
from neurokit.graph.region_graph import RegionGraph
from neurokit.graph.watershed import watershed

MANY_BYTES = 1 << 30


@frozen(eq=False)
class Inner:
    """A part of a table."""

    values: NDArray[np.float32]
    name: str | None = None


@frozen(eq=False)
class Table:
    """What is kept here, of every type that fields may have."""

    values: NDArray[np.int64]
    flags: NDArray[np.bool_] | None = None
    number: int = 7
    share: float = 0.1
    name: str | None = None
    inner: Inner | None = None


@frozen(eq=False)
class OtherTable:
    """One of another kind, with the same fields."""

    values: NDArray[np.int64]


class Maker:
    """Makes tables, and counts."""

    def __init__(self, table: Any) -> None:
        self.table = table
        self.count = 0

    def __call__(self) -> Any:
        self.count += 1
        return self.table


def table_of(value: int, size: int = 5) -> Table:
    return Table(np.full(size, value))


def never() -> NoReturn:
    raise AssertionError("this was kept")


def assert_same(found: Any, expected: Any) -> None:
    assert type(found) is type(expected)
    for field in attrs.fields(type(expected)):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        if attrs.has(type(other)):
            assert_same(one, other)
        elif isinstance(other, np.ndarray):
            assert one.dtype == other.dtype
            assert one.shape == other.shape
            assert np.array_equal(one, other)
        else:
            assert type(one) is type(other)
            assert one == other


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*"))


def was_kept(folder: Path, key: str) -> bool:
    """Whether another process would find it."""
    make = Maker(table_of(0))
    with keeping(folder, MANY_BYTES):
        kept(Table, key, make)
    return make.count == 0


TABLES = [
    Table(np.arange(6).reshape(2, 3)),
    Table(np.empty((0, 3), np.int64), np.array([True, False]), -(2**62), float("inf"), "ä\n 'b'"),
    Table(np.arange(5)[::-2], name="", inner=Inner(np.float32([0.1, np.inf]).T)),  # type: ignore[arg-type]
    Table(np.arange(12).reshape(3, 4).T, inner=Inner(np.zeros((2, 0), np.float32), "name")),
]


@pytest.mark.parametrize("table", TABLES)
def test_what_was_made_is_found_again(table: Table, tmp_path: Path) -> None:
    with keeping(tmp_path / "some" / "folder", MANY_BYTES):
        assert_same(kept(Table, "key", Maker(table)), table)
        assert_same(kept(Table, "key", never), table)
    # As another process does, from the disk.
    with keeping(tmp_path / "some" / "folder", MANY_BYTES):
        assert_same(kept(Table, "key", never), table)
        assert_same(kept(Table, "key", never), table)


def test_fragments_graphs_and_trees_are_found_again(tmp_path: Path) -> None:
    affinities = np.random.default_rng(1).random((3, 5, 12, 13), dtype=np.float32)
    fragments = attrs.evolve(watershed(affinities, (0.1, 0.99)), fingerprint="of something")
    for histograms in (False, True):
        graph = region_graph(fragments, affinities, histograms=histograms)
        tree = merge_tree(graph, len(fragments.sizes), "aff85_his256", until=0.7)
        cases: list[tuple[type[Any], Any]] = [
            (Fragments, fragments),
            (RegionGraph, graph),
            (MergeTree, tree),
        ]
        folder = tmp_path / str(histograms)
        with keeping(folder, MANY_BYTES):
            for kind, table in cases:
                kept(kind, "key", Maker(table))
        with keeping(folder, MANY_BYTES):
            for kind, table in cases:
                assert_same(kept(kind, "key", never), table)


def test_another_key_and_another_kind_are_other_results(tmp_path: Path) -> None:
    for _ in range(2):
        with keeping(tmp_path, MANY_BYTES):
            for number, key in enumerate(("", "a", "A", "a ", "b/../a", "x" * 5000)):
                assert kept(Table, key, Maker(table_of(number))).values[0] == number
            other = kept(OtherTable, "a", Maker(OtherTable(np.arange(3))))
            assert_same(other, OtherTable(np.arange(3)))
    assert len(files_in(tmp_path)) == 7


def test_what_another_version_kept_is_not_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with keeping(tmp_path, MANY_BYTES):
        kept(Table, "key", Maker(table_of(1)))
    monkeypatch.setattr("neurokit.graph.keeping.version", lambda name: "0.0.0")
    assert not was_kept(tmp_path, "key")


def test_without_a_key_all_is_made_anew(tmp_path: Path) -> None:
    make = Maker(table_of(1))
    with keeping(tmp_path, MANY_BYTES):
        for _ in range(3):
            assert kept(Table, None, make) is make.table
    assert make.count == 3
    assert files_in(tmp_path) == []


def test_outside_all_is_made_anew(tmp_path: Path) -> None:
    make = Maker(table_of(1))
    assert not is_keeping()
    kept(Table, "key", make)
    with keeping(tmp_path / "outer", MANY_BYTES):
        assert is_keeping()
        kept(Table, "key", make)
        with keeping(tmp_path / "inner", MANY_BYTES):
            kept(Table, "key", make)
        kept(Table, "key", never)
    assert not is_keeping()
    kept(Table, "key", make)
    assert make.count == 4


def test_an_error_inside_ends_it(tmp_path: Path) -> None:
    def fail() -> NoReturn:
        raise ValueError("as it was asked for")

    with pytest.raises(ValueError, match="as it was asked for"), keeping(tmp_path, MANY_BYTES):
        kept(Table, "key", fail)
    assert not is_keeping()
    assert files_in(tmp_path) == []
    with keeping(tmp_path, MANY_BYTES):
        with pytest.raises(ValueError, match="as it was asked for"):
            kept(Table, "key", fail)
        assert kept(Table, "key", Maker(table_of(3))).values[0] == 3


def in_order(*steps: Callable[[], Any]) -> None:
    """One after the other, far enough apart for the clock of files."""
    for step in steps:
        step()
        time.sleep(0.03)


@pytest.mark.parametrize("anew", [True, False])
def test_what_was_used_longest_ago_goes_first(anew: bool, tmp_path: Path) -> None:
    # Of tables of 80 kB, three fit.
    def use(key: str) -> Callable[[], Any]:
        return lambda: kept(Table, key, lambda: table_of(ord(key), 10_000))

    def use_anew(key: str) -> Callable[[], Any]:
        def step() -> None:
            with keeping(tmp_path, 300_000):
                use(key)()

        return step

    keys = "abcaad"
    if anew:
        in_order(*(use_anew(key) for key in keys))
    else:
        with keeping(tmp_path, 300_000):
            in_order(*(use(key) for key in keys))
    assert len(files_in(tmp_path)) == 3
    assert sum(file.stat().st_size for file in files_in(tmp_path)) <= 300_000
    assert [was_kept(tmp_path, key) for key in "acd"] == [True] * 3
    assert not was_kept(tmp_path, "b")


def test_files_never_take_more_than_the_limit(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    for limit in (0, 3000, 100_000):
        with keeping(tmp_path, limit):
            for key in range(30):
                size = int(random.integers(0, 3000))
                found = kept(Table, f"{limit} {key}", Maker(table_of(key, size)))
                assert len(found.values) == size
                # A file is little more than its arrays.
                files = files_in(tmp_path)
                assert sum(file.stat().st_size for file in files) <= limit + 2000 * len(files)


def test_what_is_larger_than_the_limit_drives_nothing_out(tmp_path: Path) -> None:
    with keeping(tmp_path, 50_000):
        kept(Table, "small", Maker(table_of(1)))
        kept(Table, "large", Maker(table_of(2, 10_000)))
    assert was_kept(tmp_path, "small")
    assert not was_kept(tmp_path, "large")


def test_a_quarter_of_the_limit_is_kept_in_memory(tmp_path: Path) -> None:
    makers = {key: Maker(table_of(ord(key), 10_000)) for key in "abc"}
    with keeping(tmp_path, 4 * 200_000):
        for key in "abac":
            kept(Table, key, makers[key])
        shutil.rmtree(tmp_path)
        kept(Table, "a", never)
        kept(Table, "c", never)
        # Two fit, and b was used longest ago.
        kept(Table, "b", makers["b"])
    assert [maker.count for maker in makers.values()] == [1, 2, 1]


def test_cut_files_are_made_again(tmp_path: Path) -> None:
    table = Table(np.arange(40), inner=Inner(np.arange(9, dtype=np.float32)))
    with keeping(tmp_path, MANY_BYTES):
        kept(Table, "key", Maker(table))
    (path,) = files_in(tmp_path)
    whole = path.read_bytes()
    lengths = [*range(12), *range(12, len(whole), 97), len(whole) - 1]
    cut = [whole[:length] for length in lengths]
    for content in (*cut, b"no archive at all", b"\0" * 500, b"PK\x03\x04" * 50):
        path.write_bytes(content)
        make = Maker(table)
        with keeping(tmp_path, MANY_BYTES):
            assert_same(kept(Table, "key", make), table)
        assert make.count == 1
        assert was_kept(tmp_path, "key"), "it was not put right"


def test_damaged_files_are_made_again(tmp_path: Path) -> None:
    table = Inner(np.arange(3, dtype=np.float32), "some")
    with keeping(tmp_path, MANY_BYTES):
        kept(Inner, "key", Maker(table))
    (path,) = files_in(tmp_path)
    whole = path.read_bytes()
    make = Maker(table)
    for place in range(len(whole)):
        for flipped in (0x01, 0xFF):
            content = bytearray(whole)
            content[place] ^= flipped
            path.write_bytes(content)
            # Without room for files it reads, and does not write.
            with keeping(tmp_path, 0):
                assert_same(kept(Inner, "key", make), table)
    # Some bytes, as those of times, mean nothing.
    assert make.count > len(whole)


TWO_PROCESSES = """
import sys
from pathlib import Path
import numpy as np
from attrs import frozen
from neurokit.graph.fragments import Fragments
from neurokit.graph.keeping import kept, keeping

def table(number):
    return Fragments(np.full((1, 100, 1000), number, np.uint32), np.array([number]), str(number))

print("ready", flush=True)
sys.stdin.readline()
with keeping(Path(sys.argv[1]), 1 << 30):
    for number in range(60):
        found = kept(Fragments, f"key {number}", lambda: table(number))
        assert (found.labels_ZYX == number).all() and found.fingerprint == str(number)
"""


def test_processes_that_keep_the_same_at_once(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TWO_PROCESSES, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    with keeping(tmp_path, MANY_BYTES):
        for number in range(60):
            found = kept(Fragments, f"key {number}", never)
            assert (found.labels_ZYX == number).all()
    assert len(files_in(tmp_path)) == 60


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    make = Maker(table_of(1))
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with keeping(folder, MANY_BYTES):
            assert kept(Table, "key", make) is make.table
            assert kept(Table, "key", never) is make.table
    assert make.count == 2
    assert (tmp_path / "file").read_text() == "no folder"


def test_a_full_disk_costs_nothing_but_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: Any, **arrays: Any) -> NoReturn:
        file.write(b"the beginning")
        raise OSError(errno.ENOSPC, "No space left on device")

    make = Maker(table_of(1))
    with monkeypatch.context() as patched, keeping(tmp_path, MANY_BYTES):
        patched.setattr(np, "savez", full)
        assert kept(Table, "key", make) is make.table
    assert files_in(tmp_path) == []
    assert not was_kept(tmp_path, "key")


def test_a_folder_that_vanishes_is_made_again(tmp_path: Path) -> None:
    with keeping(tmp_path / "folder", MANY_BYTES):
        kept(Table, "a", Maker(table_of(1)))
        shutil.rmtree(tmp_path / "folder")
        assert kept(Table, "a", never).values[0] == 1
        assert kept(Table, "b", Maker(table_of(2))).values[0] == 2
    assert was_kept(tmp_path / "folder", "b")
    assert not was_kept(tmp_path / "folder", "a")
