"""Checkpoints: everything that continuing a training, or using its network, needs.

A checkpoint holds tensors and plain values only and is loaded as such, so a file from a stranger
cannot run code. `neurokit.weights` takes from it what predicts.
"""

from __future__ import annotations

import io
import pickle
import warnings
from pathlib import Path
from typing import Any

import torch
from attrs import define, field
from torch import nn

from neurokit.atomic import write_bytes
from neurokit.errors import NeurokitError

FORMAT = 2
# What files of the first format lack has a default.
_READABLE = (1, FORMAT)


@define
class Checkpoint:
    """The state of a training after `step` optimizer steps.

    Attributes:
        step: optimizer steps done.
        recipe: the resolved recipe, TOML.
        model, loss: state of the two modules.
        optimizer: state of the optimizer.
        random_state: torch's, for modules that draw random numbers.
        epoch_loss: sum of the losses of the steps since the last full epoch.
        best: loss and file name of the best epochs so far.
        averaged: the averaged weights, by the names of `model`; empty where none were kept.
        scaler: state of the gradient scaler; empty where none was needed.
        precision: in which the network computed.
        device_random_state: the GPU's, where one was used.
        epoch_steps: how many steps `epoch_loss` is the sum of; None in files of the first format,
            which skipped no step.
        global_batch: samples of a step, over all processes; None where it was not noted.
        nonfinite: steps in a row, up to this one, without a finite loss.
    """

    step: int
    recipe: str
    model: dict[str, torch.Tensor]
    loss: dict[str, torch.Tensor]
    optimizer: dict[str, Any]
    random_state: torch.Tensor
    epoch_loss: float = 0.0
    best: list[tuple[float, str]] = field(factory=list)
    averaged: dict[str, torch.Tensor] = field(factory=dict)
    scaler: dict[str, Any] = field(factory=dict)
    precision: str = "float32"
    device_random_state: torch.Tensor | None = None
    epoch_steps: int | None = None
    nonfinite: int = 0
    global_batch: int | None = None

    def save(self, path: Path) -> None:
        """Write the checkpoint, whole or not at all.

        Raises:
            NeurokitError: the folder cannot be written, or the disk is full.
        """
        content = {name: getattr(self, name) for name in _NAMES}
        buffer = io.BytesIO()
        torch.save({"neurokit_checkpoint": FORMAT, **content}, buffer)
        write_bytes(path, buffer.getbuffer())

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read a checkpoint onto the CPU.

        Raises:
            NeurokitError: it is missing, damaged, not a checkpoint, or holds more than data.
        """
        try:
            with warnings.catch_warnings():
                # What is odd about a file is told below, or harmless.
                warnings.simplefilter("ignore")
                content = torch.load(path, map_location="cpu", weights_only=True)
        except FileNotFoundError as error:
            raise NeurokitError(f"there is no checkpoint {path}") from error
        except (IsADirectoryError, NotADirectoryError, PermissionError) as error:
            raise NeurokitError(
                f"the checkpoint {path} cannot be read: {error.strerror}"
            ) from error
        except pickle.UnpicklingError as error:
            raise NeurokitError(
                f"{path} is not a neurokit checkpoint, or holds code, which is never run"
            ) from error
        except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
            raise NeurokitError(
                f"the checkpoint {path} is damaged; use another one of its folder"
            ) from error
        except Exception as error:  # of other bytes, such as text, the reader makes what it can
            raise NeurokitError(f"{path} is not a neurokit checkpoint") from error
        if not isinstance(content, dict) or content.get("neurokit_checkpoint") not in _READABLE:
            raise NeurokitError(f"{path} is not a neurokit checkpoint of format {FORMAT}")
        required = _NAMES if content["neurokit_checkpoint"] == FORMAT else _OF_FORMAT_1
        missing = [name for name in required if name not in content]
        if missing:
            raise NeurokitError(f"the checkpoint {path} is damaged: it lacks {', '.join(missing)}")
        return cls(**{name: content[name] for name in _NAMES if name in content})

    @property
    def best_weights(self) -> dict[str, torch.Tensor]:
        """The weights to predict with: the averaged ones, where they were kept."""
        return self.averaged or self.model

    def restore_model(self, module: nn.Module, path: Path) -> None:
        """Give `module` the weights that the training goes on with.

        Raises:
            NeurokitError: the checkpoint is of another architecture.
        """
        require_fitting(module, self.model, f"the checkpoint {path}")
        module.load_state_dict(self.model)


_NAMES = tuple(attribute.name for attribute in Checkpoint.__attrs_attrs__)
_OF_FORMAT_1 = _NAMES[: _NAMES.index("averaged")]


def require_fitting(module: nn.Module, weights: dict[str, torch.Tensor], whose: str) -> None:
    """Refuse weights whose names or sizes are not those of the module's own.

    Args:
        module: may be on the meta device.
        weights: by name.
        whose: what a message calls them: "the checkpoint last.ckpt".

    Raises:
        NeurokitError: they are of another architecture.
    """
    expected = module.state_dict()
    for name in [*expected, *weights]:
        ours, theirs = expected.get(name), weights.get(name)
        if ours is None or theirs is None or ours.shape != theirs.shape:
            raise NeurokitError(
                f"{whose} is of another architecture: its {name!r} is {_size(theirs)}, the "
                f"recipe's is {_size(ours)}; use the recipe it was trained with"
            )
        if ours.is_floating_point() != theirs.is_floating_point():
            raise NeurokitError(
                f"{whose} is damaged: its {name!r} holds {_type(theirs)}, and must hold "
                f"{_type(ours)}"
            )


def _type(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _size(tensor: torch.Tensor | None) -> str:
    if tensor is None:
        return "absent"
    return " x ".join(map(str, tensor.shape)) or "a number"
