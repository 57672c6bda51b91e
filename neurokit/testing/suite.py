"""The suite: what `conform` runs, and how it says what it found."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import numpy as np
import torch

from neurokit.kinds import KINDS, Kind
from neurokit.testing import declared
from neurokit.testing.findings import first_violations, violations
from neurokit.testing.surroundings import Surroundings

_MODULES = {kind: f"{kind}s" for kind in KINDS} | {"loss": "losses"}


def run_suite(component: object, around: Surroundings) -> None:
    """Check a component, and raise an AssertionError that tells everything that is wrong."""
    kinds = [name for name, kind in KINDS.items() if isinstance(component, kind)]
    if not isinstance(component, Kind) or len(kinds) != 1:
        what = " and ".join(f"a {kind}" for kind in kinds) or "a component of no kind"
        raise AssertionError(f"conform takes one component of one kind; {component!r} is {what}")
    with _random_state_kept():
        found = _found(component, kinds[0], around)
    if found:
        lines = "".join(f"\n- {each}" for each in found)
        raise AssertionError(f"{type(component).__name__} is no {kinds[0]} as it must be:{lines}")


def _found(component: Kind, kind: str, around: Surroundings) -> list[str]:
    """Every violation; those that would make all others unreadable, alone."""
    of_kind = import_module(f"neurokit.testing.{_MODULES[kind]}")
    found = violations(declared.FIRST, component, around)
    if found:
        return found
    found = violations(declared.CHECKS, component, around)
    before = component if found else copy.deepcopy(component)
    found += first_violations(of_kind.STAGES, component, around)
    if component != before and not found:
        found.append("its work changes the component itself")
    return found


@contextmanager
def _random_state_kept() -> Iterator[None]:
    """Leave the global random numbers as they were."""
    states = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
