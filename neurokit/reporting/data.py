"""Data: the volumes that were tested, opened anew, and why some cannot be."""

from __future__ import annotations

from pathlib import Path

from neurokit.errors import NeurokitError, first_line
from neurokit.prediction import DATASET
from neurokit.registry import installed
from neurokit.results import Results, all_results, latest_results
from neurokit.schema import Recipe
from neurokit.volumes import Volume, open_array


def opened_data(results: Results) -> tuple[dict[str, Volume], dict[str, str]]:
    """The volumes of a test by name, and of those whose data is missing the reason, in one line."""
    names = [each.name for each in results.volumes]
    try:
        dataset = results.recipe().data.test
        found = {} if dataset is None else {each.name: each for each in dataset.volumes()}
    except (NeurokitError, OSError) as error:
        return {}, dict.fromkeys(names, first_line(error).rstrip("."))
    opened, missing = {}, {}
    for each in results.volumes:
        volume = found.get(each.name)
        shape = tuple(open_array(f"{each.segmentation}::{DATASET}").shape)
        if volume is None:
            there = ", ".join(found) or "none"
            missing[each.name] = f"the recipe's data holds no such volume; there are: {there}"
        elif volume.shape != shape:
            missing[each.name] = (
                f"the data that the recipe names has another shape than the segmentation: "
                f"{list(volume.shape)} and {list(shape)}"
            )
        else:
            opened[each.name] = volume
    return opened, missing


def missing_data(run: Path) -> dict[str, str]:
    """Of each volume of a run's latest test whose data is missing the reason, in one line.

    Raises:
        NeurokitError: the folder is not that of a run, or its scores are damaged.
    """
    return opened_data(latest_results(run))[1] if all_results(run) else {}


def first_section(recipe: Recipe) -> int:
    """The section of the test's file that is z = 0 in all results."""
    dataset = recipe.data.test
    if dataset is None or installed().name_of(type(dataset)) != "files":
        return 0
    sections: tuple[int, int] | None = getattr(dataset, "sections", None)
    return 0 if sections is None else sections[0]
