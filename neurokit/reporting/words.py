"""Words: numbers as people write them, and documentation as paragraphs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup, escape


def duration(seconds: float) -> str:
    """A time that something took."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02} min"


def counted(count: int, noun: str) -> str:
    """So many of something: "1 segment", "3 segments"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def memory(count: int | None) -> str:
    """An amount of memory; a dash where it is not known."""
    if count is None:
        return "\N{EN DASH}"
    return f"{count / 2**30:.2f} GiB" if count < 10 * 2**30 else f"{count / 2**30:.0f} GiB"


def moment(seconds: float) -> str:
    """A point in time, as the clock on the wall showed it."""
    return datetime.fromtimestamp(seconds).strftime("%d %B %Y, %H:%M").lstrip("0")


def score(value: float) -> str:
    """A score: four decimals, but for counts and the like, which are large."""
    return f"{value:.4f}" if abs(value) < 100 else f"{value:,.7g}"


def percent(share: float) -> str:
    """A share, with two digits that count."""
    if share == 0:
        return "0 %"
    return f"{100 * share:.0f} %" if share >= 0.0995 else f"{100 * share:.2g} %"


def lengths(values: Sequence[float], joint: str = " \N{MULTIPLICATION SIGN} ") -> str:
    """Several numbers."""
    return joint.join(f"{value:,.10g}" for value in values)


def paragraphs(documented: object) -> list[Markup]:
    """The documentation of a component, a paragraph each; `code` in it is marked up."""
    text = inspect.cleandoc(documented.__doc__ or "")
    return [code_in(" ".join(part.split())) for part in re.split(r"\n\s*\n", text) if part.strip()]


def code_in(text: str) -> Markup:
    """Text in which `backticks` become code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    marked = [
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(parts)
    ]
    return Markup("").join(marked)
