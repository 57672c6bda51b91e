"""Charts: curves as SVG that takes the colours of the page around it, light or dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from attrs import frozen

_WIDTH, _HEIGHT = 560, 290
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 14, 14, 44
_TICKS = 5
_MANY = 60


@frozen
class Line:
    """A curve.

    Attributes:
        name: for the legend.
        xs, ys: its points, by x; those that are no finite number are gaps.
        dotted: whether each point is marked, too.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    dotted: bool = False


@frozen
class Rule:
    """A vertical line at an x, with words beside it."""

    x: float
    words: str


def chart(
    lines: Sequence[Line],
    x_words: str,
    words: str,
    rules: Sequence[Rule] = (),
    from_zero: bool = False,
) -> str:
    """Curves over one x axis, as an SVG element.

    Args:
        lines: colours go by their order.
        x_words: what the x axis is; what y is, a title above says.
        words: what the chart shows, for those who do not see it.
        rules: what is marked along x.
        from_zero: whether the x axis begins with 0.
    """
    points = [
        (x, y)
        for line in lines
        for x, y in zip(line.xs, line.ys, strict=True)
        if math.isfinite(x) and math.isfinite(y)
    ]
    xs = [x for x, _ in points] + [rule.x for rule in rules] + ([0.0] if from_zero else [])
    x_axis = _Axis.over(xs, tight=True)
    y_axis = _Axis.over([y for _, y in points])
    parts = [
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(words)}">',
    ]
    parts += [_y_tick(y_axis, tick) for tick in y_axis.ticks]
    parts += [_x_tick(x_axis, tick) for tick in x_axis.ticks]
    parts += [_rule(x_axis, rule) for rule in rules]
    for number, line in enumerate(lines):
        parts += _curve(line, number, x_axis, y_axis, thin=len(lines) > 1 and not line.dotted)
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle:.0f}" y="{_HEIGHT - 6}" class="axis">{escape(x_words)}</text>')
    parts.append("</svg>")
    return "".join(parts)


@frozen
class _Axis:
    """Round numbers from the first to the last."""

    low: float
    high: float
    step: float

    @classmethod
    def over(cls, values: Sequence[float], tight: bool = False) -> _Axis:
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        if low == high:
            pad = abs(low) / 10 or 1.0
            low, high = low - pad, high + pad
        step = _round_step((high - low) / _TICKS)
        if not tight:
            low, high = math.floor(low / step) * step, math.ceil(high / step) * step
        return cls(low, high, step)

    @property
    def ticks(self) -> list[float]:
        """The round numbers on it."""
        first = math.ceil(self.low / self.step - 1e-9)
        last = math.floor(self.high / self.step + 1e-9)
        return [number * self.step for number in range(first, last + 1)]

    def words(self, tick: float) -> str:
        """A round number as it is written."""
        if abs(tick) < self.step / 2:
            return "0"
        if max(abs(self.low), abs(self.high)) < 1e-3:
            return f"{tick:.1e}"
        decimals = max(0, -math.floor(math.log10(self.step) + 1e-9))
        return f"{tick:,.{decimals}f}"

    def share(self, value: float) -> float:
        """Where a value lies, 0 to 1."""
        return (value - self.low) / (self.high - self.low)


def _round_step(length: float) -> float:
    """The next of 1, 2, 5, 10, 20, ... that is not smaller."""
    power = 10.0 ** math.floor(math.log10(length))
    return next(each * power for each in (1, 2, 5, 10, 20) if each * power >= length * (1 - 1e-9))


def _x(axis: _Axis, value: float) -> float:
    return _LEFT + axis.share(value) * (_WIDTH - _LEFT - _RIGHT)


def _y(axis: _Axis, value: float) -> float:
    return _HEIGHT - _BOTTOM - axis.share(value) * (_HEIGHT - _TOP - _BOTTOM)


def _x_tick(axis: _Axis, tick: float) -> str:
    x = _x(axis, tick)
    return f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 17}" class="tick">{axis.words(tick)}</text>'


def _y_tick(axis: _Axis, tick: float) -> str:
    y = _y(axis, tick)
    return (
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
        f'<text x="{_LEFT - 7}" y="{y + 4:.1f}" class="tick left">{axis.words(tick)}</text>'
    )


def _rule(axis: _Axis, rule: Rule) -> str:
    x = _x(axis, rule.x)
    side, shift = ("left", -6) if axis.share(rule.x) > 0.5 else ("right", 6)
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" class="rule"/>'
        f'<text x="{x + shift:.1f}" y="{_TOP + 11}" class="mark {side}">{escape(rule.words)}</text>'
    )


def _curve(line: Line, number: int, x_axis: _Axis, y_axis: _Axis, thin: bool) -> list[str]:
    """The stretches of a curve between its gaps."""
    stretches: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(line.xs, line.ys, strict=True):
        if math.isfinite(x) and math.isfinite(y):
            stretches[-1].append((_x(x_axis, x), _y(y_axis, y)))
        elif stretches[-1]:
            stretches.append([])
    parts = []
    kind = "line thin" if thin and len(line.xs) >= _MANY else "line"
    for stretch in filter(None, stretches):
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in stretch)
        parts.append(f'<polyline points="{places}" class="{kind} c{number}"/>')
        if line.dotted or len(stretch) == 1:
            parts += [
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" class="dot c{number}"/>'
                for x, y in stretch
            ]
    return parts
