"""Parameters: the fields of a component, with what a recipe's author must know of each.

One declaration serves validation (`check`), listing (`describe`) and tuning (`low`, `high`,
`choices`)::

    @frozen(kw_only=True)
    class Waterz(Decoder):
        threshold: float = param(0.5, help="merge while 1 - affinity is below it", low=0, high=1)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs

_KEY = "neurokit.param"


@attrs.frozen
class Param:
    """What is declared of a parameter besides its name, type and default.

    Attributes:
        help: one sentence for `neurokit show`.
        low, high: inclusive bounds; of a sequence, the bounds of each element.
        above, below: exclusive bounds.
        choices: the only values allowed; of a sequence, of each element.
    """

    help: str = ""
    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[Any, ...] | None = None

    def problem(self, value: object) -> str | None:
        """What is wrong with `value`, or None."""
        for element in _elements(value):
            if self.choices is not None and element not in self.choices:
                return f"must be one of {', '.join(map(str, self.choices))}, not {element}"
            if not isinstance(element, int | float) or isinstance(element, bool):
                continue
            # Written so that NaN, which compares false with everything, is refused.
            if self.low is not None and not element >= self.low:
                return f"must be at least {self.low:g}, not {element}"
            if self.above is not None and not element > self.above:
                return f"must be above {self.above:g}, not {element}"
            if self.below is not None and not element < self.below:
                return f"must be below {self.below:g}, not {element}"
            if self.high is not None and not element <= self.high:
                return f"must be at most {self.high:g}, not {element}"
        return None

    @property
    def range(self) -> str:
        """The allowed values in words, empty where everything of the type is allowed."""
        if self.choices is not None:
            return "one of " + ", ".join(map(str, self.choices))
        lower = f"at least {self.low:g}" if self.low is not None else ""
        lower = f"above {self.above:g}" if self.above is not None else lower
        upper = f"at most {self.high:g}" if self.high is not None else ""
        upper = f"below {self.below:g}" if self.below is not None else upper
        return ", ".join(part for part in (lower, upper) if part)


def _elements(value: object) -> Iterator[object]:
    if isinstance(value, tuple | list):
        for element in value:
            yield from _elements(element)
    else:
        yield value


def param(
    default: Any = attrs.NOTHING,
    *,
    help: str,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: tuple[Any, ...] | None = None,
    factory: Callable[[], Any] | None = None,
) -> Any:
    """An attrs field that is a recipe parameter.

    Args:
        default: the value where the recipe gives none; without one the parameter is required.
        help: one sentence, shown by `neurokit show`.
        low, high: inclusive bounds of a number, or of each number of a sequence.
        above: an exclusive lower bound, for what must be positive.
        below: an exclusive upper bound.
        choices: the allowed values.
        factory: makes the default where it is mutable or a component.
    """
    declared = Param(help, low, high, above, below, choices)

    def validate(_instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
        problem = declared.problem(value)
        if problem is not None:
            raise ValueError(f"{attribute.name} {problem}")

    if factory is not None:
        return attrs.field(factory=factory, validator=validate, metadata={_KEY: declared})
    return attrs.field(default=default, validator=validate, metadata={_KEY: declared})


def declared_param(attribute: attrs.Attribute[Any]) -> Param:
    """The declaration of a field; an empty one for a field not made by `param`."""
    found = attribute.metadata.get(_KEY, Param())
    assert isinstance(found, Param)
    return found
