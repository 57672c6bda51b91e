"""What a hook plugin must hold to."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import numpy as np

from neurokit.channels import Channel
from neurokit.errors import NeurokitError
from neurokit.hooks import GROUP, HookOffer
from neurokit.previews import Preview
from neurokit.recipe import load_recipe
from neurokit.registry import first_line
from neurokit.run_folder import Run
from neurokit.testing.findings import doing, violations
from neurokit.testing.surroundings import Surroundings


def run_hook_suite(plugin: type | ModuleType) -> None:
    """Check a hook plugin, and raise an AssertionError that tells everything that is wrong."""
    if not isinstance(plugin, type | ModuleType):
        raise AssertionError(f"conform_hook takes a class or a module, not {plugin!r}")
    found = violations((_loadable, _documented), plugin, Surroundings())
    if not found:
        found = violations((_listens,), plugin, Surroundings())
    if found:
        lines = "".join(f"\n- {each}" for each in found)
        raise AssertionError(f"{plugin.__name__} is no hook as it must be:{lines}")


def _offer(plugin: type | ModuleType) -> HookOffer:
    if isinstance(plugin, ModuleType):
        value = plugin.__name__
    else:
        value = f"{plugin.__module__}:{plugin.__qualname__}"
    return HookOffer("hook", "this", "1", EntryPoint("hook", value, GROUP))


def _loadable(plugin: type | ModuleType, _: Surroundings) -> Iterator[str]:
    try:
        _offer(plugin).load()
    except NeurokitError as error:
        yield f"it cannot be offered: {str(error).partition('cannot be loaded: ')[2]}"


def _documented(plugin: type | ModuleType, _: Surroundings) -> Iterator[str]:
    if not first_line(plugin):
        yield "it has no docstring, whose first line would be its listing"


def _listens(plugin: type | ModuleType, _: Surroundings) -> Iterator[str]:
    """Tell it of a run from its beginning to its end, and of one that fails."""
    recipe = load_recipe("neurokit:demo.toml")
    with TemporaryDirectory() as folder:
        for fails in (False, True):
            run = Run.create(recipe, Path(folder) / str(fails), [_offer(plugin).load()])
            with doing("listening to a run"):
                _tell(run, fails)
    yield from ()


def _tell(run: Run, fails: bool) -> None:
    hook = run.hooks.hook
    scalars = {
        "loss": 0.5,
        "lr": 1e-3,
        "steps_per_second": 2.0,
        "voxels_per_second": 1e6,
        "memory_gib": 0.5,
        "loss/z1": 0.5,
    }
    hook.run_started(run=run)
    hook.stage_started(run=run, stage="train")
    hook.progress(run=run, stage="train", what="steps", done=1, total=1)
    hook.step(run=run, step=1, total_steps=1, scalars=scalars)
    if fails:
        hook.failure(run=run, error=NeurokitError("the loss is not finite"))
        return
    hook.epoch(run=run, epoch=1, epochs=1, scalars={"loss": 0.5, "validation/loss": 0.6})
    hook.preview(run=run, step=1, preview=_preview())
    run.checkpoints.mkdir()
    run.last_checkpoint.touch()
    hook.artifact_written(run=run, path=run.last_checkpoint)
    hook.stage_finished(run=run, stage="train", seconds=1.0, reused=False)
    hook.warning(run=run, message="'tissue' has no labels")
    hook.run_finished(run=run, scores={})


def _preview() -> Preview:
    planes_CZYX = np.full((1, 4, 8, 8), 0.5, np.float32)
    return Preview(
        image_ZYX=planes_CZYX[0],
        target_CZYX=planes_CZYX,
        mask_CZYX=np.ones_like(planes_CZYX),
        prediction_CZYX=planes_CZYX,
        channels=(Channel("z1", "sigmoid", (1, 0, 0)),),
    )
