"""How long a search of the decoder's settings takes, beside one that decodes by the waterz package.

    python benchmarks/tuning.py AFFINITIES.h5 LABELS.h5::labels
    python benchmarks/tuning.py AFFINITIES.h5 LABELS.h5::labels decoder.dust.enabled=false

Searched is the space of `recipes/snemi_aff12.toml` by its adapted Rand error, with its decoder,
dust and section overlap included; what follows the labels overrides the recipe. All searches go
through the tuning stage: 25 trials that TPE proposes, and the whole grid, with neurokit's engine;
and TPE's trials with the package and 256 bins, which gives the same segmentations, so that TPE
proposes the same settings. One half of the package's trials come before the others, one half after.

Seconds are those of the whole stage: its process, the database and the plots included. The package
is given the seconds of its trials alone. With `--package-trials` it gets the first few only, and
its time is scaled up to all of them.
"""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import click
import h5py
import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from neurokit import NeurokitError, create_prediction, load_recipe, open_array, write_array
from neurokit.components.targets import Affinity3
from neurokit.observers.progress import ProgressBar
from neurokit.registry import installed
from neurokit.run_folder import Run
from neurokit.schema import Recipe
from neurokit.stages.tune import Subject, tune
from neurokit.tuning.ranges import grid_size
from neurokit.tuning.space import ranges_of

RECIPE = Path(__file__).parents[1] / "recipes" / "snemi_aff12.toml"
CHANNELS = Affinity3().channels
PACKAGE = ('decoder.engine="package"', "decoder.discretize_queue=256")
WARM_UP = (slice(24), slice(64), slice(64))
HEADLINE = "adapted_rand"
NO_SETTING = {"trial", "state", "seconds", "reason"}


@frozen
class Scene:
    """A volume to tune on, in files of its own.

    Attributes:
        folder: holds the files, and gets the runs.
        overrides: of the recipe.
    """

    folder: Path
    overrides: tuple[str, ...]

    @classmethod
    def laid_out(
        cls,
        folder: Path,
        affinities_CZYX: NDArray[Any],
        labels_ZYX: NDArray[Any],
        overrides: tuple[str, ...],
    ) -> Scene:
        """The scene in a new folder."""
        folder.mkdir()
        shape = labels_ZYX.shape
        with h5py.File(folder / "prediction.h5", "w") as file:
            dataset = create_prediction(file, CHANNELS, shape, (1, 1, 1), affinities_CZYX.dtype.str)
            dataset[...] = affinities_CZYX
            dataset.attrs["fingerprint"] = folder.name
        write_array(folder / "labels.h5", labels_ZYX)
        return cls(folder, overrides)

    def recipe(self, *overrides: str) -> Recipe:
        """The recipe with this volume; its image, which tuning never looks at, are the labels."""
        labels = f"'{self.folder / 'labels.h5'}::main'"
        data = f"{{use='files', image={labels}, labels={labels}, voxel_size_nm=[1, 1, 1]}}"
        here = (f"data.validation={data}", "metrics=[{use='adapted_rand'}]")
        return load_recipe(RECIPE, [*here, *self.overrides, *overrides])


@define
class Search:
    """A search, its time, and what its trials gave.

    Attributes:
        name: in the table.
        scene: what it tunes on.
        overrides: what makes it different from others.
        seconds: that it took so far.
    """

    name: str
    scene: Scene
    overrides: tuple[str, ...]
    seconds: float = 0.0
    _folder: Path | None = field(default=None, init=False)

    def go_on(self, trials: int) -> None:
        """Search until there are so many trials in all."""
        recipe = self.scene.recipe(*self.overrides, f"tune.trials={trials}")
        bar: list[object] = [ProgressBar()]
        if self._folder is None:
            run = Run.create(recipe, self.scene.folder, bar)
            self._folder = run.folder
        else:
            run = Run.open(self._folder, recipe, bar)
        assert recipe.data.validation is not None
        volumes = recipe.data.validation.volumes()
        subject = Subject("validation", volumes, [self.scene.folder / "prediction.h5"])
        began = perf_counter()
        with run.recording():
            tune(run, subject)
        self.seconds += perf_counter() - began

    def trials(self) -> list[dict[str, str]]:
        """The rows of the table of trials."""
        assert self._folder is not None
        with (self._folder / "tune" / "trials.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    @property
    def seconds_of_trials(self) -> float:
        """What the trials alone took."""
        return sum(float(each["seconds"]) for each in self.trials())


@click.command()
@click.argument("affinities")
@click.argument("labels")
@click.argument("overrides", nargs=-1)
@click.option("--trials", type=click.IntRange(min=1), default=25, help="That TPE proposes.")
@click.option("--package-trials", type=click.IntRange(min=1), help="Fewer, for the package.")
def main(
    affinities: str,
    labels: str,
    overrides: tuple[str, ...],
    trials: int,
    package_trials: int | None,
) -> None:
    """Search settings for AFFINITIES (file.h5 or file.h5::dataset) against LABELS, both engines."""
    affinities = affinities if "::" in affinities else f"{affinities}::affinities"
    of_package = min(trials, package_trials or trials)
    console = Console()
    try:
        with tempfile.TemporaryDirectory() as folder:
            affinities_CZYX = np.asarray(open_array(affinities)[...])
            # The affinities may be those of the first sections.
            labels_ZYX = np.asarray(open_array(labels)[: affinities_CZYX.shape[1]])
            _warm_up(Path(folder), affinities_CZYX, labels_ZYX, overrides)
            scene = Scene.laid_out(Path(folder) / "all", affinities_CZYX, labels_ZYX, overrides)
            package, tpe, grid = _search(scene, trials, of_package)
            console.print(_table([package, tpe, grid]))
            console.print(_comparison(package, tpe, grid))
    except NeurokitError as error:
        raise click.ClickException(str(error)) from error


def _warm_up(
    folder: Path,
    affinities_CZYX: NDArray[Any],
    labels_ZYX: NDArray[Any],
    overrides: tuple[str, ...],
) -> None:
    """Search for a moment on a small cut, so that what is compiled is kept for other processes."""
    cut_CZYX, cut_ZYX = affinities_CZYX[(slice(None), *WARM_UP)], labels_ZYX[WARM_UP]
    Search("", Scene.laid_out(folder / "small", cut_CZYX, cut_ZYX, overrides), ()).go_on(2)


def _search(scene: Scene, trials: int, of_package: int) -> tuple[Search, Search, Search]:
    """The three searches, done: by the package, and by neurokit with TPE and over the grid."""
    settings = grid_size(ranges_of(scene.recipe(), installed().component))
    if settings is None:
        raise NeurokitError("tune.space must be a grid: give every range a step")
    patient = "tune.trial_timeout=100000"
    package = Search("package, TPE", scene, (*PACKAGE, patient))
    tpe = Search("neurokit, TPE", scene, (patient,))
    grid = Search("neurokit, grid", scene, (patient, "tune.sampler='grid'"))
    if of_package > 1:
        package.go_on(of_package // 2)
    tpe.go_on(trials)
    grid.go_on(settings)
    package.go_on(of_package)
    return package, tpe, grid


def _table(searches: list[Search]) -> Table:
    table = Table(
        "search",
        "trials",
        "seconds in all",
        "of the trials",
        "median trial",
        "longest trial",
        "failed",
        f"best {HEADLINE}",
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for search in searches:
        trials = search.trials()
        seconds = [float(each["seconds"]) for each in trials]
        values = [float(each[HEADLINE]) for each in trials if each["state"] == "complete"]
        table.add_row(
            search.name,
            f"{len(trials):,}",
            f"{search.seconds:.1f}",
            f"{sum(seconds):.1f}",
            f"{np.median(seconds):.3f}",
            f"{max(seconds):.2f}",
            f"{len(trials) - len(values)}",
            f"{min(values, default=np.nan):.6f}",
        )
    return table


def _comparison(package: Search, tpe: Search, grid: Search) -> str:
    """The ratios, in words."""
    ours, its = tpe.trials(), package.trials()
    wanted = len(ours)
    seconds = package.seconds_of_trials * wanted / len(its)
    scaled = "" if len(its) == wanted else f" (scaled up from {len(its)})"
    alike = [_settings(one) == _settings(other) for one, other in zip(ours, its, strict=False)]
    apart = [
        abs(float(one[HEADLINE]) - float(other[HEADLINE]))
        for one, other, same in zip(ours, its, alike, strict=False)
        if same and one["state"] == other["state"] == "complete"
    ]
    return (
        f"{wanted} trials by the package take {seconds:.1f} s{scaled}: "
        f"{seconds / grid.seconds:.2f} times as long as neurokit's {len(grid.trials()):,}, and "
        f"{seconds / tpe.seconds:.2f} times as long as its {wanted}, which take "
        f"{tpe.seconds / grid.seconds:.2f} of the grid's time\n"
        f"{sum(alike)} of the package's {len(its)} settings are neurokit's, too; their scores "
        f"differ by at most {max(apart, default=np.nan):.2g}"
    )


def _settings(trial: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in trial.items() if key not in {HEADLINE, *NO_SETTING}}


if __name__ == "__main__":
    main()
