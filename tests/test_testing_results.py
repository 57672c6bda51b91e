"""The conformance suite on what results are made of: each check finds what violates it alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from attrs import evolve, frozen
from scipy import ndimage
from violations import violated

from neurokit import (
    Channel,
    Decoder,
    Inferer,
    Metric,
    NeurokitError,
    Prediction,
    Volume,
    activate,
    create_prediction,
    hookimpl,
    param,
    writing_h5,
)
from neurokit.graph.fragments import Agglomeration, Fragments
from neurokit.testing import conform, conform_hook

# Inferers


@frozen(kw_only=True)
class Whole(Inferer):
    """The volume at once, with something wrong about it."""

    fault: str = param("none", help="what is wrong")
    calls: ClassVar[list[int]] = []

    def check(self, channels: Any, volume: Volume) -> None:
        if self.fault == "picky":
            raise NeurokitError("no such volume")

    def infer(self, module: Any, channels: Any, volume: Volume, out: Path) -> Any:
        image: Any = volume.image if self.fault == "unread" else volume.image[...]
        if self.fault == "in place":
            image[image > 100] = 0
        logits = module(torch.from_numpy(volume.scaled(image))[None, None]).detach()[0]
        if self.fault == "partial":
            out.write_bytes(b"the beginning")
        if len(logits) != len(channels):
            raise (ValueError if self.fault == "error" else NeurokitError)("channels do not fit")
        if self.fault == "unactivated":
            values = logits
        else:
            pairs = zip(logits, channels, strict=True)
            values = torch.stack([activate(plane, each) for plane, each in pairs])
        return self.written(values.numpy(), channels, volume, out)

    def written(self, values: Any, channels: Any, volume: Volume, out: Path) -> Any:
        """The prediction, in the file and returned."""
        if self.fault == "random":
            values = values + np.float32(1e-5) * np.random.default_rng().random()
        if self.fault == "cropped":
            values = values[:, :, :, :-1]
        dtype = {"float64": "float64", "rounded": "uint8"}.get(self.fault, "float32")
        values = np.round(values * 255) if self.fault == "rounded" else values
        voxel_size_nm = (1.0, 1.0, 1.0) if self.fault == "resized" else volume.voxel_size_nm
        given = [Channel("other") for _ in channels] if self.fault == "renamed" else channels
        if self.fault == "nowhere":
            out = out.with_name("elsewhere.h5")
        with writing_h5(out) as file:
            dataset = create_prediction(file, given, values.shape[1:], voxel_size_nm, dtype)
            dataset[...] = values
        stored = Prediction.open(out)
        if self.fault == "array":
            return values
        if self.fault == "two":
            return evolve(stored, values=np.array(stored.values[...]) * np.float32(0.9999))
        return stored


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (
            "picky",
            "it refuses [8, 32, 32] voxels and the channels first, second (no such volume); give "
            "conform channels and a volume that it takes",
        ),
        ("unread", "infer of [8, 32, 32] voxels raises AttributeError: 'Elsewhere' object has "),
        ("in place", "infer changes the image that it is given"),
        ("partial", "infer leaves a file behind when it fails"),
        (
            "error",
            "a network whose output has a channel too many raises ValueError: channels do not "
            "fit, and must raise a NeurokitError",
        ),
        (
            "unactivated",
            "of a network that answers with the image itself, channel 'first' is not the image "
            "through its activation (sigmoid)",
        ),
        ("random", "infer gives something else the second time"),
        ("cropped", "infer gives [8, 32, 31] voxels for an image of [8, 32, 32]"),
        ("float64", "the prediction is stored as float64; float32, float16 or uint8 is read"),
        ("resized", "the prediction has another voxel_size_nm than the volume"),
        ("renamed", "the prediction has other channels than those asked for"),
        ("nowhere", "infer leaves no file at `out`"),
        ("array", "infer must give a Prediction, not ndarray"),
        ("two", "the file at `out` holds another prediction than infer returns"),
    ],
)
def test_inferers(fault: str, sentence: str) -> None:
    with pytest.raises(AssertionError) as caught:
        conform(Whole(fault=fault))
    found = str(caught.value).split("\n- ")[1:]
    assert found[0].startswith(sentence), found
    assert len(found) == (2 if fault == "unactivated" else 1), found


def test_inferers_that_conform() -> None:
    conform(Whole())
    conform(Whole(fault="rounded"))
    scaled = (Channel("near", scale=0.2), Channel("far", "tanh"), Channel("count", "none"))
    conform(Whole(), channels=scaled)


# Decoders


@frozen(kw_only=True)
class Above(Decoder):
    """Voxels above a threshold are one neuron; with something wrong about it."""

    quick_parameters: ClassVar[tuple[str, ...]] = ("threshold",)
    channel: str = param("z1", help="which channel counts")
    threshold: float = param(0.5, help="what it must be above", low=0, high=1)
    fault: str = param("none", help="what is wrong")

    def required_channels(self) -> Any:
        return [self.channel] if self.fault == "listed" else (self.channel,)

    def decode(self, prediction: Prediction) -> Any:
        if self.fault == "by place":
            values = self._of_bytes(np.asarray(prediction.values[0]))
        elif self.fault == "unread":
            (index,) = (i for i, c in enumerate(prediction.channels) if c.name == self.channel)
            values = prediction.values.astype(np.float32)[index]  # type: ignore[attr-defined]
        elif self.fault == "first affinity":
            self._selected(prediction)
            (index, *_) = (i for i, c in enumerate(prediction.channels) if c.offset is not None)
            values = self._of_bytes(np.asarray(prediction.values[index]))
        elif self.fault == "bytes":
            self._selected(prediction)
            (index,) = (i for i, c in enumerate(prediction.channels) if c.name == self.channel)
            values = np.asarray(prediction.values[index])
        elif self.fault == "whole file":
            values = np.asarray(prediction.values)[0]
        elif self.fault == "half misread" and prediction.values.dtype == np.float16:
            values = 1 - self._selected(prediction)
        else:
            values = self._selected(prediction)
        return self.faulty(prediction, (values > self.threshold).astype(np.uint16))

    def _of_bytes(self, values: Any) -> Any:
        return values / 255 if values.dtype == np.uint8 else values

    def _selected(self, prediction: Prediction) -> Any:
        return prediction.select([self.channel])[0]

    def faulty(self, prediction: Prediction, labels: Any) -> Any:
        """What the tests' decoders do wrong."""
        if self.fault == "floats":
            return labels.astype(np.float32)
        if self.fault == "listed labels":
            return labels.tolist()
        if self.fault == "cropped":
            return labels[1:]
        if self.fault == "negative":
            return labels.astype(np.int32) - 1
        if self.fault == "in place":
            np.asarray(prediction.values)[...] = 0
        if self.fault == "random":
            return labels * np.random.default_rng().integers(1, 60000, dtype=np.uint16)
        if self.fault == "one voxel" and labels.size == 1:
            raise ValueError("zero-size array")
        if self.fault == "file" and not isinstance(prediction.values, np.ndarray):
            return 1 - labels
        if self.fault == "half" and prediction.values.dtype == np.float16:
            return labels.astype(np.float16)
        return labels

    def agglomerate(self, prediction: Prediction) -> Any:
        if self.fault != "agglomerates otherwise":
            return None
        labels = self.decode(prediction).astype(np.uint32)
        fragments = Fragments(labels, np.bincount(labels.ravel()).astype(np.int64))
        return Agglomeration(fragments, np.array([0, 2], np.uint16))


@frozen(kw_only=True)
class Anything(Decoder):
    """It reads what is there."""

    def decode(self, prediction: Prediction) -> Any:
        return np.asarray(prediction.values[0]) > 0

    def required_channels(self) -> tuple[str, ...]:
        return ()


@frozen(kw_only=True)
class FirstOfAll(Anything):
    """It takes whatever channel comes first."""

    def decode(self, prediction: Prediction) -> Any:
        values = prediction.select([prediction.channels[0].name])[0]
        return (values > 0.5).astype(np.uint8)


@frozen(kw_only=True)
class EveryAffinity(Anything):
    """It takes all affinities that there are, whatever they are called."""

    def decode(self, prediction: Prediction) -> Any:
        names = [each.name for each in prediction.channels if each.offset is not None]
        return (prediction.select(names).mean(axis=0) > 0.5).astype(np.uint8)


@frozen(kw_only=True)
class Unnamed(Above):
    """It reads a channel that it does not name beforehand."""

    declared: tuple[str, ...] = param((), help="what it names")

    def required_channels(self) -> tuple[str, ...]:
        return self.declared


@frozen(kw_only=True)
class Numbered(Above):
    """Connected components, numbered in so many bits."""

    bits: int = param(8, help="of an id", choices=(8, 16))

    def faulty(self, prediction: Prediction, labels: Any) -> Any:
        return ndimage.label(labels)[0].astype(f"uint{self.bits}")


@frozen(kw_only=True)
class Deaf(Above):
    """It does not mind a missing channel."""

    quick_parameters: ClassVar[tuple[str, ...]] = ("treshold",)

    def decode(self, prediction: Prediction) -> Any:
        return np.zeros(prediction.shape, np.uint16)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("listed", "required_channels must give a tuple of names, not ['z1']"),
        (
            "floats",
            "decode of a prediction with objects gives ndarray of float32, not a NumPy array of "
            "integers",
        ),
        (
            "listed labels",
            "decode of a prediction with objects gives list, not a NumPy array of integers",
        ),
        (
            "cropped",
            "decode of a prediction with objects gives shape (7, 32, 32), not (8, 32, 32)",
        ),
        (
            "negative",
            "decode of a prediction with objects gives the id -1; 0 is background, and neurons are "
            "above it",
        ),
        ("in place", "decode changes the prediction that it is given"),
        (
            "random",
            "decode of a prediction with objects gives something else the second time",
        ),
        (
            "one voxel",
            "decode of a prediction of one voxel raises ValueError: zero-size array",
        ),
        (
            "half",
            "decode of a prediction stored as float16 gives ndarray of float16, not a NumPy array "
            "of integers",
        ),
        (
            "file",
            "decode gives something else where the prediction, stored as float32, lies in a file",
        ),
        (
            "unread",
            "decode of a prediction stored as float32 in a file raises AttributeError: "
            "'Hdf5Array' object has no attribute 'astype'; what lies in a file is read by "
            "prediction.select(names), or by prediction.values[...]",
        ),
        (
            "whole file",
            "decode of a prediction stored as float32 in a file raises IndexError: too many "
            "indices for array: array is 0-dimensional, but 1 were indexed; what lies in a file is "
            "read by prediction.select(names), or by prediction.values[...]",
        ),
        (
            "bytes",
            "decode of a prediction stored as uint8 gives another segmentation than of the same "
            "numbers in float32; prediction.select gives those, of bytes value / 255",
        ),
        (
            "half misread",
            "decode of a prediction stored as float16 gives another segmentation than of the same "
            "numbers in float32; prediction.select gives those, of bytes value / 255",
        ),
        (
            "first affinity",
            "what decode gives depends on the order of those that required_channels names",
        ),
        (
            "agglomerates otherwise",
            "agglomerate of a prediction with objects gives another segmentation than decode",
        ),
    ],
)
def test_decoders(fault: str, sentence: str) -> None:
    with pytest.raises(AssertionError) as caught:
        conform(Above(fault=fault))
    found = str(caught.value).split("\n- ")[1:]
    assert found[0] == sentence, found
    # What is wrong of one prediction may show otherwise in others, but not in the same words.
    assert len({each.split(";")[0] for each in found}) == len(found), found
    assert len(found) == 1 or fault in ("whole file", "unread", "in place"), found


def test_decoders_must_read_channels_by_name() -> None:
    violated(
        Above(fault="by place"),
        "what decode gives depends on another channel before those that required_channels names",
        "decode of a prediction without the channel 'z1' is not refused with a NeurokitError",
        "what decode gives depends on the order of those that required_channels names",
    )
    violated(
        Deaf(),
        "quick_parameters names treshold, which it does not have",
    )
    violated(
        Above(channel="sdt"),
        "it reads the channel 'sdt', whose activation the checks cannot know; give conform "
        'channels=(Channel("sdt", ...), ...)',
    )
    violated(
        Anything(),
        "decode of a prediction with objects gives ndarray of bool, not a NumPy array of integers",
    )


def test_decoders_must_name_what_they_read() -> None:
    violated(
        Unnamed(),
        "it reads the channel 'z1', which required_channels does not name: without it, decode "
        "raises NeurokitError: there is no channel 'z1'; there are stranger, y1, x1",
    )
    violated(
        Unnamed(declared=("y1",)),
        "it reads the channel 'z1', which required_channels does not name: without it, decode "
        "raises NeurokitError: there is no channel 'z1'; there are stranger, y1, x1",
        "decode of a prediction without the channel 'y1' is not refused with a NeurokitError",
    )
    violated(
        FirstOfAll(),
        "what decode gives depends on another channel before those that it reads",
    )


@pytest.mark.parametrize("given", [None, (Channel("z1", "tanh"),), (Channel("z1", "none"),)])
def test_decoders_must_have_ids_for_many_neurons(given: Any) -> None:
    violated(
        Numbered(),
        "decode finds 9 neurons where there are 9, and 255 where there are 289: ids must not be "
        "kept in 8 bits",
        channels=given,
    )
    conform(Numbered(bits=16), channels=given)
    conform(Numbered(bits=16, channel="z1y-2"))


def test_decoders_that_conform() -> None:
    conform(Above())
    conform(Above(channel="z3y-1"))
    conform(Above(channel="sdt"), channels=(Channel("sdt", "tanh"), Channel("z1")))
    conform(EveryAffinity())


# Metrics


@frozen(kw_only=True)
class Agreement(Metric):
    """The share of pairs of neighbours along z that are joined, or not, as in truth."""

    headline: ClassVar[Any] = "agreement"
    higher_is_better: ClassVar[Any] = True
    fault: str = param("none", help="what is wrong")

    def score(self, segmentation: Any, truth: Volume) -> Any:
        labels: Any
        if truth.labels is None and self.fault != "truthless":
            raise NeurokitError(f"'{truth.name}' has no labels")
        else:
            labels = None if truth.labels is None else truth.labels[...]
            if self.fault == "unread" and not isinstance(truth.labels, np.ndarray):
                raise TypeError("no array")
        if self.fault == "truthless" and labels is None:
            return {"agreement": 0.0}
        if segmentation.shape != labels.shape and self.fault != "shapeless":
            raise NeurokitError("shapes differ")
        joined = [each[:, 1:] == each[:, :-1] for each in (segmentation[:4], labels[:4])]
        value = float((joined[0][:4] == joined[1][:4]).mean())
        return self.faulty(segmentation, value)

    def faulty(self, segmentation: Any, value: float) -> Any:
        """What the tests' metrics do wrong."""
        if self.fault == "in place":
            segmentation[segmentation > 1] = 1
        scores: dict[str, Any] = {
            "bare": value,
            "numpy": {"agreement": np.float64(value)},
            "infinite": {"agreement": float("nan")},
            "renamed": {"likeness": value},
            "reversed": {"agreement": 1 - value},
            "random": {"agreement": value * np.random.default_rng().random()},
            "numbers": {"agreement": value if segmentation.max() < 1e6 else 0.0},
            "narrow": {"agreement": value if segmentation.dtype != np.uint16 else 0.0},
        }
        return scores.get(self.fault, {"agreement": value})

    def score_agglomeration(self, agglomeration: Any, truth: Volume) -> Any:
        if self.fault != "agglomeration":
            return None
        return {"agreement": 0.25}


@frozen(kw_only=True)
class Undeclared(Agreement):
    """It does not say what it is."""

    headline: ClassVar[Any] = None
    higher_is_better: ClassVar[Any] = None


@frozen(kw_only=True)
class OfImages(Agreement):
    """It scores against something that is no truth."""

    truth: ClassVar[Any] = "image"


@frozen(kw_only=True)
class Found(Metric):
    """The share of skeletons of which some node is in a segment."""

    headline: ClassVar[str] = "found"
    higher_is_better: ClassVar[bool] = True
    truth: ClassVar[Any] = "skeletons"

    def score(self, segmentation: Any, truth: Volume) -> dict[str, float]:
        if truth.skeletons is None or segmentation.shape != truth.shape:
            raise NeurokitError("no skeletons, or another shape")
        z, y, x = truth.skeletons.voxels.T
        return {"found": float((segmentation[z, y, x] > 0).mean())}


@pytest.mark.parametrize(
    ("fault", "sentences"),
    [
        ("bare", ["score must give a dict from names to numbers, not 1.0"]),
        ("infinite", ["the score 'agreement' of the truth itself is nan"]),
        ("numpy", ["the score 'agreement' must be a float, not float64 np.float64(1.0)"]),
        ("renamed", ["its headline 'agreement' is not among its scores likeness"]),
        ("in place", ["score changes the segmentation that it is given"]),
        ("random", ["score gives something else the second time"]),
        (
            "reversed",
            [
                "a segmentation that joins and splits has the agreement 0.193548, better than the "
                "0 of the truth itself",
            ],
        ),
        ("numbers", ["score of the same segmentation changes where its ids are renamed"]),
        ("narrow", ["score of the same segmentation changes where it has 16 bits"]),
        (
            "unread",
            ["score of a segmentation where the labels lie in a file raises TypeError: no array"],
        ),
        (
            "truthless",
            ["score against a volume without labels is not refused with a NeurokitError"],
        ),
        (
            "shapeless",
            [
                "score of a segmentation of another shape than the truth is not refused with a "
                "NeurokitError"
            ],
        ),
        (
            "agglomeration",
            ["score_agglomeration gives other scores than score of the same segmentation"],
        ),
    ],
)
def test_metrics(fault: str, sentences: list[str]) -> None:
    with pytest.raises(AssertionError) as caught:
        conform(Agreement(fault=fault))
    found = str(caught.value).split("\n- ")[1:]
    assert found[0].startswith(sentences[0]), found
    assert len(found) == 1 or fault in ("infinite", "numpy", "reversed", "random", "in place"), (
        found
    )


def test_metrics_must_declare_what_they_are() -> None:
    violated(
        Undeclared(),
        "headline, the key of the score that one number stands for, must be a string",
        "higher_is_better must be True or False",
    )
    violated(OfImages(), "truth must be 'labels' or 'skeletons', not 'image'")
    image = np.zeros((4, 8, 8), np.uint8)
    bare = Volume("bare", image, (1.0, 1.0, 1.0), image)
    violated(
        Found(), "it scores against skeletons; give conform a volume that has them", volume=bare
    )


def test_metrics_that_conform() -> None:
    conform(Agreement())
    conform(Found())


# Hooks


class Listener:
    """It listens to all that a run tells."""

    told: ClassVar[list[str]] = []

    @hookimpl
    def run_started(self, run: Any) -> None:
        self.told.append(run.recipe.name)

    @hookimpl
    def step(self, step: int, scalars: dict[str, float]) -> None:
        self.told.append(f"{step}: {scalars['loss']}")

    @hookimpl
    def preview(self, preview: Any) -> None:
        self.told.append(str(preview.prediction_CZYX.shape))

    @hookimpl
    def artifact_written(self, path: Path) -> None:
        assert path.exists()

    @hookimpl
    def run_finished(self, scores: dict[str, Any]) -> None:
        self.told.append(str(scores))

    @hookimpl
    def failure(self, error: BaseException) -> None:
        self.told.append(str(error))


class Undocumented:
    @hookimpl
    def run_started(self, run: Any) -> None:
        pass


class Misspelt:
    """It listens for what never happens."""

    @hookimpl
    def run_finish(self) -> None:
        pass


class Failing:
    """It fails at a step."""

    @hookimpl
    def step(self, step: int) -> None:
        raise ValueError("no file to write to")


def test_hooks() -> None:
    conform_hook(Listener)
    whole = ["demo", "1: 0.5", "(1, 4, 8, 8)", "{}"]
    assert Listener.told == [*whole, "demo", "1: 0.5", "the loss is not finite"]


@pytest.mark.parametrize(
    ("plugin", "sentence"),
    [
        (Undocumented, "it has no docstring, whose first line would be its listing"),
        (
            Misspelt,
            "it cannot be offered: there is no hook 'run_finish'; did you mean 'run_finished'?",
        ),
        (
            Failing,
            "listening to a run raises NeurokitError: hook 'Failing' failed in step: "
            "ValueError: no file to write to",
        ),
    ],
)
def test_hooks_that_do_not_conform(plugin: type, sentence: str) -> None:
    with pytest.raises(AssertionError) as caught:
        conform_hook(plugin)
    assert str(caught.value) == f"{plugin.__name__} is no hook as it must be:\n- {sentence}"


def test_a_hook_is_a_class_or_a_module() -> None:
    with pytest.raises(AssertionError, match="conform_hook takes a class or a module, not 3"):
        conform_hook(3)  # type: ignore[arg-type]
