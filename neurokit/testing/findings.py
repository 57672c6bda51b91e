"""Findings: running checks, and putting what they find into sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from neurokit.errors import NeurokitError
from neurokit.testing.surroundings import Surroundings

Given = TypeVar("Given")
Check = Callable[[Any, Surroundings], Iterator[str]]
"""From a component and its surroundings to one sentence for each thing that is wrong."""
Stages = tuple[tuple[Check, ...], ...]
"""Checks of which the later ones make sense only where the earlier ones find nothing."""


def violations(checks: Iterable[Check], component: object, around: Surroundings) -> list[str]:
    """What the checks find, each thing once; an error that a component raises is a finding."""
    found: dict[str, str] = {}
    for check in checks:
        try:
            for sentence in check(component, around):
                found.setdefault(sentence, sentence)
        except Exception as error:
            # The same error under other circumstances says nothing new.
            found.setdefault(described(error), f"{_doing(error, check)} raises {described(error)}")
    return list(found.values())


def of_each(
    inputs: Mapping[str, Given], find: Callable[[str, Given], Iterable[str]]
) -> Iterator[str]:
    """What is found of each input, named in words; the same of several is said of the first."""
    said = set()
    for what, given in inputs.items():
        for sentence in find(what, given):
            without_input = re.sub(r"\b\d+\b", "", sentence.replace(what, ""))
            if without_input not in said:
                said.add(without_input)
                yield sentence


def first_violations(stages: Stages, component: object, around: Surroundings) -> list[str]:
    """What the first stage finds that finds anything; the later ones rely on it."""
    for checks in stages:
        found = violations(checks, component, around)
        if found:
            return found
    return []


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Have errors raised inside reported as `what` raising them; the innermost counts."""
    try:
        yield
    except Exception as error:
        if not getattr(error, "__notes__", []):
            error.add_note(what)
        raise


def refused(what: str, work: Callable[[], object]) -> Iterator[str]:
    """A finding unless `work` raises a NeurokitError."""
    try:
        work()
    except NeurokitError:
        return
    except Exception as error:
        yield f"{what} raises {described(error)}, and must raise a NeurokitError"
    else:
        yield f"{what} is not refused with a NeurokitError"


def _doing(error: Exception, check: Check) -> str:
    notes = getattr(error, "__notes__", [])
    return notes[0] if notes else f"the check '{check.__name__.strip('_').replace('_', ' ')}'"


def described(error: Exception) -> str:
    """The error in a line: its type, and what it says."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
