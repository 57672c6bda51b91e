"""From plain values to settings: strictly, with every problem at once."""

from __future__ import annotations

import math
from typing import Any, Literal

import pytest
from attrs import frozen

from neurokit import Decoder, NeurokitError, Prediction, param
from neurokit.kinds import Kind
from neurokit.structuring import Invalid, make_converter, type_words


@frozen(kw_only=True)
class Inner:
    """A table in a table."""

    size: int = param(1, help="a size", low=1)


@frozen(kw_only=True)
class Whole(Decoder):
    """A decoder."""

    depth: int = param(1, help="how deep", high=9)
    inner: Decoder | None = param(None, help="another one")

    def decode(self, prediction: Prediction) -> Any:
        """Never called."""


@frozen(kw_only=True)
class Settings:
    """One field of every type."""

    number: float = param(0.5, help="", low=0, high=1)
    free: float = param(0.0, help="")
    count: int = param(0, help="", low=0)
    flag: bool = param(False, help="")
    word: str = param("", help="")
    mode: Literal["mean", "max", 3] = param("mean", help="")
    perhaps: Literal["mean", "max"] | None = param(None, help="")
    gpus: int | Literal["all"] = param("all", help="", low=0)
    size: tuple[int, int, int] = param((1, 1, 1), help="", low=1)
    sizes: tuple[tuple[int, int, int], ...] = param((), help="", low=0)
    pair: tuple[str, int] = param(("a", 1), help="")
    either: int | tuple[int, ...] = param(1, help="")
    scales: dict[str, float] = param(factory=dict, help="", high=5)
    inner: Inner = param(factory=Inner, help="")
    decoder: Decoder | None = param(None, help="")
    decoders: tuple[Decoder, ...] = param((), help="")


@frozen(kw_only=True)
class Strict:
    """What must be given, and a check across fields."""

    first: int = param(help="needed")
    last: int = param(help="needed")

    def __attrs_post_init__(self) -> None:
        if self.last < self.first:
            raise NeurokitError(f"last {self.last} comes before first {self.first}")


def _find(kind: str, name: str) -> type[Kind]:
    if (kind, name) != ("decoder", "whole"):
        raise NeurokitError(f"unknown {kind} '{name}'")
    return Whole


def structure(value: Any, cls: type = Settings) -> Any:
    return make_converter(_find).structure(value, cls)


def problems(value: Any, cls: type = Settings) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        structure(value, cls)
    return [(".".join(map(str, each.path)), each.message) for each in caught.value.problems]


def test_values_that_fit_arrive_unchanged() -> None:
    given = {
        "number": 1,
        "free": math.inf,
        "count": 7,
        "flag": True,
        "word": "seven",
        "mode": 3,
        "perhaps": "max",
        "gpus": 2,
        "size": [1, 2, 3],
        "sizes": [[0, 0, 1], [1, 0, 0]],
        "pair": ["b", 2],
        "either": [1, 2],
        "scales": {"x": 2, "y": 0.5},
        "inner": {"size": 4},
        "decoder": {"use": "whole", "inner": {"use": "whole", "depth": 3}},
        "decoders": [{"use": "whole"}, {"use": "whole", "depth": 2}],
    }
    got = structure(given)
    assert got == Settings(
        number=1.0,
        free=math.inf,
        count=7,
        flag=True,
        word="seven",
        mode=3,
        perhaps="max",
        gpus=2,
        size=(1, 2, 3),
        sizes=((0, 0, 1), (1, 0, 0)),
        pair=("b", 2),
        either=(1, 2),
        scales={"x": 2.0, "y": 0.5},
        inner=Inner(size=4),
        decoder=Whole(inner=Whole(depth=3)),
        decoders=(Whole(), Whole(depth=2)),
    )
    assert type(got.number) is float
    assert type(got.scales["x"]) is float
    assert structure({}) == Settings()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("count", "7", "must be an integer, not the string '7'"),
        ("count", 7.0, "must be an integer, not 7.0"),
        ("count", True, "must be an integer, not true"),
        ("count", [7], "must be an integer, not [7]"),
        ("count", {}, "must be an integer, not a table"),
        ("count", None, "must be an integer, not None"),
        ("count", -1, "must be at least 0, not -1"),
        ("number", "0.5", "must be a number, not the string '0.5'"),
        ("number", False, "must be a number, not false"),
        ("number", math.nan, "must be a number, not nan"),
        ("number", math.inf, "must be at most 1, not inf"),
        ("number", -math.inf, "must be at least 0, not -inf"),
        ("number", 2, "must be at most 1, not 2.0"),
        ("free", math.nan, "must be a number, not nan"),
        ("free", 10**400, f"must be a number, not {10**400}"),
        ("flag", 1, "must be true or false, not 1"),
        ("flag", "true", "must be true or false, not the string 'true'"),
        ("word", 7, "must be a string, not 7"),
        ("word", True, "must be a string, not true"),
        (
            "mode",
            "maen",
            "must be 'mean' or 'max' or 3, not the string 'maen'; did you mean 'mean'?",
        ),
        ("mode", 3.0, "must be 'mean' or 'max' or 3, not 3.0"),
        ("mode", "a\nb", "must be 'mean' or 'max' or 3, not the string 'a\\nb'"),
        ("perhaps", "ma", "must be 'mean' or 'max', not the string 'ma'; did you mean 'max'?"),
        ("perhaps", 0, "must be 'mean' or 'max', not 0"),
        ("gpus", "some", "must be an integer or 'all', not the string 'some'"),
        ("gpus", True, "must be an integer or 'all', not true"),
        ("gpus", -2, "must be at least 0, not -2"),
        ("size", 16, "must be a list of 3 integers, not 16"),
        ("size", [1, 2], "must be a list of 3 integers, not a list of 2"),
        ("size", [1, 2, 0], "must be at least 1, not 0"),
        ("pair", ["a"], "must be a list of 2: a string, an integer, not a list of 1"),
        ("either", "a", "must be an integer or a list of integers, not the string 'a'"),
        ("sizes", "a", "must be a list of lists of 3 integers, not the string 'a'"),
        ("scales", {"x": 9}, None),
        ("scales", [1], "must be a table, not [1]"),
        ("inner", 3, "must be a table, not 3"),
        ("decoder", "whole", "must be a table, not the string 'whole'"),
        ("decoder", {}, 'needs use = "name", the name of a decoder'),
        ("decoders", {"use": "whole"}, "must be a list of tables, not a table"),
    ],
)
def test_nothing_is_coerced(key: str, value: Any, message: str | None) -> None:
    if message is None:
        assert structure({key: value}).scales == {"x": 9.0}
    else:
        assert problems({key: value}) == [(key, message)]


def test_problems_inside_lists_and_tables_have_their_place() -> None:
    assert problems({"size": [1, "2", 3.0]}) == [
        ("size.1", "must be an integer, not the string '2'"),
        ("size.2", "must be an integer, not 3.0"),
    ]
    assert problems({"sizes": [[1, 2, 3], [1, 2]]}) == [
        ("sizes.1", "must be a list of 3 integers, not a list of 2")
    ]
    assert problems({"either": [1, "a"]}) == [
        ("either.1", "must be an integer, not the string 'a'")
    ]
    assert problems({"scales": {"x": "a"}}) == [
        ("scales.x", "must be a number, not the string 'a'")
    ]
    assert problems({"decoders": [{"use": "whole"}, {"use": "hole"}, {"use": 3}]}) == [
        ("decoders.1.use", "unknown decoder 'hole'"),
        ("decoders.2.use", 'needs use = "name", the name of a decoder'),
    ]


def test_every_problem_at_once() -> None:
    found = problems(
        {
            "nmber": 1,
            "zzz": 2,
            "number": 7,
            "inner": {"size": 0, "sice": 3},
            "decoder": {"use": "whole", "depth": 10, "inner": {"use": "whole", "depth": "1"}},
        }
    )
    names = ", ".join(field for field in Settings.__annotations__)
    assert found == [
        ("nmber", "unknown parameter 'nmber'; did you mean 'number'?"),
        ("zzz", f"unknown parameter 'zzz'; there is {names}"),
        ("inner.sice", "unknown parameter 'sice'; did you mean 'size'?"),
        ("inner.size", "must be at least 1, not 0"),
        ("decoder.inner.depth", "must be an integer, not the string '1'"),
        ("decoder.depth", "must be at most 9, not 10"),
        ("number", "must be at most 1, not 7.0"),
    ]


def test_required_parameters_and_checks_across_fields() -> None:
    assert problems({}, Strict) == [
        ("", "the parameter 'first' is missing"),
        ("", "the parameter 'last' is missing"),
    ]
    assert problems({"first": 3, "last": 2}, Strict) == [("", "last 2 comes before first 3")]
    assert structure({"first": 3, "last": 3}, Strict) == Strict(first=3, last=3)


def test_bounds_hold_in_python_too() -> None:
    with pytest.raises(ValueError, match=r"^number must be at most 1, not 2$"):
        Settings(number=2)
    with pytest.raises(NeurokitError, match=r"^last 2 comes before first 3$"):
        Strict(first=3, last=2)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (int | None, "an integer"),
        (tuple[float, ...], "a list of numbers"),
        (tuple[bool, bool], "a list of 2, each true or false"),
        (tuple[Literal["z", "y"], ...], "a list, each 'z' or 'y'"),
        (tuple[int | str, int | str], "a list of 2, each an integer or a string"),
        (tuple[tuple[float, float], tuple[float, float]], "a list of 2 lists of 2 numbers"),
        (tuple[Decoder, ...], "a list of tables"),
        (dict[str, int], "a table"),
    ],
)
def test_types_in_words(wanted: Any, words: str) -> None:
    assert type_words(wanted) == words
