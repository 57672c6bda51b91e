"""Comparing runs: what differs, which scores are best, and what cannot be compared."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner, Result

from neurokit import NeurokitError, load_recipe
from neurokit.cli import main
from neurokit.comparing import Missing, compare, differences, find_runs, in_words
from neurokit.comparing.runs import training_seconds
from neurokit.recipe import to_toml

ABSENT, ELSEWHERE = Missing.ABSENT, Missing.ELSEWHERE


def _found(*tables: Any) -> tuple[dict[str, list[Any]], int]:
    found, equal = differences(tables)
    return {each.key: each.values for each in found}, equal


def test_equal_tables_do_not_differ() -> None:
    table = {"a": 1, "b": {"c": [1, 2], "d": {}}, "e": [{"use": "x", "f": 2.0}]}
    # a, b.c, which components e has, e[x].use and e[x].f; an empty table holds nothing.
    assert _found(table, json.loads(json.dumps(table))) == ({}, 5)


def test_values_that_differ_have_dotted_keys() -> None:
    one = {"name": "a", "train": {"epochs": 3, "validation": {"batches": 8}, "pad": [0, 0]}}
    two = {"name": "a", "train": {"epochs": 4, "validation": {"batches": 9}, "pad": [0, 1]}}
    assert _found(one, two) == (
        {
            "train.epochs": [3, 4],
            "train.validation.batches": [8, 9],
            "train.pad": [[0, 0], [0, 1]],
        },
        1,
    )


def test_true_is_no_1_and_an_integer_may_be_a_float() -> None:
    assert _found({"a": True, "b": 1}, {"a": 1, "b": 1.0}) == ({"a": [True, 1]}, 1)


def test_what_some_lack_altogether_is_one_difference() -> None:
    tune = {"study": "s", "space": {"decoder": {"threshold": {"low": 0}}}}
    data = {"use": "files", "image": "x.tif"}
    assert _found({"tune": tune, "data": {"validation": data}}, {"data": {}}, {"data": {}}) == (
        {"tune": [tune, ABSENT, ABSENT], "data.validation": [data, ABSENT, ABSENT]},
        0,
    )


def test_another_component_is_compared_in_what_both_have() -> None:
    adamw = {"use": "adamw", "lr": 0.1, "betas": [0.9, 0.99]}
    sgd = {"use": "sgd", "lr": 0.2, "momentum": 0.9}
    assert _found({"optimizer": adamw}, {"optimizer": sgd}) == (
        {"optimizer.use": ["adamw", "sgd"], "optimizer.lr": [0.1, 0.2]},
        0,
    )
    # Of three, two have the same component; what that has alone is compared between them.
    other = adamw | {"betas": [0.5, 0.5]}
    assert _found({"optimizer": adamw}, {"optimizer": sgd}, {"optimizer": other}) == (
        {
            "optimizer.use": ["adamw", "sgd", "adamw"],
            "optimizer.lr": [0.1, 0.2, 0.1],
            "optimizer.betas": [[0.9, 0.99], ELSEWHERE, [0.5, 0.5]],
        },
        0,
    )


def test_an_optional_parameter_of_the_same_component_is_a_difference() -> None:
    limited = {"use": "sliding_window", "memory_gib": 4.0}
    assert _found({"inferer": limited}, {"inferer": {"use": "sliding_window"}}) == (
        {"inferer.memory_gib": [4.0, ABSENT]},
        1,
    )


def test_components_of_a_list_are_matched_by_their_use() -> None:
    flip, noise = {"use": "flip", "p": 0.5}, {"use": "noise", "p": 0.1}
    stronger = {"use": "noise", "p": 0.9}
    assert _found({"list": [flip, noise]}, {"list": [stronger]}) == (
        {"list": [[flip, noise], [stronger]], "list[noise].p": [0.1, 0.9]},
        1,
    )
    # One that recurs is counted.
    assert _found({"list": [noise, noise]}, {"list": [noise, stronger]}) == (
        {"list[noise 2].p": [0.1, 0.9]},
        4,
    )
    assert _found({"list": [flip, noise]}, {"list": [noise, flip]})[0] == {
        "list": [[flip, noise], [noise, flip]]
    }
    assert _found({"list": []}, {"list": []}) == ({}, 1)
    assert _found({"list": []}, {"list": [flip]}) == ({"list": [[], [flip]]}, 0)


def _flat(table: dict[str, Any], above: str = "") -> dict[str, Any]:
    return {
        key: value
        for name, inner in table.items()
        for key, value in (
            _flat(inner, f"{above}{name}.") if isinstance(inner, dict) else {above + name: inner}
        ).items()
    }


@pytest.mark.parametrize("seed", range(20))
def test_random_tables_differ_where_their_flat_keys_do(seed: int) -> None:
    chance = random.Random(seed)

    def table(depth: int) -> dict[str, Any]:
        return {
            f"k{n}": table(depth - 1) if depth and n % 2 else chance.choice([0, "a", [1], 2.5])
            for n in range(4)
        }

    tables = [table(2) for _ in range(chance.choice([2, 3, 5]))]
    flat = [_flat(each) for each in tables]
    expected = {
        key: [each[key] for each in flat]
        for key in flat[0]
        if any(each[key] != flat[0][key] for each in flat)
    }
    assert _found(*tables) == (expected, len(flat[0]) - len(expected))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (ABSENT, "-"),
        (ELSEWHERE, "-"),
        ("bump", "bump"),
        ("", '""'),
        (1e-08, "1e-08"),
        (True, "true"),
        ([0.1, 0.999], "[0.1, 0.999]"),
        (["z1", "y1"], '["z1", "y1"]'),
        ([], "[]"),
        ([{"use": "flip", "p": 1}, {"use": "noise"}], "flip, noise"),
        ({"use": "files", "image": "x"}, "files"),
        ({"low": 0.1, "high": 0.9}, "{ low = 0.1, high = 0.9 }"),
        ({f"key{n}": n for n in range(9)}, "given"),
        ({}, "{}"),
    ],
)
def test_values_in_words(value: Any, words: str) -> None:
    assert in_words(value) == words


Make = Callable[..., Path]


@pytest.fixture
def make(tiny: Path) -> Make:
    """Makes the folder of a run as a test leaves it, without running anything."""

    def made(
        name: str,
        scores: dict[str, dict[str, float]] | None,
        *overrides: str,
        step: int = 6,
        marks: dict[str, str] | None = None,
        versions: dict[str, str] | None = None,
        no_test: list[str] | None = None,
        log: str = "2026-01-01 10:00:00,000 INFO training from step 0 to 6\n"
        "2026-01-01 10:01:30,500 INFO train: done in 90.5 s\n",
    ) -> Path:
        folder = Path("outputs", name)
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        (folder / "checkpoints/last.ckpt").touch()
        recipe = to_toml(load_recipe(tiny, overrides))
        if not (folder / "recipe.toml").exists():
            (folder / "recipe.toml").write_text(recipe)
        packages = {"neurokit": "1.0.0", "torch": "2.6", "pillow": "11"} | (versions or {})
        environment = {"python": "3.11.7", "machine": "x86_64", "distributions": packages}
        (folder / "environment.json").write_text(json.dumps(environment))
        (folder / "run.log").write_text(log)
        if scores is None:
            return folder
        results = folder / f"results_step={step}"
        for volume in scores:
            place = results / volume if len(scores) > 1 else results
            place.mkdir(parents=True)
            with h5py.File(place / "test_im_segmentation.h5", "w") as file:
                file["main"] = np.zeros((1, 1, 1), np.uint8)
                file["main"].attrs["volume"] = volume
                file["main"].attrs["checkpoint"] = "x"
                if marks is not None:
                    file["main"].attrs["volume_fingerprint"] = marks[volume]
        (results / "recipe.toml").write_text(recipe)
        keys = {key for each in scores.values() for key in each}
        mean = {
            key: float(np.mean([each[key] for each in scores.values() if key in each]))
            for key in keys
        }
        if keys:
            metrics: dict[str, Any] = {
                "checkpoint": "x",
                "step": step,
                "mean": mean,
                "volumes": scores,
            }
            if no_test is not None:
                metrics["no_test"] = no_test
            (results / "metrics.json").write_text(json.dumps(metrics))
        return folder

    return made


GOOD = {"adapted_rand": 0.1, "adapted_rand_recall": 0.8, "voi": 1.5}
BAD = {"adapted_rand": 0.2, "adapted_rand_recall": 0.9, "voi": 1.0}


def _compared(*names: str | Path) -> Any:
    return compare(find_runs([str(name) for name in names]))


def test_scores_stand_side_by_side_and_the_best_are_marked(make: Make) -> None:
    make("tiny/1", {"v": BAD})
    make("tiny/2", {"v": GOOD}, "optimizer.lr=0.5")
    make("tiny/3", {"v": {"adapted_rand": 0.1}})
    found = _compared("outputs/tiny/1", "outputs/tiny/2", "outputs/tiny/3")
    rows = {row.score: row for row in found.scores}
    # Headlines come first.
    assert list(rows) == ["adapted_rand", "voi", "adapted_rand_recall"]
    assert rows["adapted_rand"].values == (0.2, 0.1, 0.1)
    assert rows["adapted_rand"].best == (1, 2)
    assert rows["voi"].values == (1.0, 1.5, None)
    assert rows["voi"].best == (0,)
    assert rows["voi"].higher_is_better is False
    # Of a part of a score nobody says which way is better.
    assert (rows["adapted_rand_recall"].best, rows["adapted_rand_recall"].headline) == ((), False)
    assert [(each.key, each.values) for each in found.recipe] == [
        ("optimizer.lr", [0.001, 0.5, 0.001])
    ]
    assert found.warnings == ()
    assert [run.training_seconds for run in found.runs] == [90.5] * 3
    assert [run.label for run in found.runs] == ["1", "2", "3"]


def test_equal_scores_and_a_score_alone_are_not_best(make: Make) -> None:
    make("tiny/1", {"v": {"adapted_rand": 0.1, "voi": 1.0}})
    make("tiny/2", {"v": {"adapted_rand": 0.1}})
    assert [row.best for row in _compared("outputs/tiny").scores] == [(), ()]


def test_a_higher_score_is_better_where_the_metric_says_so(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from neurokit.components.metrics import AdaptedRand

    monkeypatch.setattr(AdaptedRand, "higher_is_better", True)
    make("tiny/1", {"v": GOOD})
    make("tiny/2", {"v": BAD})
    row = _compared("outputs/tiny").scores[0]
    assert (row.score, row.higher_is_better, row.best) == ("adapted_rand", True, (1,))


def test_scores_computed_in_two_ways_are_not_compared(make: Make) -> None:
    make("tiny/1", {"v": GOOD})
    make("tiny/2", {"v": BAD}, "metrics.0.background='segment'")
    found = _compared("outputs/tiny")
    assert {row.score: row.best for row in found.scores if row.headline} == {
        "adapted_rand": (),
        "voi": (1,),
    }
    assert found.warnings == (
        "adapted_rand was computed in several ways (see [metrics] of the recipes), and its values "
        "cannot be compared",
    )
    assert found.recipe[0].key == "metrics[adapted_rand].background"


def test_a_metric_that_is_gone_has_no_direction(make: Make) -> None:
    for name, score in (("1", 0.1), ("2", 0.2)):
        folder = make(f"tiny/{name}", {"v": {"gone": score, "voi": score}})
        for file in (folder / "recipe.toml", folder / "results_step=6/recipe.toml"):
            file.write_text(file.read_text().replace('"adapted_rand"', '"gone"'))
    rows = _compared("outputs/tiny").scores
    assert [(row.score, row.higher_is_better, row.best) for row in rows] == [
        ("voi", False, (0,)),
        ("gone", None, ()),
    ]


def test_one_name_for_two_volumes_is_warned_of(make: Make) -> None:
    make("tiny/1", {"v": GOOD}, marks={"v": "aaaa"})
    make("tiny/2", {"v": BAD}, marks={"v": "bbbb"})
    found = _compared("outputs/tiny")
    assert found.warnings == (
        "the volume 'v' is read from other files, or another part of them, in 2 than in 1; scores "
        "on it compare only if they hold the same",
    )
    assert not any(row.best for row in found.scores)


def test_without_a_mark_of_the_volume_the_recipes_tell(make: Make) -> None:
    make("tiny/1", {"v": GOOD})
    make("tiny/2", {"v": BAD}, "data.test.noise=0.5", marks={"v": "bbbb"})
    found = _compared("outputs/tiny")
    assert found.warnings == (
        "the volume 'v' may be read from other files, as [data.test] of the runs differ; scores "
        "on it compare only if they hold the same",
    )
    assert not any(row.best for row in found.scores)


def test_the_same_volume_by_another_recipe_can_be_compared(make: Make) -> None:
    make("tiny/1", {"v": GOOD}, marks={"v": "aaaa"})
    make("tiny/2", {"v": BAD}, "data.test.count=1", "data.test.seed=3", marks={"v": "aaaa"})
    found = _compared("outputs/tiny")
    assert found.warnings == ()
    assert any(row.best for row in found.scores)


def test_scores_of_several_volumes_have_a_mean_where_all_have_them(make: Make) -> None:
    make("tiny/1", {"v": {"voi": 1.0}, "w": {"voi": 3.0}})
    make("tiny/2", {"v": {"voi": 2.0}, "w": {"voi": 4.0}})
    assert [(row.volume, row.values, row.best) for row in _compared("outputs/tiny").scores] == [
        ("mean", (2.0, 3.0), (0,)),
        ("v", (1.0, 2.0), (0,)),
        ("w", (3.0, 4.0), (0,)),
    ]
    make("tiny/3", {"w": {"voi": 0.5}})
    found = _compared("outputs/tiny")
    assert [(row.volume, row.values) for row in found.scores] == [
        ("v", (1.0, 2.0, None)),
        ("w", (3.0, 4.0, 0.5)),
    ]
    assert found.warnings == (
        "not all runs were tested on the same volumes; compare only scores of one volume",
    )


def test_what_was_not_tested_or_not_scored_is_said(make: Make) -> None:
    make("tiny/1", {"v": GOOD})
    make("tiny/2 b", None)
    make("tiny/3", {"v": {}})
    found = _compared("outputs/tiny")
    assert found.warnings == (
        "2 b has not been tested; test it: neurokit run --resume 'outputs/tiny/2 b' --mode test",
        "3 was tested, and nothing was scored",
    )
    assert found.scores[0].values == (0.1, None, None)
    assert [run.step for run in found.runs] == [6, None, 6]


def test_versions_that_matter_are_compared(make: Make) -> None:
    make("tiny/1", {"v": GOOD})
    versions = {"torch": "2.7", "neurokit-sdt": "1.0.0", "pillow": "12"}
    make("tiny/2", {"v": GOOD}, versions=versions)
    assert [(each.key, each.values) for each in _compared("outputs/tiny").environment] == [
        ("neurokit-sdt", [ABSENT, "1.0.0"]),
        ("torch", ["2.6", "2.7"]),
    ]


def test_what_a_network_from_elsewhere_was_trained_by_is_not_compared(make: Make) -> None:
    make("tiny/1", {"v": GOOD}, "train.epochs=9", "seed=1", log="")
    (Path("outputs/tiny/1/checkpoints/last.ckpt")).unlink()
    make("tiny/2", {"v": BAD}, "decoder.threshold=0.1")
    found = _compared("outputs/tiny")
    assert [each.key for each in found.recipe] == ["decoder.threshold"]
    assert [run.training_seconds for run in found.runs] == [None, 90.5]
    assert [run.network for run in found.runs] == ["x", None]
    assert "\nnetwork        x  its own\n" in _invoke("outputs/tiny").stdout


def test_an_unscored_network_from_elsewhere_is_named(make: Make) -> None:
    make("tiny/1", {"v": {}}, log="")
    (Path("outputs/tiny/1/checkpoints/last.ckpt")).unlink()
    make("tiny/2", {"v": {}})
    make("tiny/3", None, log="")
    (Path("outputs/tiny/3/checkpoints/last.ckpt")).unlink()
    found = _compared("outputs/tiny")
    assert [run.network for run in found.runs] == ["x", None, None]
    assert re.search(r"\nnetwork +x +its own +-\n", _invoke("outputs/tiny").stdout)


def test_scores_that_are_no_test_are_marked_and_never_the_best(make: Make) -> None:
    reason = "the network is trained on the very tissue that is tested"
    make("tiny/1", {"v": {"adapted_rand": 0.05, "voi": 0.5}}, no_test=[reason])
    make("tiny/2", {"v": BAD}, no_test=[])
    make("tiny/3", {"v": GOOD})
    found = _compared("outputs/tiny")
    rows = {row.score: row for row in found.scores}
    assert (rows["adapted_rand"].best, rows["voi"].best) == ((2,), (1,))
    assert (rows["adapted_rand"].no_test, rows["adapted_rand_recall"].no_test) == ((0,), ())
    assert found.warnings == (f"the scores of 1 are no test: {reason}",)
    assert [run["no_test"] for run in found.to_table()["runs"]] == [reason, None, None]
    shown = _invoke("outputs/tiny")
    assert re.search(r"\nadapted_rand +0\.0500 \(no test\) +0\.2000 +0\.1000\*\n", shown.stdout)
    assert f"warning: the scores of 1 are no test: {reason}\n" in shown.stderr
    # Of two, the other one is alone, and no best.
    assert [row.best for row in _compared("outputs/tiny/1", "outputs/tiny/2").scores] == [()] * 3
    # All that speaks against a test is said of it.
    make("tiny/4", {"v": GOOD}, no_test=[reason, "the decoder's settings were guessed"])
    assert _compared("outputs/tiny").runs[3].no_test == (
        f"{reason}, and the decoder's settings were guessed"
    )


def test_where_no_score_is_a_test_none_is_best(make: Make) -> None:
    make("tiny/1", {"v": GOOD}, no_test=["a"])
    make("tiny/2", {"v": BAD}, no_test=["b"])
    found = _compared("outputs/tiny")
    assert [run.no_test for run in found.runs] == ["a", "b"]
    assert not any(row.best for row in found.scores)


def test_a_run_that_failed_before_its_first_checkpoint_is_compared(make: Make) -> None:
    make("tiny/1", {"v": GOOD})
    failed = make("tiny/2", None, "data.train.seed=5", log="")
    (failed / "checkpoints/last.ckpt").unlink()
    found = _compared("outputs/tiny")
    assert [(each.key, each.values) for each in found.recipe] == [("data.train.seed", [1, 5])]
    assert found.warnings == (
        "2 has no network yet; go on with it: neurokit run --resume outputs/tiny/2",
    )
    # A network from elsewhere that was not tested yet can be; the training is none of it.
    (failed / "network.toml").write_text('checkpoint = "neurokit:phantom_demo"\n')
    found = _compared("outputs/tiny")
    assert found.warnings == (
        "2 has not been tested; test it: neurokit run --resume outputs/tiny/2 --mode test",
    )
    assert "data.train.seed" not in [each.key for each in found.recipe]


def test_what_is_said_where_files_are_missing_is_no_difference(make: Make) -> None:
    files = "data.test={{use='files',image='x.tif',voxel_size_nm=[30,6,6],hint='{}'}}"
    make("tiny/1", {"v": GOOD}, files.format("there"))
    make("tiny/2", {"v": GOOD}, files.format("elsewhere"))
    assert _compared("outputs/tiny").recipe == ()


def test_a_test_by_another_recipe_counts_in_what_it_changed(make: Make) -> None:
    make("tiny/1", {"v": GOOD})
    folder = make("tiny/2", None)
    again = to_toml(load_recipe("tiny.toml", ["decoder.threshold=0.3", "train.epochs=77"]))
    make("tiny/2", {"v": BAD})
    (folder / "results_step=6/recipe.toml").write_text(again)
    assert [each.key for each in _compared("outputs/tiny").recipe] == ["decoder.threshold"]


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        ("", None),
        ("01,000 command: x|02,000 training from step 0 to 6|04,500 train: done in 9.0 s", 2.5),
        ("02,000 training from step 0 to 6|04,000 the run ends with Interrupted", 2.0),
        # Killed: up to the last line of the session; and then gone on with.
        (
            "02,000 training from step 0 to 6|05,000 epoch 1 of 2: loss 1|30,000 command: x|"
            "31,000 training from step 3 to 6|33,000 train: done in 2.0 s|50,000 evaluate: done",
            5.0,
        ),
        ("02,000 training from step 0 to 6|06,000 epoch 1 of 2: loss 1", 4.0),
        ("01,000 command: x|02,000 train: reused in 0.0 s", None),
    ],
)
def test_training_time_is_that_of_all_sessions(
    tmp_path: Path, lines: str, seconds: float | None
) -> None:
    written = [
        f"2026-01-01 10:00:{line[:6]} INFO {line[7:]}\nTraceback or whatever"
        for line in lines.split("|")
        if line
    ]
    (tmp_path / "run.log").write_text("\n".join(written))
    assert training_seconds(tmp_path) == seconds


def test_runs_are_named_in_several_ways(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    make("tiny/1", {"v": GOOD}, step=3)
    make("tiny/1", {"v": BAD}, step=6)
    make("tiny/2", {"v": GOOD})
    make("other/2", {"v": GOOD})
    (Path("outputs/tiny/prepared")).mkdir()

    def meant(*names: str) -> list[tuple[str, str, int | None]]:
        return [(str(run.folder), run.label, run.step) for run in find_runs(names)]

    both = [("outputs/tiny/1", "1", 6), ("outputs/tiny/2", "2", 6)]
    assert meant("outputs/tiny") == both
    assert meant("outputs/tiny/") == both
    assert meant("outputs/tiny/1", "outputs/tiny/2", "outputs/tiny/prepared") == both
    assert meant("outputs/tiny/1", "outputs/tiny/2", "outputs/tiny/1/") == both
    assert meant("outputs/tiny/1@3", "outputs/tiny/1") == [
        ("outputs/tiny/1", "1@3", 3),
        ("outputs/tiny/1", "1@6", 6),
    ]
    assert meant("outputs/tiny/1/results_step=3", "outputs/tiny/2")[0][2] == 3
    # Beside others, a recipe's folder is its latest run.
    assert meant("outputs/tiny", "outputs/other") == [
        ("outputs/tiny/2", "tiny/2", 6),
        ("outputs/other/2", "other/2", 6),
    ]
    monkeypatch.chdir("outputs/tiny")
    assert meant(".") == [("1", "1", 6), ("2", "2", 6)]
    monkeypatch.chdir("1")
    assert meant(".", "../2")[0][1:] == ("1", 6)
    monkeypatch.chdir("results_step=3")
    assert meant(".", "../../2")[0][1:] == ("1", 3)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["outputs/tiny/1"],
            "it takes two runs to compare, and there is only outputs/tiny/1; name another, or the "
            "folder of a recipe that holds several",
        ),
        (
            ["outputs/tiny/1", "gone"],
            "gone is not the folder of a run; one lies at outputs/<name>/<time>",
        ),
        (
            ["outputs/tiny/1", "outputs/tiny/1@7"],
            "outputs/tiny/1 holds no results of step 7; tested steps: 6",
        ),
        (
            ["outputs/tiny/1", "nowhere@7"],
            "nowhere is not the folder of a run; one lies at outputs/<name>/<time>",
        ),
    ],
)
def test_what_is_no_run_is_said(make: Make, names: list[str], message: str) -> None:
    make("tiny/1", {"v": GOOD})
    with pytest.raises(NeurokitError) as caught:
        find_runs(names)
    assert str(caught.value) == message


def test_damaged_files_are_named(make: Make) -> None:
    make("tiny/1", {"v": GOOD})
    folder = make("tiny/2", {"v": GOOD})
    for name, text, reason in (
        ("environment.json", "[]", "it holds no table"),
        ("environment.json", "{", "Expecting property name enclosed in double quotes"),
        ("recipe.toml", "name", "Expected '=' after a key in a key/value pair"),
    ):
        before = (folder / name).read_text()
        (folder / name).write_text(text)
        with pytest.raises(NeurokitError) as caught:
            find_runs(["outputs/tiny"])
        assert str(caught.value).startswith(f"outputs/tiny/2/{name} cannot be read: {reason}")
        (folder / name).write_text(before)


def _invoke(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["compare", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_two_runs_are_columns(make: Make) -> None:
    make("tiny/1", {"v": GOOD})
    make("tiny/2", {"v": BAD}, "train.epochs=9", "optimizer.lr=0.5", versions={"torch": "2.7"})
    result = _invoke("outputs/tiny")
    assert (result.exit_code, result.stderr) == (0, "")
    count = re.search(r"^(\d+) other values of the recipes are equal$", result.stdout, re.MULTILINE)
    assert count is not None
    assert result.stdout == (
        "\n"
        "scores of v          1        2\n"
        "adapted_rand         0.1000*  0.2000\n"
        "voi                  1.5000   1.0000*\n"
        "adapted_rand_recall  0.8000   0.9000\n"
        "\n"
        "runs           1     2\n"
        "tested step    6     6\n"
        "training time  90 s  90 s\n"
        "\n"
        "recipes       1      2\n"
        "optimizer.lr  0.001  0.5\n"
        "train.epochs  2      9\n"
        "\n"
        "versions when the runs were begun  1    2\n"
        "torch                              2.6  2.7\n"
        "\n"
        f"{count[0]}\n"
    )


def test_many_runs_are_rows(make: Make) -> None:
    for number in range(4):
        make(f"tiny/{number}", {"v": GOOD if number else BAD}, f"seed={number}")
    make("tiny/4", None)
    result = _invoke("outputs/tiny")
    assert result.stdout.startswith(
        "\n"
        "scores of v  adapted_rand  voi      adapted_rand_recall\n"
        "0            0.2000        1.0000*  0.9000\n"
        "1            0.1000*       1.5000   0.8000\n"
        "2            0.1000*       1.5000   0.8000\n"
        "3            0.1000*       1.5000   0.8000\n"
        "\n"
        "runs  tested step  training time\n"
    )
    assert "\n4     -            90 s\n" in result.stdout
    assert "\nrecipes  seed\n0        0\n" in result.stdout
    assert result.stderr == (
        "warning: 4 has not been tested; test it: "
        "neurokit run --resume outputs/tiny/4 --mode test\n"
    )


def test_equal_recipes_are_said_to_be_so(make: Make) -> None:
    make("tiny/1", {"v": GOOD})
    make("tiny/2", {"v": BAD})
    last = _invoke("outputs/tiny").stdout.splitlines()[-1]
    assert re.fullmatch(r"the recipes do not differ: all their \d+ values are equal", last)


def test_names_are_printed_as_they_are(make: Make) -> None:
    make("tiny/[bold]1", {"[red]v:smile:": GOOD})
    make("tiny/2", {"[red]v:smile:": BAD})
    result = _invoke("outputs/tiny")
    assert "scores of [red]v:smile:" in result.stdout
    assert "  2        [bold]1\n" in result.stdout


def test_the_json_of_a_comparison(make: Make) -> None:
    make("tiny/1", {"v": GOOD})
    make("tiny/2", None, "tune={trials=3}")
    found = json.loads(_invoke("outputs/tiny", "--json").stdout)
    assert found.pop("equal") > 50
    (difference,) = found.pop("recipe")
    assert (difference["key"], difference["values"][0]) == ("tune", None)
    assert difference["values"][1]["trials"] == 3
    assert found == {
        "runs": [
            {
                "label": "1",
                "folder": "outputs/tiny/1",
                "step": 6,
                "network": None,
                "results": "outputs/tiny/1/results_step=6",
                "training_seconds": 90.5,
                "no_test": None,
            },
            {
                "label": "2",
                "folder": "outputs/tiny/2",
                "step": None,
                "network": None,
                "results": None,
                "training_seconds": 90.5,
                "no_test": None,
            },
        ],
        "scores": [
            {
                "volume": "v",
                "score": score,
                "headline": headline,
                "higher_is_better": False if headline else None,
                "values": [GOOD[score], None],
                "best": [],
            }
            for score, headline in (
                ("adapted_rand", True),
                ("voi", True),
                ("adapted_rand_recall", False),
            )
        ],
        "environment": [],
        "warnings": [
            "2 has not been tested; test it: neurokit run --resume outputs/tiny/2 --mode test"
        ],
    }


def test_errors_of_the_command(make: Make) -> None:
    make("tiny/1", {"v": GOOD})
    result = _invoke("outputs/tiny/1", "gone")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "error: gone is not the folder of a run; one lies at outputs/<name>/<time>\n"
    )
    assert _invoke().exit_code == 2


class _Page(HTMLParser):
    """What a page says, and what it refers to."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.text: list[str] = []
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.best: list[str] = []
        self._best = False
        self.feed(file.read_text(encoding="utf-8"))
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.addresses += [str(given[key]) for key in ("href", "src") if key in given]
        self._best = "best" in str(given.get("class")).split()
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self._best = False

    def handle_data(self, data: str) -> None:
        if self.open and {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data
        if self._best:
            self.best.append(data)
        self.text.append(data)


def test_the_page_of_a_comparison(make: Make) -> None:
    first = make("tiny/1 & <b>", {"v<script>": GOOD})
    make("tiny/2", {"v<script>": BAD}, "optimizer.lr=0.5")
    (first / "report.html").touch()
    result = _invoke("outputs/tiny", "--html", "pages/x.html")
    assert result.stdout.endswith("\nwrote pages/x.html\n")
    page = _Page(Path("pages/x.html"))
    assert ["", "1 & <b>", "2"] in page.rows
    assert ["adapted_rand", "0.1000", "0.2000"] in page.rows
    assert ["optimizer.lr", "0.001", "0.5"] in page.rows
    assert page.best == ["0.1000", "1.0000"]
    assert "Scores of v<script>" in page.text
    # The only addresses are those of reports, and they are right from where the page lies.
    assert set(page.addresses) == {"../outputs/tiny/1%20%26%20%3Cb%3E/report.html"}
    text = Path("pages/x.html").read_text()
    assert "@import" not in text
    assert "url(" not in text
    assert "--accent" in text


def test_a_page_of_many_runs_has_them_as_rows(make: Make) -> None:
    for number in range(6):
        make(f"tiny/{number}", {"w" if number == 5 else "v": {"voi": float(number)}})
    _invoke("outputs/tiny", "--html", "x.html", "--json")
    rows = _Page(Path("x.html")).rows
    assert rows[:2] == [["", "voi"], ["0", "0.0000"]]
    assert rows.index(["", "voi"], 1) == 6
    assert rows[7] == ["5", "5.0000"]


def test_a_page_that_cannot_be_written(make: Make) -> None:
    make("tiny/1", {"v": GOOD})
    make("tiny/2", {"v": BAD})
    Path("file").touch()
    result = _invoke("outputs/tiny", "--html", "file/x.html")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: cannot write file/x.html: ")
