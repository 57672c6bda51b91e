"""How fast and in how much memory affinities become a segmentation, beside the waterz package.

    python benchmarks/agglomeration.py AFFINITIES.h5
    python benchmarks/agglomeration.py AFFINITIES.h5::affinities --labels LABELS.h5::labels
    python benchmarks/agglomeration.py --phantom 100 1024 1024

The first two decode affinities (channels z, y, x, each to the neighbour one voxel back; uint8 or
floating) through the decoder `waterz`, with its own engine and with the package: with 256 bins
(discretize_queue = 256, which neurokit's engine reproduces) and with the package's default, a heap.
Each contender has a process of its own and warms up on a small cut; then they take turns. Memory is
the peak above what the process held before the call, with the affinities in memory as they are
stored. How long compiling takes, which a machine does once, stands apart, and so do the steps of
neurokit's engine.

Then the partitions are compared: on how many of all pairs of voxels two of them disagree whether
they belong together (one minus the Rand index, background counting as a segment), and, with labels,
how each scores. Where fewer than a hundred segments are left, there is nothing to compare.

The third asks how the engine's time grows, on synthetic tissue: see agglomeration_growth.py.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
from agglomeration_growth import measure_growth
from agglomeration_steps import STEPS, Walk, walk
from attrs import frozen
from numpy.typing import NDArray
from processes import Cost, measured, own_process
from rich.console import Console
from rich.table import Table

from neurokit import NeurokitError, Prediction, Volume, open_array
from neurokit.components.decoders import Waterz
from neurokit.components.metrics import AdaptedRand
from neurokit.components.targets import Affinity3
from neurokit.graph.contingency import contingency

MIB = 2**20
CHANNELS = Affinity3().channels
OURS, BINS, HEAP = "neurokit", "package, bins", "package, heap"
ENGINES: dict[str, dict[str, Any]] = {
    OURS: {"engine": "graph"},
    BINS: {"engine": "package", "discretize_queue": 256},
    HEAP: {"engine": "package", "discretize_queue": 0},
}
WARM_UP = (slice(None), slice(24), slice(64), slice(64))
FEW_SEGMENTS = 100


@frozen
class Setting:
    """What all contenders have in common.

    Attributes:
        affinities: file and dataset.
    """

    affinities: str
    aff_threshold: tuple[float, float]

    def values_CZYX(self) -> NDArray[Any]:
        """The affinities, read into memory."""
        return np.asarray(open_array(self.affinities)[...])

    def decoder(self, contender: str, merge_function: str, threshold: float) -> Waterz:
        """The decoder with a contender's engine, without refinements."""
        return Waterz(
            threshold=threshold,
            merge_function=merge_function,
            aff_threshold=self.aff_threshold,
            **ENGINES[contender],
        )


@click.command()
@click.argument("affinities", required=False)
@click.option("--phantom", type=click.IntRange(min=8), nargs=3, help="Voxels z y x, instead.")
@click.option("--labels", help="FILE::DATASET: what partitions are scored against.")
@click.option("--merge-function", "merge_functions", multiple=True, help="May be given repeatedly.")
@click.option("--threshold", type=float, default=0.5, help="That is timed.")
@click.option("--aff-threshold", type=float, nargs=2, default=(0.1, 0.999), help="Low and high.")
@click.option("--repeat", type=click.IntRange(min=1), default=3, help="The median of so many.")
@click.option("--heap/--no-heap", default=True, help="Whether to run the package's heap, too.")
@click.option("--first-call/--no-first-call", default=True, help="Whether to time compiling.")
@click.option(
    "--compare",
    "compared",
    type=float,
    multiple=True,
    default=(0.02, 0.05, 0.1, 0.2),
    help="Thresholds at which partitions are compared.",
)
def main(
    affinities: str | None,
    phantom: tuple[int, int, int] | None,
    labels: str | None,
    merge_functions: tuple[str, ...],
    threshold: float,
    aff_threshold: tuple[float, float],
    repeat: int,
    heap: bool,
    first_call: bool,
    compared: tuple[float, ...],
) -> None:
    """Measure the decoding of AFFINITIES (file.h5 or file.h5::dataset), or of a phantom."""
    if (affinities is None) == (phantom is None):
        raise click.UsageError("give either AFFINITIES or --phantom")
    console = Console()
    if phantom is not None:
        function = merge_functions[0] if merge_functions else "aff85_his256"
        measure_growth(console, phantom, aff_threshold, function, threshold)
        return
    assert affinities is not None
    setting = Setting(
        affinities if "::" in affinities else f"{affinities}::affinities", aff_threshold
    )
    functions = merge_functions or ("aff85_his256", "affmean")
    contenders = [OURS, BINS, HEAP] if heap else [OURS, BINS]
    try:
        for function in functions:
            _time(console, setting, contenders, function, threshold, repeat)
        if first_call:
            _time_first_call(console, setting, functions[0], threshold)
        _compare(console, setting, contenders, functions, compared, labels)
    except NeurokitError as error:
        raise click.ClickException(str(error)) from error


def _time(
    console: Console,
    setting: Setting,
    contenders: Sequence[str],
    function: str,
    threshold: float,
    repeat: int,
) -> None:
    """Let contenders decode in turns, and print what it took."""
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    with _processes(contenders) as processes, console.status("") as status:
        for name, process in processes.items():
            status.update(f"{function}: {name} warms up")
            process.submit(_warm_up, setting, name, function, threshold).result()
        for turn in range(repeat):
            for name, process in processes.items():
                status.update(f"{function}: {name}, round {turn + 1} of {repeat}")
                work = process.submit(_decode, setting, name, function, threshold)
                costs[name].append(work.result())
        status.update(f"{function}: the steps of neurokit")
        walks = [
            processes[OURS].submit(_walk, setting, function, threshold).result()
            for _ in range(repeat)
        ]
    console.print(_costs_table(costs, walks[0], f"{function}, threshold {threshold:g}"))
    console.print(_steps_table(walks, function))


def _costs_table(costs: dict[str, list[Cost]], walk: Walk, title: str) -> Table:
    table = Table(
        *("contender", "seconds", "x", "of the cores", "x", "peak MiB", "x"),
        title=f"{title}\n{walk.voxels:,} voxels, {walk.fragments:,} fragments, "
        f"{walk.edges:,} edges, {walk.segments:,} segments",
        caption=f"median of {len(costs[OURS])} rounds; x: times neurokit's, the median of the "
        f"rounds; memory is that of the first round",
    )
    _right(table)
    ours = costs[OURS]
    for name, own in costs.items():
        pairs = list(zip(own, ours, strict=True))
        table.add_row(
            name,
            f"{median(cost.seconds for cost in own):.2f}",
            f"{median(cost.seconds / one.seconds for cost, one in pairs):.1f}",
            f"{median(cost.worked for cost in own):.2f}",
            f"{median(cost.worked / one.worked for cost, one in pairs):.1f}",
            f"{own[0].peak / MIB:,.0f}",
            f"{own[0].peak / ours[0].peak:.1f}",
        )
    return table


def _steps_table(walks: Sequence[Walk], function: str) -> Table:
    table = Table(
        "step", "seconds", "share", "of the cores", "peak MiB", title=f"{function}: steps"
    )
    _right(table)
    seconds = [median(walk.costs[step].seconds for walk in walks) for step in range(len(STEPS))]
    for step, name in enumerate(STEPS):
        table.add_row(
            name,
            f"{seconds[step]:.2f}",
            f"{seconds[step] / sum(seconds):.0%}",
            f"{median(walk.costs[step].worked for walk in walks):.2f}",
            f"{walks[0].costs[step].peak / MIB:,.0f}",
        )
    return table


def _time_first_call(console: Console, setting: Setting, function: str, threshold: float) -> None:
    """Time a process's first call, on a small cut, as machine code is made and as it is found."""
    arguments = setting, OURS, function, threshold
    with tempfile.TemporaryDirectory() as folder, _environment("NUMBA_CACHE_DIR", folder):
        with own_process() as process:
            made = process.submit(_warm_up, *arguments).result()
        with own_process() as process:
            found = process.submit(_warm_up, *arguments).result()
            again = process.submit(_warm_up, *arguments).result()
    console.print(
        f"first call, on a small cut: {made.seconds:.1f} s ({made.worked:.1f} s of the cores) with "
        f"compiling; {found.seconds:.2f} s in the next process, which finds the machine code; "
        f"second call {again.seconds:.2f} s\n"
    )


def _compare(
    console: Console,
    setting: Setting,
    contenders: Sequence[str],
    functions: Sequence[str],
    thresholds: Sequence[float],
    labels: str | None,
) -> None:
    """Print how the contenders' partitions differ, and how they score."""
    differences, scores = _comparison_tables(contenders)
    truth = _truth(setting, labels) if labels else None
    with (
        tempfile.TemporaryDirectory() as folder,
        _processes(contenders) as processes,
        console.status("comparing partitions"),
    ):
        for function, threshold in product(functions, thresholds):
            key = function, f"{threshold:g}"
            partitions: list[NDArray[Any]] = []
            for name, process in processes.items():
                file = Path(folder) / "labels.npy"
                process.submit(_decode, setting, name, function, threshold, file).result()
                partitions.append(np.load(file))
                if partitions[0].max(initial=0) < FEW_SEGMENTS:
                    break
            ours, *theirs = partitions
            unlike = [f"{_unlike(ours, each):.3g}" for each in theirs] or ["too few segments"]
            differences.add_row(*key, f"{ours.max(initial=0):,}", *unlike)
            if truth is not None and theirs:
                errors = [AdaptedRand().score(each, truth)["adapted_rand"] for each in partitions]
                scores.add_row(*key, *(f"{error:.6f}" for error in errors))
    console.print(differences)
    if truth is not None:
        console.print(scores)


def _comparison_tables(contenders: Sequence[str]) -> tuple[Table, Table]:
    settings = ("merge function", "threshold")
    differences = Table(
        *settings,
        "segments",
        *contenders[1:],
        title="pairs of voxels on which the package differs from neurokit",
        caption="shares of all pairs; segments are neurokit's",
    )
    scores = Table(*settings, *contenders, title="adapted Rand error")
    for table in (differences, scores):
        _right(table)
    return differences, scores


def _unlike(first_ZYX: NDArray[Any], second_ZYX: NDArray[Any]) -> float:
    """The share of all pairs of voxels that are together in one partition only."""
    pairs = contingency(first_ZYX, second_ZYX)
    of_first, of_second, of_both = (
        sum(int(size) ** 2 for size in sizes)
        for sizes in (pairs.row_sizes, pairs.column_sizes, pairs.counts)
    )
    voxels = first_ZYX.size
    return (of_first + of_second - 2 * of_both) / (voxels * (voxels - 1))


def _truth(setting: Setting, labels: str) -> Volume:
    """The labels of the sections that there are affinities of."""
    depth = open_array(setting.affinities).shape[1]
    labels_ZYX = np.asarray(open_array(labels)[:depth])
    return Volume("truth", labels_ZYX, (1.0, 1.0, 1.0), labels_ZYX)


def _warm_up(setting: Setting, contender: str, function: str, threshold: float) -> Cost:
    """Decode a small cut; all is compiled and imported after it."""
    prediction = Prediction(setting.values_CZYX()[WARM_UP].copy(), CHANNELS)
    decoder = setting.decoder(contender, function, threshold)
    return measured(lambda: decoder.decode(prediction))[1]


def _decode(
    setting: Setting, contender: str, function: str, threshold: float, out: Path | None = None
) -> Cost:
    prediction = Prediction(setting.values_CZYX(), CHANNELS)
    decoder = setting.decoder(contender, function, threshold)
    labels_ZYX, cost = measured(lambda: decoder.decode(prediction))
    if out is not None:
        np.save(out, labels_ZYX)
    return cost


def _walk(setting: Setting, function: str, threshold: float) -> Walk:
    return walk(setting.values_CZYX(), setting.aff_threshold, function, threshold)


@contextmanager
def _processes(contenders: Sequence[str]) -> Iterator[dict[str, ProcessPoolExecutor]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(own_process()) for name in contenders}


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """A variable that processes started meanwhile see."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _right(table: Table) -> None:
    for column in table.columns[1:]:
        column.justify = "right"


if __name__ == "__main__":
    main()
