"""Weights, and the method that they were trained for."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from functools import cached_property
from math import isclose
from pathlib import Path
from typing import Any

import torch
from attrs import asdict, define, frozen
from torch import nn

from neurokit.channels import Channel
from neurokit.checkpoint import Checkpoint, require_fitting
from neurokit.device import PRECISIONS, choose_precision, precision_name
from neurokit.errors import NeurokitError
from neurokit.kinds import Decoder, Inferer, Model, Target
from neurokit.params import param
from neurokit.recipe import structure_table
from neurokit.schema import System
from neurokit.volumes import Volume


@frozen(kw_only=True)
class Method:
    """The tables of a recipe that take an image to a segmentation once a network is trained."""

    system: System = param(factory=System, help="what to use of the machine")
    target: Target = param(help="what the network predicts")
    model: Model = param(help="the network")
    inferer: Inferer = param(help="how the network is run over a volume")
    decoder: Decoder = param(help="how a prediction becomes a segmentation")


_SAME_SIZE = 0.02  # microscopes are not calibrated better
METHOD_TABLES = ("target", "model", "inferer", "decoder")
"""The tables of a method that travel with its weights; the machine is everyone's own."""


@define(frozen=True, slots=False, eq=False)
class Weights:
    """A network that has learnt.

    Attributes:
        name: how results name it: the path that was given, or `package:name`.
        path: the file.
        tensors: of the network, by its own names; the averaged ones, where they were kept.
        step: optimizer steps that they learnt for.
        recipe: TOML; of a checkpoint all of the recipe, of shared weights what a method needs.
        voxel_size_nm: of the volumes that they learnt from (z, y, x); None if unknown.
        channels: as `described_channels` gives them; None in a checkpoint, whose recipe says it.
        words: how a message calls it: "the checkpoint last.ckpt", "the network phantom_demo".
        precision: in which it computed, by name; None where that was not noted.
    """

    name: str
    path: Path
    tensors: dict[str, torch.Tensor]
    step: int
    recipe: str
    voxel_size_nm: tuple[float, float, float] | None
    channels: list[dict[str, Any]] | None
    words: str
    precision: str | None = None

    @classmethod
    def of_checkpoint(cls, path: Path) -> Weights:
        """The weights with which a training's checkpoint predicts.

        Raises:
            NeurokitError: it cannot be read.
        """
        state = Checkpoint.load(path)
        return cls(
            name=str(path),
            path=path,
            tensors=state.best_weights,
            step=state.step,
            recipe=state.recipe,
            voxel_size_nm=_trained_voxel_size(state.recipe),
            channels=None,
            words=f"the checkpoint {path}",
            precision=state.precision if str(state.precision) in PRECISIONS else None,
        )

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits of the tensors, wherever the file lies."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.tensors.items()):
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]

    def method(self, overrides: Sequence[str] = ()) -> Method:
        """What they were trained for, and how they segment best.

        Args:
            overrides: `key.path=value` each, such as `decoder.threshold=0.4`, as for a recipe.

        Raises:
            NeurokitError: an override is wrong, or a component is not installed.
        """
        table = {key: value for key, value in self.table().items() if key in METHOD_TABLES}
        return structure_table(table, Method, self.words.removeprefix("the "), overrides)

    def table(self) -> dict[str, Any]:
        """Their recipe as plain values.

        Raises:
            NeurokitError: it is no TOML.
        """
        try:
            return tomllib.loads(self.recipe)
        except tomllib.TOMLDecodeError as error:
            raise NeurokitError(f"{self.words} holds a damaged recipe: {error}") from error

    def check(self, model: Model, channels: Sequence[Channel], *, predicts: bool = True) -> None:
        """Refuse to be used by another network; nothing is computed.

        Args:
            model: of the recipe that wants to use them.
            channels: of its target.
            predicts: whether they are to predict these channels, rather than to learn them.

        Raises:
            NeurokitError: they are of another architecture, or predict something else.
        """
        described = described_channels(channels)
        if predicts and self.channels is not None and self.channels != described:
            own = ", ".join(str(each.get("name")) for each in self.channels)
            wanted = ", ".join(channel.name for channel in channels)
            raise NeurokitError(
                f"{self.words} predicts {own}, and the recipe's target is {wanted}"
                + (", which mean something else" if own == wanted else "")
                + "; use the recipe it was trained with"
            )
        with torch.device("meta"):
            network = model.build(1, channels)
        require_fitting(network, self.tensors, self.words)

    def size_warning(self, volume: Volume) -> str | None:
        """What to know where a volume's voxels are not of the size that they learnt from."""
        if self.voxel_size_nm is None:
            return None
        pairs = zip(self.voxel_size_nm, volume.voxel_size_nm, strict=True)
        if all(isclose(own, its, rel_tol=_SAME_SIZE) for own, its in pairs):
            return None
        return (
            f"{self.words} was trained on voxels of {_lengths(self.voxel_size_nm)} nm, and those "
            f"of '{volume.name}' are {_lengths(volume.voxel_size_nm)} nm (z, y, x): resample the "
            f"image, or expect worse"
        )

    def precision_warning(self, system: System, device: torch.device) -> str | None:
        """What to know where a device is to compute as they did before, and cannot."""
        if self.precision is None or system.precision != "auto":
            return None
        here = precision_name(choose_precision(system, device, self.precision))
        if here == self.precision:
            return None
        where = "the CPU" if device.type == "cpu" else device
        return (
            f"{self.words} was made in {self.precision}, which {where} only emulates, and computes "
            f"in {here} here: scores may differ in their last digits"
        )

    def restore(self, network: nn.Module) -> None:
        """Give a network these weights.

        Raises:
            NeurokitError: they are of another architecture.
        """
        require_fitting(network, self.tensors, self.words)
        network.load_state_dict(self.tensors)


def described_channels(channels: Sequence[Channel]) -> list[dict[str, Any]]:
    """Channels as JSON has them: name, activation, offset, scale of each."""
    return [
        asdict(channel) | {"offset": list(channel.offset) if channel.offset else None}
        for channel in channels
    ]


def _lengths(size: tuple[float, float, float]) -> str:
    return " x ".join(f"{length:g}" for length in size)


def _trained_voxel_size(recipe: str) -> tuple[float, float, float] | None:
    """What a recipe says of its training volumes; a dataset may know better when it is opened."""
    try:
        dataset = tomllib.loads(recipe)["data"]["train"]
        while "voxel_size_nm" not in dataset:  # it holds other datasets, which agree on it
            held = dataset["of"]
            dataset = held[0] if isinstance(held, list) else held
        z, y, x = dataset["voxel_size_nm"]
        return float(z), float(y), float(x)
    except (tomllib.TOMLDecodeError, KeyError, IndexError, TypeError, ValueError):
        return None
