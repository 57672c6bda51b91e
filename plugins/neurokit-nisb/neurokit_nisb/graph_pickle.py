"""The skeletons of a cube in a pickled networkx graph, read without trusting it.

A pickle names what is called to rebuild an object, and can so call anything. Here, a name is looked
up in a short table of stand-ins, which only keep what they are given; whatever else a pickle names
is refused. Neither networkx nor NumPy is called by a pickle: arrays and numbers are read from the
bytes that the stand-ins have kept.
"""

from __future__ import annotations

import io
import pickle
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from neurokit import NeurokitError, Skeletons
from neurokit_nisb.announced import refuse_oversized

_POSITIONS = {"index_position": np.int64, "nm_position": np.float64}


def read_graph_pickle(path: Path) -> Skeletons:
    """The skeletons in a pickled networkx graph, whose nodes are those of all neurons.

    Of each node, the attributes `id` (the neuron, above 0), `index_position` (the voxel x, y, z)
    and `nm_position` (nanometres x, y, z) are read; the length of an edge is the distance of its
    two nodes. Graphs of networkx 2 and 3 are understood, with NumPy 1 and 2.

    Raises:
        NeurokitError: the file is missing or damaged, names anything that such a graph does not
            need, or holds no such graph.
    """
    try:
        content = path.read_bytes()
        refuse_oversized(content)
        graph = _Reader(_Whole(content)).load()
    except FileNotFoundError as error:
        where = "" if path.is_absolute() else f" in {Path.cwd()}"
        raise NeurokitError(f"file not found: {path}{where}; check the path") from error
    except _Refused as error:
        raise NeurokitError(
            f"{path} is refused: it asks for {error}, which is not on the list of what graphs of "
            f"skeletons are made of; if you trust the file, convert it yourself with "
            f"neurokit.write_skeletons"
        ) from error
    except OSError as error:
        raise NeurokitError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # damaged pickles fail in many ways
        raise NeurokitError(
            f"{path} is no pickle of a graph, or damaged: {_short(error)}"
        ) from error
    try:
        return _skeletons(graph)
    except (ValueError, NeurokitError) as error:
        raise NeurokitError(f"{path}: {error}") from error


def _short(text: object, length: int = 120) -> str:
    """One line of a text, which a pickle may have made as long as it likes."""
    line = " ".join(str(text).split())
    return line if len(line) <= length else f"{line[:length]}..."


class _Refused(Exception):
    """A pickle names what is not allowed."""


class _Whole(io.BytesIO):
    """A pickle that is read in one go.

    Read in pieces, one can leave a frame in the midst of an instruction, and the rest of the frame
    is lost: what is loaded would not be what was looked at before.
    """

    def peek(self, _size: int = 0, /) -> bytes:
        return self.getvalue()[self.tell() :]


class _Sealed(type):
    """Classes that a pickle cannot change, not even by giving them a state."""

    def __setattr__(cls, name: str, value: object) -> NoReturn:
        raise _Refused(f"a change of {cls.__name__}")


class _Graph(metaclass=_Sealed):
    """In place of a graph: what it consists of becomes attributes."""


class _View(metaclass=_Sealed):
    """In place of what a graph keeps for convenience."""


class _Type(metaclass=_Sealed):
    """In place of a NumPy type of numbers."""

    def __init__(self, code: str, _align: object = False, _copy: object = True) -> None:
        if not isinstance(code, str) or code not in _NUMBERS:
            raise _Refused(f"an array of type {reprlib.repr(code)}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1]
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)


class _Array(metaclass=_Sealed):
    """In place of an array; its state is (version, shape, type, by columns, bytes)."""

    __slots__ = ("values",)  # so that nothing else can be made one

    def __new__(cls) -> _Array:
        """Without a value until it gets a state, which a damaged pickle may leave out."""
        array = super().__new__(cls)
        array.values = np.empty(0)
        return array

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, by_columns, content = state
        self.values = _values(content, kind, shape, "F" if by_columns else "C")


class _EmptyArray(metaclass=_Sealed):
    """In place of NumPy's function that makes an array without its content."""

    def __new__(cls, _kind: object, _shape: object, _code: object) -> Any:
        return _Array()


class _ArrayOfBuffer(metaclass=_Sealed):
    """In place of NumPy's function that makes an array of a buffer."""

    def __new__(cls, content: bytes, kind: _Type, shape: tuple[int, ...], order: str) -> Any:
        array = _Array()
        array.values = _values(content, kind, shape, order)
        return array


class _Number(metaclass=_Sealed):
    """In place of NumPy's function that makes a number of a type."""

    def __new__(cls, kind: _Type, content: bytes) -> Any:
        return _values(content, kind, (), "C").item()


class _Encoded(metaclass=_Sealed):
    """In place of `codecs.encode`, by which old protocols write bytes."""

    def __new__(cls, text: str, encoding: str) -> Any:
        if encoding != "latin1":
            raise _Refused(f"the encoding {reprlib.repr(encoding)}")
        return str.encode(text, "latin1")


def _values(content: bytes, kind: _Type, shape: tuple[int, ...], order: Any) -> NDArray[Any]:
    return np.frombuffer(content, kind.dtype).reshape(shape, order=order)


_NUMBERS = {f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)} | {"b1", "f2", "f4", "f8"}
_VIEWS = ("NodeView", "EdgeView", "OutEdgeView", "InEdgeView", "DegreeView", "DiDegreeView")
_DEGREES = ("OutDegreeView", "InDegreeView")

_STAND_INS: dict[tuple[str, str], Any] = {
    ("networkx.classes.graph", "Graph"): _Graph,
    ("networkx.classes.digraph", "DiGraph"): _Graph,
    ("networkx.classes.coreviews", "AdjacencyView"): _View,
    **{("networkx.classes.reportviews", name): _View for name in (*_VIEWS, *_DEGREES)},
    ("numpy", "dtype"): _Type,
    ("numpy", "ndarray"): _Array,
    ("_codecs", "encode"): _Encoded,
}
for _core in ("numpy.core", "numpy._core"):
    _STAND_INS[f"{_core}.multiarray", "_reconstruct"] = _EmptyArray
    _STAND_INS[f"{_core}.multiarray", "scalar"] = _Number
    _STAND_INS[f"{_core}.numeric", "_frombuffer"] = _ArrayOfBuffer


class _Reader(pickle.Unpickler):
    """Reads a pickle in which nothing but the stand-ins can be called."""

    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) not in _STAND_INS:
            raise _Refused(_short(f"{module}.{name}"))
        return _STAND_INS[module, name]


def _skeletons(graph: object) -> Skeletons:
    """The skeletons of a graph.

    Raises:
        ValueError: it is none, or nodes or edges are not as they should be.
        NeurokitError: an id is not above 0, or an edge joins two neurons.
    """
    nodes, neighbours = getattr(graph, "_node", None), getattr(graph, "_adj", None)
    if not (isinstance(graph, _Graph) and isinstance(nodes, dict) and isinstance(neighbours, dict)):
        raise ValueError("it holds no networkx graph")
    ids = _column(nodes, "id", np.int64, 1)[:, 0]
    voxels, nm = (_column(nodes, name, kind, 3) for name, kind in _POSITIONS.items())
    edges = _edges(nodes, neighbours)
    with np.errstate(over="ignore", invalid="ignore"):  # refused below, as not finite
        lengths_nm = np.linalg.norm(nm[edges[:, 0]] - nm[edges[:, 1]], axis=1)
    return Skeletons(
        ids=ids,
        voxels=np.ascontiguousarray(voxels[:, ::-1]),
        edges=edges,
        lengths_nm=lengths_nm,
    )


def _edges(nodes: Mapping[Any, Any], neighbours: Mapping[Any, Any]) -> NDArray[np.int64]:
    """Places of the two nodes of every edge, each edge once, shape (E, 2)."""
    place = {node: number for number, node in enumerate(nodes)}
    joined = set()
    # A few bytes can give all nodes one set of neighbours, which makes more edges than memory has.
    if len({id(others) for others in neighbours.values()}) < len(neighbours):
        raise ValueError("nodes share their neighbours")
    for node, others in neighbours.items():
        for other in (node, *others) if isinstance(others, dict) else (node,):
            if other not in place:
                raise ValueError(
                    f"the node {reprlib.repr(other)} has neighbours, and no attributes"
                )
            # An edge stands with both of its nodes, in a directed graph with one.
            joined.add((min(place[node], place[other]), max(place[node], place[other])))
    edges: NDArray[np.int64] = np.array(sorted(joined), np.int64).reshape(-1, 2)
    between: NDArray[np.int64] = edges[edges[:, 0] != edges[:, 1]]
    return between


def _column(nodes: Mapping[Any, Any], name: str, kind: type, width: int) -> NDArray[Any]:
    """An attribute of all nodes, shape (N, width)."""
    column: NDArray[Any] = np.empty((len(nodes), width), kind)
    whole = kind is np.int64
    for row, (node, attributes) in zip(column, nodes.items(), strict=True):
        if not isinstance(attributes, dict) or name not in attributes:
            raise ValueError(f"the node {reprlib.repr(node)} has no attribute '{name}'")
        numbers = _numbers(attributes[name], width)
        if numbers is None or (whole and not all(type(each) is int for each in numbers)):
            what = "whole number" if whole else "number"
            many = f"{width} {what}s" if width > 1 else f"one {what}"
            raise ValueError(f"'{name}' of the node {reprlib.repr(node)} is not {many}")
        try:
            row[:] = numbers
        except OverflowError as error:
            raise ValueError(
                f"'{name}' of the node {reprlib.repr(node)} is too large for 64 bits"
            ) from error
    return column


def _numbers(given: object, width: int) -> list[Any] | None:
    """The numbers in an attribute, or None where it is not so many of them."""
    values: Any = given
    if isinstance(given, _Array):
        values = given.values.ravel().tolist() if given.values.size == width else []
    elif not isinstance(given, list | tuple):
        values = [given]
    plain = len(values) == width and all(type(each) in (int, float) for each in values)
    return list(values) if plain else None
