"""The tuning stage: from predictions to the settings that score best."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import asdict, evolve, frozen

from neurokit.errors import NeurokitError, first_line
from neurokit.recipe import load_recipe, to_table, to_toml
from neurokit.registry import installed
from neurokit.run_folder import Run
from neurokit.schema import Recipe
from neurokit.stages.reuse import stored_fingerprint
from neurokit.stopping import noting_interrupts, stop_if_asked
from neurokit.tuning.plots import write_plots
from neurokit.tuning.ranges import Range, settings_in, with_settings, without_settings
from neurokit.tuning.report import (
    Found,
    best_in_words,
    best_of,
    edge_warnings,
    failure_warnings,
    metric_warnings,
    remove_of_another,
    tie_warnings,
    write_best,
    write_trials,
)
from neurokit.tuning.space import ranges_of, trial_count
from neurokit.tuning.study import Search, Study, open_study
from neurokit.tuning.trial import headline_of
from neurokit.tuning.worker import Part, Task, TrialFailed, Worker
from neurokit.volumes import Volume

log = logging.getLogger("neurokit")


@frozen
class Subject:
    """What settings are scored on.

    Attributes:
        part: of the recipe's data.
        volumes: of that part, labelled.
        predictions: the file of each.
    """

    part: Part
    volumes: Sequence[Volume]
    predictions: Sequence[Path]


def tune(run: Run, subject: Subject, warnings: Sequence[str] = ()) -> Found:
    """Try settings until the study has as many trials as it is to have.

    Args:
        run: whose recipe says what is searched; its folder gets the study and what it found.
        subject: what settings are scored on.
        warnings: to be passed on with what was found.

    Raises:
        NeurokitError: the study is another one, or no trial gave a score.
        StopRequested: a signal asked to stop; the trial under way is given up.
    """
    recipe = run.recipe
    assert recipe.tune is not None
    folder = run.folder / "tune"
    own_table = to_table(load_recipe(run.folder / "recipe.toml"))
    ranges = ranges_of(recipe, installed().component)
    table = to_table(recipe)
    own = settings_in(table, ranges)
    search = Search(recipe.tune.sampler, trial_count(recipe.tune, ranges), recipe.seed, own)
    with (
        run.stage("tune", stops=False) as stage,
        noting_interrupts(),
        open_study(
            folder,
            recipe.tune.study,
            ranges,
            search,
            higher_is_better=recipe.metrics[0].higher_is_better,
            belongs=_belongings(table, ranges, subject),
        ) as study,
    ):
        stage.reused = not study.left()
        remove_of_another(folder, study.name)
        worker = Worker(_task(recipe, subject, folder), folder / "worker.log")
        try:
            if not stage.reused:
                _try_all(run, study, worker, table)
        except NeurokitError as error:
            try:
                _report(run, study, subject, own_table, warnings)
            except NeurokitError as another:
                told = dict.fromkeys((str(error), str(another)))  # both may say the same
                raise NeurokitError("; ".join(told)) from error
            raise
        except BaseException:
            with suppress(NeurokitError):  # the first error is the one to tell
                _report(run, study, subject, own_table, warnings)
            raise
        finally:
            worker.stop()
        found = _report(run, study, subject, own_table, warnings)
        if found is None:
            raise NeurokitError(_why_nothing_was_found(study))
    return found


def _belongings(
    table: dict[str, Any], ranges: tuple[Range, ...], subject: Subject
) -> dict[str, Any]:
    """What a study must have in common with the one it continues, by what it is."""
    rest = without_settings(table, ranges)
    return {
        "prediction": [stored_fingerprint(file) for file in subject.predictions],
        "volume": [volume.fingerprint for volume in subject.volumes],
        "decoder": rest["decoder"],
        "metrics": rest["metrics"],
        "space": {each.name: asdict(each) for each in ranges},
    }


def _task(recipe: Recipe, subject: Subject, folder: Path) -> Task:
    assert recipe.tune is not None
    return Task(
        to_toml(recipe),
        subject.part,
        tuple(subject.predictions),
        folder / "cache",
        int(recipe.tune.cache_gib * 2**30),
    )


def _try_all(run: Run, study: Study, worker: Worker, table: dict[str, Any]) -> None:
    """Try settings as long as the study has some left."""
    assert run.recipe.tune is not None
    best = best_of(study.trials(), study.higher_is_better)
    headline = headline_of(run.recipe.metrics)
    while True:
        stop_if_asked()
        worker.start()
        run.hooks.hook.progress(
            run=run,
            stage="tune",
            what="trials" if best is None else f"trials, best {headline} {best.value:.4f}",
            done=study.counted,
            total=study.search.trials,
        )
        stop_if_asked()
        trial = study.next()
        if trial is None:
            return
        settings = with_settings(table, study.ranges, trial.settings)
        try:
            scored = worker.score(
                settings["decoder"], settings["metrics"], run.recipe.tune.trial_timeout
            )
        except TrialFailed as error:
            log.warning("trial %d %s failed: %s", trial.number, trial.settings, error)
            study.fail(trial, str(error))
        except BaseException:
            study.lose(trial, "it was interrupted")
            raise
        else:
            study.complete(trial, scored.value, scored.scores)
            done = evolve(trial, value=scored.value)
            best = best_of([done, *([best] if best else [])], study.higher_is_better)


def _report(
    run: Run, study: Study, subject: Subject, own_table: dict[str, Any], warnings: Sequence[str]
) -> Found | None:
    """Write what is known by now; None where no trial is complete."""
    trials = study.trials()
    headline = headline_of(run.recipe.metrics)
    table, recipe = study.folder / "trials.csv", study.folder / "best.toml"
    best = best_of(trials, study.higher_is_better)
    if best is None:
        write_trials(table, study, trials, headline)
        return None
    done = sum(each.state in ("complete", "failed") for each in trials)
    names = tuple(volume.name for volume in subject.volumes)
    words = best_in_words(study.name, headline, best, done, names)
    tuned = with_settings(to_table(run.recipe), study.ranges, best.settings)
    try:
        write_best(recipe, tuned, own_table, words)
        write_trials(table, study, trials, headline)
    except NeurokitError as error:
        settings = ", ".join(f"{key}={json.dumps(value)}" for key, value in best.settings.items())
        raise NeurokitError(
            f"{error}; {study.folder / 'cache'} may be removed; the best so far is {words}, with "
            f"{settings}"
        ) from error
    unplotted = []
    try:
        plots = write_plots(study.folder, study, trials, headline)
    except Exception as error:  # what is found is worth more than a picture of it
        log.warning("the plots cannot be drawn", exc_info=error)
        plots, unplotted = [], [f"the plots cannot be drawn: {first_line(error)}"]
    files = (recipe, table, *plots)
    for file in files:
        run.written(file)
    of_values = tie_warnings(trials) or edge_warnings(study.ranges, best)
    of_trials = (*metric_warnings(study.ranges), *of_values, *failure_warnings(trials))
    return Found(
        study.name, headline, best, done, names, files, (*warnings, *of_trials, *unplotted)
    )


def _why_nothing_was_found(study: Study) -> str:
    trials = study.trials()
    if any(each.state == "running" for each in trials):
        return f"no trial of the study '{study.name}' is complete yet; others are under way"
    failed = failure_warnings(trials)
    return f"no trial of the study '{study.name}' gave a score: {failed[0]}"
