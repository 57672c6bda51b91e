"""What may be declared of a parameter, and how values are checked."""

import math
import re
from typing import Any

import attrs
import pytest

from neurokit import param
from neurokit.params import Param, declared_param


@attrs.frozen(kw_only=True)
class _Example:
    required: int = param(help="needed")
    share: float = param(0.5, help="a share", low=0, high=1)
    size: float = param(1.0, help="a size", above=0)
    mode: str = param("mean", help="a mode", choices=("mean", "max"))
    windows: tuple[tuple[int, ...], ...] = param(((1, 2),), help="nested", low=1)
    names: list[str] = param(help="fresh for each", factory=list)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"share": -0.1}, "share must be at least 0, not -0.1"),
        ({"share": 2}, "share must be at most 1, not 2"),
        ({"share": math.nan}, "share must be at least 0, not nan"),
        ({"size": 0}, "size must be above 0, not 0"),
        ({"size": math.nan}, "size must be above 0, not nan"),
        ({"mode": "min"}, "mode must be one of mean, max, not min"),
        ({"windows": ((1, 2), (3, 0))}, "windows must be at least 1, not 0"),
    ],
)
def test_values_out_of_bounds(values: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        _Example(required=1, **values)


def test_bounds_are_inclusive_where_they_say_so() -> None:
    assert _Example(required=1, share=0).share == 0
    assert _Example(required=1, share=1).share == 1
    assert _Example(required=1, size=math.inf).size == math.inf


def test_defaults() -> None:
    with pytest.raises(TypeError, match="required"):
        _Example()
    one, other = _Example(required=1), _Example(required=1)
    assert one.names == []
    assert one.names is not other.names
    assert (one.share, one.size, one.mode) == (0.5, 1.0, "mean")


def test_declarations_can_be_read_back() -> None:
    fields = attrs.fields_dict(_Example)
    assert declared_param(fields["share"]) == Param("a share", 0, 1)
    assert declared_param(fields["names"]).help == "fresh for each"

    @attrs.frozen
    class Plain:
        value: int

    assert declared_param(attrs.fields(Plain).value) == Param()


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (Param(), ""),
        (Param(low=0, high=1), "at least 0, at most 1"),
        (Param(above=0), "above 0"),
        (Param(high=2.5), "at most 2.5"),
        (Param(choices=(1, "a")), "one of 1, a"),
    ],
)
def test_ranges_in_words(declared: Param, words: str) -> None:
    assert declared.range == words


def test_booleans_and_words_have_no_bounds() -> None:
    assert Param(low=5).problem(True) is None
    assert Param(low=5).problem("four") is None
    assert Param(low=5).problem([6, [4]]) == "must be at least 5, not 4"
