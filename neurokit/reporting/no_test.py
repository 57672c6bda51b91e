"""No test: why the scores of a test tell nothing of how well unseen tissue would be segmented."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any


def why_no_test(run: Path, recipe: dict[str, Any]) -> list[str]:
    """What makes the scores of a test none, a clause each; empty where nothing is known to.

    Args:
        run: the folder of the run.
        recipe: what the test went by, as plain values.
    """
    found = []
    data = recipe.get("data", {})
    test = data.get("test")
    if test is not None and test == data.get("train"):
        found.append("the network was trained on the very volume that is scored")
    if was_tuned(run, recipe) and data.get("validation", test) == test:
        found.append(
            "the decoder's settings were found by a search that scored on this very volume"
        )
    return found


def was_tuned(run: Path, recipe: dict[str, Any]) -> bool:
    """Whether the decoder of a recipe is what a search of the run found best."""
    try:
        with (run / "tune" / "best.toml").open("rb") as file:
            best = tomllib.load(file).get("decoder")
    except (OSError, ValueError):
        return False
    return best is not None and bool(best == recipe.get("decoder"))
