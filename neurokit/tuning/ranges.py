"""Ranges: what a parameter may be, while the best settings are searched."""

from __future__ import annotations

import json
import math
from copy import deepcopy
from fractions import Fraction
from typing import Any, Literal

from attrs import frozen

KeyPath = tuple[str | int, ...]
Settings = dict[str, Any]
"""A plain value for each range, by the range's name."""


@frozen
class Choice:
    """One of several values.

    Attributes:
        path: of the parameter in a recipe, such as ("decoder", "merge_function").
        values: plain, as TOML has them; no two are the same.
    """

    path: KeyPath
    values: tuple[Any, ...]

    @property
    def name(self) -> str:
        """What an override calls the parameter: `decoder.merge_function`."""
        return ".".join(map(str, self.path))

    @property
    def count(self) -> int:
        """How many values there are."""
        return len(self.values)

    @property
    def labels(self) -> tuple[str | int | float | bool, ...]:
        """A different plain number or text for each value, that shows which it is."""
        if all(type(value) is str for value in self.values):
            return self.values
        numbers = all(type(value) in (int, float) for value in self.values)
        if numbers and len(set(self.values)) == self.count:
            return self.values
        return tuple(json.dumps(value) for value in self.values)

    def point(self, index: int) -> Any:
        """The value at a place of the list."""
        return self.values[index]

    def value(self, label: Any) -> Any:
        """The value that a label stands for."""
        return self.values[self.labels.index(label)]

    def label(self, value: Any) -> Any:
        """The label of a value."""
        return self.labels[self.values.index(value)]

    def nearest(self, value: Any) -> Any:
        """The same value, if it is one of these, else None."""
        same = (each for each in self.values if type(each) is type(value) and each == value)
        return next(same, None)

    def edge(self, _: Any) -> Literal["low", "high"] | None:
        """Choices have no ends."""
        return None


@frozen
class Interval:
    """Numbers from `low` to `high`, both included.

    Attributes:
        path: of the parameter in a recipe, such as ("decoder", "aff_threshold", 0).
        low, high: both whole numbers where all are. With a step, `high` is the last one reached.
        step: between a number and the next; None is all there are in between.
        log: whether small numbers are as far apart as large ones that stand in the same ratio.
        whole: whether all are whole numbers.
        own: the smallest and the largest number that the parameter itself allows; None where it
            sets none.
    """

    path: KeyPath
    low: float
    high: float
    step: float | None
    log: bool
    whole: bool
    own: tuple[float | None, float | None]

    @property
    def name(self) -> str:
        """What an override calls the parameter: `decoder.aff_threshold.0`."""
        return ".".join(map(str, self.path))

    @property
    def count(self) -> int | None:
        """How many numbers there are; None for all in between."""
        if self.step is None:
            return None if self.low < self.high else 1
        return steps_between(self.low, self.high, self.step) + 1

    def point(self, index: int) -> float:
        """The number after `index` steps, without the rounding errors of adding them up."""
        if self.step is None:
            return self.low
        exact = Fraction(str(self.low)) + index * Fraction(str(self.step))
        return int(exact) if self.whole else float(exact)

    def value(self, label: Any) -> float:
        """The number that a drawn one stands for: 0.3 for 0.30000000000000004."""
        if self.step is None:
            return float(label)
        return self.point(round((label - self.low) / self.step))

    def label(self, value: Any) -> Any:
        """A number stands for itself."""
        return value

    def nearest(self, value: Any) -> float | None:
        """The same number, if it is one of these, else None."""
        if type(value) not in (int, float) or not self.low <= value <= self.high:
            return None
        found = self.value(value)
        return found if math.isclose(found, value, rel_tol=1e-9, abs_tol=1e-12) else None

    def edge(self, value: float) -> Literal["low", "high"] | None:
        """The end that a number lies at, unless the parameter itself ends there.

        Where all numbers in between count, the outermost hundredth at each end lies at it.
        """
        if self.low == self.high:
            return None
        place = (value - self.low) / (self.high - self.low)
        if self.log:
            place = math.log(value / self.low) / math.log(self.high / self.low)
        margin = 0.01 if self.step is None else 0.0
        if place <= margin and self.low != self.own[0]:
            return "low"
        if place >= 1 - margin and self.high != self.own[1]:
            return "high"
        return None


Range = Choice | Interval


def steps_between(low: float, high: float, step: float) -> int:
    """How many whole steps, as decimal numbers, lead from `low` to at most `high`."""
    exact_low, exact_high, exact_step = (Fraction(str(each)) for each in (low, high, step))
    return int((exact_high - exact_low) // exact_step)


def grid_size(ranges: tuple[Range, ...]) -> int | None:
    """How many settings there are; None where a range has all the numbers in between."""
    counts = [each.count for each in ranges]
    return None if None in counts else math.prod(count for count in counts if count is not None)


def grid_point(ranges: tuple[Range, ...], index: int) -> Settings:
    """The settings at a place of the grid, in which the last range varies fastest."""
    settings: Settings = {}
    for each in reversed(ranges):
        assert each.count is not None
        index, place = divmod(index, each.count)
        settings[each.name] = each.point(place)
    return {each.name: settings[each.name] for each in ranges}


def with_settings(
    table: dict[str, Any], ranges: tuple[Range, ...], settings: Settings
) -> dict[str, Any]:
    """A recipe's plain table with these settings in their places; the given one stays as it is."""
    changed = deepcopy(table)
    for each in ranges:
        place: Any = changed
        for key in each.path[:-1]:
            place = place[key]
        place[each.path[-1]] = settings[each.name]
    return changed


def settings_in(table: dict[str, Any], ranges: tuple[Range, ...]) -> Settings | None:
    """A recipe's own settings, where they lie in every range; else None."""
    settings: Settings = {}
    for each in ranges:
        place: Any = table
        for key in each.path[:-1]:
            place = place[key]
        last = each.path[-1]
        given = place[last] if isinstance(last, int) else place.get(last)
        settings[each.name] = each.nearest(given)
        if settings[each.name] is None:
            return None
    return settings


def without_settings(table: dict[str, Any], ranges: tuple[Range, ...]) -> dict[str, Any]:
    """A recipe's plain table without the parameters that are searched."""
    rest = deepcopy(table)
    for each in ranges:
        path = each.path
        while isinstance(path[-1], int):  # of a list with a range, nothing is left
            path = path[:-1]
        place: Any = rest
        for key in path[:-1]:
            place = place[key]
        place.pop(path[-1], None)
    return rest
