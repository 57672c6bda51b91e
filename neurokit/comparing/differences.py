"""Differences: the keys of several recipes' tables whose values are not the same in all.

Tables are plain values, as TOML holds them. Of two runs with other components in one place, only
what both components have is set against each other: what one has alone follows from the choice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Any

from attrs import define

Table = dict[str, Any]

_SHORT = 50


class Missing(Enum):
    """Why a run has no value under a key."""

    ABSENT = "it is not given"
    ELSEWHERE = "another component stands there, or the run does not come to it"


@define
class Difference:
    """A key whose values differ.

    Attributes:
        key: dotted; a component in a list is named as in `metrics[voi].crop`.
        values: of each recipe, in their order.
    """

    key: str
    values: list[Any]


def differences(tables: Sequence[Table | Missing]) -> tuple[list[Difference], int]:
    """What differs between tables, in the order of the first, and how many values are equal.

    A table that some lack altogether is one difference, not one for each of its keys. Components
    of a list (`metrics`, `train.augmentations`) are matched by their `use`: which there are, and in
    which order, is one value; each that two lists have is then compared.
    """
    found: list[Difference] = []
    equal = 0
    for key, values, differ in _compared("", list(tables)):
        if differ:
            found.append(Difference(key, values))
        else:
            equal += 1
    return found, equal


def in_words(value: Any) -> str:
    """A value as a recipe's author would write it; `-` where there is none.

    Of a table that others lack, the name of its component stands for the whole; of one that is no
    component, only a short one is written out.
    """
    if isinstance(value, Missing):
        return "-"
    if isinstance(value, str):
        return value or '""'
    if isinstance(value, dict):
        text = str(value["use"]) if "use" in value else _inline(value)
        return text if len(text) <= _SHORT else "given"
    if value and _is_list_of_tables(value) and all("use" in each for each in value):
        return ", ".join(str(each["use"]) for each in value)
    return _inline(value)


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        pairs = ", ".join(f"{key} = {_inline(each)}" for key, each in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_inline, value))}]"
    return json.dumps(value, ensure_ascii=False, default=str)


def _compared(key: str, values: list[Any]) -> Iterator[tuple[str, list[Any], bool]]:
    """Every value at or below `key` that two have: (key, value of each, whether they differ)."""
    given = [value for value in values if value is not Missing.ELSEWHERE]
    if len(given) < 2:
        return
    if all(isinstance(value, dict) for value in given):
        for name in _keys(given):
            yield from _compared(f"{key}.{name}" if key else name, _below(name, values))
    elif all(_is_list_of_tables(value) for value in given):
        yield from _compared_lists(key, values, given)
    else:
        yield key, values, not all(_same(value, given[0]) for value in given)


def _below(name: str, values: list[Any]) -> list[Any]:
    """What each table has under a name; a component that knows no such name stands elsewhere."""
    knowing = [value.get("use") for value in values if isinstance(value, dict) and name in value]

    def found(value: Any) -> Any:
        if isinstance(value, Missing):
            return value
        lacking = Missing.ABSENT if value.get("use") in knowing else Missing.ELSEWHERE
        return value.get(name, lacking)

    return [found(value) for value in values]


def _compared_lists(
    key: str, values: list[Any], given: list[Any]
) -> Iterator[tuple[str, list[Any], bool]]:
    """Lists of tables: which components they hold, and then the tables that belong together."""
    names = [_names(tables) for tables in given]
    yield key, values, not all(each == names[0] for each in names)
    for name in _keys(dict.fromkeys(each) for each in names):
        inner = [value if isinstance(value, Missing) else _named(value, name) for value in values]
        yield from _compared(f"{key}[{name}]", inner)


def _names(tables: list[Table]) -> list[str]:
    """What tells the tables of a list apart: their components, with a number where one recurs."""
    uses = [str(table.get("use", "")) for table in tables]
    return [
        use if use and uses.count(use) == 1 else f"{use} {uses[:place].count(use) + 1}".strip()
        for place, use in enumerate(uses)
    ]


def _named(tables: list[Table], name: str) -> Any:
    names = _names(tables)
    return tables[names.index(name)] if name in names else Missing.ELSEWHERE


def _keys(tables: Iterable[Iterable[str]]) -> list[str]:
    """The keys of all tables, each once."""
    return list(dict.fromkeys(key for table in tables for key in table))


def _is_list_of_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _same(one: Any, other: Any) -> bool:
    """Whether two values are equal; true is no 1, though Python says so."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
