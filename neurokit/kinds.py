"""The kinds of component: what each must be able to do.

A component is a frozen attrs class that derives from exactly one kind. Its fields are the
recipe's parameters (see `neurokit.params.param`), the kind's abstract method is its work, and the
first line of its docstring is its listing. Arrays carry their axes in their names: `labels_ZYX`,
`target_BCZYX`. Sizes and offsets are in voxels in the order z, y, x; physical sizes in nanometres.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from neurokit.channels import Channel

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import nn

    from neurokit.fetching import RemoteFile
    from neurokit.graph.fragments import Agglomeration
    from neurokit.prediction import Prediction
    from neurokit.sampling import Batch, SampleRandom
    from neurokit.volumes import Volume


class Kind(ABC):
    """Base of all kinds; `kind` is the word users see, and the end of the entry-point group."""

    kind: ClassVar[str]


class Archive(Kind):
    """Public data that can be fetched.

    An archive declares what it is; `neurokit fetch` downloads, checks and unpacks it. It has no
    place in a recipe: its parameters are given on the command line.
    """

    kind = "archive"
    licence: ClassVar[str]
    citation: ClassVar[str]
    """What to cite where the data are used."""
    page: ClassVar[str]
    """The address of a page that tells of the data."""
    folder: ClassVar[str]
    """Where the data are put, by default; relative to the working directory."""
    size: ClassVar[str]
    """How much is downloaded, in words, so that a listing needs no network."""
    contents: ClassVar[tuple[str, ...]] = ()
    """What `unpack` makes; where it is empty, files are kept as they are downloaded."""
    unpacked_bytes: ClassVar[int] = 0
    """About how much space the contents take, so that a full disk shows beforehand."""
    lacks: ClassVar[str] = ""
    """What one may expect and will not find, in sentences."""
    commands: ClassVar[Mapping[str, str]] = {}
    """What can be done with the data, in words, and the command that does it."""

    @abstractmethod
    def files(self) -> Sequence[RemoteFile]:
        """What is downloaded, in a fixed order; no two files have the same path.

        Raises:
            NeurokitError: the host must be asked for it, and does not answer.
        """

    def unpack(self, downloaded: Sequence[Path], folder: Path) -> None:
        """Make the `contents` in an empty folder, of the downloaded files in the order of `files`.

        Where nothing else is said, they are taken out of zip archives by their names, whatever
        folders these have inside.

        Raises:
            NeurokitError: a file is damaged, or holds something else.
        """
        from neurokit.fetching import take_members

        take_members(downloaded, self.contents, folder)


class Dataset(Kind):
    """Where volumes come from."""

    kind = "dataset"

    @abstractmethod
    def volumes(self) -> list[Volume]:
        """The volumes, in a fixed order, opened and checked but read as late as possible.

        Raises:
            NeurokitError: a file is missing, damaged, or does not fit another.
        """


class Augmentation(Kind):
    """A random change of training samples that leaves labels and image fitting each other."""

    kind = "augmentation"

    @abstractmethod
    def apply(self, batch: Batch, random: SampleRandom) -> Batch:
        """The changed batch, on the device it came on; draws only from `random`, per sample."""

    def check(
        self, patch_size: tuple[int, int, int], voxel_size_nm: tuple[float, float, float]
    ) -> None:
        """Refuse beforehand samples that `apply` would refuse.

        Raises:
            NeurokitError: it cannot change samples of this size, or of these voxels.
        """


class Target(Kind):
    """What the network learns to predict, computed from labels."""

    kind = "target"

    @property
    @abstractmethod
    def channels(self) -> tuple[Channel, ...]:
        """The channels of the target, in order."""

    @abstractmethod
    def encode(self, labels_BZYX: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Target and mask (both float32 BCZYX) of integer labels, on the labels' device.

        Label 0 is background, -1 is to be ignored. The mask is 1 where the target is known. Of
        labels that `prepare` has changed, it gets those.
        """

    def prepare(
        self, labels_ZYX: NDArray[np.integer], voxel_size_nm: tuple[float, float, float]
    ) -> NDArray[np.integer] | None:
        """What takes the place of a volume's labels in samples; None where they do as they are.

        For a target that a patch alone does not determine, such as the distance to an object's
        skeleton. It is called once for each volume that is trained or validated on, and its result
        is kept in a file. Of the labels' shape, integers below 2**31; 0 (background) and -1 stay.
        Any other number means what `encode` takes it for. Augmentations move the numbers as they
        do labels, each whole, and put 0 and -1 where they put them in labels.
        """


class Model(Kind):
    """A network architecture."""

    kind = "model"

    @abstractmethod
    def build(self, in_channels: int, channels: Sequence[Channel]) -> nn.Module:
        """A module from images BCZYX (values about 0 to 1) to logits BCZYX of the same size."""

    def size_multiple(self) -> tuple[int, int, int]:
        """What each axis of an input must be a multiple of (z, y, x)."""
        return (1, 1, 1)


class Loss(Kind):
    """How wrong a prediction is."""

    kind = "loss"

    @abstractmethod
    def build(self, channels: Sequence[Channel]) -> nn.Module:
        """A module of (logits, target, mask), all BCZYX, giving (scalar, terms).

        `terms` is a dict of name to detached scalar, for the log. Parameters of the module, if
        any, are trained and saved like the model's. Where several processes share a batch, each
        calls the module with its own samples, and their results and gradients are averaged: what
        is counted over the batch is summed with `neurokit.sum_over_processes` first.
        """


class Optimizer(Kind):
    """How parameters follow their gradients."""

    kind = "optimizer"
    lr: float

    @abstractmethod
    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """A torch optimizer over the parameters, with `lr` as its base learning rate."""


class Schedule(Kind):
    """The learning rate over the steps of a training."""

    kind = "schedule"

    @abstractmethod
    def lr(self, step: int, total_steps: int, base_lr: float) -> float:
        """The learning rate of `step` (0 is the first) of `total_steps`."""


class Inferer(Kind):
    """How a network is run over a whole volume."""

    kind = "inferer"

    @abstractmethod
    def infer(
        self, module: nn.Module, channels: Sequence[Channel], volume: Volume, out: Path
    ) -> Prediction:
        """The activated prediction of the volume's image, written to `out` as it is made.

        The module is on its device and in evaluation mode. The prediction has the image's shape.
        """

    def input_size(self) -> tuple[int, int, int] | None:
        """The spatial size of the network's inputs, where it is known beforehand."""
        return None

    def check(self, channels: Sequence[Channel], volume: Volume) -> None:
        """Refuse beforehand what `infer` would refuse after a training.

        Raises:
            NeurokitError: it cannot predict these channels of this volume.
        """


class Decoder(Kind):
    """How a prediction becomes a segmentation."""

    kind = "decoder"
    quick_parameters: ClassVar[tuple[str, ...]] = ()
    """Parameters whose other values cost little once one has been tried."""

    @abstractmethod
    def decode(self, prediction: Prediction) -> NDArray[np.integer]:
        """A segmentation ZYX of the prediction's shape: one id a neuron, 0 for background."""

    def required_channels(self) -> tuple[str, ...]:
        """The names of the channels that it reads, so that they can be checked beforehand.

        A decoder that takes whatever affinities there are, by their offsets, names none.
        """
        return ()

    def agglomerate(self, prediction: Prediction) -> Agglomeration | None:
        """What `decode` gives, as fragments and the segment of each; None if it works otherwise.

        A search decodes by this where it can: what is computed on the way is kept by
        `neurokit.graph.keeping` for the next settings, and scored without touching voxels.
        """


class Metric(Kind):
    """How good a segmentation is.

    A metric declares `headline`, the key of its score that one number stands for, whether a
    higher value of it is better, and which part of a volume it scores against: one that lacks it
    gets no such score.
    """

    kind = "metric"
    truth: ClassVar[Literal["labels", "skeletons"]] = "labels"
    headline: ClassVar[str]
    higher_is_better: ClassVar[bool]

    @abstractmethod
    def score(self, segmentation: NDArray[np.integer], truth: Volume) -> dict[str, float]:
        """Named scores of a segmentation ZYX against the labels, or skeletons, of `truth`."""

    def score_agglomeration(
        self, agglomeration: Agglomeration, truth: Volume
    ) -> dict[str, float] | None:
        """What `score` gives for a segmentation made of fragments; None if it needs the voxels."""

    def region(self, truth: Volume) -> tuple[slice, slice, slice]:
        """What of a volume is scored: a slice with start and stop for each axis; all, by default.

        What lies outside changes no score, and a report looks for mistakes inside.

        Raises:
            NeurokitError: such a volume cannot be scored.
        """
        z, y, x = truth.shape
        return slice(0, z), slice(0, y), slice(0, x)


KINDS: dict[str, type[Kind]] = {
    kind.kind: kind
    for kind in (
        Archive,
        Dataset,
        Augmentation,
        Target,
        Model,
        Loss,
        Optimizer,
        Schedule,
        Inferer,
        Decoder,
        Metric,
    )
}
"""The kinds by name, in the order in which data flows through a run."""


def group_of(kind: str) -> str:
    """The entry-point group of a kind: `neurokit.decoder`."""
    return f"neurokit.{kind}"
