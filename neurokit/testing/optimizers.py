"""What an optimizer must hold to."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from neurokit.kinds import Optimizer
from neurokit.testing.findings import Stages, doing
from neurokit.testing.saved import saved_and_loaded
from neurokit.testing.surroundings import Surroundings

_STEPS = 5


def _rate(optimizer: Optimizer, around: Surroundings) -> Iterator[str]:
    lr = getattr(optimizer, "lr", None)
    if isinstance(lr, bool) or not isinstance(lr, int | float) or not lr > 0:
        yield f"its lr, the base learning rate, must be a number above 0, not {lr!r}"
        return
    others = {group["lr"] for group in _built(optimizer, _parameters(around)).param_groups} - {lr}
    if others:
        yield f"build gives parameters the learning rates {others}, and its lr is {lr}"


def _covered(optimizer: Optimizer, around: Surroundings) -> Iterator[str]:
    parameters = _parameters(around)
    groups = _built(optimizer, parameters).param_groups
    counts = [
        sum(each is parameter for group in groups for each in group["params"])
        for parameter in parameters
    ]
    if 0 in counts:
        shapes = [list(p.shape) for p, count in zip(parameters, counts, strict=True) if not count]
        yield f"build leaves out parameters of the shapes {', '.join(map(str, shapes))}"
    if max(counts) > 1:
        yield "build takes a parameter twice"


def _improves(optimizer: Optimizer, around: Surroundings) -> Iterator[str]:
    parameters = _parameters(around)
    built = _built(optimizer, parameters)
    before = _distance(parameters)
    for _ in range(_STEPS):
        _step(built, parameters)
    after = _distance(parameters)
    if not after < before:
        yield f"{_STEPS} steps take the sum of squared parameters from {before:g} to {after:g}"


def _saved(optimizer: Optimizer, around: Surroundings) -> Iterator[str]:
    parameters, others = _parameters(around), _parameters(around)
    first, second = _built(optimizer, parameters), _built(optimizer, others)
    for _ in range(_STEPS):
        _step(first, parameters)
    for parameter, other in zip(parameters, others, strict=True):
        other.data.copy_(parameter.data)
    with doing("saving the optimizer's state and loading it with weights_only=True"):
        second.load_state_dict(saved_and_loaded(first.state_dict()))
    _step(first, parameters)
    _step(second, others)
    if not all(torch.equal(*each) for each in zip(parameters, others, strict=True)):
        yield "an optimizer that loads another's state_dict does not go on as that does"


def _spares(optimizer: Optimizer, around: Surroundings) -> Iterator[str]:
    parameters = _parameters(around)
    built = _built(optimizer, parameters)
    with doing("a step where a parameter has no gradient"):
        _step(built, parameters[:-1])
    if not torch.equal(parameters[-1], torch.ones_like(parameters[-1])):
        yield "a step changes a parameter that has no gradient"


STAGES: Stages = ((_rate, _covered), (_improves, _saved, _spares))


def _parameters(around: Surroundings) -> list[nn.Parameter]:
    """Those of a convolution, of a normalisation, and a single number, as losses have."""
    shapes: list[tuple[int, ...]] = [(4, 3, 3, 3, 3), (4,), (6, 5), ()]
    return [nn.Parameter(torch.ones(shape, device=around.device)) for shape in shapes]


def _built(optimizer: Optimizer, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    with doing("build"):
        return optimizer.build(parameter for parameter in parameters)


def _step(built: torch.optim.Optimizer, parameters: list[nn.Parameter]) -> None:
    """One step towards 0."""
    built.zero_grad(set_to_none=True)
    sum((parameter**2).sum() for parameter in parameters).backward()  # type: ignore[union-attr]
    with doing("a step"):
        built.step()


def _distance(parameters: list[nn.Parameter]) -> float:
    return sum(float((parameter.detach() ** 2).sum()) for parameter in parameters)
