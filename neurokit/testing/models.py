"""What a model must hold to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from neurokit.kinds import Model
from neurokit.testing.findings import Stages, doing
from neurokit.testing.saved import saved_and_loaded
from neurokit.testing.surroundings import Size, Surroundings

_TOLERANCE = 1e-3
"""How far apart results may be that are computed in another order."""


def _multiple(model: Model, around: Surroundings) -> Iterator[str]:
    with doing("size_multiple"):
        multiple = model.size_multiple()
    whole = isinstance(multiple, tuple) and len(multiple) == 3
    if not whole or not all(type(each) is int and each >= 1 for each in multiple):
        yield f"size_multiple must give three integers of at least 1, not {multiple!r}"
        return
    module = _built(model, around)
    larger = [size + each for size, each in zip(_fitting(model, around), multiple, strict=True)]
    shapes = [_fitting(model, around), (larger[0], larger[1], larger[2])]
    for shape in shapes:
        problem = _misfit(_run(module, _image(around, shape)), around, shape)
        if problem is not None:
            yield f"the network, given {list(shape)} voxels, {problem}"
            return


def _trainable(model: Model, around: Surroundings) -> Iterator[str]:
    module = _built(model, around).train()
    image = _image(around, _fitting(model, around))
    given = image.clone()
    logits = _run(module, image)
    if not torch.equal(image, given):
        yield "the network changes the image that it is given"
    if not torch.isfinite(logits).all():
        yield "the logits of a new network are not finite"
        return
    parameters = {name: each for name, each in module.named_parameters() if each.requires_grad}
    if not parameters:
        yield "the network has no parameter to train"
        return
    with doing("the gradient of the logits"):
        weights = torch.randn(logits.shape, generator=_random()).to(logits)
        (logits * weights).sum().backward()  # type: ignore[no-untyped-call]
    left = [name for name, each in parameters.items() if each.grad is None]
    if left:
        yield f"no gradient reaches its parameters {', '.join(left)}"
    if any(
        each.grad is not None and not each.grad.isfinite().all() for each in module.parameters()
    ):
        yield "the gradient of a new network is not finite"


def _in_bfloat16(model: Model, around: Surroundings) -> Iterator[str]:
    module = _built(model, around).eval()
    shape = _fitting(model, around)
    kind = torch.device(around.device).type
    with torch.no_grad(), torch.autocast(kind, torch.bfloat16):
        logits = _run(module, _image(around, shape), " in bfloat16")
    problem = _misfit(logits.float(), around, shape)
    if problem is not None:
        yield f"the network in bfloat16 {problem}"
    elif not torch.isfinite(logits).all():
        yield "the logits in bfloat16 are not finite"


def _on_meta(model: Model, around: Surroundings) -> Iterator[str]:
    with doing("build on torch's meta device"), torch.device("meta"):
        module = model.build(around.image_channels, around.affinities)
    placed = [name for name, each in module.named_parameters() if each.device.type != "meta"]
    if placed:
        yield f"build puts its parameters {', '.join(placed)} on a device of its own choice"


def _seeded(model: Model, around: Surroundings) -> Iterator[str]:
    states = [_built(model, around, seed).state_dict() for seed in (1, 1)]
    if states[0].keys() != states[1].keys():
        yield "build gives a network of other parts the second time"
    elif not _equal(*states):
        yield "build gives other weights under the same torch.manual_seed"


def _evaluates(model: Model, around: Surroundings) -> Iterator[str]:
    module = _built(model, around).eval()
    image = _image(around, _fitting(model, around), batch=2)
    with torch.no_grad():
        first, again = _run(module, image), _run(module, image)
        alone = _run(module, image[:1])
    if not torch.equal(first, again):
        yield "in evaluation, the network answers otherwise the second time"
    elif not torch.allclose(first[:1], alone, _TOLERANCE, _TOLERANCE):
        yield "in evaluation, what the network answers to a sample depends on the others beside it"


def _saved(model: Model, around: Surroundings) -> Iterator[str]:
    module, other = _built(model, around, 1), _built(model, around, 2)
    with doing("saving the network's state and loading it with weights_only=True"):
        other.load_state_dict(saved_and_loaded(module.state_dict()))
    image = _image(around, _fitting(model, around))
    with torch.no_grad():
        if not torch.equal(_run(module.eval(), image), _run(other.eval(), image)):
            yield "a network that loads another's state_dict answers otherwise"


STAGES: Stages = (
    (_multiple,),
    (_trainable, _in_bfloat16, _on_meta, _seeded, _evaluates),
    (_saved,),
)


def _built(model: Model, around: Surroundings, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    with doing("build"):
        return model.build(around.image_channels, around.affinities).to(around.device)


def _fitting(model: Model, around: Surroundings) -> Size:
    """The shape, enlarged to what the network takes."""
    multiple = model.size_multiple()
    z, y, x = (-(-size // by) * by for size, by in zip(around.shape, multiple, strict=True))
    return z, y, x


def _image(around: Surroundings, shape: Size, batch: int = 2) -> torch.Tensor:
    size = (batch, around.image_channels, *shape)
    return torch.rand(size, generator=_random()).to(around.device)


def _run(module: nn.Module, image: torch.Tensor, how: str = "") -> torch.Tensor:
    with doing(f"the network{how}, given {list(image.shape[2:])} voxels"):
        logits = module(image)
        if not isinstance(logits, torch.Tensor):
            raise TypeError(f"it must answer with a tensor, not {type(logits).__name__}")
    return logits


def _misfit(logits: torch.Tensor, around: Surroundings, shape: Size) -> str | None:
    wanted = (2, len(around.affinities), *shape)
    if tuple(logits.shape) != wanted:
        return f"answers with shape {tuple(logits.shape)}, not {wanted} (batch, channels, z, y, x)"
    if logits.dtype != torch.float32:
        return f"answers in {logits.dtype}, not in torch.float32"
    return None


def _random() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def _equal(first: dict[str, Any], second: dict[str, Any]) -> bool:
    tensors = {name: each for name, each in first.items() if isinstance(each, torch.Tensor)}
    return all(torch.equal(each, second[name]) for name, each in tensors.items())
