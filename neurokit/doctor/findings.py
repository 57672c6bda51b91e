"""Findings: what a check found, and what to do about it."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

State = Literal["ok", "warning", "broken"]


@frozen
class Finding:
    """What a check found.

    Attributes:
        state: `broken` is what neurokit does not work without; a `warning` is worth knowing.
        what: is so, in one line.
        advice: what to do, in one line; empty where nothing is wrong.
    """

    state: State
    what: str
    advice: str = ""


def fine(what: str) -> Finding:
    """Nothing is wrong."""
    return Finding("ok", what)


def warning(what: str, advice: str) -> Finding:
    """Neurokit works, but less well than it could, or not all of it."""
    return Finding("warning", what, advice)


def broken(what: str, advice: str) -> Finding:
    """Neurokit does not work."""
    return Finding("broken", what, advice)
