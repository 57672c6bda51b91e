"""How the time of decoding grows with the volume, and what bounds it, on synthetic tissue.

`python benchmarks/agglomeration.py --phantom 100 1024 1024` grows a phantom, makes affinities of
its labels that are about as noisy as a real network's, and decodes its middle quarter in y and in
x, the middle half, and all of it, each in a process of its own. Exponents are slopes of a straight
line through the logarithms. What bounds a step is told by what the machine takes to read memory: a
place that the last read names (waiting for each), places that are known beforehand (many at a
time), and bytes in a row.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import process_time

import numpy as np
from agglomeration_steps import STEPS, Walk, walk
from attrs import frozen
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from processes import own_process
from rich.console import Console
from rich.table import Table
from scipy.ndimage import gaussian_filter

from neurokit.components.datasets.phantom import Phantom
from neurokit.graph.compiled import compiled

Size = tuple[int, int, int]
PARTS = (4, 2, 1)
GIB = 2**30

# Found by trying: about as many fragments a voxel as FIB-25's network leaves, and rather more.
INSIDE, ACROSS = 0.9, 0.15
NOISE = 0.15
BLUR = 1.0
ALIKE_BETWEEN_SECTIONS = 0.5
ALIKE_BETWEEN_CHANNELS = 0.8

_PLACES = 1 << 27
_READS = 1 << 24
_FACTOR = 0x5D588B65


@frozen
class Reading:
    """Nanoseconds that a core takes to read.

    Attributes:
        waiting: a place that the last read names, anywhere in 1 GiB.
        known: a place that is known beforehand, anywhere in it.
        row: a byte of many in a row.
    """

    waiting: float
    known: float
    row: float


def measure_growth(
    console: Console,
    shape: Size,
    aff_threshold: tuple[float, float],
    merge_function: str,
    threshold: float,
) -> None:
    """Decode parts of a phantom, and print what it took.

    Args:
        console: to print to.
        shape: of the whole phantom, voxels.
        aff_threshold, merge_function, threshold: of the decoder.
    """
    decoder = aff_threshold, merge_function, threshold
    with tempfile.TemporaryDirectory() as folder, console.status("growing tissue") as status:
        labels, affinities = Path(folder) / "labels.npy", Path(folder) / "affinities.npy"
        with own_process() as process:
            process.submit(_grow, shape, labels).result()
            status.update("making affinities")
            process.submit(_make_affinities, labels, affinities).result()
        walks = []
        for part in PARTS:
            with own_process() as process:
                status.update(f"1/{part} in y and in x")
                walks.append(process.submit(_decode_part, affinities, part, *decoder).result())
        status.update("measuring the machine")
        with own_process() as process:
            reading = process.submit(_measure_reading).result()
    console.print(_growth_table(walks, f"{merge_function}, threshold {threshold:g}"))
    console.print(_bounds_table(walks[-1], reading))


def _growth_table(walks: Sequence[Walk], title: str) -> Table:
    table = Table(
        "",
        *(f"1/{part} in y, x" if part > 1 else "whole" for part in PARTS),
        "exponent: voxels",
        "edges",
        title=f"phantom, {title}",
        caption="memory is that of the whole process, the affinities and all libraries included",
    )
    _right(table)
    for count in ("voxels", "fragments", "edges", "segments"):
        table.add_row(count, *(f"{getattr(each, count):,}" for each in walks))
    for step, name in enumerate(STEPS):
        _add_seconds(table, f"{name}, s", [each.costs[step].seconds for each in walks], walks)
    _add_seconds(table, "all, s", [each.seconds for each in walks], walks)
    worked = [sum(cost.worked for cost in each.costs) for each in walks]
    _add_seconds(table, "all, s of the cores", worked, walks)
    table.add_row("peak, GiB", *(f"{each.highest / GIB:.2f}" for each in walks))
    return table


def _add_seconds(table: Table, name: str, seconds: list[float], walks: Sequence[Walk]) -> None:
    exponents = (
        float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
        for sizes in ([each.voxels for each in walks], [each.edges for each in walks])
    )
    table.add_row(name, *(f"{each:.2f}" for each in (*seconds, *exponents)))


def _bounds_table(walk: Walk, reading: Reading) -> Table:
    table = Table(
        *("step", "share", "cores", "ns a voxel", "ns an edge", "reads an edge", "peak MiB"),
        title="the whole: what bounds it",
        caption=f"ns are those that the cores worked. reads: as many reads of a random place in "
        f"{8 * _PLACES / GIB:g} GiB, each named by the one before, take as long, "
        f"{reading.waiting:.0f} ns each; of places known beforehand one takes "
        f"{reading.known:.1f} ns, and a byte of many in a row {reading.row:.3f} ns. peak: above "
        f"that before the step",
    )
    _right(table)
    for name, cost in zip(STEPS, walk.costs, strict=True):
        of_edge = cost.worked / walk.edges * 1e9
        table.add_row(
            name,
            f"{cost.seconds / walk.seconds:.0%}",
            f"{cost.worked / cost.seconds:.2f}",
            f"{cost.worked / walk.voxels * 1e9:.1f}",
            f"{of_edge:.0f}",
            f"{of_edge / reading.waiting:.1f}",
            f"{cost.peak / 2**20:,.0f}",
        )
    return table


def _right(table: Table) -> None:
    for column in table.columns[1:]:
        column.justify = "right"


def _grow(shape: Size, out: Path) -> None:
    (volume,) = Phantom(shape=shape).volumes()
    assert volume.labels is not None
    np.save(out, np.asarray(volume.labels[...]))


def _make_affinities(labels: Path, out: Path) -> None:
    """Write affinities CZYX, uint8, section by section: high within, low across, and noise.

    The noise is blurred within sections, and partly the same in neighbouring sections and in the
    three channels.
    """
    labels_ZYX = np.load(labels, mmap_mode="r")
    affinities_CZYX = open_memmap(out, "w+", np.uint8, (3, *labels_ZYX.shape))
    random = np.random.default_rng(0)
    noise_CYX = _noise(random, labels_ZYX.shape[1:])
    for z, section_YX in enumerate(labels_ZYX):
        same_CYX = np.zeros(noise_CYX.shape, dtype=bool)
        if z > 0:
            same_CYX[0] = section_YX == labels_ZYX[z - 1]
        same_CYX[1, 1:] = section_YX[1:] == section_YX[:-1]
        same_CYX[2, :, 1:] = section_YX[:, 1:] == section_YX[:, :-1]
        noisy_CYX = np.where(same_CYX, INSIDE, ACROSS) + NOISE * noise_CYX
        affinities_CZYX[:, z] = np.rint(255 * np.clip(noisy_CYX, 0, 1))
        noise_CYX = _mixed(noise_CYX, _noise(random, noise_CYX.shape[1:]), ALIKE_BETWEEN_SECTIONS)


def _noise(random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Noise of a section, CYX, of standard deviation 1."""
    white_CYX = random.standard_normal((4, *shape), dtype=np.float32)
    blurred_CYX = gaussian_filter(white_CYX, (0, BLUR, BLUR))
    blurred_CYX /= blurred_CYX.std()
    return _mixed(blurred_CYX[3:], blurred_CYX[:3], ALIKE_BETWEEN_CHANNELS**0.5)


def _mixed(
    one: NDArray[np.float32], other: NDArray[np.float32], weight: float
) -> NDArray[np.float32]:
    """A mixture with the standard deviation of both, which are independent."""
    return np.float32(weight) * one + np.float32((1 - weight**2) ** 0.5) * other


def _decode_part(
    affinities: Path,
    part: int,
    aff_threshold: tuple[float, float],
    merge_function: str,
    threshold: float,
) -> Walk:
    whole_CZYX = np.load(affinities, mmap_mode="r")
    _, _, height, width = whole_CZYX.shape
    small_CZYX = np.array(whole_CZYX[:, :24, :64, :64])
    walk(small_CZYX, aff_threshold, merge_function, threshold)  # compiles, or loads what was
    y, x = ((edge - edge // part) // 2 for edge in (height, width))
    cut_CZYX = np.array(whole_CZYX[:, :, y : y + height // part, x : x + width // part])
    del whole_CZYX  # what was read of the file counts as memory of the process while it is mapped
    return walk(cut_CZYX, aff_threshold, merge_function, threshold)


def _measure_reading() -> Reading:
    places = _places()
    times = []
    for read in (_read_named, _read_known, _read_in_a_row):
        read(places, 1)  # compiles
        began = process_time()
        read(places, _READS)
        times.append((process_time() - began) / _READS * 1e9)
    waiting, known, row = times
    return Reading(waiting, known, row / places.itemsize)


@compiled
def _places() -> NDArray[np.int64]:
    """At each place another, all on one circle; a reader cannot foresee which.

    A linear congruential generator of full period (Hull and Dobell 1962).
    """
    places = np.empty(_PLACES, np.int64)
    for place in range(_PLACES):
        places[place] = (place * _FACTOR + 1) & (_PLACES - 1)
    return places


@compiled
def _read_named(places: NDArray[np.int64], count: int) -> int:
    place = 0
    for _ in range(count):
        place = places[place]
    return place


@compiled
def _read_known(places: NDArray[np.int64], count: int) -> int:
    place, total = 0, 0
    for _ in range(count):
        place = (place * _FACTOR + 1) & (_PLACES - 1)
        total += places[place]
    return total


@compiled
def _read_in_a_row(places: NDArray[np.int64], count: int) -> int:
    total = 0
    for place in range(count):
        total += places[place]
    return total
