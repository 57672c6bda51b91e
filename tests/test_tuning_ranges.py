"""Ranges of a search: read from a recipe, checked, and put back into it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import TINY
from dial import TUNED, dial_installed

from neurokit import load_recipe
from neurokit.errors import RecipeError
from neurokit.recipe import to_table, to_toml
from neurokit.registry import installed
from neurokit.tuning.ranges import (
    Choice,
    Interval,
    Range,
    grid_point,
    grid_size,
    settings_in,
    with_settings,
    without_settings,
)
from neurokit.tuning.space import ranges_of, trial_count


@pytest.fixture(autouse=True)
def _recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(TINY)
    Path("tuned.toml").write_text(TUNED)
    with dial_installed(tmp_path, monkeypatch):
        yield


def ranges(decoder: str, *overrides: str) -> tuple[Range, ...]:
    recipe = load_recipe("tuned.toml", [f"tune.space={{decoder={{{decoder}}}}}", *overrides])
    return ranges_of(recipe, installed().component)


def points(each: Range) -> list[Any]:
    assert each.count is not None
    return [each.point(index) for index in range(each.count)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("fine={low=0.1,high=0.9,step=0.1}", [n / 10 for n in range(1, 10)]),
        ("fine={step=0.3}", [0.0, 0.3, 0.6, 0.9]),
        ("fine={low=0.05,high=0.3,step=0.05}", [0.05, 0.1, 0.15, 0.2, 0.25, 0.3]),
        ("fine={low=0.4,high=0.4}", [0.4]),
        ("fine=[0.3,1,0]", [0.3, 1, 0]),
        ("fine={choices=[0.5]}", [0.5]),
        ("level={}", list(range(21))),
        ("level={low=5,high=12,step=3}", [5, 8, 11]),
        ("level={low=1,high=4,log=true}", [1, 2, 3, 4]),
        ("limit={low=3,high=4}", [3, 4]),
        ("form={}", ["plain", "odd"]),
        ("form=['odd']", ["odd"]),
        ("shy={}", [False, True]),
        ("shy=[true]", [True]),
        ("word=['a','b']", ["a", "b"]),
        ("ends=[[0.1,0.9],[0.2,1]]", [[0.1, 0.9], [0.2, 1]]),
        ("names=[['a'],['b','c'],[]]", [["a"], ["b", "c"], []]),
        ("ends={choices=[[0.1,0.9]]}", [[0.1, 0.9]]),
        ("inner.depth=[3,1]", [3, 1]),
    ],
)
def test_every_point_of_a_range(given: str, expected: list[Any]) -> None:
    (found,) = ranges(given)
    assert points(found) == expected
    assert [type(each) for each in points(found)] == [type(each) for each in expected]
    assert found.name == f"decoder.{given.partition('=')[0]}"
    for each in expected:
        assert found.nearest(each) == each
        assert found.value(found.label(each)) == each
    if isinstance(found, Choice):
        assert len(set(found.labels)) == found.count


def test_a_list_takes_a_range_for_each_element() -> None:
    low, high = ranges("ends=[{low=0.0,high=0.5,step=0.1},{low=0.7,step=0.1}]")
    assert (low.name, high.name) == ("decoder.ends.0", "decoder.ends.1")
    assert points(low) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert points(high) == [0.7, 0.8, 0.9, 1.0]
    assert [points(each) for each in ranges("ends=[{choices=[0.1,0.2]},0.9]")] == [
        [0.1, 0.2],
        [0.9],
    ]
    assert [points(each) for each in ranges("ends=[0.1,{low=0.5,high=1,step=0.5}]")] == [
        [0.1],
        [0.5, 1.0],
    ]
    first, second = ranges("names=[{choices=['a','b']},['c','d']]", "decoder.names=['x','y']")
    assert (points(first), points(second)) == (["a", "b"], ["c", "d"])


def test_all_in_between() -> None:
    (found,) = ranges("fine={}")
    assert isinstance(found, Interval)
    assert (found.low, found.high, found.step, found.count) == (0.0, 1.0, None, None)
    assert found.nearest(0.123456) == 0.123456
    assert found.value(0.1) == 0.1
    assert grid_size((found,)) is None
    (log,) = ranges("open={low=0.001,high=10,log=true}")
    assert isinstance(log, Interval)
    assert (log.low, log.high, log.log) == (0.001, 10.0, True)


def test_sums_of_steps_are_what_they_look_like() -> None:
    (found,) = ranges("open={low=0.1,high=100,step=0.1}")
    assert points(found) == [float(f"{n / 10:.1f}") for n in range(1, 1001)]
    drawn = random.Random(1)
    for _ in range(200):
        n = drawn.randrange(1000)
        raw = 0.1
        for _ in range(n):  # as a library may add them up
            raw += 0.1
        assert found.value(raw) == float(f"{(n + 1) / 10:.1f}")


def test_what_lies_in_no_range() -> None:
    (fine,) = ranges("fine={low=0.2,high=0.8,step=0.2}")
    assert [fine.nearest(value) for value in (0.3, 0.0, 1.0, None, "0.4", True)] == [None] * 6
    (form,) = ranges("form=['odd']")
    assert form.nearest("plain") is None
    (level,) = ranges("level=[0,1]")
    assert level.nearest(True) is None


@pytest.mark.parametrize(
    ("given", "value", "edge"),
    [
        ("fine={low=0.1,high=0.9,step=0.1}", 0.1, "low"),
        ("fine={low=0.1,high=0.9,step=0.1}", 0.9, "high"),
        ("fine={low=0.1,high=0.9,step=0.1}", 0.2, None),
        ("fine={low=0.0,high=1.0,step=0.1}", 0.0, None),  # the parameter ends there, too
        ("fine={low=0.0,high=1.0,step=0.1}", 1.0, None),
        ("fine={step=0.3}", 0.9, "high"),
        ("fine={low=0.2}", 0.205, "low"),
        ("fine={low=0.2}", 0.22, None),
        ("fine={low=0.2}", 0.999, None),
        ("fine={low=0.4,high=0.4}", 0.4, None),
        ("open={low=0.001,high=10,log=true}", 0.00105, "low"),
        ("open={low=0.001,high=10,log=true}", 0.02, None),
        ("open={low=0.001,high=10,log=true}", 9.5, "high"),
        ("level={low=5}", 20, None),
        ("level={low=5}", 5, "low"),
        ("form={}", "odd", None),
    ],
)
def test_the_edge_of_a_range(given: str, value: Any, edge: str | None) -> None:
    (found,) = ranges(given)
    assert found.edge(value) == edge


def test_a_grid_is_the_product_of_its_ranges() -> None:
    found = ranges("fine={step=0.5},word=['b','a'],level={low=1,high=2},inner={depth=[4,3,7]}")
    # What costs little to change varies fastest, else the order is that of the recipe.
    assert [each.path[1] for each in found] == ["fine", "word", "level", "inner"]
    size = grid_size(found)
    assert size == 36
    expected = itertools.product([0.0, 0.5, 1.0], ["b", "a"], [1, 2], [4, 3, 7])
    assert [tuple(grid_point(found, index).values()) for index in range(size)] == list(expected)
    metrics = "metrics=[{use='miss'},{use='hit'}]"
    recipe = load_recipe(
        "tuned.toml", [metrics, "tune.space={metrics=[{goal=[1]},{}],decoder={level={},shy={}}}"]
    )
    names = [each.name for each in ranges_of(recipe, installed().component)]
    assert names == ["decoder.shy", "decoder.level", "metrics.0.goal"]


def test_settings_go_into_a_recipe_and_out_of_it() -> None:
    found = ranges("level={},ends=[{step=0.1},[0.9,1.0]],inner={depth={high=9}},limit={high=300}")
    recipe = load_recipe("tuned.toml", ["decoder.inner.depth=3"])
    table = to_table(recipe)
    assert settings_in(table, found) is None  # there is no limit
    table["decoder"]["limit"] = 200
    assert settings_in(table, found) is None  # the upper end is none of the choices
    before = to_toml(recipe)
    chosen = {
        "decoder.level": 4,
        "decoder.ends.0": 0.3,
        "decoder.ends.1": 0.9,
        "decoder.inner.depth": 8,
        "decoder.limit": 50,
    }
    changed = with_settings(table, found, chosen)
    assert settings_in(changed, found) == chosen
    assert changed["decoder"]["ends"] == [0.3, 0.9]
    assert changed["decoder"]["inner"] == {"depth": 8}
    assert to_toml(recipe) == before
    rest = without_settings(changed, found)
    assert rest["decoder"] == {
        key: value
        for key, value in table["decoder"].items()
        if key not in ("level", "ends", "inner", "limit")
    } | {"inner": {}}
    assert rest["metrics"] == table["metrics"]


def test_how_many_trials_there_will_be() -> None:
    def trials(decoder: str, *overrides: str) -> int:
        recipe = load_recipe("tuned.toml", [f"tune={{space={{decoder={decoder}}}}}", *overrides])
        assert recipe.tune is not None
        return trial_count(recipe.tune, ranges_of(recipe, installed().component))

    assert trials("{fine={}}") == 25
    assert trials("{fine={}}", "tune.trials=1000") == 1000
    assert trials("{level={},form={}}") == 25
    assert trials("{level={},form={}}", "tune.trials=50") == 42
    assert trials("{level={},form={}}", "tune.sampler=grid") == 42
    assert trials("{level={},form={}}", "tune.sampler=grid", "tune.trials=7") == 7
    assert trials("{form={}}", "tune.sampler=random") == 2


@pytest.mark.parametrize(
    ("given", "key", "message"),
    [
        ("levl={}", "levl", "unknown parameter 'levl'; did you mean 'level'?"),
        ("use=['dial']", "use", "unknown parameter 'use'; there is level, fine, open, ends, "
         "names, form, shy, word, limit, inner"),
        ("level=3", "level", "must be a range such as { low = 1, high = 9 }, or a list of values "
         "to choose from, not 3"),
        ("level=[]", "level", "must be a list of values, not []"),
        ("level={choices=3}", "level", "must be a list of values, not 3"),
        ("level={choices=[3],low=1}", "level", "has choices, which nothing goes together with"),
        ("level=[3,3]", "level", "names 3 twice"),
        ("level=[3,21]", "level", "must be at most 20, not 21"),
        ("level=['3']", "level", "must be an integer, not the string '3'"),
        ("level={low=-1}", "level.low", "must be at least 0, not -1"),
        ("level={high=21}", "level.high", "must be at most 20, not 21"),
        ("level={low=1.5}", "level.low", "must be an integer, not 1.5"),
        ("level={lo=1}", "level.lo", "unknown parameter 'lo'; did you mean 'low'?"),
        ("level={low=9,high=8}", "level", "has low 9 above high 8"),
        ("level={step=0}", "level.step", "must be above 0, not 0"),
        ("level={low=1,high=5,step=5}", "level", "has a step of 5, which is longer than the range"),
        ("level={log=true}", "level", "has log, for which low must be above 0, not 0"),
        ("level={low=1,log=true,step=1}", "level", "has both step and log, which do not go "
         "together"),
        ("level={log=1}", "level.log", "must be true or false, not 1"),
        ("fine={low=nan}", "fine.low", "must be a number, not nan"),
        ("open={low=1,high=inf}", "open.high", "must be finite"),
        ("open={high=2}", "open", "has no smallest value of its own: give low"),
        ("open={low=2}", "open", "has no largest value of its own: give high"),
        ("open={low=0,high=2}", "open.low", "must be above 0, not 0.0"),
        ("form={low=1}", "form", "is no range of numbers: give {}, or a list of values"),
        ("word={}", "word", "is a string: give a list of values to choose from"),
        ("form=['even']", "form", "must be 'plain' or 'odd', not the string 'even'"),
        ("ends={low=0.1}", "ends", "is a list: give a list of ranges, one for each element"),
        ("ends=[{}]", "ends", "must be a list of 2 ranges, as many as the recipe has values there"),
        ("ends=[[0.1]]", "ends", "must be a list of 2 numbers, not a list of 1"),
        ("ends=[{},2]", "ends.1", "must be at most 1, not 2.0"),
        ("level=[{}]", "level", "is an integer: give a table, or a list of values to choose from"),
        ("level=[3,true]", "level", "must be an integer, not true"),
        ("fine=[0,0.0,1]", "fine", "names 0.0 twice"),
        ("fine=[1,0.5,1]", "fine", "names 1 twice"),
        ("fine={step=1e-300}", "fine", "has a step of 1e-300, which is lost in numbers as large as "
         "1: give a longer one, or none"),
        ("open={low=1,high=1e28,step=1}", "open", "has a step of 1, which is lost in numbers as "
         "large as 1e+28: give a longer one, or none"),
        (f"limit={{low=1,high={10**400}}}", "limit", "has numbers above 9007199254740992: give "
         "lower ones"),
        (f"limit={{low=1,high=9,step={10**400}}}", "limit", "has numbers above 9007199254740992: "
         "give lower ones"),
        ("inner={}", "inner", "is a table and has no range of its own: name parameters in it"),
        ("inner=[1]", "inner", "must be a table of ranges, not [1]"),
        ("inner={deep={}}", "inner.deep", "unknown parameter 'deep'; did you mean 'depth'?"),
    ],
)  # fmt: skip
def test_what_is_no_range_is_told_with_its_line(given: str, key: str, message: str) -> None:
    name, _, value = given.partition("=")
    text = TUNED[: TUNED.index("[tune.space.decoder]")]
    Path("wrong.toml").write_text(f"{text}[tune.space.decoder]\n{name} = {value}\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe("wrong.toml")
    (problem,) = caught.value.problems
    line = len(text.splitlines()) + 2
    assert problem == f"wrong.toml:{line}: [tune.space.decoder.{key}] {message}"


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        (
            "tune.space.metrics=[{}]",
            "[tune.space.metrics] must be a list of 2 tables, as many as the recipe has there; {} "
            "is for one without ranges",
        ),
        (
            "tune.space.metrics=[{goal={}},{}]",
            "[tune.space.metrics.0.goal] has no largest value of its own: give high",
        ),
        ("tune.space.model={}", "[tune.space.model] unknown parameter 'model'; there is decoder, "
         "metrics"),
        ("tune.space.decoder=3", "[tune.space.decoder] must be a table, not 3"),
        ("tune.study='a/b'", "[tune] study 'a/b' does not do as the name of a file"),
        ("tune.trials=0", "[tune.trials] must be at least 1, not 0"),
        ("tune.sampler=tpo", "[tune.sampler] must be 'tpe' or 'grid' or 'random', not the string "
         "'tpo'; did you mean 'tpe'?"),
        ("tune.trial_timeout=0", "[tune.trial_timeout] must be above 0, not 0.0"),
    ],
)  # fmt: skip
def test_what_is_no_search(override: str, problem: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe("tuned.toml", [override])
    assert caught.value.problems == [f"override: {problem}"]


def test_every_problem_at_once() -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe("tuned.toml", ["tune.space={decoder={x={},level=[],fine={low=2}}}"])
    assert [problem.partition("] ")[0] for problem in caught.value.problems] == [
        "override: [tune.space.decoder.x",
        "override: [tune.space.decoder.level",
        "override: [tune.space.decoder.fine.low",
    ]


def test_the_space_is_kept_in_the_resolved_recipe() -> None:
    recipe = load_recipe("tuned.toml", ["tune.space.metrics=[{goal=[1,2]},{}]"])
    Path("again.toml").write_text(to_toml(recipe))
    assert load_recipe("again.toml") == recipe


def test_another_decoder_has_another_space() -> None:
    assert load_recipe("tuned.toml", ["decoder.use=dial"]).tune.space.decoder  # type: ignore[union-attr]
    for overrides in (["decoder.use=waterz"], ["decoder={use='waterz'}"]):
        recipe = load_recipe("tuned.toml", overrides)
        assert recipe.tune is not None
        assert recipe.tune.space.decoder == {}
        assert recipe.tune.study == "dials"
    Path("other.toml").write_text(
        'extends = "tuned.toml"\n[tune.space.decoder]\nthreshold = {}\n[decoder]\nuse = "waterz"\n'
    )
    (found,) = ranges_of(load_recipe("other.toml"), installed().component)
    assert found.name == "decoder.threshold"
    Path("same.toml").write_text('extends = "tuned.toml"\n[tune.space.decoder]\nlevel = [1]\n')
    (level,) = ranges_of(load_recipe("same.toml"), installed().component)
    assert (level.name, level.count) == ("decoder.level", 1)
    given = ["decoder.use=waterz", "tune.space.decoder.threshold={step=0.5}"]
    (found,) = ranges_of(load_recipe("tuned.toml", given), installed().component)
    assert points(found) == [0.0, 0.5, 1.0]


def test_a_space_takes_the_place_of_the_inherited_one() -> None:
    Path("base.toml").write_text(
        f"{TUNED}\n[[tune.space.metrics]]\ngoal = [1, 2]\n[[tune.space.metrics]]\n"
    )
    child = 'extends = "base.toml"\n[tune]\ntrials = 3\n[tune.space.decoder]\n'
    Path("range.toml").write_text(f"{child}fine = {{ low = 0.2, high = 0.4 }}\n")
    recipe = load_recipe("range.toml")
    assert recipe.tune is not None
    assert (recipe.tune.study, recipe.tune.trials) == ("dials", 3)
    assert to_table(recipe.tune.space.decoder) == {"fine": {"low": 0.2, "high": 0.4}}
    assert recipe.tune.space.metrics == ()
    Path("none.toml").write_text('extends = "base.toml"\n[tune]\ntrials = 3\n')
    assert len(ranges_of(load_recipe("none.toml"), installed().component)) == 3
    # On the command line, what is named is what is replaced.
    recipe = load_recipe("base.toml", ["tune.space.decoder={level=[1]}"])
    assert [each.name for each in ranges_of(recipe, installed().component)] == [
        "decoder.level",
        "metrics.0.goal",
    ]
    Path("wrong.toml").write_text(f"{child}fin = {{ low = 0.2 }}\n")
    with pytest.raises(RecipeError) as caught:
        load_recipe("wrong.toml")
    assert caught.value.problems == [
        "wrong.toml:5: [tune.space.decoder.fin] unknown parameter 'fin'; did you mean 'fine'?"
    ]


def test_the_shortest_step_and_the_largest_number() -> None:
    (found,) = ranges("fine={low=0.9,high=0.9000005,step=1e-7}")
    assert points(found) == [0.9, 0.9000001, 0.9000002, 0.9000003, 0.9000004, 0.9000005]
    (found,) = ranges(f"limit={{low=1,high={2**53},step={2**52}}}")
    assert points(found) == [1, 2**52 + 1]
