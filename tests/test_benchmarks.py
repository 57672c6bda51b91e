"""Benchmarks of decoding and tuning: on a small volume they run, and report what is true of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import ROOT

from neurokit.components.datasets.phantom import Phantom

SHAPE = (10, 48, 48)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Noisy affinities of a phantom, and its labels."""
    (volume,) = Phantom(shape=SHAPE).volumes()
    assert volume.labels is not None
    labels_ZYX = np.asarray(volume.labels[...])
    affinities_CZYX = np.zeros((3, *SHAPE))
    for axis in range(3):
        higher = tuple(slice(1 if each == axis else 0, None) for each in range(3))
        lower = tuple(slice(None, -1 if each == axis else None) for each in range(3))
        affinities_CZYX[axis][higher] = labels_ZYX[higher] == labels_ZYX[lower]
    noise_CZYX = np.random.default_rng(0).normal(0, 0.15, affinities_CZYX.shape)
    noisy_CZYX = np.clip(0.15 + 0.7 * affinities_CZYX + noise_CZYX, 0, 1)
    file = tmp_path_factory.mktemp("benchmarks") / "volume.h5"
    with h5py.File(file, "w") as stored:
        stored["affinities"] = np.rint(noisy_CZYX * 255).astype(np.uint8)
        # Of more sections than there are affinities of.
        stored["labels"] = np.concatenate([labels_ZYX, labels_ZYX[:3]])
    return file, f"{file}::labels"


def printed(script: str, *arguments: object) -> str:
    """What a benchmark prints on a wide terminal."""
    command = [sys.executable, str(ROOT / "benchmarks" / script), *map(str, arguments)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": "160", "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(text: str, title: str) -> list[list[str]]:
    """The cells of the table under a title."""
    table = text[text.index(title) :].partition("└")[0]
    lines = [line for line in table.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


@pytest.mark.slow
def test_both_engines_are_timed_and_give_the_same_partitions(files: tuple[Path, str]) -> None:
    affinities, labels = files
    few = ("--repeat", 1, "--merge-function", "aff85_his256", "--no-first-call")
    given = ("--labels", labels, *few, "--compare", 0.1, "--compare", 0.99)
    text = printed("agglomeration.py", affinities, *given)
    timed = rows(text, "aff85_his256, threshold 0.5")
    assert [row[0] for row in timed] == ["neurokit", "package, bins", "package, heap"]
    assert timed[0][2] == timed[0][4] == timed[0][6] == "1.0"
    steps = rows(text, "aff85_his256: steps")
    assert [row[0] for row in steps] == [
        *("watershed", "region graph", "agglomeration", "relabelling")
    ]
    assert 97 <= sum(int(row[2].rstrip("%")) for row in steps) <= 103

    alike, merged = rows(text, "pairs of voxels on which the package differs")
    assert alike[:2] == ["aff85_his256", "0.1"]
    assert int(alike[2].replace(",", "")) >= 100
    assert alike[3] == "0"
    assert 0 <= float(alike[4]) < 0.5
    assert merged[3] == "too few segments"
    ((*_, ours, bins, heap),) = rows(text, "adapted Rand error")
    assert ours == bins
    assert 0 < float(ours) < 1
    assert 0 < float(heap) < 1


@pytest.mark.slow
def test_growth_is_measured_on_a_phantom() -> None:
    text = printed("agglomeration.py", "--phantom", 8, 64, 64)
    found = {row[0]: row[1:] for row in rows(text, "phantom, aff85_his256, threshold 0.5")}
    assert found["voxels"][:3] == ["2,048", "8,192", "32,768"]
    fragments, edges = (
        [int(cell.replace(",", "")) for cell in found[name][:3]] for name in ("fragments", "edges")
    )
    assert fragments[0] < fragments[1] < fragments[2]
    assert all(edge > fragment for edge, fragment in zip(edges, fragments, strict=True))
    assert float(found["peak, GiB"][2]) > 0
    assert len(rows(text, "the whole: what bounds it")) == 4


@pytest.mark.slow
def test_searches_are_timed_and_agree_with_the_package(files: tuple[Path, str]) -> None:
    space = "{merge_function=['affmean','aff85_his256'],threshold={low=0.2,high=0.4,step=0.1}}"
    given = (f"tune.space.decoder={space}", "--trials", 4, "--package-trials", 3)
    text = printed("tuning.py", *files, *given)
    found = rows(text, "search")
    assert [row[:2] for row in found] == [
        ["package, TPE", "3"],
        ["neurokit, TPE", "4"],
        ["neurokit, grid", "6"],
    ]
    assert "4 trials by the package take" in text
    assert "(scaled up from 3)" in text
    words = " ".join(text.split())
    assert (
        "3 of the package's 3 settings are neurokit's, too; their scores differ by at most 0"
        in words
    )


@pytest.mark.parametrize("given", [(), ("affinities.h5", "--phantom", "8", "8", "8")])
def test_decoding_wants_affinities_or_a_phantom(given: tuple[str, ...]) -> None:
    script = ROOT / "benchmarks" / "agglomeration.py"
    done = subprocess.run([sys.executable, str(script), *given], capture_output=True, text=True)
    assert done.returncode == 2
    assert "Error: give either AFFINITIES or --phantom" in done.stderr


def test_a_missing_file_is_an_error_in_one_line(tmp_path: Path) -> None:
    script = ROOT / "benchmarks" / "agglomeration.py"
    command = [sys.executable, str(script), str(tmp_path / "none.h5")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "none.h5" in done.stderr
    assert "Traceback" not in done.stderr
