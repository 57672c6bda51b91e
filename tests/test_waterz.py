"""The waterz decoder, against direct calls of the package."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import waterz
from waterz._codegen import iter_specs, normalize

from neurokit import Channel, NeurokitError, Prediction, affinity_channels
from neurokit.components.decoders import Waterz
from neurokit.graph import package
from neurokit.graph.dust import Dust
from neurokit.graph.section_overlap import SectionOverlap

REAL = Path(__file__).parents[2] / "shared" / "data" / "fib25_affinities.h5"
ZYX = affinity_channels([(1, 0, 0), (0, 1, 0), (0, 0, 1)])


@pytest.fixture(scope="module")
def real() -> Any:
    if not REAL.exists():
        pytest.skip(f"{REAL} is absent: nothing was compared on real affinities")
    with h5py.File(REAL) as file:
        return np.ascontiguousarray(file["affinities"][:, :24, :160, :160])


def random_affinities(seed: int, shape: tuple[int, ...] = (8, 12, 14)) -> Any:
    return np.random.default_rng(seed).random((3, *shape), dtype=np.float32)


def direct(
    affinities: Any,
    threshold: float,
    function: str,
    low: float = 0.1,
    high: float = 0.999,
    queue: Any = 0,
) -> Any:
    (labels,) = waterz.agglomerate(
        affinities,
        [threshold],
        aff_threshold_low=low,
        aff_threshold_high=high,
        scoring_function=function,
        discretize_queue=queue,
    )
    return labels


def quantile(percent: int) -> Any:
    return f"OneMinus<HistogramQuantileAffinity<RegionGraphType, {percent}, ScoreValue, 256, true>>"


def assert_same_up_to_names(ours: Any, theirs: Any) -> None:
    pairs = np.unique(np.stack([ours.ravel(), theirs.ravel()]).astype(np.int64), axis=1)
    assert len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]
    assert ((pairs[0] == 0) == (pairs[1] == 0)).all()


@pytest.mark.parametrize(
    ("name", "function", "thresholds"),
    [
        ("aff85_his256", quantile(85), (0.02, 0.05, 0.1)),
        ("aff50_his256", quantile(50), (0.02, 0.2)),
        ("affmean", "OneMinus<MeanAffinity<RegionGraphType, ScoreValue>>", (0.02, 0.1, 0.2)),
    ],
)
def test_equals_the_package_on_real_affinities(
    real: Any, name: str, function: str, thresholds: tuple[float, ...]
) -> None:
    affinities = real.astype(np.float32) / np.float32(255)
    for threshold in thresholds:
        ours = Waterz(merge_function=name, threshold=threshold).decode(Prediction(real, ZYX))
        assert len(np.unique(ours)) > 100, "too few segments for the comparison to mean anything"
        assert_same_up_to_names(ours, direct(affinities, threshold, function))


def test_bins_and_watershed_bounds_reach_the_package() -> None:
    affinities = random_affinities(1)
    decoder = Waterz(threshold=0.2, aff_threshold=(0.4, 0.9), discretize_queue=256)
    ours = decoder.decode(Prediction(affinities, ZYX))
    theirs = direct(affinities, 0.2, quantile(85), 0.4, 0.9, 256)
    assert len(np.unique(ours)) > 10
    assert_same_up_to_names(ours, theirs)


def test_channels_are_put_in_order_and_others_left_out() -> None:
    affinities = random_affinities(2)
    channels = (*affinity_channels([(0, 0, 1), (0, 0, 9), (1, 0, 0), (0, 1, 0)]), Channel("sdt"))
    noise = np.full_like(affinities[0], 7)
    shuffled = np.stack([affinities[2], noise, affinities[0], affinities[1], noise])
    expected = Waterz(threshold=0.2).decode(Prediction(affinities, ZYX))
    for names in (("z1", "y1", "x1"), ("x1", "z1", "y1")):
        decoded = Waterz(threshold=0.2, channels=names).decode(Prediction(shuffled, channels))
        assert np.array_equal(decoded, expected)


def test_ids_are_compact_and_small() -> None:
    decoded = Waterz(threshold=0.2).decode(Prediction(random_affinities(3), ZYX))
    assert decoded.dtype == np.uint16
    ids = np.unique(decoded)
    assert np.array_equal(ids[ids > 0], np.arange(1, ids.max() + 1))


def test_a_higher_threshold_joins_more() -> None:
    prediction = Prediction(random_affinities(4), ZYX)
    counts = [Waterz(threshold=each).decode(prediction).max() for each in (0.0, 0.1, 0.3, 0.8)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


def test_dust_and_section_overlap_follow_the_agglomeration() -> None:
    affinities = random_affinities(5)
    prediction = Prediction(affinities, ZYX)
    dust = Dust(enabled=True, merge_size=6, merge_affinity=0.3, remove_size=4)
    overlap = SectionOverlap(enabled=True, one_sided_min_size=2, affinity_threshold=0.1)
    low, high = 0.1, 0.999
    labels, graph = next(
        waterz.agglomerate(
            affinities,
            [0.2],
            aff_threshold_low=low,
            aff_threshold_high=high,
            scoring_function=quantile(85),
            return_region_graph=True,
        )
    )
    first, second, score = (np.array([edge[key] for edge in graph]) for key in ("u", "v", "score"))
    assert (score >= np.float32(0.2)).all()
    sizes = np.bincount(labels.ravel().astype(np.int64))
    dusted = dust.lookup(sizes, first, second, 1 - score)[labels]
    assert 1 < len(np.unique(dusted)) < len(np.unique(labels))
    joined = overlap.lookup(dusted, affinities[0])[dusted]
    assert len(np.unique(joined)) < len(np.unique(dusted))

    assert np.array_equal(Waterz(threshold=0.2, dust=dust).decode(prediction), dusted)
    decoder = Waterz(threshold=0.2, dust=dust, section_overlap=overlap)
    assert np.array_equal(decoder.decode(prediction), joined)


@pytest.mark.parametrize("shape", [(0, 4, 4), (3, 0, 2), (1, 1, 1), (1, 5, 1), (3, 1, 7)])
def test_odd_shapes(shape: tuple[int, ...]) -> None:
    decoded = Waterz().decode(Prediction(random_affinities(6, shape), ZYX))
    assert decoded.shape == shape


@pytest.mark.parametrize("dust", [Dust(), Dust(enabled=True)])
def test_nothing_above_the_lower_bound_is_all_background(dust: Dust) -> None:
    affinities = np.full((3, 4, 5, 6), 0.05, np.float32)
    decoded = Waterz(dust=dust, section_overlap=SectionOverlap(enabled=True)).decode(
        Prediction(affinities, ZYX)
    )
    assert decoded.shape == (4, 5, 6)
    assert not decoded.any()


def test_every_merge_function_is_compiled() -> None:
    compiled = {normalize(function) for function, _ in iter_specs()}
    assert {normalize(each) for each in package.SCORING_FUNCTIONS.values()} <= compiled
    with pytest.raises(ValueError, match=r"^merge_function must be one of affmean, aff10_his256, "):
        Waterz(merge_function="aff99_his256")


def test_a_package_without_compiled_functions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "find_spec", lambda name: None)
    with pytest.raises(NeurokitError) as error:
        Waterz().decode(Prediction(random_affinities(7), ZYX))
    assert str(error.value) == (
        "the installed waterz holds no compiled functions; "
        "install its wheel: pip install --only-binary waterz --force-reinstall waterz"
    )


def test_bounds_must_rise() -> None:
    with pytest.raises(NeurokitError) as error:
        Waterz(aff_threshold=(0.9, 0.9))
    assert str(error.value) == (
        "aff_threshold must be two rising numbers, and 0.9 is not below 0.9"
    )


@pytest.mark.parametrize(("value", "shown"), [(1.5, "0 to 1.5"), (np.nan, "nan to nan")])
def test_what_is_no_affinity_is_refused(value: float, shown: str) -> None:
    affinities = np.zeros((3, 2, 2, 2), np.float32)
    affinities[1, 1, 1, 1] = value
    with pytest.raises(NeurokitError) as error:
        Waterz().decode(Prediction(affinities, ZYX))
    assert str(error.value) == (
        f"affinities must lie in [0, 1], and z1, y1, x1 range from {shown}; "
        "predict them with a sigmoid activation"
    )


def test_nothing_reaches_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    print("before")
    os.write(1, b"straight before\n")
    Waterz(threshold=0.2, dust=Dust(enabled=True)).decode(Prediction(random_affinities(8), ZYX))
    print("after")
    os.write(1, b"straight after\n")
    out, err = capfd.readouterr()
    assert sorted(out.splitlines()) == ["after", "before", "straight after", "straight before"]
    assert err == ""


def test_standard_output_comes_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    def fails() -> None:
        with package.silent_stdout():
            print("lost")
            os.write(1, b"lost\n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    print("kept", flush=True)
    os.write(1, b"kept too\n")
    assert capfd.readouterr().out == "kept\nkept too\n"


def real_counts(affinities: Any, low: float, high: float) -> Any:
    labels, graph = next(
        waterz.agglomerate(
            affinities,
            [0.0],
            aff_threshold_low=low,
            aff_threshold_high=high,
            return_region_graph=True,
        )
    )
    return int(labels.max()), len(graph)


@pytest.mark.parametrize("bounds", [(0.1, 0.999), (0.3, 0.9)])
@pytest.mark.parametrize("levels", [2**20, 256, 6])
def test_fragments_of_one_slab_are_counted_exactly(
    bounds: tuple[float, float], levels: int
) -> None:
    random = np.random.default_rng(levels)
    affinities = (random.integers(0, levels, (3, 9, 20, 21)) / (levels - 1)).astype(np.float32)
    fragments, edges = real_counts(affinities, *bounds)
    assert package.estimate_fragments(affinities, bounds) == fragments
    assert edges / 2 < package.estimate_edges(affinities, bounds) < edges * 2


def test_the_estimate_is_near_on_real_affinities_in_slabs(
    real: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "_SLAB_VOXELS", 1)
    affinities = real.astype(np.float32) / np.float32(255)
    fragments, edges = real_counts(affinities, 0.1, 0.999)
    assert fragments > 10_000
    assert fragments <= package.estimate_fragments(affinities, (0.1, 0.999)) < fragments * 1.1
    assert edges / 2 < package.estimate_edges(affinities, (0.1, 0.999)) < edges * 2


def test_too_little_memory_is_said_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    affinities = random_affinities(9, (16, 32, 32))
    monkeypatch.setattr(package, "estimate_edges", lambda affinities, bounds: 10_000_000)
    monkeypatch.setattr(package, "available_memory", lambda: 4 << 30)
    with pytest.raises(NeurokitError) as error:
        Waterz().decode(Prediction(affinities, ZYX))
    assert str(error.value) == (
        "agglomeration by aff85_his256 would need about 19.1 GiB for 10,000,000 contacts and "
        "4.0 GiB are free; decode a smaller volume, raise the first or lower the second number "
        "of aff_threshold, or use affmean"
    )
    assert Waterz(merge_function="affmean").decode(Prediction(affinities, ZYX)).any()
    monkeypatch.setattr(package, "available_memory", lambda: None)
    assert Waterz().decode(Prediction(affinities, ZYX)).any()


def test_the_tightest_known_limit_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "/proc/meminfo": "MemTotal: 9 kB\nMemAvailable:    5000 kB\n",
        "/sys/fs/cgroup/memory.max": "4000000\n",
        "/sys/fs/cgroup/memory.current": "1500000\n",
        "/sys/fs/cgroup/memory.stat": "anon 7\ninactive_file 500000\n",
    }
    monkeypatch.setattr(package, "_read", lambda path: files.get(str(path), ""))
    assert package.available_memory() == 3_000_000
    files["/sys/fs/cgroup/memory.max"] = "max\n"
    assert package.available_memory() == 5_120_000
    files.clear()
    assert package.available_memory() is None


def test_a_channel_named_twice_is_refused() -> None:
    with pytest.raises(NeurokitError) as error:
        Waterz(channels=("z1", "y1", "z1"))
    assert str(error.value) == "channels names one twice: z1, y1, z1"
