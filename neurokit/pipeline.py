"""The pipeline: recipe, volumes, network, prediction, segmentation, score."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from neurokit.atomic import write_text
from neurokit.distributed import World, first_said, joined, part, world
from neurokit.errors import NeurokitError
from neurokit.plan import Mode, Plan, make_plan
from neurokit.prediction import Prediction
from neurokit.recipe import to_table, to_toml
from neurokit.results import PREDICTION, SCORES, SEGMENTATION
from neurokit.run_folder import Run, network_of, run_of_checkpoint
from neurokit.schema import Recipe
from neurokit.scores import has_truth, why_unscored
from neurokit.stages.decode import decode
from neurokit.stages.evaluate import evaluate
from neurokit.stages.infer import infer
from neurokit.stages.reuse import stored_fingerprint
from neurokit.stages.thresholds import THRESHOLDS, sharing, thresholds
from neurokit.stages.train import train
from neurokit.stopping import heeding_signals
from neurokit.tuning.locks import taking_turns
from neurokit.volumes import StoredArray, Volume
from neurokit.weights import Weights
from neurokit.weights import load as load_weights

if TYPE_CHECKING:
    from neurokit.tuning.report import Found
    from neurokit.tuning.worker import Part

log = logging.getLogger("neurokit")


@frozen
class Outcome:
    """What a run left.

    Attributes:
        folder: of the run.
        checkpoint: that was trained; or the network that was used, as `weights.load` takes it.
        segmentations: a file for each test volume; empty if nothing was tested.
        scores: what `metrics.json` holds; None where nothing was scored.
        unscored: why nothing was scored, where something was segmented.
        found: the best settings, where some were searched.
        warnings: what to know of the scores.
    """

    folder: Path
    checkpoint: Path
    segmentations: list[Path]
    scores: dict[str, Any] | None
    unscored: str | None
    found: Found | None = None
    warnings: Sequence[str] = ()

    @property
    def recipe(self) -> Recipe:
        """The recipe of the run, resolved.

        Raises:
            NeurokitError: a component of it is not installed any more.
        """
        return Run.open(self.folder).recipe

    @property
    def report(self) -> Path | None:
        """The page that shows the run, where one was written."""
        page = self.folder / "report.html"
        return page if page.is_file() else None

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from neurokit.reporting.page import summary_html

        return summary_html(self.folder)


@frozen
class _Tested:
    """What a test made of a volume, and the file of its segmentation."""

    volume: Volume
    prediction: Prediction
    segmentation: StoredArray
    file: Path


def execute(
    recipe: Recipe,
    mode: Mode = "all",
    *,
    checkpoint: str | Path | None = None,
    resume: Path | None = None,
    outputs: Path = Path("outputs"),
    plugins: list[object] | None = None,
) -> Outcome:
    """Do what a recipe says, in a run folder.

    Args:
        recipe: resolved.
        mode: train, test (predict, decode and score), all of these, or tune (predict, and search
            the decoder's settings).
        checkpoint: what to test or tune with, or, when training, to start from: all that
            `neurokit.weights.load` takes.
        resume: the folder of a run to go on with.
        outputs: where new runs are put.
        plugins: hooks that are told of the run.

    Raises:
        NeurokitError: something is missing or does not fit, and nothing has been computed then;
            or the work itself failed.
        Interrupted: by the user; the run can go on.
        Preempted: by a scheduler's signal; everything is saved, and the run can go on.
    """
    with heeding_signals(interrupt=world().size > 1):
        return _execute(recipe, mode, checkpoint, resume, outputs, plugins)


def _execute(
    recipe: Recipe,
    mode: Mode,
    checkpoint: str | Path | None,
    resume: Path | None,
    outputs: Path,
    plugins: list[object] | None,
) -> Outcome:
    trained_before = mode in ("test", "tune")
    if trained_before and checkpoint is None and resume is None:
        what = "testing" if mode == "test" else "tuning"
        raise NeurokitError(f"{what} needs a trained network: give --checkpoint or --resume")
    if resume is not None:
        kept = Run.open(resume)
        if trained_before:
            checkpoint = checkpoint or network_of(kept.folder)
        elif checkpoint is not None:
            raise NeurokitError(
                "--resume goes on from the run's own checkpoint; leave out --checkpoint, or "
                "leave out --resume to start anew from its weights"
            )
        else:
            _refuse_another_training(kept, recipe)
    weights = None if checkpoint is None else load_weights(checkpoint)
    plan = make_plan(recipe, mode, weights, resume)
    if trained_before:
        assert weights is not None
        folder = resume or run_of_checkpoint(weights.path)
        run = _run(recipe, mode, folder, outputs, plugins)
        run.note_network(weights.name)
        with run.recording():
            _tell(run, plan)
            return _tune(run, plan, weights) if mode == "tune" else _finish(run, plan, weights)
    with joined(plan.device) as place:
        make = partial(_run, recipe, mode, resume, outputs, plugins)
        run = _run_of_all(make, recipe, place)
        with run.recording():
            _tell(run, plan)
            trained = train(run, plan.train, weights, plan.validation)
            part()
            if not run.leads:
                return _trained(run, trained)
            return _finish(run, plan, Weights.of_checkpoint(trained))


def _tell(run: Run, plan: Plan) -> None:
    """Warn before hours of work of what is known to come of it."""
    for warning in plan.warnings:
        run.warn(warning)


def _finish(run: Run, plan: Plan, weights: Weights) -> Outcome:
    """Test the network if that is asked for, and tell the hooks that all is done."""
    outcome = _test(run, plan, weights) if plan.test else _trained(run, Path(weights.name))
    run.hooks.hook.run_finished(run=run, scores=outcome.scores or {})
    return outcome


def _run_of_all(make: Callable[[], Run], recipe: Recipe, place: World) -> Run:
    """The run of the first process, which the others follow without writing to its folder."""
    run = make() if place.rank == 0 else None
    folder = first_said(str(run.folder) if run else None)
    assert folder is not None
    return run or Run(Path(folder), recipe, leads=False)


def _run(
    recipe: Recipe,
    mode: Mode,
    folder: Path | None,
    outputs: Path,
    plugins: list[object] | None,
) -> Run:
    """The run that lies in a folder, or a new one."""
    if folder is not None:
        run = Run.open(folder, recipe, plugins)
    else:
        run = Run.create(recipe, outputs, plugins)
    run.mode = mode
    return run


# What changes neither samples nor weights: where they lie, how many go at once, what is looked at.
# Of the batch, a checkpoint knows how many samples a step has, and refuses another number.
_FREE = {
    "batch_size",
    "accumulate",
    "volume_memory_gib",
    "nonfinite_steps",
    "keep_best",
    "preview_every_epochs",
    "validation",
}


def _refuse_another_training(run: Run, recipe: Recipe) -> None:
    """Going on with other data, weights or steps would give neither the old run nor the new."""
    before, now = to_table(run.recipe), to_table(recipe)
    keys = ["seed", "target", "model", "loss", "optimizer", "schedule"]
    changed = [key for key in keys if before[key] != now[key]]
    steps, steps_now = before["train"], now["train"]
    changed += [
        f"train.{key}"
        for key in steps | steps_now
        if key not in _FREE and steps.get(key) != steps_now.get(key)
    ]
    if before["data"].get("train") != now["data"].get("train"):
        changed.append("data.train")
    if changed:
        anew = "leave out --resume to start anew"
        if run.last_checkpoint.exists():
            anew = f"start anew from its weights with --checkpoint {run.last_checkpoint}"
        raise NeurokitError(
            f"{run.folder} was trained with another {' and '.join(changed)}; continue it with its "
            f"own recipe: neurokit run --resume {run.folder}; or {anew}"
        )


def _trained(run: Run, checkpoint: Path) -> Outcome:
    return Outcome(run.folder, checkpoint, [], None, None)


def _test(run: Run, plan: Plan, weights: Weights) -> Outcome:
    """Predict, decode and score every test volume."""
    folder = run.results(weights.step)
    # Whatever happens now, scores of an earlier test must not pass for this one's.
    (folder / SCORES).unlink(missing_ok=True)
    sizes = [weights.size_warning(volume) for volume in plan.test]
    precision = weights.precision_warning(run.recipe.system, plan.device)
    warnings = tuple(filter(None, (*sizes, precision)))
    for warning in warnings:
        run.warn(warning)
    with sharing(run.recipe, plan.test, folder):
        tested = [_decoded(run, weights, volume, folder, plan) for volume in plan.test]
        # A test may decode otherwise than the run's own recipe says.
        write_text(folder / "recipe.toml", to_toml(run.recipe))
        return _scored(run, weights, tested, plan, (*warnings, *plan.warnings))


def _decoded(run: Run, weights: Weights, volume: Volume, folder: Path, plan: Plan) -> _Tested:
    """Predict and decode one of the test volumes."""
    place = _place(folder, volume, plan.test)
    prediction = infer(run, weights, volume, place / PREDICTION)
    source = stored_fingerprint(place / PREDICTION)
    assert source is not None
    file = place / SEGMENTATION
    segmentation = decode(run, weights, volume, prediction, source, file)
    return _Tested(volume, prediction, segmentation, file)


def _scored(
    run: Run, weights: Weights, tested: Sequence[_Tested], plan: Plan, warnings: Sequence[str]
) -> Outcome:
    """Score what can be scored, at the decoder's threshold and at others."""
    folder, metrics = run.results(weights.step), run.recipe.metrics
    files = [each.file for each in tested]
    scored = [each for each in tested if any(has_truth(each.volume, metric) for metric in metrics)]
    if not scored:
        (folder / THRESHOLDS).unlink(missing_ok=True)
        why = why_unscored(metrics, plan.test)
        return Outcome(run.folder, Path(weights.name), files, None, why, warnings=warnings)
    segmented = [(each.volume, each.segmentation) for each in scored]
    scores = evaluate(run, weights, segmented, folder / SCORES, plan.no_test)
    thresholds(
        run,
        [(each.volume, each.prediction) for each in scored],
        [str(stored_fingerprint(each.file)) for each in scored],
        folder / THRESHOLDS,
    )
    return Outcome(run.folder, Path(weights.name), files, scores, None, warnings=warnings)


def _place(folder: Path, volume: Volume, volumes: list[Volume]) -> Path:
    """Where the results of one of some volumes lie."""
    return folder if len(volumes) == 1 else folder / volume.name


def _tune(run: Run, plan: Plan, weights: Weights) -> Outcome:
    """Predict every validation volume, or test volume, and search the decoder's settings."""
    # Its libraries take a while to import, and nothing else needs them.
    from neurokit.stages.tune import Subject, tune

    folder = run.results(weights.step)
    which: Part = "validation" if plan.validation else "test"
    volumes = plan.validation or plan.test
    if which == "validation":
        folder = folder / which
    files = [_place(folder, volume, volumes) / PREDICTION for volume in volumes]
    # Of several processes that tune together, one predicts.
    with taking_turns(run.folder / "tune" / ".prediction.lock", stops=True):
        for volume, file in zip(volumes, files, strict=True):
            infer(run, weights, volume, file)
    precision = weights.precision_warning(run.recipe.system, plan.device)
    warnings = [*plan.warnings, *([precision] if precision else [])]
    found = tune(run, Subject(which, volumes, files), warnings)
    run.hooks.hook.run_finished(run=run, scores={})
    return Outcome(run.folder, Path(weights.name), [], None, None, found)
