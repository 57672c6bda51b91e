"""Exporting: from a run to a file of weights that others can use, and a card that describes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import frozen

from neurokit.atomic import write_bytes, write_text
from neurokit.device import PRECISIONS
from neurokit.errors import NeurokitError
from neurokit.kinds import Dataset
from neurokit.recipe import structure_table, to_table
from neurokit.registry import installed
from neurokit.results import Results, all_results
from neurokit.run_folder import environment, environment_of, run_of_checkpoint
from neurokit.schema import Recipe
from neurokit.volumes import open_array
from neurokit.weights.card import Card, Part, rendered
from neurokit.weights.file import SUFFIX, Header, packed
from neurokit.weights.loading import load
from neurokit.weights.named import name_of
from neurokit.weights.weights import METHOD_TABLES, Method, Weights

_NUMERICAL = ("numpy", "torch", "waterz")


@frozen
class Exported:
    """What was written.

    Attributes:
        weights: the file that `load` takes.
        card: Markdown, beside it.
    """

    weights: Path
    card: Path


def export(
    source: str | Path, out: Path, *, title: str = "", licence: str = "", credit: str = ""
) -> Exported:
    """Write the weights of a training as a file for others, and a model card beside it.

    The weights are those that predict: the averaged ones, where they were kept. The file holds the
    decoder's settings of the last test of this very checkpoint, with the scores of that test, or
    else the recipe's own.

    Args:
        source: a checkpoint, or the folder of a run, for its last one.
        out: ends in `.safetensors`; the card gets the same name with `.md`.
        title: what it is; by default the recipe's name.
        licence: under which others may use it, such as `CC-BY-4.0`.
        credit: whose data it learnt from, under which licence, and what that asks for.

    Raises:
        NeurokitError: there is no such checkpoint, something lies at `out` already, or a component
            of the recipe is not installed.
    """
    if out.suffix != SUFFIX:
        raise NeurokitError(f"weights are exported to a file {out.stem}{SUFFIX}, not to {out}")
    card = out.with_suffix(".md")
    for file in (out, card):
        if file.exists():
            raise NeurokitError(f"{file} is there already; choose another name, or remove it")
    weights = load(source)
    if weights.path.suffix == SUFFIX:
        raise NeurokitError(f"{weights.name} is a file of weights already; copy {weights.path}")
    tested = _test_of(weights)
    recipe = _recipe_of(weights, tested)
    train = _part("training", recipe.data.train)
    header = Header(
        title=title or recipe.name,
        licence=licence,
        method=Method(**{name: getattr(recipe, name) for name in METHOD_TABLES}),
        voxel_size_nm=_voxel_size(train) or weights.voxel_size_nm,
        step=weights.step,
        scores={each.name: each.scores for each in tested.volumes} if tested else {},
        precision=_precision_of(weights, tested),
    )
    parts = [train, _part("validation", recipe.data.validation), _part("test", recipe.data.test)]
    table = {key: each for key, each in to_table(recipe).items() if key != "tune"}
    versions = _versions(weights, table)
    content = packed(weights.tensors, header)
    text = rendered(
        Card(
            header=header,
            file=out.name,
            content=content,
            name=name_of(out),
            parameters=sum(each.numel() for each in weights.tensors.values()),
            parts=[part for part in parts if part is not None],
            recipe=table | {"data": _without_folders(table["data"])},
            credit=credit,
            versions=versions,
        )
    )
    write_text(card, text)
    try:
        write_bytes(out, content)
    except BaseException:
        card.unlink()
        raise
    return Exported(out, card)


def _test_of(weights: Weights) -> Results | None:
    """The test of this step in the checkpoint's run, if there was one."""
    run = run_of_checkpoint(weights.path)
    for results in all_results(run) if run is not None else ():
        if results.step == weights.step:
            return results
    return None


def _recipe_of(weights: Weights, tested: Results | None) -> Recipe:
    """The recipe of a training; after a test, with what that decoded and scored by."""
    table = weights.table()
    if tested is not None:
        after = to_table(tested.recipe())
        table |= {key: after[key] for key in ("inferer", "decoder", "metrics") if key in after}
        table["data"] = table.get("data", {}) | {"test": after["data"]["test"]}
    return structure_table(table, Recipe, weights.name)


def _precision_of(weights: Weights, tested: Results | None) -> str | None:
    """In which the network computed what was scored; else, in which it was trained."""
    for volume in tested.volumes if tested is not None else ():
        with suppress(NeurokitError):  # predictions are large, and may have been removed
            noted = str(open_array(str(volume.prediction)).attributes().get("precision"))
            if noted in PRECISIONS:
                return noted
    return weights.precision


def _versions(weights: Weights, recipe: dict[str, Any]) -> dict[str, str]:
    """Of what the run was made with, or, where there is no run, of what is here."""
    run = run_of_checkpoint(weights.path)
    made = environment() if run is None else environment_of(run)
    packages = made["distributions"]
    names = ("neurokit", *sorted(_plugins(recipe)), *_NUMERICAL)
    found = {name: str(packages[name]) for name in names if name in packages}
    return {"Python": str(made.get("python"))} | found


def _plugins(recipe: dict[str, Any]) -> set[str]:
    """The distributions, but for neurokit's own, whose components a recipe uses."""
    used = set(_uses(recipe))
    return {
        each.distribution
        for each in installed().offers
        if each.name in used and each.distribution != "neurokit"
    }


def _uses(value: Any) -> Iterator[str]:
    """The bare name of each component in plain values."""
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, dict | list):
            yield from _uses(each)
    if isinstance(value, dict) and "use" in value:
        yield str(value["use"]).rpartition(":")[2]


def _part(name: str, dataset: Dataset | None) -> Part | None:
    """What is known of a part of the data; its volumes only where they are at hand."""
    if dataset is None:
        return None
    try:
        volumes = dataset.volumes()
    except NeurokitError:
        volumes = None
    return Part(name, _without_folders(to_table(dataset)), volumes)


def _voxel_size(part: Part | None) -> tuple[float, float, float] | None:
    return part.volumes[0].voxel_size_nm if part is not None and part.volumes else None


def _without_folders(value: Any) -> Any:
    """Tables of data whose paths are down to their last part: folders are the author's own."""
    if isinstance(value, dict):
        return {key: _without_folders(each) for key, each in value.items() if key != "hint"}
    if isinstance(value, list):
        return [_without_folders(each) for each in value]
    return value.rpartition("/")[2] if isinstance(value, str) and "://" not in value else value
