"""Files of weights: safetensors, with what a network's user needs in the header.

The header's metadata, all strings:

================  ==================================================================================
neurokit_weights  number of this format
neurokit          version of the program that wrote it
title, licence    free text
recipe            TOML: the tables target, model, inferer and decoder of the resolved recipe
channels          JSON: name, activation, offset (or null) and scale of each channel predicted
voxel_size_nm     JSON: of the volumes that it was trained on (z, y, x), or null
step              optimizer steps done
scores            JSON: by volume, then by metric, of a test with this decoder; empty if untested
precision         that the network computed in, in that test or else in training: float32, bfloat16
                  or float16; absent where it was not noted
================  ==================================================================================
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import tomli_w
import torch
from attrs import frozen

from neurokit.device import PRECISIONS
from neurokit.errors import NeurokitError
from neurokit.recipe import to_table
from neurokit.weights.weights import METHOD_TABLES, Method, Weights, described_channels

SUFFIX = ".safetensors"
FORMAT = 1
_FORMAT_KEY = "neurokit_weights"
_SHOWN = 40
"""Letters of what a damaged header holds that are shown."""


@frozen(kw_only=True)
class Header:
    """What a file of weights says besides its tensors.

    Attributes:
        title: what it is, in a few words.
        licence: under which others may use it.
        method: that it was trained for.
        voxel_size_nm: of the volumes that it was trained on (z, y, x); None if unknown.
        step: optimizer steps done.
        scores: by volume, then by metric; empty where it was not tested.
        precision: that it computed in, in its test, or else in its training; None if unknown.
    """

    title: str
    licence: str
    method: Method
    voxel_size_nm: tuple[float, float, float] | None
    step: int
    scores: dict[str, dict[str, float]]
    precision: str | None


def packed(tensors: dict[str, torch.Tensor], header: Header) -> bytes:
    """The content of a file of weights; the same of the same."""
    table = to_table(header.method)
    metadata = {
        _FORMAT_KEY: str(FORMAT),
        "neurokit": version("neurokit"),
        "title": header.title,
        "licence": header.licence,
        "recipe": tomli_w.dumps({name: table[name] for name in METHOD_TABLES}),
        "channels": json.dumps(described_channels(header.method.target.channels)),
        "voxel_size_nm": json.dumps(header.voxel_size_nm),
        "step": str(header.step),
        "scores": json.dumps(header.scores),
    }
    if header.precision is not None:
        metadata["precision"] = header.precision
    # The format wants each tensor alone in its memory, in the usual order.
    alone = {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
    return _in_order(safetensors.torch.save(alone, metadata))


def _in_order(content: bytes) -> bytes:
    """The same file with the keys of its header sorted; the library writes them in any order."""
    length = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + length]), sort_keys=True).encode()
    header += b" " * (-len(header) % 8)  # tensors begin at a multiple of 8
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def read(path: Path, name: str) -> Weights:
    """The weights in a file, on the CPU.

    Args:
        path: of the file.
        name: how results are to name it.

    Raises:
        NeurokitError: it is missing, damaged, or not written by neurokit.
    """
    words = f"the network {name}"
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            _require_ours(metadata, name)
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise NeurokitError(f"there is no file {path}; check the path") from error
    except OSError as error:
        raise NeurokitError(f"{path} cannot be read: {error.strerror or error}") from error
    except safetensors.SafetensorError as error:
        raise NeurokitError(
            f"{path} is damaged, or not a safetensors file: get it again"
        ) from error
    _require_numbers(tensors, path)
    try:
        size = json.loads(metadata["voxel_size_nm"])
        return Weights(
            name=name,
            path=path,
            tensors=tensors,
            step=_count(metadata["step"]),
            recipe=metadata["recipe"],
            voxel_size_nm=None if size is None else _three_lengths(size),
            channels=_tables(metadata["channels"]),
            words=words,
            precision=_precision(metadata.get("precision")),
        )
    except RecursionError as error:
        raise NeurokitError(
            f"the header of {path} is damaged: it is nested without end; get it again"
        ) from error
    except (KeyError, ValueError, TypeError) as error:
        raise NeurokitError(f"the header of {path} is damaged: {error}; get it again") from error


def _require_ours(metadata: dict[str, str], name: str) -> None:
    """Refuse weights of other programs, and those of a later neurokit."""
    found = metadata.get(_FORMAT_KEY)
    if found is None:
        raise NeurokitError(
            f"{name} was not written by neurokit: it does not say which network its weights are of"
        )
    if found != str(FORMAT):
        raise NeurokitError(
            f"{name} is of format {found[:_SHOWN]!r}, and this neurokit reads {FORMAT}; install a "
            f"newer one"
        )


def _require_numbers(tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Refuse weights by which everything predicted would be no number."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise NeurokitError(f"{path} is damaged: its '{name}' holds no finite numbers")


def _count(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"step {text[:_SHOWN]!r} is no number of steps")
    return int(text)


def _precision(text: str | None) -> str | None:
    if text is not None and text not in PRECISIONS:
        raise ValueError(f"precision {text[:_SHOWN]!r} is none of {', '.join(PRECISIONS)}")
    return text


def _tables(text: str) -> list[dict[str, Any]]:
    found = json.loads(text)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ValueError("channels is no list of tables")
    return found


def _three_lengths(size: Any) -> tuple[float, float, float]:
    z, y, x = (float(length) for length in size)
    return z, y, x
