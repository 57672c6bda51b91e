"""The waterz decoder and its engines, against direct calls of the package."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, get_args

import h5py
import numpy as np
import pytest
import waterz
from waterz._codegen import iter_specs, normalize

from neurokit import Channel, NeurokitError, Prediction, affinity_channels
from neurokit.components.decoders import Engine, Waterz
from neurokit.graph import memory, package, steps
from neurokit.graph.building import region_graph
from neurokit.graph.dust import Dust
from neurokit.graph.keeping import keeping
from neurokit.graph.section_overlap import SectionOverlap
from neurokit.graph.watershed import watershed

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
    ("engine", "queue"),
    [
        ("graph", 256),
        pytest.param("package", 256, marks=pytest.mark.slow),
        pytest.param("package", 0, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(
    ("name", "function", "thresholds"),
    [
        ("aff85_his256", quantile(85), (0.02, 0.05, 0.1)),
        ("aff50_his256", quantile(50), (0.02, 0.2)),
        ("affmean", "OneMinus<MeanAffinity<RegionGraphType, ScoreValue>>", (0.02, 0.1, 0.2)),
    ],
)
def test_equals_the_package_on_real_affinities(
    real: Any,
    name: str,
    function: str,
    thresholds: tuple[float, ...],
    engine: Engine,
    queue: int,
) -> None:
    affinities = real.astype(np.float32) / np.float32(255)
    for threshold in thresholds:
        decoder = Waterz(
            merge_function=name, threshold=threshold, engine=engine, discretize_queue=queue
        )
        ours = decoder.decode(Prediction(real, ZYX))
        assert len(np.unique(ours)) > 100, "too few segments for the comparison to mean anything"
        assert_same_up_to_names(ours, direct(affinities, threshold, function, queue=queue))


@pytest.mark.parametrize("engine", get_args(Engine))
def test_watershed_bounds_reach_the_engines(engine: Engine) -> None:
    affinities = random_affinities(1)
    decoder = Waterz(threshold=0.2, aff_threshold=(0.4, 0.9), engine=engine)
    ours = decoder.decode(Prediction(affinities, ZYX))
    theirs = direct(affinities, 0.2, quantile(85), 0.4, 0.9, 256)
    assert len(np.unique(ours)) > 10
    assert_same_up_to_names(ours, theirs)


@pytest.mark.parametrize("stored", [np.uint8, np.float16])
def test_other_types_are_decoded_as_the_numbers_that_they_stand_for(stored: Any) -> None:
    scale = 255 if stored is np.uint8 else 1
    kept = (random_affinities(12) * scale).astype(stored)
    full = (kept / np.float32(scale)).astype(np.float32)
    for engine in get_args(Engine):
        decoder = Waterz(
            threshold=0.2,
            engine=engine,
            section_overlap=SectionOverlap(enabled=True, affinity_threshold=0.3),
        )
        decoded = decoder.decode(Prediction(kept, ZYX))
        assert decoded.max() > 10
        assert np.array_equal(decoded, decoder.decode(Prediction(full, ZYX)))


def test_the_agglomeration_is_what_is_decoded() -> None:
    prediction = Prediction(random_affinities(13), ZYX)
    decoder = Waterz(threshold=0.2, dust=Dust(enabled=True, merge_size=6, remove_size=4))
    agglomeration = decoder.agglomerate(prediction)
    assert agglomeration is not None
    assert np.array_equal(agglomeration.labels_ZYX, decoder.decode(prediction))
    assert Waterz(engine="package").agglomerate(prediction) is None


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"discretize_queue": 0},
            'discretize_queue = 0 needs engine = "package"; '
            "the engine 'graph' joins in the order of discretize_queue = 256",
        ),
        (
            {"engine": "package", "merge_function": "aff85_contact256"},
            'the waterz package ships no aff85_contact256; use engine = "graph"',
        ),
    ],
)
def test_what_an_engine_cannot_do_is_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(NeurokitError) as error:
        Waterz(**parameters)
    assert str(error.value) == message


def test_what_is_kept_gives_the_same(tmp_path: Path) -> None:
    affinities = random_affinities(14)
    overlap = SectionOverlap(enabled=True, one_sided_min_size=2, affinity_threshold=0.1)
    prediction = Prediction(affinities, ZYX, fingerprint="random")
    for threshold in (0.1, 0.2, 0.6):
        decoder = Waterz(
            threshold=threshold,
            merge_function="aff50_his256",
            dust=Dust(enabled=True, merge_size=6, remove_size=4),
            section_overlap=overlap,
        )
        expected = decoder.decode(prediction)
        for _ in range(2):
            with keeping(tmp_path, 1 << 20):
                assert np.array_equal(decoder.decode(prediction), expected)
    assert len(list(tmp_path.iterdir())) == 4  # fragments, graph, tree, sections
    # What is kept was made from another prediction, as far as its name says.
    with keeping(tmp_path, 1 << 20):
        unlike = Prediction(np.zeros_like(affinities), ZYX, fingerprint="another")
        assert not decoder.decode(unlike).any()


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


@pytest.mark.parametrize("engine", get_args(Engine))
def test_dust_and_section_overlap_follow_the_agglomeration(engine: Engine) -> None:
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
            discretize_queue=256,
            return_region_graph=True,
        )
    )
    graph.sort(key=lambda edge: (edge["u"], edge["v"]))  # equally strong ones go by their ids
    first, second, score = (np.array([edge[key] for edge in graph]) for key in ("u", "v", "score"))
    assert (score >= np.float32(0.2)).all()
    sizes = np.bincount(labels.ravel().astype(np.int64))
    dusted = dust.lookup(sizes, first, second, 1 - score)[labels]
    assert 1 < len(np.unique(dusted)) < len(np.unique(labels))
    joined = overlap.lookup(dusted, affinities[0])[dusted]
    assert len(np.unique(joined)) < len(np.unique(dusted))

    decoder = Waterz(threshold=0.2, dust=dust, engine=engine)
    assert np.array_equal(decoder.decode(prediction), dusted)
    decoder = Waterz(threshold=0.2, dust=dust, section_overlap=overlap, engine=engine)
    assert np.array_equal(decoder.decode(prediction), joined)


def test_engines_agree_with_dust_and_overlap_on_real_affinities(real: Any) -> None:
    prediction = Prediction(real[:, :12, :100, :100], ZYX)
    for threshold in (0.02, 0.1):
        for merge_size in (50, 800):
            dust = Dust(enabled=True, merge_size=merge_size, remove_size=20)
            overlap = SectionOverlap(enabled=True, affinity_threshold=0.2)
            ours, theirs = (
                Waterz(
                    threshold=threshold, dust=dust, section_overlap=overlap, engine=engine
                ).decode(prediction)
                for engine in get_args(Engine)
            )
            assert ours.max() > 1
            assert np.array_equal(ours, theirs)


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
        Waterz(engine="package").decode(Prediction(random_affinities(7), ZYX))
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
    for engine in get_args(Engine):
        decoder = Waterz(threshold=0.2, dust=Dust(enabled=True), engine=engine)
        decoder.decode(Prediction(random_affinities(8), ZYX))
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


def test_too_little_memory_is_said_before_the_package_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    affinities = random_affinities(9, (16, 32, 32))
    edges = len(region_graph(watershed(affinities, (0.1, 0.999)), affinities).first)
    monkeypatch.setattr(package, "available_memory", lambda: edges * 2048)
    with pytest.raises(NeurokitError) as error:
        Waterz(engine="package").decode(Prediction(affinities, ZYX))
    assert str(error.value) == (
        f"agglomeration by aff85_his256 would need about 0.0 GiB for {edges:,} contacts and "
        "0.0 GiB are free; decode a smaller volume, raise the first or lower the second number "
        'of aff_threshold, or use engine = "graph"'
    )
    decoder = Waterz(engine="package", merge_function="affmean")
    assert decoder.decode(Prediction(affinities, ZYX)).any()
    monkeypatch.setattr(package, "available_memory", lambda: None)
    assert Waterz(engine="package").decode(Prediction(affinities, ZYX)).any()


def test_too_little_memory_is_said_before_the_agglomeration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    affinities = random_affinities(9, (16, 32, 32))
    edges = len(region_graph(watershed(affinities, (0.1, 0.999)), affinities).first)
    monkeypatch.setattr(steps, "available_memory", lambda: 1_000)
    with pytest.raises(NeurokitError) as error:
        Waterz().decode(Prediction(affinities, ZYX))
    assert str(error.value) == (
        f"agglomerating {edges:,} contacts would need about 0.0 GiB and 0.0 GiB are free; decode "
        "a smaller volume, or raise the first or lower the second number of aff_threshold"
    )
    monkeypatch.setattr(steps, "available_memory", lambda: None)
    assert Waterz().decode(Prediction(affinities, ZYX)).any()


def test_the_tightest_known_limit_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "/proc/meminfo": "MemTotal: 9 kB\nMemAvailable:    5000 kB\n",
        "/sys/fs/cgroup/memory.max": "4000000\n",
        "/sys/fs/cgroup/memory.current": "1500000\n",
        "/sys/fs/cgroup/memory.stat": "anon 7\ninactive_file 500000\n",
    }
    monkeypatch.setattr(memory, "_read", lambda path: files.get(str(path), ""))
    assert memory.available_memory() == 3_000_000
    files["/sys/fs/cgroup/memory.max"] = "max\n"
    assert memory.available_memory() == 5_120_000
    files.clear()
    assert memory.available_memory() is None


def test_a_channel_named_twice_is_refused() -> None:
    with pytest.raises(NeurokitError) as error:
        Waterz(channels=("z1", "y1", "z1"))
    assert str(error.value) == "channels names one twice: z1, y1, z1"
