"""What a volume is scored against: labels, skeletons, or both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from installing import plugin_installed

from neurokit import NeurokitError, Skeletons, load_recipe, write_skeletons
from neurokit.cli import main
from neurokit.pipeline import execute

ENTRY_POINTS = "[neurokit.metric]\nnodes = neurokit_marked:Nodes\n"
SHORT = ("train.epochs=1", "train.steps_per_epoch=1")
BOTH = "metrics=[{use='adapted_rand'}, {use='nodes'}]"


@pytest.fixture
def volume(
    tiny: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """Files of a small volume, beside the recipe `tiny.toml`."""
    random = np.random.default_rng(1)
    tifffile.imwrite("tissue.tif", random.integers(0, 256, (6, 40, 44), np.uint8))
    tifffile.imwrite("labels.tif", np.repeat([[[1, 2]]], 22, 2).repeat(40, 1).repeat(6, 0))
    nodes = np.array([[0, 0, 0], [0, 0, 1], [5, 39, 43]])
    write_skeletons(
        Path("nodes.npz"), Skeletons(np.ones(3, np.int64), nodes, np.array([[0, 1]]), np.ones(1))
    )
    folder = tmp_path_factory.mktemp("marked")
    with plugin_installed("marked", ENTRY_POINTS, folder, monkeypatch):
        yield {"labels": "labels.tif", "skeletons": "nodes.npz"}


def on_files(given: dict[str, str]) -> str:
    parts = [f"{key}='{value}'" for key, value in given.items()]
    shared = "use='files', image='tissue.tif', voxel_size_nm=[20,9,9]"
    return f"data.test={{{', '.join([shared, *parts])}}}"


@pytest.mark.parametrize(
    ("parts", "scores"),
    [
        (("labels", "skeletons"), {"adapted_rand", "nodes"}),
        (("labels",), {"adapted_rand"}),
        (("skeletons",), {"nodes"}),
    ],
)
def test_each_metric_scores_where_its_truth_is(
    volume: dict[str, str], parts: tuple[str, ...], scores: set[str]
) -> None:
    given = on_files({part: volume[part] for part in parts})
    found = execute(load_recipe("tiny.toml", [*SHORT, BOTH, given])).scores
    assert found is not None
    assert {"adapted_rand", "nodes"} & set(found["mean"]) == scores


def test_what_a_volume_lacks_for_a_metric_is_said(volume: dict[str, str]) -> None:
    given = on_files({"labels": "labels.tif"})
    line = "'tissue' has no skeletons, and gets no score of nodes"
    for command in ("check", "run"):
        result = CliRunner().invoke(main, [command, "tiny.toml", *SHORT, BOTH, given])
        assert result.exit_code == 0, result.stderr
        assert f"warning: {line}\n" in result.stderr
    (log,) = Path("outputs").rglob("run.log")
    assert f"WARNING {line}\n" in log.read_text()
    given = on_files(volume)
    result = CliRunner().invoke(main, ["check", "tiny.toml", *SHORT, BOTH, given])
    assert "warning" not in result.stderr
    assert "nm, with labels, with skeletons\n" in result.stdout


def on_filesout_any_truth_nothing_is_scored(volume: dict[str, str]) -> None:
    outcome = execute(load_recipe("tiny.toml", [*SHORT, BOTH, on_files({})]))
    assert outcome.scores is None
    assert outcome.unscored == "the test volume has no labels or skeletons"


def test_tuning_needs_the_truth_of_the_first_metric(volume: dict[str, str]) -> None:
    given = on_files({"labels": "labels.tif"})
    metrics = "metrics=[{use='nodes'}, {use='adapted_rand'}]"
    space = "tune={space={decoder={threshold={low=0.1, high=0.9, step=0.4}}}}"
    checkpoint = execute(load_recipe("tiny.toml", SHORT), "train").checkpoint
    with pytest.raises(NeurokitError) as error:
        execute(load_recipe("tiny.toml", [metrics, given, space]), "tune", checkpoint=checkpoint)
    assert str(error.value) == (
        "the test volume 'tissue' has no skeletons to score settings against"
    )


def test_skeletons_without_an_edge_are_none(volume: dict[str, str]) -> None:
    node = np.zeros((1, 3), np.int64)
    write_skeletons(
        Path("nodes.npz"), Skeletons(np.ones(1, np.int64), node, node[:0, :2], np.ones(0))
    )
    found = execute(load_recipe("tiny.toml", [*SHORT, BOTH, on_files(volume)]))
    assert found.scores is not None
    assert "nodes" not in found.scores["mean"]
    size, lacking = found.warnings
    assert "was trained on voxels of 30 x 6 x 6 nm" in size
    assert lacking == "'tissue' has no skeletons, and gets no score of nodes"
