"""What an augmentation must hold to."""

from __future__ import annotations

import random as global_random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from attrs import evolve

from neurokit.errors import NeurokitError
from neurokit.kinds import Augmentation
from neurokit.sampling import Batch, SampleRandom
from neurokit.testing.drawing import drawn_labels
from neurokit.testing.findings import Stages, doing
from neurokit.testing.fitting import grey_of, moved_apart
from neurokit.testing.surroundings import Size, Surroundings

_STEPS = 6  # so that what happens by chance happens
_SAMPLES = 3
_SURE = 3  # samples of all: one that is distorted by chance is no fault


def _accepted(augmentation: Augmentation, around: Surroundings) -> Iterator[str]:
    try:
        with doing("check"):
            augmentation.check(around.shape, around.voxel_size_nm)
    except NeurokitError as error:
        yield (
            f"it refuses samples of {list(around.shape)} voxels of {list(around.voxel_size_nm)} "
            f"nm ({error}); give conform a shape and a voxel_size_nm that it takes"
        )


def _kept(augmentation: Augmentation, around: Surroundings) -> Iterator[str]:
    for shape in _shapes(augmentation, around):
        for labels_type in (torch.int32, torch.int16):
            batch = _batch(around, shape, labels_type)
            for step in range(_STEPS):
                changed = _apply(augmentation, batch, step)
                problem = _misfit(changed, batch)
                if problem is not None:
                    yield f"apply to samples of {list(shape)} voxels {problem}"
                    return
                if not torch.isfinite(changed.image_BCZYX).all():
                    yield "apply leaves an image with values that are not finite"
                known = torch.cat([batch.labels_BZYX.flatten().cpu(), torch.tensor([0, -1])])
                if not torch.isin(changed.labels_BZYX.cpu(), known.to(labels_type)).all():
                    yield "apply makes labels that were not there: ids must be moved whole"


def _inputs_kept(augmentation: Augmentation, around: Surroundings) -> Iterator[str]:
    for step in range(_STEPS):
        batch = _batch(around, around.shape)
        image, labels = batch.image_BCZYX.clone(), batch.labels_BZYX.clone()
        _apply(augmentation, batch, step)
        if not torch.equal(batch.image_BCZYX, image):
            yield "apply changes the image that it is given"
        if not torch.equal(batch.labels_BZYX, labels):
            yield "apply changes the labels that it is given"


def _unknown_kept(augmentation: Augmentation, around: Surroundings) -> Iterator[str]:
    batch = _batch(around, around.shape)
    for value, what in ((-1, "to be ignored (-1)"), (0, "background")):
        given = evolve(batch, labels_BZYX=torch.full_like(batch.labels_BZYX, value))
        for step in range(_STEPS):
            labels = _apply(augmentation, given, step).labels_BZYX
            if not ((labels == value) | (labels == -1)).all():
                yield f"apply makes objects or background of samples that are all {what}"


def _repeatable(augmentation: Augmentation, around: Surroundings) -> Iterator[str]:
    batch = _batch(around, around.shape)
    for step in range(_STEPS):
        _seed_globally(step)
        before = _global_state()
        first = _apply(augmentation, batch, step)
        if not _same_state(before, _global_state()):
            yield "apply draws from global random numbers; it may draw from `random` alone"
        again = _apply(augmentation, batch, step)
        apart = [
            _apply(augmentation, _sample(batch, index), step, [index]) for index in range(_SAMPLES)
        ]
        _seed_globally(step + _STEPS)
        elsewhere = _apply(augmentation, batch, step)
        if not _equal(first, again):
            yield "apply gives something else the second time, with the same `random`"
            return
        if not _equal(first, elsewhere):
            yield "what apply gives depends on the seed of global random numbers"
        joined = evolve(
            batch,
            image_BCZYX=torch.cat([each.image_BCZYX for each in apart]),
            labels_BZYX=torch.cat([each.labels_BZYX for each in apart]),
        )
        if not _equal(first, joined):
            yield "apply to three samples is not what it gives for each alone"


def _fitting(augmentation: Augmentation, around: Surroundings) -> Iterator[str]:
    batch = _batch(around, around.shape)
    apart = 0
    for step in range(_STEPS):
        grey_BZYX = grey_of(batch.labels_BZYX, torch.Generator().manual_seed(step))
        given = evolve(
            batch, image_BCZYX=grey_BZYX[:, None].repeat(1, around.image_channels, 1, 1, 1)
        )
        apart += moved_apart(given, _apply(augmentation, given, step))
    if apart >= _SURE:
        yield "apply moves labels and image apart: moved otherwise, the labels would fit it"


STAGES: Stages = ((_accepted,), (_kept,), (_inputs_kept, _unknown_kept), (_repeatable, _fitting))


def _shapes(augmentation: Augmentation, around: Surroundings) -> Iterator[Size]:
    """The sizes of samples that it says it takes."""
    _, y, x = around.shape
    for shape in (around.shape, around.odd_shape, (1, y, x), (3, y, x + 1)):
        try:
            with doing("check"):
                augmentation.check(shape, around.voxel_size_nm)
        except NeurokitError:
            continue
        yield shape


def _batch(around: Surroundings, shape: Size, labels_type: torch.dtype = torch.int32) -> Batch:
    random = torch.Generator().manual_seed(5)
    image = torch.rand((_SAMPLES, around.image_channels, *shape), generator=random)
    labels = np.stack([drawn_labels(shape, seed) for seed in range(_SAMPLES)])
    return Batch(
        image.to(around.device),
        torch.from_numpy(labels).to(around.device, labels_type),
        around.voxel_size_nm,
    )


def _sample(batch: Batch, index: int) -> Batch:
    kept = slice(index, index + 1)
    return evolve(batch, image_BCZYX=batch.image_BCZYX[kept], labels_BZYX=batch.labels_BZYX[kept])


def _apply(
    augmentation: Augmentation, batch: Batch, step: int, indices: Sequence[int] = range(_SAMPLES)
) -> Batch:
    random = SampleRandom(7, step, indices, batch.image_BCZYX.device)
    with doing(f"apply to samples of {list(batch.labels_BZYX.shape[1:])} voxels"):
        return augmentation.apply(batch, random)


def _misfit(changed: object, given: Batch) -> str | None:
    if not isinstance(changed, Batch):
        return f"must give a Batch, not {type(changed).__name__}"
    if changed.voxel_size_nm != given.voxel_size_nm:
        return f"changes voxel_size_nm to {changed.voxel_size_nm}"
    for name in ("image", "labels"):
        field = "image_BCZYX" if name == "image" else "labels_BZYX"
        before, after = getattr(given, field), getattr(changed, field)
        for quality in ("shape", "dtype", "device"):
            was, now = getattr(before, quality), getattr(after, quality)
            if was != now:
                return f"changes the {quality} of the {name} from {_words(was)} to {_words(now)}"
    return None


def _words(quality: object) -> str:
    return str(tuple(quality)) if isinstance(quality, torch.Size) else str(quality)


def _equal(first: Batch, second: Batch) -> bool:
    return torch.equal(first.image_BCZYX, second.image_BCZYX) and torch.equal(
        first.labels_BZYX, second.labels_BZYX
    )


def _seed_globally(seed: int) -> None:
    torch.manual_seed(seed)
    np.random.seed(seed)
    global_random.seed(seed)


def _global_state() -> tuple[Any, ...]:
    return torch.get_rng_state(), np.random.get_state(), global_random.getstate()


def _same_state(before: tuple[Any, ...], after: tuple[Any, ...]) -> bool:
    of_numpy = all(np.array_equal(*each) for each in zip(before[1], after[1], strict=True))
    return torch.equal(before[0], after[0]) and of_numpy and before[2] == after[2]
