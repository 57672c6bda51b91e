"""What a loss must hold to."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from neurokit.channels import Channel
from neurokit.kinds import Loss
from neurokit.testing.drawing import drawn_target
from neurokit.testing.findings import Stages, doing
from neurokit.testing.saved import saved_and_loaded
from neurokit.testing.surroundings import Size, Surroundings

_SURE = 6.0  # a logit whose probability is 0.998
_RELATIVE = 1e-5


def _said(loss: Loss, around: Surroundings) -> Iterator[str]:
    module = _built(loss, around)
    for shape in (around.shape, around.odd_shape, (1, 1, 1)):
        logits, target, mask = _drawn(around, shape)
        logits.requires_grad_()
        given = [each.clone() for each in (logits, target, mask)]
        with doing(f"the loss of {list(shape)} voxels"):
            result = module(logits, target, mask)
        if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], dict)):
            yield f"the loss must give (scalar, terms), not {result!r}"
            return
        value, terms = result
        if not _is_scalar(value) or not value.isfinite():
            yield f"the loss must be a finite scalar tensor, not {value!r}"
            return
        for name, term in terms.items():
            if not isinstance(name, str) or not _is_scalar(term):
                yield f"the term {name!r} must be a scalar tensor under a name, not {term!r}"
            elif term.requires_grad:
                yield f"the term '{name}' must be detached: a log keeps the gradient's memory"
        if not all(torch.equal(*each) for each in zip(given, (logits, target, mask), strict=True)):
            yield "the loss changes what it is given"


def _graded(loss: Loss, around: Surroundings) -> Iterator[str]:
    module = _built(loss, around)
    logits, target, mask = _drawn(around, around.shape)
    gradient = _gradient(module, logits, target, mask)
    if gradient is None:
        yield "no gradient of the loss reaches the logits"
        return
    if not gradient.isfinite().all():
        yield "the gradient of the loss is not finite"
    if not gradient.any():
        yield "the gradient of the loss is 0 everywhere"
    left = [name for name, each in module.named_parameters() if each.grad is None]
    if left:
        yield f"no gradient reaches the loss's own parameters {', '.join(left)}"


def _masked(loss: Loss, around: Surroundings) -> Iterator[str]:
    module = _built(loss, around)
    logits, target, mask = _drawn(around, around.shape)
    others = drawn_target(around.affinities, 2, around.shape, seed=9).to(target)
    with doing("the loss"):
        value, _ = module(logits, target, mask)
        unlike, _ = module(
            torch.where(mask > 0, logits, -2 * logits),
            torch.where(mask > 0, target, others),
            mask,
        )
    if not torch.allclose(value, unlike, _RELATIVE):
        yield "the loss depends on voxels whose mask is 0"
    gradient = _gradient(module, logits, target, mask)
    if gradient is not None and gradient[mask == 0].any():
        yield "the gradient of the loss is not 0 at voxels whose mask is 0"
    nothing = torch.zeros_like(mask)
    with doing("the loss of samples of which nothing is known (a mask of 0)"):
        value, terms = module(logits, target, nothing)
    if not all(each.isfinite() for each in (value, *terms.values())):
        yield "the loss of samples of which nothing is known (a mask of 0) is not finite"
    gradient = _gradient(module, logits, target, nothing)
    if gradient is not None and not gradient.isfinite().all():
        yield "the gradient for samples of which nothing is known (a mask of 0) is not finite"


def _right_way(loss: Loss, around: Surroundings) -> Iterator[str]:
    module = _built(loss, around)
    _, target, mask = _drawn(around, around.shape)
    right = torch.stack(
        [
            _answer(plane, each)
            for plane, each in zip(target.unbind(1), around.affinities, strict=True)
        ],
        1,
    )
    with torch.no_grad(), doing("the loss"):
        good, bad = (module(each, target, mask)[0].item() for each in (right, -right))
    if not good < bad:
        yield f"the loss of a right prediction, {good:g}, is not below that of a wrong one, {bad:g}"


def _repeatable(loss: Loss, around: Surroundings) -> Iterator[str]:
    drawn = _drawn(around, around.shape)
    first, other = _built(loss, around), _built(loss, around)
    with doing("the loss"):
        value, terms = first(*drawn)
        again, names = other(*drawn)
    if list(terms) != list(names):
        yield "the names of the loss's terms change"
    if not torch.equal(value, again):
        yield "the loss gives something else the second time"
    with doing("saving the loss's state and loading it with weights_only=True"):
        other.load_state_dict(saved_and_loaded(first.state_dict()))


STAGES: Stages = ((_said,), (_repeatable,), (_graded,), (_masked, _right_way))


def _built(loss: Loss, around: Surroundings) -> nn.Module:
    torch.manual_seed(0)
    with doing("build"):
        return loss.build(around.affinities).to(around.device).train()


def _drawn(around: Surroundings, shape: Size) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits, target and mask of two samples."""
    random = torch.Generator().manual_seed(4)
    target = drawn_target(around.affinities, 2, shape, seed=5)
    logits = torch.randn(target.shape, generator=random)
    mask = (torch.rand(target.shape, generator=random) < 0.7).float()
    return logits.to(around.device), target.to(around.device), mask.to(around.device)


def _gradient(
    module: nn.Module, logits: torch.Tensor, target: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor | None:
    wanted = logits.clone().requires_grad_()
    with doing("the gradient of the loss"):
        module(wanted, target, mask)[0].backward()
    return wanted.grad


def _answer(target: torch.Tensor, channel: Channel) -> torch.Tensor:
    """Logits that the channel's activation takes to the target, or close to it."""
    if channel.activation == "sigmoid":
        logits = (2 * target - 1) * _SURE
    else:
        logits = target.atanh() if channel.activation == "tanh" else target
    return logits / channel.scale


def _is_scalar(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.shape == ()
