"""What a pickle announces, refused before anything is allocated for it."""

from __future__ import annotations

import pickle
import pickletools
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import networkx  # type: ignore[import-untyped]
import numpy as np
import pytest

from neurokit import NeurokitError
from neurokit_nisb.announced import refuse_oversized
from neurokit_nisb.graph_pickle import read_graph_pickle


def four(number: int) -> bytes:
    return number.to_bytes(4, "little")


def eight(number: int) -> bytes:
    return number.to_bytes(8, "little")


@pytest.fixture
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 2**20


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            b"\x80\x04Nr" + four(2**28) + b".",
            "it announces the memo's entry 268435456, and has 9 bytes",
        ),
        (b"Nr" + four(2**16) + b".", "it announces the memo's entry 65536, and has 7 bytes"),
        (b"Nr" + four(2**32 - 1) + b".", "it announces the memo's entry 4294967295, and has 7 byt"),
        (b"Np99999999\n.", "it announces the memo's entry 99999999, and has 12 bytes"),
        (b"Np99999999\0\n.", "it announces the memo's entry 99999999\0, and has 13 bytes"),
        (b"Np9999_9999\n.", "it announces the memo's entry 9999_9999, and has 13 bytes"),
        (b"Np" + b"9" * 5000 + b"\n.", f"it announces the memo's entry {'9' * 20}, and has 5004"),
        (b"B" + four(2**31) + b"ab.", "it announces 2147483648 bytes where 3 are left"),
        (b"T" + four(4) + b"ab.", "it announces 4 bytes where 3 are left"),
        (b"X" + four(2**30), "it announces 1073741824 bytes where 0 are left"),
        (b"\x8b" + four(2**30) + b".", "it announces 1073741824 bytes where 1 are left"),
        (b"\x8d" + eight(2**40) + b".", "it announces 1099511627776 bytes where 1 are left"),
        (b"\x8e" + eight(2**40) + b".", "it announces 1099511627776 bytes where 1 are left"),
        (b"\x96" + eight(2**40) + b".", "it announces 1099511627776 bytes where 1 are left"),
        (b"\x95" + eight(2**40) + b"N.", "it announces 1099511627776 bytes where 2 are left"),
        # After each kind of instruction that there is, all of them harmless.
        (
            b"\x80\x05\x95" + eight(9) + b"cos\nr\n0ir\nr\n0I12\n\x8c\x02r.\x94Kr0Jrrrr0p1\nq.h."
            b"G........\x96" + eight(1) + b".Nr" + four(2**28) + b".",
            "it announces the memo's entry 268435456, and has 75 bytes",
        ),
    ],
)
def test_more_than_there_is(content: bytes, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "skeleton.pkl"
    path.write_bytes(content)
    with pytest.raises(NeurokitError) as caught:
        read_graph_pickle(path)
    line = " ".join(problem.split())
    assert str(caught.value).startswith(f"{path} is no pickle of a graph, or damaged: {line}")


@pytest.mark.usefixtures("little_memory")
def test_what_is_loaded_is_what_was_looked_at(tmp_path: Path) -> None:
    """A frame that ends within an instruction, after which a reader of pieces is out of step."""
    hidden = b"\0\0r" + four(2**24) + b"..."
    path = tmp_path / "skeleton.pkl"
    # A string of 10 bytes, whose length of 4 bytes begins in a frame and ends after it.
    path.write_bytes(b"\x80\x04\x95" + eight(3) + b"X\x0a\0" + b"\0\0" + hidden + b".")
    with pytest.raises(NeurokitError) as caught:
        read_graph_pickle(path)
    assert str(caught.value) == f"{path}: it holds no networkx graph"


@pytest.mark.parametrize("protocol", range(6))
def test_true_pickles_pass(protocol: int) -> None:
    random = np.random.default_rng(protocol)
    graph = networkx.Graph()
    for node in range(400):
        graph.add_node(node, of=random.random(3), note="r" * node, at=tuple(random.bytes(9)))
        graph.add_edge(node, max(0, node - 1), big=3**node, raw=b"r\xff")
    refuse_oversized(pickle.dumps(graph, protocol))


@pytest.mark.parametrize("size", [2**16 - 40, 2**16, 2**24 - 2**16, 2**24])
def test_entries_up_to_the_size(size: int) -> None:
    padding = b"B" + four(size - 12)
    for entry in (0, 255, size - 1):
        refuse_oversized(padding + bytes(size - 12) + b"Nr" + four(entry) + b".")
    beyond = padding + bytes(size - 12) + b"Nr" + four(2 * size + 2**24) + b"."
    with pytest.raises(ValueError, match=r"^it announces the memo's entry "):
        refuse_oversized(beyond)


@pytest.mark.parametrize("seed", range(20))
def test_every_instruction_is_looked_at(seed: int) -> None:
    """Wherever the standard library finds one, in random sequences of all that there are."""
    random = np.random.default_rng(seed)
    content = b""
    while len(content) < 3000:
        content += instruction(random)
    refuse_oversized(content + b".")
    places = [place for _, _, place in pickletools.genops(content + b".")]
    for place in random.choice(places, 20):  # type: ignore[arg-type]
        spoiled = content[:place] + b"r" + four(2**28) + content[place:] + b"."
        with pytest.raises(ValueError, match=r"^it announces the memo's entry 268435456, "):
            refuse_oversized(spoiled)
        refuse_oversized(content[:place] + b"." + b"r" + four(2**28))  # never read


def instruction(random: Any) -> bytes:
    """A random one, whose argument is random where nothing reads it as a text."""
    each = random.choice([op for op in pickletools.opcodes if op.name not in ("STOP", "FRAME")])
    code: bytes = each.code.encode("latin1")
    if each.arg is None:
        return code
    if each.name == "LONG_BINPUT":
        return code + four(int(random.integers(2**16)))
    if each.arg.n >= 0:
        return code + bytes(random.bytes(each.arg.n))
    if each.arg.n == pickletools.UP_TO_NEWLINE:
        text = b"'12'" if each.name == "STRING" else b"12"
        return code + text + (b"\nab\n" if each.name in ("GLOBAL", "INST") else b"\n")
    width = {-2: 1, -3: 4, -4: 4, -5: 8}[each.arg.n]
    text = b"r" * int(random.integers(40))
    return code + len(text).to_bytes(width, "little") + text
