"""The space of a search: ranges, as `[tune.space]` gives them, checked against the components.

The space has the shape of the recipe, with ranges in place of values. A range is

- a table such as `{ low = 0.1, high = 0.9, step = 0.1 }`. An end that is left out is the smallest
  or largest value that the parameter allows; `{}` is everything that it allows, also of a
  parameter with choices, or of true and false. Floating numbers without a step are all those in
  between; whole numbers have the step 1. `log = true` spreads them by their ratios.
- a list of values, or a table `{ choices = [...] }`: one of these.
- for a parameter that is a list itself, a list with a table in it: an entry for each element,
  which is a table, a list of choices, or a value that stays. Without a table in it, it is a list
  of choices, each of which is a whole list::

      aff_threshold = [{ low = 0.0, high = 0.5, step = 0.1 }, 0.999]
      aff_threshold = [[0.1, 0.9], [0.1, 0.999], [0.2, 0.999]]

The space of a recipe takes the place of an inherited one, as a whole.

Components within a component, and the list of metrics, are tables and lists of tables, as they are
in the recipe itself.
"""

from __future__ import annotations

import math
import types
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import attrs

from neurokit.errors import RecipeError
from neurokit.params import Param, declared_param
from neurokit.structuring import (
    FindComponent,
    Invalid,
    Problem,
    make_converter,
    shown,
    type_words,
    unknown_parameter,
)
from neurokit.tuning.ranges import Choice, Interval, KeyPath, Range, grid_size, steps_between

if TYPE_CHECKING:
    from cattrs import Converter

    from neurokit.kinds import Decoder
    from neurokit.schema import Recipe, Tuning

_TRIALS = 25
_LARGEST_WHOLE = 2**53  # up to which floating numbers, which samplers compute in, are exact
_MOST_STEPS = 10**7  # from 0; beyond, Optuna no longer finds that a number lies on its step
_KEYS = ["low", "high", "step", "log", "choices"]


def ranges_of(recipe: Recipe, find_component: FindComponent) -> tuple[Range, ...]:
    """The ranges of a recipe's `[tune.space]`, in its order; none where it has no such table.

    What costs little to change comes last, where a grid varies fastest.

    Raises:
        Invalid: with every problem, each with its path in the recipe.
    """
    if recipe.tune is None:
        return ()
    space = recipe.tune.space
    reader = _Reader(make_converter(find_component))
    found = reader.of_table(space.decoder, recipe.decoder, ("decoder",))
    if space.metrics:
        found += reader.of_tables(space.metrics, recipe.metrics, ("metrics",))
    if reader.problems:
        raise Invalid(reader.problems)
    return tuple(sorted(found, key=partial(_quickness, recipe.decoder)))


def _quickness(decoder: Decoder, each: Range) -> int:
    """Where in the order of a grid a range stands: what costs little to change varies fastest."""
    kind, name = each.path[:2]
    return 2 if kind == "metrics" else int(name in decoder.quick_parameters)


def trial_count(tuning: Tuning, ranges: tuple[Range, ...]) -> int:
    """How many trials a study is to have: as many as are asked for, or as there are settings.

    Raises:
        RecipeError: a grid has no end.
    """
    size = grid_size(ranges)
    if tuning.sampler == "grid" and size is None:
        name = next(each.name for each in ranges if each.count is None)
        raise RecipeError(
            [
                f'tune.sampler is "grid", and {name} has no step; give it one in tune.space, or '
                f'choose "tpe"'
            ]
        )
    wanted = _TRIALS if tuning.trials is None else tuning.trials
    if size is None:
        return wanted
    return size if tuning.sampler == "grid" and tuning.trials is None else min(wanted, size)


class _Reader:
    """Reads ranges, and goes on after a problem to find the others."""

    def __init__(self, converter: Converter) -> None:
        self.converter = converter
        self.problems: list[Problem] = []

    def of_table(self, given: Any, settings: Any, path: KeyPath) -> list[Range]:
        """The ranges of a component, or of another table of the recipe."""
        if not isinstance(given, dict):
            return self._refuse(path, f"must be a table of ranges, not {shown(given)}")
        fields = {each.name: each for each in attrs.fields(type(settings)) if each.init}
        found: list[Range] = []
        for name, entry in given.items():
            if name not in fields:
                self._refuse((*path, name), unknown_parameter(name, list(fields)))
                continue
            found += self._of_field(entry, fields[name], getattr(settings, name), (*path, name))
        return found

    def of_tables(self, given: Any, parts: Sequence[Any], path: KeyPath) -> list[Range]:
        """The ranges of each of a list of components."""
        if not isinstance(given, list | tuple) or len(given) != len(parts):
            return self._refuse(
                path,
                f"must be a list of {len(parts)} tables, as many as the recipe has there; "
                f"{{}} is for one without ranges",
            )
        entries = enumerate(zip(given, parts, strict=True))
        return [
            each
            for index, (entry, part) in entries
            for each in self.of_table(entry, part, (*path, index))
        ]

    def _of_field(
        self, given: Any, field: attrs.Attribute[Any], value: Any, path: KeyPath
    ) -> list[Range]:
        wanted = _without_none(field.type)
        declared = declared_param(field)
        if attrs.has(type(value)):
            if given == {}:
                message = "is a table and has no range of its own: name parameters in it"
                return self._refuse(path, message)
            return self.of_table(given, value, path)
        if isinstance(value, tuple) and value and attrs.has(type(value[0])):
            return self.of_tables(given, value, path)
        if _each_element(given):
            return self._of_elements(given, wanted, declared, value, path)
        return self._of_value(given, wanted, declared, path)

    def _of_elements(
        self, given: Any, wanted: Any, declared: Param, value: Any, path: KeyPath
    ) -> list[Range]:
        """The ranges of each element of a list."""
        if get_origin(wanted) is not tuple:
            message = f"is {type_words(wanted)}: give a table, or a list of values to choose from"
            return self._refuse(path, message)
        length = len(value) if value is not None else 0
        if len(given) != length:
            return self._refuse(
                path, f"must be a list of {length} ranges, as many as the recipe has values there"
            )
        kinds = get_args(wanted)
        kinds = kinds[:1] * length if kinds[1:] == (...,) else kinds
        return [
            each
            for index, (entry, kind) in enumerate(zip(given, kinds, strict=True))
            for each in self._of_value(
                entry if isinstance(entry, dict | list) else [entry], kind, declared, (*path, index)
            )
        ]

    def _of_value(self, given: Any, wanted: Any, declared: Param, path: KeyPath) -> list[Range]:
        """The range of one value."""
        if isinstance(given, list):
            return self._choice(given, wanted, declared, path)
        if not isinstance(given, dict):
            return self._refuse(
                path,
                f"must be a range such as {{ low = 1, high = 9 }}, or a list of values to choose "
                f"from, not {shown(given)}",
            )
        unknown = [key for key in given if key not in _KEYS]
        for key in unknown:
            self._refuse((*path, key), unknown_parameter(key, _KEYS))
        if unknown:
            return []
        if "choices" in given:
            if len(given) > 1:
                return self._refuse(path, "has choices, which nothing goes together with")
            return self._choice(given["choices"], wanted, declared, path)
        whole = _whole(wanted)
        if whole is not None and declared.choices is None:
            return self._interval(given, whole, declared, path)
        if get_origin(wanted) is tuple:
            return self._refuse(path, "is a list: give a list of ranges, one for each element")
        if given:
            return self._refuse(path, "is no range of numbers: give {}, or a list of values")
        choices = _all_values(wanted) if declared.choices is None else declared.choices
        if choices is None:
            message = f"is {type_words(wanted)}: give a list of values to choose from"
            return self._refuse(path, message)
        return [Choice(path, tuple(choices))]

    def _choice(self, given: Any, wanted: Any, declared: Param, path: KeyPath) -> list[Range]:
        if not isinstance(given, list) or not given:
            return self._refuse(path, f"must be a list of values, not {shown(given)}")
        problems: list[Problem] = []
        before: list[Any] = []
        for each in given:
            try:
                value = self.converter.structure(each, wanted)
            except Invalid as error:
                problems += error.problems
                continue
            unfit = declared.problem(value)
            if unfit is not None:
                problems.append(Problem((), unfit))
            elif any(type(value) is type(other) and value == other for other in before):
                problems.append(Problem((), f"names {shown(each)} twice"))
            before.append(value)
        for problem in problems:
            self._refuse(path, problem.message)
        return [] if problems else [Choice(path, tuple(given))]

    def _interval(
        self, given: dict[str, Any], whole: bool, declared: Param, path: KeyPath
    ) -> list[Range]:
        """Numbers from one end to another; `whole` where the parameter takes no others."""
        wanted = int if whole else float
        before = len(self.problems)
        ends: dict[str, Any] = {"low": declared.low, "high": declared.high}
        for key, end in ends.items():
            if key in given:
                ends[key] = self._number(given[key], wanted, declared, (*path, key))
            elif end is None:
                most = "smallest" if key == "low" else "largest"
                self._refuse(path, f"has no {most} value of its own: give {key}")
        step = given.get("step", 1 if whole else None)
        if step is not None:
            step = self._number(step, wanted, Param(above=0), (*path, "step"))
        log = given.get("log", False)
        if not isinstance(log, bool):
            self._refuse((*path, "log"), f"must be true or false, not {shown(log)}")
        if len(self.problems) > before:
            return []
        low, high = ends["low"], ends["high"]
        if low > high:
            return self._refuse(path, f"has low {low} above high {high}")
        if log and "step" in given:
            return self._refuse(path, "has both step and log, which do not go together")
        if log and low <= 0:
            return self._refuse(path, f"has log, for which low must be above 0, not {low:g}")
        largest = max(abs(low), abs(high))
        if whole and max(largest, step) > _LARGEST_WHOLE:
            return self._refuse(path, f"has numbers above {_LARGEST_WHOLE}: give lower ones")
        if step is not None and not whole and largest / step > _MOST_STEPS:
            return self._refuse(
                path,
                f"has a step of {step:g}, which is lost in numbers as large as {largest:g}: give a "
                f"longer one, or none",
            )
        if step is not None:
            steps = steps_between(low, high, step)
            if low < high and not steps:
                return self._refuse(path, f"has a step of {step:g}, which is longer than the range")
            high = Interval(path, low, high, step, log, whole, (None, None)).point(steps)
        low, high = wanted(low), wanted(high)
        own = (declared.low, declared.high)
        return [Interval(path, low, high, step, log, whole, own)]

    def _number(self, given: Any, wanted: type, declared: Param, path: KeyPath) -> Any:
        """A number of the range's table that fits; None where it does not."""
        try:
            number: Any = self.converter.structure(given, wanted)
        except Invalid as error:
            return self._refuse(path, error.problems[0].message) or None
        unfit = declared.problem(number)
        if unfit is None and isinstance(number, float) and not math.isfinite(number):
            unfit = "must be finite"
        if unfit is not None:
            return self._refuse(path, unfit) or None
        return number

    def _refuse(self, path: KeyPath, message: str) -> list[Range]:
        self.problems.append(Problem(("tune", "space", *path), message))
        return []


def _each_element(given: Any) -> bool:
    """Whether this is a list with a table in it: an entry for each element of a value."""
    return isinstance(given, list) and any(isinstance(each, dict) for each in given)


def _alternatives(wanted: Any) -> list[Any]:
    """The types of a union, or the one type; None, which no range can give, left out."""
    union = get_origin(wanted) in (Union, types.UnionType)
    return [each for each in get_args(wanted) if each is not types.NoneType] if union else [wanted]


def _without_none(wanted: Any) -> Any:
    """The type that a given value has, where the parameter may be left out."""
    kinds = _alternatives(wanted)
    return kinds[0] if len(kinds) == 1 else wanted


def _whole(wanted: Any) -> bool | None:
    """Whether a parameter takes only whole numbers; None if it takes none at all."""
    kinds = _alternatives(wanted)
    return False if float in kinds else True if int in kinds else None


def _all_values(wanted: Any) -> tuple[Any, ...] | None:
    """Every value of a type, where there is a handful."""
    found: list[Any] = []
    for each in _alternatives(wanted):
        if each is bool:
            found += [False, True]
        elif get_origin(each) is Literal:
            found += get_args(each)
        else:
            return None
    return tuple(found)
