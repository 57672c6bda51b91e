"""Studies: what is proposed, counted and kept, by one process and by several."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from children import child

from neurokit import NeurokitError
from neurokit.stopping import StopRequested, heeding_signals
from neurokit.tuning.locks import is_present, present, taking_turns
from neurokit.tuning.ranges import Choice, Interval, Range, Settings, grid_point
from neurokit.tuning.study import Search, Study, Trial, open_study

GRID: tuple[Range, ...] = (
    Interval(("d", "a"), 0.0, 0.5, 0.1, False, False, (0, 1)),
    Choice(("d", "b"), ("x", ["y", 1], True)),
    Interval(("d", "c"), 1, 4, 1, False, True, (None, None)),
)
ENDLESS: tuple[Range, ...] = (
    *GRID,
    Interval(("d", "e"), 0.001, 10.0, None, True, False, (0, None)),
)


@contextmanager
def study(
    folder: Path, sampler: Any = "tpe", trials: int = 10, ranges: tuple[Range, ...] = GRID,
    *, seed: int = 1, own: Settings | None = None, higher: bool = False,
) -> Iterator[Study]:  # fmt: skip
    search = Search(sampler, trials, seed, own)
    belongs = {"what": 1}
    with open_study(folder, "s", ranges, search, higher_is_better=higher, belongs=belongs) as found:
        yield found


def value_of(settings: Settings) -> float:
    """Smallest for a = 0.3, b = ["y", 1], c = 2."""
    b = {"x": 1.0, "['y', 1]": 0.0, "True": 2.0}[str(settings["d.b"])]
    a, e = float(settings["d.a"]), float(settings.get("d.e", 0.0))
    return abs(a - 0.3) + b + abs(int(settings["d.c"]) - 2) + e


def work(found: Study, most: int = 10**6) -> list[Settings]:
    """Try what is proposed; the settings."""
    tried: list[Settings] = []
    while len(tried) < most and (trial := found.next()) is not None:
        value = value_of(trial.settings)
        found.complete(trial, value, {"value": value, "twice": 2 * value})
        tried.append(trial.settings)
    return tried


def key(settings: Settings) -> str:
    return repr(settings)


@pytest.mark.parametrize(
    ("sampler", "ranges"),
    [("tpe", GRID), ("tpe", ENDLESS), ("random", GRID), ("random", ENDLESS), ("grid", GRID)],
)
def test_going_on_proposes_what_it_would_have_proposed(
    tmp_path: Path, sampler: str, ranges: tuple[Range, ...]
) -> None:
    with study(tmp_path / "whole", sampler, 24, ranges) as found:
        whole = work(found)
    parts: list[Settings] = []
    for most in (1, 12, 30):
        with study(tmp_path / "parts", sampler, 24, ranges) as found:
            parts += work(found, most)
    assert parts == whole
    assert len({key(each) for each in whole}) == 24
    with study(tmp_path / "other", sampler, 24, ranges, seed=2) as found:
        assert (work(found) == whole) == (sampler == "grid")


def test_what_is_proposed_lies_in_its_ranges_and_is_neat(tmp_path: Path) -> None:
    with study(tmp_path, "tpe", 40, ENDLESS) as found:
        tried = work(found)
    assert {each["d.a"] for each in tried} <= {0.0, 0.1, 0.2, 0.3, 0.4, 0.5}
    assert all(each["d.b"] in ("x", ["y", 1], True) for each in tried)
    assert all(type(each["d.c"]) is int and 1 <= each["d.c"] <= 4 for each in tried)
    assert all(0.001 <= each["d.e"] <= 10 for each in tried)
    assert len({each["d.e"] for each in tried}) == 40


def test_tpe_learns_and_chance_does_not(tmp_path: Path) -> None:
    means = {}
    for sampler in ("tpe", "random"):
        with study(tmp_path / sampler, sampler, 60, ENDLESS) as found:
            tried = work(found)
        means[sampler] = sum(map(value_of, tried[30:])) / 30
    assert means["tpe"] < 0.6 * means["random"]


def test_tpe_keeps_away_from_what_fails(tmp_path: Path) -> None:
    with study(tmp_path, "tpe", 60, ENDLESS) as found:
        tried: list[Settings] = []
        while (trial := found.next()) is not None:
            tried.append(trial.settings)
            if trial.settings["d.b"] is True:
                found.fail(trial, "it cannot be")
            else:
                found.complete(trial, trial.settings["d.c"], {})
    late = Counter(str(each["d.b"]) for each in tried[30:])
    assert late["True"] <= 5


def test_the_recipes_own_settings_come_first(tmp_path: Path) -> None:
    own: Settings = {"d.a": 0.4, "d.b": "x", "d.c": 3}
    for sampler in ("tpe", "random"):
        with study(tmp_path / sampler, sampler, own=own) as found:
            tried = work(found)
        assert tried[0] == own
        assert own not in tried[1:]
    with study(tmp_path / "grid", "grid", own=own) as found:
        assert work(found)[0] == {"d.a": 0.0, "d.b": "x", "d.c": 1}


def test_a_grid_in_its_order_whatever_came_before(tmp_path: Path) -> None:
    points = [grid_point(GRID, index) for index in range(72)]
    with study(tmp_path, "random", 20) as found:
        before = work(found)
    with study(tmp_path, "grid", 72) as found:
        assert work(found) == [point for point in points if point not in before]
        assert found.next() is None
        assert found.left() == 0


def test_all_that_is_known_of_a_trial(tmp_path: Path) -> None:
    with study(tmp_path, "grid", 4) as found:
        first, second, third = (found.next() for _ in range(3))
        assert first is not None
        assert second is not None
        assert third is not None
        assert found.left() == 1
        found.complete(first, 0.25, {"value": 0.25, "other": 3.0})
        found.fail(second, "too bad")
        found.lose(third, "gone")
        fourth = found.next()
        one, two, three, four = found.trials()
        assert (one.state, one.value, one.reason) == ("complete", 0.25, None)
        assert (one.number, one.settings) == (0, {"d.a": 0.0, "d.b": "x", "d.c": 1})
        assert one.scores == {"value": 0.25, "other": 3.0}
        assert one.seconds is not None
        assert one.seconds >= 0
        assert (two.state, two.value, two.scores, two.reason) == ("failed", None, {}, "too bad")
        assert (three.state, three.reason) == ("lost", "gone")
        # What was lost is tried again, and what failed is not.
        assert fourth is not None
        assert fourth.settings == third.settings
        assert (four.state, four.seconds, four.number) == ("running", None, 3)
        found.complete(second, 1.0, {})  # it is over
        assert found.trials()[1].state == "failed"
        assert found.left() == 1


def test_importances_tell_what_matters(tmp_path: Path) -> None:
    with study(tmp_path, "random", 60, ENDLESS) as found:
        assert found.importances() == {}
        while (trial := found.next()) is not None:
            found.complete(trial, float(trial.settings["d.c"]), {})
            if trial.number == 0:
                assert found.importances() == {}
        importances = found.importances()
    assert next(iter(importances)) == "d.c"
    assert importances["d.c"] > 0.8
    with study(tmp_path / "flat", "random", 5) as found:
        while (trial := found.next()) is not None:
            found.complete(trial, 1.0, {})
        assert found.importances() == {}


def _share(folder: Path, count: int) -> None:
    with study(folder, "tpe", count) as found:
        work(found)


def _die(folder: Path) -> None:
    with study(folder, "grid", 5) as found:
        found.next()
        os.kill(os.getpid(), signal.SIGKILL)


def test_processes_count_together(tmp_path: Path) -> None:
    processes = [child(_share, tmp_path, 30) for _ in range(3)]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    with study(tmp_path, "tpe", 30) as found:
        trials = found.trials()
        assert found.left() == 0
    assert [each.number for each in trials] == list(range(30))
    assert {each.state for each in trials} == {"complete"}
    assert len({key(each.settings) for each in trials}) == 30


def test_a_process_that_is_gone_is_made_up_for(tmp_path: Path) -> None:
    process = child(_die, tmp_path)
    process.join()
    assert process.exitcode == -9
    with study(tmp_path, "grid", 5) as found:
        (orphan,) = found.trials()
        assert orphan.state == "running"
        assert found.left() == 5
        tried = work(found)
        trials = found.trials()
    assert [each.state for each in trials] == ["lost", *["complete"] * 5]
    assert trials[0].reason == "its process is gone"
    assert tried == [grid_point(GRID, index) for index in range(5)]
    assert list((tmp_path / ".s.processes").iterdir()) == []


def test_a_process_that_is_there_is_left_alone(tmp_path: Path) -> None:
    with study(tmp_path, "grid", 2) as one, study(tmp_path, "grid", 2) as other:
        first, second = one.next(), other.next()
        assert isinstance(first, Trial)
        assert isinstance(second, Trial)
        assert first.settings != second.settings
        assert one.next() is None
        assert other.next() is None
        other.complete(second, 1.0, {})
        one.complete(first, 2.0, {})
        assert [each.value for each in one.trials()] == [2.0, 1.0]


def test_a_study_belongs_to_what_it_was_made_with(tmp_path: Path) -> None:
    search = Search("grid", 2, 1, None)

    def opened(**belongs: Any) -> None:
        with open_study(tmp_path, "s", GRID, search, higher_is_better=True, belongs=belongs):
            pass

    opened(one=1, two=[2.5, "x"])
    opened(two=[2.5, "x"], one=1)
    with pytest.raises(NeurokitError) as caught:
        opened(one=2, two=[2.5, "y"])
    assert str(caught.value) == (
        f"the study 's' in {tmp_path}/s.db was made with another one and two; choose another "
        f"tune.study"
    )


def test_turns_are_taken(tmp_path: Path) -> None:
    lock = tmp_path / "deep" / "lock"
    with taking_turns(lock), heeding_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(StopRequested), taking_turns(lock, stops=True):
            raise AssertionError("two at a time")
    with taking_turns(lock):
        pass
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(NeurokitError) as caught, taking_turns(blocked / "lock"):
        pass
    assert str(caught.value) == (
        f"cannot write {blocked}/lock: {blocked} is no folder; move what lies there elsewhere"
    )


def test_presence_ends_with_the_process(tmp_path: Path) -> None:
    with present(tmp_path) as name:
        assert is_present(tmp_path, name)
    assert not is_present(tmp_path, name)
    assert not is_present(tmp_path, "nobody")
    (tmp_path / "killed").write_text("")
    assert not is_present(tmp_path, "killed")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a?b", "a#b&c=d", "50%20 {c}", "'é'"])
def test_any_name_is_that_of_its_file(tmp_path: Path, name: str) -> None:
    folder = tmp_path / f"{name} folder"
    for trials in (2, 3):
        search = Search("grid", trials, 1, None)
        with open_study(
            folder, name, GRID, search, higher_is_better=False, belongs={"what": 1}
        ) as found:
            assert len(work(found)) == (2 if trials == 2 else 1)
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    assert {path.name for path in folder.iterdir()} <= {
        f"{name}.db", f"{name}.db-shm", f"{name}.db-wal", f".{name}.lock", f".{name}.processes"
    }  # fmt: skip
    assert (folder / f"{name}.db").stat().st_size > 0


def test_a_full_disk_has_another_remedy_than_a_damaged_file(tmp_path: Path) -> None:
    with study(tmp_path) as found:
        engine = found._storage._backend.engine  # type: ignore[attr-defined]
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count=1")
        trial = found.next()
        assert trial is not None
        with pytest.raises(NeurokitError) as caught:
            found.complete(trial, 1.0, {"x" * 10**6: 1.0})
    assert str(caught.value) == (
        f"the study in {tmp_path}/s.db cannot be read or written: (sqlite3.OperationalError) "
        f"database or disk is full; free some space; {tmp_path}/cache may be removed"
    )
