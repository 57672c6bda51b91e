"""Skeletons from pickles: those of networkx are read, everything else is refused."""

from __future__ import annotations

import codecs
import contextlib
import os
import pickle
import subprocess
from pathlib import Path, PurePosixPath
from typing import Any

import networkx  # type: ignore[import-untyped]
import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from neurokit import NeurokitError, read_skeletons
from neurokit_nisb import convert
from neurokit_nisb.graph_pickle import read_graph_pickle


def random_graph(seed: int, kind: type = networkx.Graph) -> Any:
    """Trees with attributes of all the types that scripts leave behind."""
    random = np.random.default_rng(seed)
    graph = kind()
    for neuron in range(1, 4):
        nodes = [int(each) for each in random.choice(10**6, int(random.integers(1, 9)), False)]
        nodes = [node for node in nodes if node not in graph]
        for number, node in enumerate(nodes):
            voxel = random.integers(0, 50, 3)
            nm = voxel * np.array([9.0, 9.0, 20.0]) + random.random(3)
            shape = number % 4
            graph.add_node(
                node,
                id=[neuron, np.int64(neuron), np.uint16(neuron), np.array([neuron])][shape],
                index_position=[voxel, tuple(voxel.tolist()), voxel.tolist(), tuple(voxel)][shape],
                nm_position=[nm, tuple(nm.tolist()), list(nm), nm.astype(">f8")][shape],
            )
            if number:
                graph.add_edge(nodes[int(random.integers(number))], node, edge_length=np.float64(3))
    return graph


def slow_edges(graph: Any) -> set[tuple[Any, ...]]:
    """Every edge by the voxels of its nodes, its neuron and its length."""
    found = set()
    for a, b in graph.edges:
        first, second = graph.nodes[a], graph.nodes[b]
        ends = [tuple(int(each) for each in end["index_position"])[::-1] for end in (first, second)]
        steps = zip(first["nm_position"], second["nm_position"], strict=True)
        length = sum((float(p) - float(q)) ** 2 for p, q in steps) ** 0.5
        found.add((*sorted(ends), int(np.ravel(first["id"])[0]), round(length, 6)))
    return found


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", [networkx.Graph, networkx.DiGraph])
def test_reads_what_networkx_writes(protocol: int, kind: type, tmp_path: Path) -> None:
    for seed in range(5):
        graph = random_graph(seed, kind)
        # Looking at these makes networkx keep them, and pickle them with the graph.
        _ = graph.nodes, graph.adj, graph.edges, graph.degree
        path = tmp_path / f"{seed}.pkl"
        path.write_bytes(pickle.dumps(graph, protocol))
        skeletons = read_graph_pickle(path)

        assert len(skeletons.ids) == len(graph)
        voxels = [tuple(each) for each in skeletons.voxels.tolist()]
        wanted = [
            (*(int(each) for each in data["index_position"][::-1]), int(np.ravel(data["id"])[0]))
            for _, data in graph.nodes(data=True)
        ]
        assert [(*voxel, owner) for voxel, owner in zip(voxels, skeletons.ids, strict=True)] == (
            wanted
        )
        found = {
            (*sorted([voxels[a], voxels[b]]), int(skeletons.ids[a]), round(float(length), 6))
            for (a, b), length in zip(skeletons.edges, skeletons.lengths_nm, strict=True)
        }
        assert len(skeletons.edges) == graph.number_of_edges()
        assert found == slow_edges(graph)


def test_numpy_1_writes_other_names(tmp_path: Path) -> None:
    pickled = pickle.dumps(random_graph(1), 2)
    assert b"numpy._core.multiarray" in pickled
    path = tmp_path / "old.pkl"
    path.write_bytes(pickled.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert len(read_graph_pickle(path).ids) == len(random_graph(1))


def written(tmp_path: Path, graph: object) -> Path:
    path = tmp_path / "skeleton.pkl"
    path.write_bytes(pickle.dumps(graph))
    return path


class Calls:
    """Pickles as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> Any:
        return self.reduced


ADVICE = (
    "which is not on the list of what graphs of skeletons are made of; if you trust the file, "
    "convert it yourself with neurokit.write_skeletons"
)
MALICIOUS = {
    "posix.system": Calls(os.system, "touch marker"),
    "subprocess.check_output": Calls(subprocess.check_output, ["touch", "marker"]),
    "builtins.eval": Calls(eval, "open('marker', 'w')"),
    "builtins.exec": Calls(exec, "open('marker', 'w')"),
    "builtins.getattr": Calls(getattr, "os", "system"),
    "numpy.load": Calls(np.load, "marker"),
    "numpy.save": Calls(np.save, "marker", 1),
    "numpy.frombuffer": Calls(np.frombuffer, b"12345678"),
    "_pickle.loads": Calls(pickle.loads, b"."),
    "_codecs.decode": Calls(codecs.decode, b"", "zip"),
    "networkx.readwrite.gml.read_gml": Calls(networkx.read_gml, "marker"),
}


@pytest.mark.parametrize("name", MALICIOUS)
@pytest.mark.parametrize("hidden", [False, True])
def test_refuses_what_a_graph_does_not_need(
    name: str, hidden: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content: Any = MALICIOUS[name]
    if hidden:
        graph = random_graph(0)
        graph.graph["note"] = content
        content = graph
    path = written(tmp_path, content)
    with pytest.raises(NeurokitError) as caught:
        read_graph_pickle(path)
    assert str(caught.value) == (f"{path} is refused: it asks for {name}, {ADVICE}")
    assert [each.name for each in tmp_path.iterdir()] == ["skeleton.pkl"]


@pytest.mark.parametrize(
    "code",
    [
        b"cnetworkx.classes.graph\nGraph.__init__\n.",  # a part of what is allowed
        b"cnetworkx.classes.graph\nGraph\x2e__class__\n.",
        b"\x80\x04\x8c\x16networkx.classes.graph\x8c\x0eGraph.__init__\x93.",
        b"c__main__\nCalls\n.",
        b"ccopyreg\n_reconstructor\n.",
        b"cneurokit_nisb.graph_pickle\npickle\n.",
        b"(S'true'\nios\nsystem\n.",  # INST
        b"(cos\nsystem\nS'true'\no.",  # OBJ
    ],
)
def test_refuses_other_ways_to_a_name(code: bytes, tmp_path: Path) -> None:
    path = tmp_path / "skeleton.pkl"
    path.write_bytes(code)
    with pytest.raises(NeurokitError, match=r" is refused: it asks for "):
        read_graph_pickle(path)


def test_stand_ins_cannot_be_changed(tmp_path: Path) -> None:
    path = tmp_path / "skeleton.pkl"
    # BUILD with (None, {name: value}) sets attributes of what is below it, here of the class.
    path.write_bytes(b"cnetworkx.classes.graph\nGraph\n(N(dS'evil'\nI1\nstb.")
    with pytest.raises(NeurokitError, match=r"it asks for a change of _Graph, which"):
        read_graph_pickle(path)
    path.write_bytes(b"cnetworkx.classes.graph\nGraph\n(dS'evil'\nI1\nsb.")
    with pytest.raises(NeurokitError, match=r" is no pickle of a graph, or damaged: "):
        read_graph_pickle(path)


@pytest.mark.parametrize("kind", ["O", "S5", "i3", "V8"])
def test_refuses_arrays_of_other_than_numbers(kind: str, tmp_path: Path) -> None:
    values = {
        "O": np.array([os.system], object),
        "S5": np.array([b"12345"]),
        "i3": np.zeros(1, "V3"),
        "V8": np.zeros(1, [("a", "i8")]),
    }
    graph = random_graph(0)
    graph.graph["note"] = values[kind]
    path = tmp_path / "skeleton.pkl"
    path.write_bytes(pickle.dumps(graph, 4))
    with pytest.raises(NeurokitError, match=r"refused: it asks for (an array of type|posix)"):
        read_graph_pickle(path)


def test_arrays_are_those_of_numpy(tmp_path: Path) -> None:
    """Of any number type, byte order, protocol and layout, through the stand-ins."""
    random = np.random.default_rng(4)
    for code in ("i1", ">i2", "<i4", "i8", "u1", "u2", ">u4", "u8"):
        array = np.asfortranarray(random.integers(0, 100, (3, 1))).astype(code)
        for protocol in (2, 4, 5):
            graph = networkx.Graph()
            graph.add_node("n", id=1, index_position=array, nm_position=array.astype(">f4"))
            path = tmp_path / "skeleton.pkl"
            path.write_bytes(pickle.dumps(graph, protocol))
            assert read_graph_pickle(path).voxels.tolist() == [array.ravel()[::-1].tolist()]


def one_node(**changes: Any) -> Any:
    graph = networkx.Graph()
    attributes = {"id": 1, "index_position": (1, 2, 3), "nm_position": (9.0, 18.0, 60.0)} | changes
    graph.add_node(7, **{name: value for name, value in attributes.items() if value is not None})
    return graph


@pytest.mark.parametrize(
    ("graph", "problem"),
    [
        ({"a": 1}, "it holds no networkx graph"),
        (one_node(id=None), "the node 7 has no attribute 'id'"),
        (one_node(nm_position=None), "the node 7 has no attribute 'nm_position'"),
        (one_node(id=1.5), "'id' of the node 7 is not one whole number"),
        (one_node(index_position=(1, 2)), "'index_position' of the node 7 is not 3 whole numbers"),
        (
            one_node(index_position=(1.5, 2, 3)),
            "'index_position' of the node 7 is not 3 whole numbers",
        ),
        (one_node(nm_position="abc"), "'nm_position' of the node 7 is not 3 numbers"),
        (one_node(id=True), "'id' of the node 7 is not one whole number"),
        (one_node(id=2**63), "'id' of the node 7 is too large for 64 bits"),
        (one_node(id=2**64), "'id' of the node 7 is too large for 64 bits"),
        (one_node(id=np.uint64(2**63)), "'id' of the node 7 is too large for 64 bits"),
        (one_node(id=np.array([2**63], np.uint64)), "'id' of the node 7 is too large for 64 bits"),
        (
            one_node(index_position=(1, 2**63, 3)),
            "'index_position' of the node 7 is too large for 64 bits",
        ),
        (
            one_node(index_position=np.array([1, 2, 2**64 - 1], np.uint64)),
            "'index_position' of the node 7 is too large for 64 bits",
        ),
        (
            one_node(nm_position=(10**400, 0, 0)),
            "'nm_position' of the node 7 is too large for 64 bits",
        ),
        (
            networkx.relabel_nodes(one_node(id=None), {7: "a" * 100_000}),
            "the node 'aaaaaaaaaaaa...aaaaaaaaaaaaa' has no attribute 'id'",
        ),
        (
            networkx.relabel_nodes(one_node(id=1.5), {7: "a" * 100_000}),
            "'id' of the node 'aaaaaaaaaaaa...aaaaaaaaaaaaa' is not one whole number",
        ),
        (one_node(id=0), "these are no skeletons: a node has the id 0, and ids must be above 0"),
    ],
)
def test_graphs_that_hold_no_skeletons(graph: object, problem: str, tmp_path: Path) -> None:
    path = written(tmp_path, graph)
    with pytest.raises(NeurokitError) as caught:
        read_graph_pickle(path)
    assert str(caught.value) == f"{path}: {problem}"


def test_the_largest_numbers(tmp_path: Path) -> None:
    largest = 2**63 - 1
    for given in (largest, np.uint64(largest)):
        graph = one_node(id=given, index_position=[-largest - 1, given, 0])
        skeletons = read_graph_pickle(written(tmp_path, graph))
        assert skeletons.ids.tolist() == [largest]
        assert skeletons.voxels.tolist() == [[0, largest, -largest - 1]]


def test_harmless_graphs_of_other_kinds(tmp_path: Path) -> None:
    """They are not on the list, and that is all that is said of them."""
    with_path = one_node()
    with_path.graph["source"] = PurePosixPath("a/b")
    of_long_name = b"c" + b"a" * 100_000 + b"\nb\n."
    for graph, name in (
        (networkx.MultiGraph(one_node()), "networkx.classes.multigraph.MultiGraph"),
        (networkx.freeze(one_node()), "networkx.classes.function.frozen"),
        (with_path, "pathlib.PurePosixPath"),
        (of_long_name, "a" * 120 + "..."),
    ):
        path = written(tmp_path, graph)
        if isinstance(graph, bytes):
            path.write_bytes(graph)
        with pytest.raises(NeurokitError) as caught:
            read_graph_pickle(path)
        assert str(caught.value) == f"{path} is refused: it asks for {name}, {ADVICE}"


def test_an_array_that_gets_no_state(tmp_path: Path) -> None:
    path = tmp_path / "skeleton.pkl"
    path.write_bytes(
        b"cnetworkx.classes.graph\nGraph\n)\x81}(X\x05\0\0\0_node}K\x01}X\x02\0\0\0id"
        b"cnumpy\nndarray\n)\x81ssX\x04\0\0\0_adj}ub."
    )
    problem = "'id' of the node 1 is not one whole number"
    with pytest.raises(NeurokitError) as caught:
        read_graph_pickle(path)
    assert str(caught.value) == f"{path}: {problem}"
    result = CliRunner().invoke(convert.main, [str(path)])
    assert (result.exit_code, result.output) == (1, f"Error: {path}: {problem}\n")
    # Nor is anything else made an array by giving it its class.
    path.write_bytes(
        b"cnetworkx.classes.graph\nGraph\n)\x81N}X\x09\0\0\0__class__cnumpy\nndarray\ns\x86b."
    )
    with pytest.raises(NeurokitError, match=r" is no pickle of a graph, or damaged: __class__ "):
        read_graph_pickle(path)


def test_neighbours_that_nodes_share(tmp_path: Path) -> None:
    """All with all are joined by few bytes, and by many in memory."""
    graph = networkx.relabel_nodes(one_node(), {7: 0})
    for node in range(1, 4):
        graph.add_node(node, **graph.nodes[0])
    shared: dict[int, Any] = {node: {} for node in graph}
    graph._adj = dict.fromkeys(graph, shared)
    path = written(tmp_path, graph)
    with pytest.raises(NeurokitError) as caught:
        read_graph_pickle(path)
    assert str(caught.value) == f"{path}: nodes share their neighbours"


def test_an_edge_between_two_neurons(tmp_path: Path) -> None:
    graph = one_node()
    graph.add_node(8, id=2, index_position=(1, 1, 1), nm_position=(9.0, 9.0, 20.0))
    graph.add_edge(7, 8)
    with pytest.raises(NeurokitError, match=r"an edge joins nodes of two neurons$"):
        read_graph_pickle(written(tmp_path, graph))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("far", [1e300, np.inf, np.nan])
def test_an_edge_without_end(far: float, tmp_path: Path) -> None:
    graph = one_node(nm_position=(np.inf, 0.0, 0.0))
    graph.add_node(8, id=1, index_position=(1, 1, 1), nm_position=(far, -1e300, 0.0))
    graph.add_edge(7, 8)
    path = written(tmp_path, graph)
    with pytest.raises(NeurokitError) as caught:
        read_graph_pickle(path)
    assert str(caught.value) == (
        f"{path}: these are no skeletons: an edge has a length that is negative or not finite"
    )


def test_an_empty_graph_and_an_edge_from_a_node_to_itself(tmp_path: Path) -> None:
    assert read_graph_pickle(written(tmp_path, networkx.Graph())).voxels.shape == (0, 3)
    graph = one_node()
    graph.add_edge(7, 7)
    assert len(read_graph_pickle(written(tmp_path, graph)).edges) == 0


def test_damaged_files(tmp_path: Path) -> None:
    path = written(tmp_path, random_graph(2))
    whole = path.read_bytes()
    for end in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(NeurokitError, match=r" is no pickle of a graph, or damaged: "):
            read_graph_pickle(path)
    random = np.random.default_rng(0)
    for _ in range(200):  # whatever stands in it, nothing but a NeurokitError comes of it
        spoiled: NDArray[np.uint8] = np.frombuffer(whole, np.uint8).copy()
        spoiled[random.integers(0, len(whole), 3)] = random.integers(0, 256, 3)
        path.write_bytes(spoiled.tobytes())
        with contextlib.suppress(NeurokitError):
            read_graph_pickle(path)
    with pytest.raises(NeurokitError, match=r"^file not found: .*none.pkl; check the path$"):
        read_graph_pickle(tmp_path / "none.pkl")


def test_the_converter(tmp_path: Path) -> None:
    path = written(tmp_path, random_graph(5))
    expected = read_graph_pickle(path)
    result = CliRunner().invoke(convert.main, [str(path)])
    assert result.exit_code == 0
    length = expected.lengths_nm.sum() / 1e6
    assert result.output == (
        f"{tmp_path / 'skeleton.npz'}: 3 neurons, {len(expected.ids)} nodes, {length:.3f} mm\n"
    )
    found = read_skeletons(tmp_path / "skeleton.npz")
    assert found.fingerprint == expected.fingerprint
    named = CliRunner().invoke(convert.main, [str(path), str(tmp_path / "other.npz")])
    assert named.exit_code == 0
    assert (tmp_path / "other.npz").exists()


def test_the_converter_refuses(tmp_path: Path) -> None:
    path = tmp_path / "skeleton.pkl"
    path.write_bytes(pickle.dumps(Calls(os.system, "true")))
    result = CliRunner().invoke(convert.main, [str(path)])
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {path} is refused: it asks for posix.system, ")
    assert not (tmp_path / "skeleton.npz").exists()
    result = CliRunner().invoke(convert.main, [str(path), "skeleton.pickle"])
    assert result.exit_code == 2
    assert "skeleton.pickle does not end in .npz" in result.output
