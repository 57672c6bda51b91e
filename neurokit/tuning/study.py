"""Study: the settings that were tried, in a database that several processes may work on.

What counts is kept in the database alone. A process that proposes settings holds a lock, so that
the number of trials is exact; one that is gone is noticed by the next that asks, and its unfinished
trial is made up for.
"""

from __future__ import annotations

import logging
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, Literal

import optuna
from attrs import define, field, frozen
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from neurokit.errors import NeurokitError, first_line
from neurokit.recipe import fingerprint
from neurokit.tuning.locks import is_present, present, taking_turns
from neurokit.tuning.ranges import Choice, Range, Settings, grid_point

State = Literal["complete", "failed", "lost", "running"]

# Draws of a sampler, before what was not tried yet is looked for in order.
_DRAWS = 50


@frozen
class Search:
    """How a study is searched; unlike what it belongs to, all of it may change on continuing.

    Attributes:
        sampler: tpe, grid or random.
        trials: of the study in all.
        seed: of tpe and random.
        own: the settings to try first, if any.
    """

    sampler: Literal["tpe", "grid", "random"]
    trials: int
    seed: int
    own: Settings | None


@frozen
class Trial:
    """One trial of a study.

    Attributes:
        number: 0 is the first.
        state: `lost` is one whose process ended before the trial did; it counts for nothing.
        settings: by the names of the ranges.
        value: what is optimised; None unless complete.
        scores: of all metrics; empty unless complete.
        reason: why it failed or was lost.
        seconds: it took; None while it runs, and of a lost one.
    """

    number: int
    state: State
    settings: Settings
    value: float | None
    scores: dict[str, float]
    reason: str | None
    seconds: float | None


@define
class Study:
    """A study that this process works on; made by `open_study`.

    Attributes:
        name: of the study.
        ranges: what is searched.
        higher_is_better: whether the value is to be large.
        search: how to.
        folder: where the database lies.
        counted: trials that were done or under way when last looked at.
    """

    name: str
    ranges: tuple[Range, ...]
    higher_is_better: bool
    search: Search
    folder: Path
    _storage: optuna.storages.BaseStorage = field(repr=False)
    _study_id: int = field(repr=False)
    _process: str = field(repr=False)
    counted: int = 0
    _ids: dict[int, int] = field(factory=dict, repr=False)
    _keys: dict[int, str] = field(factory=dict, repr=False)
    _grid: list[str] = field(factory=list, repr=False)

    def next(self) -> Trial | None:
        """A trial with settings that were not tried yet; None where all have been.

        Raises:
            NeurokitError: the database cannot be read or written.
        """
        with self._turn():
            every = self._trials()
            self._mourn(every)
            counted = [each for each in every if _counts(each)]
            self.counted = len(counted)
            if self.counted >= self.search.trials:
                return None
            settings = self._proposed(every, counted)
            trial = create_trial(
                state=TrialState.RUNNING,
                params={each.name: each.label(settings[each.name]) for each in self.ranges},
                distributions=_distributions(self.ranges),
                user_attrs={"process": self._process},
            )
            self._ids[len(every)] = self._storage.create_new_trial(self._study_id, trial)
            self.counted += 1
            return Trial(len(every), "running", settings, None, {}, None, None)

    def left(self) -> int:
        """How many trials are neither done nor under way."""
        with self._turn():
            every = self._trials()
            self._mourn(every)
            self.counted = sum(map(_counts, every))
            return max(0, self.search.trials - self.counted)

    def complete(self, trial: Trial, value: float, scores: dict[str, float]) -> None:
        """Record a trial's value and scores."""
        self._end(trial, TrialState.COMPLETE, {"scores": scores}, value)

    def fail(self, trial: Trial, reason: str) -> None:
        """Record that settings cannot be used."""
        self._end(trial, TrialState.FAIL, {"reason": reason})

    def lose(self, trial: Trial, reason: str) -> None:
        """Record that a trial was given up and says nothing of its settings."""
        self._end(trial, TrialState.FAIL, {"reason": reason, "lost": True})

    def trials(self) -> list[Trial]:
        """All of them, by number."""
        with _database(self.folder, self.name):
            return [self._described(each) for each in self._trials()]

    def importances(self) -> dict[str, float]:
        """How much of the variation of the value each range explains, the most telling first.

        By functional ANOVA of Parzen estimates (Watanabe et al. 2023, arXiv 2304.10255). Empty
        where the trials do not tell.
        """
        done = [each for each in self._trials() if each.state == TrialState.COMPLETE]
        if len(done) < 2 or len({each.value for each in done}) < 2:
            return {}
        scratch = _in_memory(self.higher_is_better)
        scratch.add_trials(done)
        try:
            return optuna.importance.get_param_importances(
                scratch, evaluator=optuna.importance.PedAnovaImportanceEvaluator()
            )
        except (RuntimeError, ValueError):
            return {}  # no parameter has two values among them

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with taking_turns(self.folder / f".{self.name}.lock"), _database(self.folder, self.name):
            yield

    def _trials(self) -> list[FrozenTrial]:
        return self._storage.get_all_trials(self._study_id, deepcopy=False)

    def _end(
        self,
        trial: Trial,
        state: TrialState,
        attributes: dict[str, Any],
        value: float | None = None,
    ) -> None:
        identity = self._ids[trial.number]
        # What another process gave up for lost, because it could not see this one, stays lost.
        with self._turn(), suppress(optuna.exceptions.UpdateFinishedTrialError):
            for key, content in attributes.items():
                self._storage.set_trial_user_attr(identity, key, content)
            values = None if value is None else [value]
            self._storage.set_trial_state_values(identity, state, values)

    def _mourn(self, trials: list[FrozenTrial]) -> None:
        """Record as lost what runs in processes that are gone."""
        place = _processes(self.folder, self.name)
        for index, each in enumerate(trials):
            process = each.user_attrs.get("process", "unknown")
            if each.state != TrialState.RUNNING or process == self._process:
                continue
            if not is_present(place, process):
                for key, content in {"reason": "its process is gone", "lost": True}.items():
                    self._storage.set_trial_user_attr(each._trial_id, key, content)
                self._storage.set_trial_state_values(each._trial_id, TrialState.FAIL)
                trials[index] = self._storage.get_trial(each._trial_id)

    def _proposed(self, every: list[FrozenTrial], counted: list[FrozenTrial]) -> Settings:
        """Settings that no counted trial has."""
        tried = {self._key_of(each) for each in counted}
        if self.search.sampler != "grid":
            if not counted and self.search.own is not None:
                return self.search.own
            for settings in self._drawn(every, counted):
                if _key(settings) not in tried:
                    return settings
        for index in count():
            if index == len(self._grid):
                self._grid.append(_key(grid_point(self.ranges, index)))
            if self._grid[index] not in tried:
                return grid_point(self.ranges, index)
        raise AssertionError("a grid has more points than a study has trials")

    def _drawn(self, every: list[FrozenTrial], counted: list[FrozenTrial]) -> Iterator[Settings]:
        """What the sampler proposes, seeded by how many trials there are: a study that goes on
        draws nothing twice, and the same as one that never stopped."""
        seed = int(fingerprint(self.search.seed, len(every))[:8], 16)
        if self.search.sampler == "random":
            scratch = _in_memory(self.higher_is_better, optuna.samplers.RandomSampler(seed))
        else:
            sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
            scratch = _in_memory(self.higher_is_better, sampler)
            scratch.add_trials([_as_lesson(each) for each in counted])
        for _ in range(_DRAWS):
            labels = scratch.ask(_distributions(self.ranges)).params
            yield {each.name: each.value(labels[each.name]) for each in self.ranges}

    def _key_of(self, trial: FrozenTrial) -> str:
        if trial.number not in self._keys:
            self._keys[trial.number] = _key(self._settings(trial))
        return self._keys[trial.number]

    def _settings(self, trial: FrozenTrial) -> Settings:
        return {each.name: each.value(trial.params[each.name]) for each in self.ranges}

    def _described(self, trial: FrozenTrial) -> Trial:
        states: dict[TrialState, State] = {
            TrialState.COMPLETE: "complete",
            TrialState.RUNNING: "running",
        }
        lost = not _counts(trial)
        failed: State = "lost" if lost else "failed"
        return Trial(
            trial.number,
            states.get(trial.state, failed),
            self._settings(trial),
            trial.value if trial.state == TrialState.COMPLETE else None,
            trial.user_attrs.get("scores", {}),
            trial.user_attrs.get("reason"),
            None if lost or trial.duration is None else trial.duration.total_seconds(),
        )


@contextmanager
def open_study(
    folder: Path,
    name: str,
    ranges: tuple[Range, ...],
    search: Search,
    *,
    higher_is_better: bool,
    belongs: dict[str, Any],
) -> Iterator[Study]:
    """A study in `<folder>/<name>.db`, new or continued.

    Args:
        folder: of the database.
        name: of the study.
        ranges: what is searched.
        search: how to.
        higher_is_better: whether the value is to be large.
        belongs: plain values, by what they are, that a study must have in common with the one it
            continues.

    Raises:
        NeurokitError: the file is no such study, is another one, or cannot be written.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    file = folder / f"{name}.db"
    marks = {key: fingerprint(value) for key, value in belongs.items()}
    with present(_processes(folder, name)) as process, _database(folder, name):
        with taking_turns(folder / f".{name}.lock"):
            storage = optuna.storages.get_storage(_sqlite(file))
            study = optuna.create_study(
                study_name=name,
                storage=storage,
                direction=_direction(higher_is_better),
                load_if_exists=True,
            )
            before = study.user_attrs.get("belongs")
            if before is None:
                study.set_user_attr("belongs", marks)
        changed = [key for key in marks if before is not None and before.get(key) != marks[key]]
        if changed:
            raise NeurokitError(
                f"the study '{name}' in {file} was made with another {' and '.join(changed)}; "
                f"choose another tune.study"
            )
        try:
            study_id = storage.get_study_id_from_name(name)
            yield Study(name, ranges, higher_is_better, search, folder, storage, study_id, process)
        finally:
            storage.remove_session()


def _sqlite(file: Path) -> optuna.storages.RDBStorage:
    """A database that processes of one machine can write to at the same time."""

    def connected() -> sqlite3.Connection:
        return sqlite3.connect(file.absolute(), timeout=60, check_same_thread=False)

    # Some characters of a path mean something else in a URL, so this one says only what it is.
    engine = {"creator": connected}
    storage = optuna.storages.RDBStorage("sqlite:///study.db", engine_kwargs=engine)

    @event.listens_for(storage.engine, "connect")
    def quicker(connection: Any, _: Any) -> None:
        # A crash of the machine, not of a process, may cost the last trials.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    storage.engine.dispose()
    return storage


def _in_memory(
    higher_is_better: bool, sampler: optuna.samplers.BaseSampler | None = None
) -> optuna.Study:
    return optuna.create_study(direction=_direction(higher_is_better), sampler=sampler)


def _direction(higher_is_better: bool) -> StudyDirection:
    return StudyDirection.MAXIMIZE if higher_is_better else StudyDirection.MINIMIZE


def _distributions(ranges: tuple[Range, ...]) -> dict[str, BaseDistribution]:
    return {each.name: _distribution(each) for each in ranges}


def _distribution(each: Range) -> BaseDistribution:
    if isinstance(each, Choice):
        return CategoricalDistribution(each.labels)
    if each.whole:
        assert each.step is not None
        return IntDistribution(int(each.low), int(each.high), each.log, int(each.step))
    return FloatDistribution(each.low, each.high, each.log, each.step)


def _as_lesson(trial: FrozenTrial) -> FrozenTrial:
    """A trial as the sampler is told of it: a failed one as worse than all others."""
    if trial.state != TrialState.FAIL:
        return trial
    return create_trial(
        state=TrialState.PRUNED, params=trial.params, distributions=trial.distributions
    )


def _counts(trial: FrozenTrial) -> bool:
    return not trial.user_attrs.get("lost", False)


def _key(settings: Settings) -> str:
    return fingerprint(settings)


def _processes(folder: Path, name: str) -> Path:
    """Where the processes that work on a study say that they are there."""
    return folder / f".{name}.processes"


@contextmanager
def _database(folder: Path, name: str) -> Iterator[None]:
    """Say what a user can mend of what goes wrong in the database."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    except (SQLAlchemyError, optuna.exceptions.OptunaError) as error:
        reason = first_line(error.__cause__ or error)
        advice = "choose another tune.study, or remove the file"
        if "full" in reason or "disk" in reason:
            advice = f"free some space; {folder / 'cache'} may be removed"
        raise NeurokitError(
            f"the study in {folder / f'{name}.db'} cannot be read or written: {reason}; {advice}"
        ) from error
