"""Completing: what the shell offers for a word that is being typed.

Everything here answers while somebody waits for a key: it reads metadata, file names and TOML, and
imports no component.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from neurokit.kinds import KINDS

LISTED_KINDS = (*KINDS, "hook", "weights")
"""What `list-plugins` and `show` know: components, what listens to runs, and trained networks."""

_OUTPUTS = Path("outputs")


def complete_recipe(ctx: click.Context, _: click.Parameter, word: str) -> list[str]:
    """Recipe files, folders that may hold some, and shipped recipes.

    Of a run that goes on with its own recipe, the keys of that.
    """
    from neurokit.shipped import shipped_recipes

    files = [name for name in _paths(word) if name.endswith(("/", ".toml"))]
    shipped = _beginning(word, shipped_recipes())
    return [*(_keys(ctx, word) if ctx.params.get("resume") else []), *files, *shipped]


def complete_override(ctx: click.Context, _: click.Parameter, word: str) -> list[str]:
    """The keys of the recipe that stands on the line, and of the components that it names."""
    return _keys(ctx, word)


def complete_run(_: click.Context, __: click.Parameter, word: str) -> list[str]:
    """Folders of runs, the latest first; those under outputs/, or wherever the word leads."""
    below = [Path(name) for name in _paths(word) if name.endswith("/")]
    places = [*_OUTPUTS.glob("*/*"), *below, *(each for path in below for each in path.glob("*"))]
    runs = dict.fromkeys(str(path) for path in places if _is_run(path))
    found = sorted(_beginning(word, runs), key=lambda run: Path(run).name, reverse=True)
    return found or [f"{path}/" for path in below]


def complete_step(ctx: click.Context, _: click.Parameter, word: str) -> list[str]:
    """The steps whose checkpoints were tested in the run on the line."""
    return _beginning(word, sorted(_tests(ctx), key=int))


def complete_volume(ctx: click.Context, _: click.Parameter, word: str) -> list[str]:
    """The volumes of the run on the line, where several were tested; of the step, if there is one.

    The name of a single one would have to be looked for in a file of results.
    """
    step = ctx.params.get("step")
    folders = [folder for its, folder in _tests(ctx).items() if step is None or its == str(step)]
    names = {file.parent.name for each in folders for file in each.glob("*/test_im_*.h5")}
    return _beginning(word, sorted(names))


def complete_weights(_: click.Context, __: click.Parameter, word: str) -> list[str]:
    """Checkpoints and files of weights, folders that may hold some, and shipped weights."""
    from neurokit.shipped import shipped_weights

    files = [name for name in _paths(word) if name.endswith(("/", ".ckpt", ".safetensors"))]
    bare = [full.partition(":")[2] for full in shipped_weights()] if word else []
    return [*files, *_beginning(word, [*shipped_weights(), *bare])]


def complete_archive(_: click.Context, __: click.Parameter, word: str) -> list[str]:
    """Names of the public data that can be fetched."""
    from neurokit.shipped import offered_names

    return _beginning(word, offered_names("archive"))


def complete_kind(_: click.Context, __: click.Parameter, word: str) -> list[str]:
    """Kinds of all that is listed."""
    return _beginning(word, LISTED_KINDS)


def complete_component(ctx: click.Context, _: click.Parameter, word: str) -> list[str]:
    """Names of installed components and weights, of the kind on the line where there is one."""
    from neurokit.shipped import offered_names, offered_weights

    kind = ctx.params.get("kind")
    weights = [each.name for each in offered_weights()] if kind in (None, "weights") else []
    return _beginning(word, [*offered_names(kind), *weights])


def _keys(ctx: click.Context, word: str) -> list[str]:
    """Keys of the recipe on the line; where one is complete and names a component, those."""
    from neurokit.cli.keys import PLACES, keys_of
    from neurokit.shipped import offered_names

    key, equals, begun = word.partition("=")
    if equals:
        kind = PLACES.get(key.removesuffix(".use")) if key.endswith(".use") else None
        names = [] if kind is None else _beginning(begun, offered_names(kind))
        return [f"{key}={name}" for name in names]
    recipe, resumed = ctx.params.get("recipe"), ctx.params.get("resume")
    if recipe is None or "=" in recipe:
        recipe = None if resumed is None else str(Path(resumed) / "recipe.toml")
    if recipe is None:
        return []
    given = [each for each in ctx.params.get("overrides") or () if "=" in each]
    return _stepwise(word, keys_of(recipe, given, word))


def _stepwise(word: str, keys: Iterable[str]) -> list[str]:
    """Keys that begin with a word, up to their next dot: `train.`, then `train.epochs=`."""
    steps: dict[str, None] = {}
    for key in keys:
        head, dot, _ = key[len(word) :].partition(".")
        steps[f"{word}{head}{dot or '='}"] = None
    return list(steps)


def _paths(word: str) -> list[str]:
    """What lies in the folder of a word that is a path, as it would be typed; folders end in /."""
    folder, slash, begun = word.rpartition("/")
    try:
        entries = sorted(Path(f"{folder}{slash}" or ".").expanduser().iterdir())
    except OSError:
        return []
    return [
        f"{folder}{slash}{entry.name}{'/' if entry.is_dir() else ''}"
        for entry in entries
        if entry.name.startswith(begun) and (begun or not entry.name.startswith("."))
    ]


def _tests(ctx: click.Context) -> dict[str, Path]:
    """The folders of results of the run on the line, or of a recipe's latest, by step."""
    # Where the value of an option is still to come, click has not named the arguments yet.
    named = ctx.params.get("run") or next(iter(ctx.args), None)
    if named is None:
        return {}
    run = Path(named)
    runs = [run] if _is_run(run) else sorted(filter(_is_run, run.glob("*")))[-1:]
    folders = [each for its in runs for each in its.glob("results_step=*")]
    found = {each.name.partition("=")[2]: each for each in folders}
    return {step: folder for step, folder in found.items() if step.isdigit()}


def _is_run(path: Path) -> bool:
    return (path / "recipe.toml").is_file() and (path / "environment.json").is_file()


def _beginning(word: str, names: Iterable[Any]) -> list[str]:
    return [name for name in names if name.startswith(word)]
