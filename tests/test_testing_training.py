"""The conformance suite on what training is made of: each check finds what violates it alone."""

from __future__ import annotations

import random as global_random
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from attrs import evolve, frozen
from torch import nn
from violations import violated

from neurokit import (
    Augmentation,
    Channel,
    Dataset,
    Loss,
    Model,
    NeurokitError,
    Optimizer,
    Schedule,
    Target,
    Volume,
    affinity_channels,
    encode_affinities,
    param,
    sum_over_processes,
)
from neurokit.testing import conform
from neurokit.testing.drawing import Elsewhere

OFFSETS = [(1, 0, 0), (0, 1, 0), (0, 0, 1)]


# Datasets


@frozen(kw_only=True)
class Slabs(Dataset):
    """Two volumes in memory."""

    def volumes(self) -> Any:
        return [self.volume("first"), self.volume("second")]

    def volume(self, name: str) -> Volume:
        """A volume of 5 x 6 x 7 voxels."""
        image = np.arange(210, dtype=np.uint8).reshape(5, 6, 7)
        return Volume(name, image, (30.0, 6.0, 6.0), (image // 42).astype(np.uint16), "slabs")


@frozen(kw_only=True)
class TupleOfVolumes(Slabs):
    """Its volumes are no list."""

    def volumes(self) -> Any:
        return ("first", "second")


@frozen(kw_only=True)
class NoVolumes(Slabs):
    """It has none."""

    def volumes(self) -> Any:
        return []


@frozen(kw_only=True)
class ClosedDataset(Slabs):
    """It cannot be opened."""

    def volumes(self) -> Any:
        raise NeurokitError("file not found: image.tif; check the path")


@frozen(kw_only=True)
class Named(Slabs):
    """Volumes of any names."""

    names: tuple[str, ...] = param(("first", "second"), help="of the volumes")

    def volumes(self) -> Any:
        return [self.volume(name) for name in self.names]


@frozen(kw_only=True)
class Flat(Slabs):
    """Its voxels have no depth."""

    def volumes(self) -> Any:
        return [evolve(self.volume("first"), voxel_size_nm=(0.0, 6.0, 6.0))]


@frozen(kw_only=True)
class NotFinite(Slabs):
    """Its image holds NaN."""

    def volumes(self) -> Any:
        return [evolve(self.volume("first"), image=np.full((5, 6, 7), np.nan, np.float32))]


class Shifted(Elsewhere):
    """Parts of it are not those of the whole."""

    def __getitem__(self, index: Any, /) -> Any:
        whole = index is Ellipsis or not isinstance(index, tuple)
        return super().__getitem__(index) + (not whole)


class Misdeclared(Elsewhere):
    """It says that it is of another type."""

    def __init__(self, array: Any) -> None:
        super().__init__(array)
        self.dtype = np.dtype(np.int64)


@frozen(kw_only=True)
class ShiftedLabels(Slabs):
    """Its labels are cut wrongly."""

    def volumes(self) -> Any:
        volume = self.volume("first")
        assert volume.labels is not None
        return [evolve(volume, labels=Shifted(volume.labels[...]))]


@frozen(kw_only=True)
class MisdeclaredImage(Slabs):
    """Its image is of another type than it says."""

    def volumes(self) -> Any:
        volume = self.volume("first")
        return [evolve(volume, image=Misdeclared(volume.image[...]))]


@frozen(kw_only=True)
class Changing(Slabs):
    """Something is another every time."""

    what: str = param("names", help="what changes")
    calls: ClassVar[list[int]] = []

    def volumes(self) -> Any:
        self.calls.append(0)
        count = len(self.calls)
        volume = self.volume(f"volume{count if self.what == 'names' else ''}")
        if self.what == "image":
            volume = evolve(volume, image=volume.image[...] + np.uint8(count))
        return [evolve(volume, source=f"{count}" if self.what == "source" else "slabs")]


def test_datasets() -> None:
    conform(Slabs())
    violated(
        TupleOfVolumes(),
        "volumes must give a list of neurokit.Volume, not ('first', 'second')",
    )
    violated(NoVolumes(), "volumes gives none")
    violated(
        ClosedDataset(),
        "volumes raises NeurokitError: file not found: image.tif; check the path",
    )
    violated(Named(names=("one", "one")), "two volumes share a name: one, one")
    violated(Named(names=("a/b",)), "the volume's name 'a/b' does not do as the name of a file")
    violated(Flat(), "the voxel_size_nm of 'first' is (0.0, 6.0, 6.0)")
    violated(
        NotFinite(),
        "reading the grey values of 'first' raises NeurokitError: "
        "the image of 'first' holds NaN or infinite values, the first at (0, 0, 0): replace them, "
        "perhaps by 0, and save it again",
    )
    violated(
        ShiftedLabels(),
        "[2:4, 3:6, 0:4] of the labels of 'first' is not that part of the whole",
    )
    violated(
        MisdeclaredImage(),
        "the image of 'first' says it is int64 of (5, 6, 7), and is uint8 of (5, 6, 7)",
    )


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("names", "volumes gives other volumes, or another order, the second time"),
        ("image", "the image of 'volume' is another the second time"),
        ("source", "the fingerprint of 'volume' is another the second time"),
    ],
)
def test_datasets_must_be_repeatable(what: str, sentence: str) -> None:
    violated(Changing(what=what), sentence)


# Augmentations


@frozen(kw_only=True)
class Brighter(Augmentation):
    """A good augmentation, that does what its functions say."""

    def apply(self, batch: Any, random: Any) -> Any:
        more = random.uniform(0, 0.1).reshape(-1, 1, 1, 1, 1)
        return self.changed(evolve(batch, image_BCZYX=batch.image_BCZYX + more), random)

    def changed(self, batch: Any, random: Any) -> Any:
        """What the tests' augmentations do beside."""
        return batch


@frozen(kw_only=True)
class Picky(Brighter):
    """It takes no samples."""

    def check(self, patch_size: Any, voxel_size_nm: Any) -> None:
        raise NeurokitError("too small")


@frozen(kw_only=True)
class Careless(Brighter):
    """It fails where it said that it would not."""

    def changed(self, batch: Any, random: Any) -> Any:
        if batch.labels_BZYX.shape[-1] % 2:
            raise ValueError("odd")
        return batch


@frozen(kw_only=True)
class Unbatched(Brighter):
    """It gives an image alone."""

    def changed(self, batch: Any, random: Any) -> Any:
        return batch.image_BCZYX


@frozen(kw_only=True)
class Resized(Brighter):
    """It changes how large voxels are."""

    def changed(self, batch: Any, random: Any) -> Any:
        return evolve(batch, voxel_size_nm=(1.0, 1.0, 1.0))


@frozen(kw_only=True)
class Cropped(Brighter):
    """It cuts a section off."""

    def changed(self, batch: Any, random: Any) -> Any:
        return evolve(batch, labels_BZYX=batch.labels_BZYX[:, :-1])


@frozen(kw_only=True)
class Widened(Brighter):
    """It gives labels in 64 bits."""

    def changed(self, batch: Any, random: Any) -> Any:
        return evolve(batch, labels_BZYX=batch.labels_BZYX.long())


@frozen(kw_only=True)
class Elsewhither(Brighter):
    """It sends the image to another device."""

    def changed(self, batch: Any, random: Any) -> Any:
        return evolve(batch, image_BCZYX=batch.image_BCZYX.to("meta"))


@frozen(kw_only=True)
class Darkest(Brighter):
    """It takes the logarithm of 0."""

    def changed(self, batch: Any, random: Any) -> Any:
        return evolve(batch, image_BCZYX=(batch.image_BCZYX * 0).log())


@frozen(kw_only=True)
class Interpolating(Brighter):
    """It makes ids between two ids."""

    def changed(self, batch: Any, random: Any) -> Any:
        labels = batch.labels_BZYX
        return evolve(batch, labels_BZYX=torch.where(labels > 0, labels + 10, labels))


@frozen(kw_only=True)
class InPlace(Brighter):
    """It changes what it is given."""

    what: str = param("image_BCZYX", help="what it changes")

    def apply(self, batch: Any, random: Any) -> Any:
        tensor = getattr(batch, self.what)
        tensor[tensor > 0.5] = 0
        return batch


@frozen(kw_only=True)
class Filling(Brighter):
    """It makes what is unknown known."""

    value: int = param(-1, help="the label that it replaces")

    def changed(self, batch: Any, random: Any) -> Any:
        labels = batch.labels_BZYX
        replaced = torch.full_like(labels, max(int(labels.max()), self.value + 1))
        return evolve(batch, labels_BZYX=torch.where(labels == self.value, replaced, labels))


@frozen(kw_only=True)
class Global(Brighter):
    """It draws global random numbers."""

    source: str = param("torch", help="whose")

    def changed(self, batch: Any, random: Any) -> Any:
        draws: dict[str, Callable[[], float]] = {
            "torch": lambda: torch.rand(()).item(),
            "numpy": np.random.random,
            "python": global_random.random,
        }
        draws[self.source]()
        return batch


@frozen(kw_only=True)
class Forked(Brighter):
    """It draws global random numbers and puts the state back."""

    def changed(self, batch: Any, random: Any) -> Any:
        with torch.random.fork_rng():
            return evolve(batch, image_BCZYX=batch.image_BCZYX + torch.rand(()))


@frozen(kw_only=True)
class Fresh(Brighter):
    """It draws from a source that nothing seeds."""

    def changed(self, batch: Any, random: Any) -> Any:
        more = np.random.default_rng().random()
        return evolve(batch, image_BCZYX=batch.image_BCZYX + more)


@frozen(kw_only=True)
class Together(Brighter):
    """What it does to a sample depends on the others."""

    def changed(self, batch: Any, random: Any) -> Any:
        return evolve(batch, image_BCZYX=batch.image_BCZYX - batch.image_BCZYX.mean())


@pytest.mark.parametrize(
    ("augmentation", "sentences"),
    [
        (
            Picky(),
            [
                "it refuses samples of [8, 32, 32] voxels of [30.0, 6.0, 6.0] nm (too small); "
                "give conform a shape and a voxel_size_nm that it takes"
            ],
        ),
        (Careless(), ["apply to samples of [7, 31, 31] voxels raises ValueError: odd"]),
        (
            Resized(),
            [
                "apply to samples of [8, 32, 32] voxels changes voxel_size_nm to (1.0, 1.0, 1.0)",
            ],
        ),
        (
            Cropped(),
            [
                "apply to samples of [8, 32, 32] voxels changes the shape of the labels from "
                "(3, 8, 32, 32) to (3, 7, 32, 32)"
            ],
        ),
        (
            Widened(),
            [
                "apply to samples of [8, 32, 32] voxels changes the dtype of the labels from "
                "torch.int32 to torch.int64"
            ],
        ),
        (Interpolating(), ["apply makes labels that were not there: ids must be moved whole"]),
        (InPlace(), ["apply changes the image that it is given"]),
        (InPlace(what="labels_BZYX"), ["apply changes the labels that it is given"]),
        (
            Filling(),
            ["apply makes objects or background of samples that are all to be ignored (-1)"],
        ),
        (
            Filling(value=0),
            ["apply makes objects or background of samples that are all background"],
        ),
        (
            Forked(),
            ["what apply gives depends on the seed of global random numbers"],
        ),
    ],
    ids=lambda each: type(each).__name__,
)
def test_augmentations(augmentation: Augmentation, sentences: list[str]) -> None:
    violated(augmentation, *sentences)


def test_augmentations_must_give_a_batch_where_it_was() -> None:
    violated(
        Unbatched(),
        "apply to samples of [8, 32, 32] voxels must give a Batch, not Tensor",
    )
    violated(
        Elsewhither(),
        "apply to samples of [8, 32, 32] voxels changes the device of the image from cpu to meta",
    )
    violated(Darkest(), "apply leaves an image with values that are not finite")


@pytest.mark.parametrize("source", ["torch", "numpy", "python"])
def test_augmentations_must_draw_from_their_own_random_numbers(source: str) -> None:
    violated(
        Global(source=source),
        "apply draws from global random numbers; it may draw from `random` alone",
    )


def test_augmentations_must_be_repeatable_sample_by_sample() -> None:
    violated(Fresh(), "apply gives something else the second time, with the same `random`")
    violated(Together(), "apply to three samples is not what it gives for each alone")
    conform(Brighter())


@frozen(kw_only=True)
class Displaced(Brighter):
    """It moves one of labels and image, and leaves the other."""

    fault: str = param("rolled labels", help="what is moved, and how")

    def changed(self, batch: Any, random: Any) -> Any:
        labels, image = batch.labels_BZYX, batch.image_BCZYX
        if self.fault == "rolled labels":
            labels = labels.roll(3, -1)
        elif self.fault == "rolled by one":
            labels = labels.roll(-1, -2)
        elif self.fault == "shifted labels":
            labels = torch.full_like(labels, -1)
            labels[..., 5:, :] = batch.labels_BZYX[..., :-5, :]
        elif self.fault == "mirrored labels":
            labels = labels.flip(-2)
        elif self.fault == "exchanged image":
            image = image.transpose(-1, -2)
        elif self.fault == "mirrored in noise":
            image = (2 - image.flip(-1)) ** 1.5 + 0.1 * random.noise(*image.shape[1:])
        else:
            assert self.fault == "sections"
            image = image.roll(2, 2)
        return evolve(batch, labels_BZYX=labels, image_BCZYX=image)


@pytest.mark.parametrize(
    "fault",
    [
        "rolled labels",
        "rolled by one",
        "shifted labels",
        "mirrored labels",
        "exchanged image",
        "mirrored in noise",
        "sections",
    ],
)
def test_augmentations_must_move_labels_and_image_together(fault: str) -> None:
    with pytest.raises(AssertionError) as caught:
        conform(Displaced(fault=fault), image_channels=2)
    sentence = "apply moves labels and image apart: moved otherwise, the labels would fit it"
    found = str(caught.value).split("\n- ")[1:]
    if fault == "exchanged image":  # which does not fit samples that are no squares
        assert found[0].startswith("apply to samples of [3, 32, 33] voxels changes the shape")
        assert len(found) == 1
    else:
        assert found == [sentence]


@frozen(kw_only=True)
class Together90(Brighter):
    """It turns labels and image, harms the image, and covers a part of both."""

    def changed(self, batch: Any, random: Any) -> Any:
        image, labels = batch.image_BCZYX.flip(-1, -3).clone(), batch.labels_BZYX.flip(-1, -3)
        image = 2 - image**2 + 0.3 * random.noise(*image.shape[1:])
        image[:, :, ::3] = 0.5
        image[:, :, 1::5] = image[:, :, 1::5].roll(4, -1)
        labels = labels.clone()
        labels[..., :6] = -1
        return evolve(batch, image_BCZYX=image, labels_BZYX=labels)


def test_augmentations_may_harm_the_image() -> None:
    conform(Together90())
    conform(Together90(), shape=(8, 24, 15))


# Targets


@frozen(kw_only=True)
class Affinities(Target):
    """A good target."""

    @property
    def channels(self) -> Any:
        return affinity_channels(OFFSETS)

    def encode(self, labels_BZYX: torch.Tensor) -> Any:
        target, mask = encode_affinities(labels_BZYX, [each.offset for each in self.channels])
        return self.changed(labels_BZYX, target, mask)

    def changed(self, labels: torch.Tensor, target: torch.Tensor, mask: torch.Tensor) -> Any:
        """What the tests' targets do beside."""
        return target, mask


@frozen(kw_only=True)
class ListedChannels(Affinities):
    """Its channels are a list."""

    @property
    def channels(self) -> Any:
        return ["z1"]


@frozen(kw_only=True)
class NoChannels(Affinities):
    """It has no channel."""

    @property
    def channels(self) -> Any:
        return ()

    def encode(self, labels_BZYX: torch.Tensor) -> Any:
        empty = torch.zeros((len(labels_BZYX), 0, *labels_BZYX.shape[1:]))
        return empty, empty


@frozen(kw_only=True)
class TwiceTheSame(Affinities):
    """It names a channel twice."""

    @property
    def channels(self) -> Any:
        return affinity_channels([(0, 0, 1), (0, 0, 1)])


@frozen(kw_only=True)
class Wavering(Affinities):
    """Its channels change."""

    calls: ClassVar[list[int]] = []

    @property
    def channels(self) -> Any:
        self.calls.append(0)
        return affinity_channels([(0, 0, 1 + len(self.calls) % 2)])


@frozen(kw_only=True)
class Alone(Affinities):
    """It gives no mask."""

    def changed(self, labels: torch.Tensor, target: torch.Tensor, mask: torch.Tensor) -> Any:
        return target


@frozen(kw_only=True)
class Changed(Affinities):
    """A target with something wrong about it."""

    fault: str = param("double", help="what is wrong")

    def changed(self, labels: torch.Tensor, target: torch.Tensor, mask: torch.Tensor) -> Any:
        if self.fault == "double":
            return target.double(), mask
        if self.fault == "cropped":
            return target[..., 1:], mask
        if self.fault == "elsewhere":
            return target, mask.to("meta")
        if self.fault == "infinite":
            return target / (labels != 0).all(), mask
        if self.fault == "half":
            return target, mask / 2
        if self.fault == "known":
            return target, torch.ones_like(mask)
        if self.fault == "wide":
            return target * 2, mask
        if self.fault == "random":
            return target * torch.rand(()), mask
        if self.fault == "together":
            return target / len(labels), mask
        if self.fault == "odd":
            return target * (labels % 2 == 1)[:, None], mask
        if self.fault == "known where odd":
            return target, mask * (labels % 2 == 1)[:, None]
        if self.fault == "narrow":
            return target * (labels.dtype == torch.int32), mask
        assert self.fault == "in place"
        labels[labels == 2] = 1
        return target, mask


FAULTS = {
    "double": (
        "the target of labels with objects, background and what is to be ignored must be a tensor "
        "of float32, not Tensor of torch.float64"
    ),
    "cropped": (
        "the target of labels with objects, background and what is to be ignored has shape "
        "(2, 3, 8, 32, 31), not (2, 3, 8, 32, 32)"
    ),
    "elsewhere": (
        "the mask of labels with objects, background and what is to be ignored lies on the device "
        "meta, and the labels on cpu"
    ),
    "in place": "encode changes the labels that it is given",
    "random": "encode gives something else the second time",
    "together": "encode of three samples is not what it gives for each alone",
    "odd": "the target changes where objects have other ids, which are names and no numbers",
    "known where odd": (
        "the mask changes where objects have other ids, which are names and no numbers"
    ),
    "narrow": "encode of labels in 16 bits is not what it gives for 32",
}


@pytest.mark.parametrize(("fault", "sentence"), FAULTS.items())
def test_targets(fault: str, sentence: str) -> None:
    violated(Changed(fault=fault), sentence)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (
            "infinite",
            "the target of labels with objects, background and what is to be ignored is not finite "
            "everywhere",
        ),
        (
            "half",
            "the mask of labels with objects, background and what is to be ignored holds other "
            "values than 0 and 1",
        ),
        (
            "known",
            "the mask of labels with objects, background and what is to be ignored is 1 at voxels "
            "that are to be ignored (-1)",
        ),
        (
            "wide",
            "the target of channel 'z1' goes beyond [0, 1], which is all that its activation "
            "sigmoid reaches",
        ),
    ],
)
def test_the_values_of_targets(fault: str, sentence: str) -> None:
    with pytest.raises(AssertionError) as caught:
        conform(Changed(fault=fault))
    first, *others = str(caught.value).split("\n- ")[1:]
    assert first == sentence
    # Nothing else is found, but the same of other channels.
    names = ("y1", "x1") if "'z1'" in sentence else ()
    assert others == [sentence.replace("z1", name) for name in names]


def test_targets_must_declare_their_channels() -> None:
    violated(ListedChannels(), "channels must be a tuple of neurokit.Channel, not ['z1']")
    violated(NoChannels(), "channels is empty")
    violated(TwiceTheSame(), "channels holds a name twice: x1, x1")
    violated(Alone(), "encode must give target and mask, not Tensor of torch.float32")
    with pytest.raises(AssertionError, match="- channels changes from one reading to the next"):
        conform(Wavering())
    conform(Affinities())


@frozen(kw_only=True)
class Prepared(Affinities):
    """A target that renumbers the objects of a volume beforehand."""

    fault: str = param("none", help="what is wrong")
    calls: ClassVar[list[int]] = []

    def prepare(self, labels_ZYX: Any, voxel_size_nm: Any) -> Any:
        ids = np.unique(labels_ZYX[labels_ZYX > 0])
        numbers = np.searchsorted(ids, labels_ZYX) + 1
        prepared = np.where(labels_ZYX > 0, numbers, labels_ZYX).astype(np.int64)
        return self.faulty(labels_ZYX, prepared)

    def faulty(self, labels_ZYX: Any, prepared: Any) -> Any:
        """What the tests' targets do wrong."""
        if self.fault == "in place":
            labels_ZYX[labels_ZYX > 1] = 1
        if self.fault == "floats":
            return prepared.astype(np.float32)
        if self.fault == "cropped":
            return prepared[1:]
        if self.fault == "large":
            return np.where(prepared > 0, prepared + 2**31, prepared)
        if self.fault == "background":
            return np.where(prepared == 0, 1, prepared)
        if self.fault == "ignored":
            return np.where(prepared == -1, 0, prepared)
        if self.fault == "counting":
            self.calls.append(0)
            return np.where(prepared > 0, prepared + len(self.calls), prepared)
        if self.fault == "sometimes":
            return None if prepared.max() < 1 else prepared
        if self.fault == "odd":
            return np.where(labels_ZYX > 0, 1 + labels_ZYX % 2, labels_ZYX)
        return prepared


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("in place", "prepare changes the labels that it is given"),
        ("floats", "prepare must give a NumPy array of integers, not ndarray of float32"),
        ("cropped", "prepare makes shape (7, 32, 32) of (8, 32, 32)"),
        (
            "large",
            "prepare gives 2147483653 for labels with objects, background and what is to be "
            "ignored; it must stay below 2**31",
        ),
        (
            "background",
            "prepare does not keep 0 (background) of labels with objects, background and what is "
            "to be ignored",
        ),
        (
            "ignored",
            "prepare does not keep -1 (ignore) of labels with objects, background and what is to "
            "be ignored",
        ),
        ("counting", "prepare gives something else the second time"),
        ("odd", "the target changes where objects have other ids, which are names and no numbers"),
        ("sometimes", "prepare gives None for some labels, and an array for others"),
    ],
)
def test_what_targets_prepare(fault: str, sentence: str) -> None:
    with pytest.raises(AssertionError) as caught:
        conform(Prepared(fault=fault))
    assert str(caught.value).split("\n- ")[1:] == [sentence], "once, of the first labels"


def test_a_target_that_prepares_conforms() -> None:
    conform(Prepared())


@frozen(kw_only=True)
class Spread(Target):
    """Distances and numbers without bounds, beside what is known."""

    @property
    def channels(self) -> tuple[Channel, ...]:
        return (Channel("distance", "tanh"), Channel("count", "none"))

    def encode(self, labels_BZYX: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        known = (labels_BZYX >= 0)[:, None].float().repeat(1, 2, 1, 1, 1)
        distance = torch.where(labels_BZYX > 0, 1.0, -1.0)
        return torch.stack([distance, 100 + 50 * distance], 1), known


def test_targets_go_as_far_as_their_activations() -> None:
    conform(Spread())


# Models


class Pooled(nn.Module):
    """A network that averages blocks of 2 x 2 x 2 voxels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv3d(inputs, 4, 3, padding=1)
        self.pool = nn.AvgPool3d(2)
        self.last = nn.ConvTranspose3d(4, outputs, 2, 2)

    def forward(self, image: torch.Tensor) -> Any:
        return self.last(self.pool(self.first(image)).relu())


class Faulty(Pooled):
    """The same with something wrong about it."""

    def __init__(self, inputs: int, outputs: int, fault: str) -> None:
        super().__init__(inputs, outputs)
        self.fault = fault
        if fault == "unused":
            self.spare = nn.Conv3d(1, 1, 1)
        if fault == "frozen":
            self.requires_grad_(False)
        if fault == "placed":
            self.first = nn.Conv3d(inputs, 4, 3, padding=1, device="cpu")
        if fault == "unseeded":
            fresh = torch.from_numpy(np.random.default_rng().random(4, np.float32))
            self.first.weight.data[:, 0, 0, 0, 0] = fresh
        if fault == "numbered":
            self.add_module(f"extra{np.random.default_rng().integers(10**9)}", nn.Identity())
            self.register_buffer(f"b{np.random.default_rng().integers(10**9)}", torch.zeros(()))
        if fault == "unsaved":
            self.register_buffer("shift", torch.rand(()), persistent=False)
        if fault == "pickled":
            self.set_extra_state(None)

    def forward(self, image: torch.Tensor) -> Any:
        if self.fault == "in place":
            image.clamp_(0.2, 0.8)
        logits = super().forward(image)
        if self.fault == "deep":
            return [logits, logits]
        if self.fault == "one":
            return logits[:, :1]
        if self.fault == "half":
            return logits.half()
        if self.fault == "infinite":
            return logits / 0
        if self.fault == "cutting":
            return torch.where(logits > 0, logits.sqrt(), 0)
        if self.fault == "random":
            return logits * torch.rand(())
        if self.fault == "together":
            return logits * len(logits)
        if self.fault == "unsaved":
            return logits + self.shift
        if self.fault == "no bfloat16" and torch.is_autocast_enabled("cpu"):
            raise RuntimeError("not implemented for BFloat16")
        if self.fault == "one in bfloat16" and torch.is_autocast_enabled("cpu"):
            return logits[:, :1]
        if self.fault == "infinite in bfloat16" and torch.is_autocast_enabled("cpu"):
            return logits / 0
        return logits

    def get_extra_state(self) -> Any:
        return Channel("z1") if self.fault == "pickled" else None

    def set_extra_state(self, state: Any) -> None:
        pass


@frozen(kw_only=True)
class Pooling(Model):
    """A small network."""

    fault: str = param("none", help="what is wrong")

    def build(self, in_channels: int, channels: Any) -> nn.Module:
        return Faulty(in_channels, len(channels), self.fault)

    def size_multiple(self) -> Any:
        if self.fault == "listed":
            return [2, 2, 2]
        return (1, 1, 1) if self.fault == "undeclared" else (2, 2, 2)


@pytest.mark.parametrize(
    ("fault", "sentences"),
    [
        ("none", []),
        ("listed", ["size_multiple must give three integers of at least 1, not [2, 2, 2]"]),
        (
            "undeclared",
            [
                "the network, given [9, 33, 33] voxels, answers with shape (2, 3, 8, 32, 32), not "
                "(2, 3, 9, 33, 33) (batch, channels, z, y, x)"
            ],
        ),
        (
            "deep",
            [
                "the network, given [8, 32, 32] voxels raises TypeError: it must answer with a "
                "tensor, not list"
            ],
        ),
        (
            "one",
            [
                "the network, given [8, 32, 32] voxels, answers with shape (2, 1, 8, 32, 32), not "
                "(2, 3, 8, 32, 32) (batch, channels, z, y, x)",
            ],
        ),
        (
            "half",
            [
                "the network, given [8, 32, 32] voxels, answers in torch.float16, not in "
                "torch.float32",
            ],
        ),
        ("unused", ["no gradient reaches its parameters spare.weight, spare.bias"]),
        (
            "placed",
            ["build puts its parameters first.weight, first.bias on a device of its own choice"],
        ),
        ("unseeded", ["build gives other weights under the same torch.manual_seed"]),
        ("in place", ["the network changes the image that it is given"]),
        ("cutting", ["the gradient of a new network is not finite"]),
        ("random", ["in evaluation, the network answers otherwise the second time"]),
        (
            "together",
            ["in evaluation, what the network answers to a sample depends on the others beside it"],
        ),
        ("unsaved", ["a network that loads another's state_dict answers otherwise"]),
        (
            "no bfloat16",
            [
                "the network in bfloat16, given [8, 32, 32] voxels raises RuntimeError: not "
                "implemented for BFloat16"
            ],
        ),
        (
            "one in bfloat16",
            [
                "the network in bfloat16 answers with shape (2, 1, 8, 32, 32), not "
                "(2, 3, 8, 32, 32) (batch, channels, z, y, x)"
            ],
        ),
        ("infinite in bfloat16", ["the logits in bfloat16 are not finite"]),
    ],
)
def test_models(fault: str, sentences: list[str]) -> None:
    if sentences:
        violated(Pooling(fault=fault), *sentences, shape=(8, 32, 32))
    else:
        conform(Pooling(fault=fault))


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("frozen", "the network has no parameter to train"),
        ("infinite", "the logits of a new network are not finite"),
        ("numbered", "build gives a network of other parts the second time"),
        (
            "pickled",
            "saving the network's state and loading it with weights_only=True raises "
            "UnpicklingError: Weights only load failed",
        ),
    ],
)
def test_models_with_faults_that_show_several_times(fault: str, sentence: str) -> None:
    with pytest.raises(AssertionError) as caught:
        conform(Pooling(fault=fault))
    assert f"\n- {sentence}" in str(caught.value)


# Losses


class Squares(nn.Module):
    """The mean square of what is known, with something wrong about it."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault
        self.calls = 0
        if fault == "own":
            self.spare = nn.Parameter(torch.zeros(()))
        if fault == "weighted":
            self.weight = nn.Parameter(torch.ones(()))
        if fault == "pickled":
            self.set_extra_state(None)

    def forward(self, logits: torch.Tensor, target: torch.Tensor, mask: torch.Tensor) -> Any:
        self.calls += 1
        if self.fault == "in place":
            target[mask == 0] = 0
        each = (logits.sigmoid() - target).square() * mask
        known = mask.sum() if self.fault == "nothing" else mask.sum().clamp(min=1)
        value = each.sum() / sum_over_processes(known)
        terms = {"squares": value.detach()}
        if self.fault == "bare":
            return value
        if self.fault == "vector":
            return each.sum((0, 2, 3, 4)), terms
        if self.fault == "graph":
            return value, {"squares": value}
        if self.fault == "floats":
            return value, {"squares": 0.5}
        if self.fault == "detached":
            return value.detach().requires_grad_(), terms
        if self.fault == "flat":
            return (0 * logits * mask).sum() - target.sum() * 0, terms
        if self.fault == "steep":
            return value + (logits - logits.detach()).abs().sqrt().sum() * 0, terms
        if self.fault == "wrong way":
            return 1 - value, terms
        if self.fault == "unmasked":
            return (logits.sigmoid() - target).square().mean(), terms
        if self.fault == "leaking":
            return value + (logits - logits.detach()).sum(), terms
        if self.fault == "random":
            return value * np.random.default_rng().random(), terms
        if self.fault == "renamed":
            return value, {f"squares{np.random.default_rng().integers(10**9)}": value.detach()}
        if self.fault == "weighted":
            return value * self.weight, terms
        return value, terms

    def get_extra_state(self) -> Any:
        return Channel("z1") if self.fault == "pickled" else None

    def set_extra_state(self, state: Any) -> None:
        pass


@frozen(kw_only=True)
class SquareLoss(Loss):
    """The mean square of the difference of probabilities."""

    fault: str = param("none", help="what is wrong")

    def build(self, channels: Any) -> nn.Module:
        return Squares(self.fault)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("own", "no gradient reaches the loss's own parameters spare"),
        ("in place", "the loss changes what it is given"),
        ("graph", "the term 'squares' must be detached: a log keeps the gradient's memory"),
        ("detached", "no gradient of the loss reaches the logits"),
        ("steep", "the gradient of the loss is not finite"),
        ("wrong way", "the loss of a right prediction, "),
        ("unmasked", "the loss depends on voxels whose mask is 0"),
        ("leaking", "the gradient of the loss is not 0 at voxels whose mask is 0"),
        (
            "nothing",
            "the loss of samples of which nothing is known (a mask of 0) is not finite",
        ),
        ("flat", "the gradient of the loss is 0 everywhere"),
        ("random", "the loss gives something else the second time"),
        ("renamed", "the names of the loss's terms change"),
        (
            "pickled",
            "saving the loss's state and loading it with weights_only=True raises UnpicklingError",
        ),
        ("vector", "the loss must be a finite scalar tensor, not tensor("),
        ("bare", "the loss must give (scalar, terms), not tensor("),
        ("floats", "the term 'squares' must be a scalar tensor under a name, not 0.5"),
    ],
)
def test_losses(fault: str, sentence: str) -> None:
    with pytest.raises(AssertionError) as caught:
        conform(SquareLoss(fault=fault))
    found = str(caught.value).split("\n- ")[1:]
    assert any(each.startswith(sentence) for each in found)
    consequences = {"detached": 2, "flat": 2, "steep": 3, "nothing": 2, "unmasked": 3}
    allowed = consequences.get(fault, 3 if fault in ("vector", "bare", "floats", "random") else 1)
    assert len(found) <= allowed


def test_losses_that_conform() -> None:
    conform(SquareLoss())
    conform(SquareLoss(fault="weighted"))


# Optimizers


@frozen(kw_only=True)
class Descent(Optimizer):
    """Plain gradient descent, with something wrong about it."""

    lr: float = param(0.01, help="base learning rate")
    fault: str = param("none", help="what is wrong")

    def build(self, parameters: Any) -> torch.optim.Optimizer:
        given = list(parameters)
        if self.fault == "left out":
            given = [each for each in given if each.ndim > 0]
        groups: list[dict[str, Any]] = [{"params": given}]
        if self.fault == "rates":
            groups = [{"params": given[:1], "lr": 0.1}, {"params": given[1:]}]
        kind: Any = Greedy if self.fault in ("pulls", "pickled") else torch.optim.SGD
        built: Any = kind(groups, lr=self.lr, maximize=self.fault == "uphill", momentum=0.9)
        if self.fault == "twice":
            built.param_groups.append(built.param_groups[0])
        built.fault = self.fault
        done: torch.optim.Optimizer = built
        return done


class Greedy(torch.optim.SGD):
    """It changes parameters that have no gradient, or keeps what no checkpoint can."""

    fault = "none"

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        if self.fault == "pickled":
            self.param_groups[0]["channel"] = Channel("z1")
        if self.fault == "pulls":
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter.mul_(0.9)
        super().step(closure)


@frozen(kw_only=True)
class Forgetting(Descent):
    """Its state is not all in the state_dict."""

    def build(self, parameters: Any) -> torch.optim.Optimizer:
        return Counting(list(parameters), lr=self.lr)


class Counting(torch.optim.SGD):
    """It goes slower from step to step, and counts by itself."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.count = 0

    def step(self, closure: Any = None) -> Any:
        self.count += 1
        for group in self.param_groups:
            group["lr"] = 0.01 / self.count
        super().step(closure)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("left out", "build leaves out parameters of the shapes []"),
        ("twice", "build takes a parameter twice"),
        ("rates", "build gives parameters the learning rates {0.1}, and its lr is 0.01"),
        ("uphill", "5 steps take the sum of squared parameters from 359 to "),
        ("pulls", "a step changes a parameter that has no gradient"),
        (
            "pickled",
            "saving the optimizer's state and loading it with weights_only=True raises "
            "UnpicklingError",
        ),
    ],
)
def test_optimizers(fault: str, sentence: str) -> None:
    with pytest.raises(AssertionError) as caught:
        conform(Descent(fault=fault))
    (found,) = str(caught.value).split("\n- ")[1:]
    assert found.startswith(sentence)


def test_optimizers_must_go_on_where_they_were_saved() -> None:
    violated(
        Forgetting(), "an optimizer that loads another's state_dict does not go on as that does"
    )
    violated(Descent(lr=0.0), "its lr, the base learning rate, must be a number above 0, not 0.0")
    conform(Descent())


# Schedules


@frozen(kw_only=True)
class Faltering(Schedule):
    """A schedule with something wrong about it."""

    fault: str = param("none", help="what is wrong")
    calls: ClassVar[list[int]] = []

    def lr(self, step: int, total_steps: int, base_lr: float) -> Any:
        self.calls.append(0)
        rates: dict[str, Any] = {
            "negative": base_lr * (1 - step),
            "words": str(base_lr),
            "nothing": 0.0,
            "counting": base_lr / len(self.calls),
            "infinite": float("inf"),
        }
        if self.fault == "divides":
            return base_lr * step / (total_steps - 1)
        return rates.get(self.fault, base_lr)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("negative", "lr of step 2 of 3 is -0.001; it must be finite and at least 0"),
        ("infinite", "lr of step 0 of 1 is inf; it must be finite and at least 0"),
        ("words", "lr must give a number, not '0.001'"),
        ("nothing", "lr is 0 at every step: nothing would be learned"),
        ("counting", "lr gives something else the second time"),
        ("divides", "lr of step 0 of 1 raises ZeroDivisionError: float division by zero"),
    ],
)
def test_schedules(fault: str, sentence: str) -> None:
    violated(Faltering(fault=fault), sentence)
