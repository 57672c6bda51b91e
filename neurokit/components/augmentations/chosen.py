"""Changing the samples that were chosen, and leaving the others of a batch as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from attrs import evolve

from neurokit import Batch, SampleRandom

Change = Callable[[Batch, SampleRandom], Batch]


def change_chosen(batch: Batch, random: SampleRandom, probability: float, change: Change) -> Batch:
    """The batch, `change` made to each sample with a chance of `probability`."""
    chosen = random.on_cpu().happens(probability)
    return change_samples(batch, random, indices_of(chosen), change)


def change_samples(
    batch: Batch, random: SampleRandom, samples: Sequence[int], change: Change
) -> Batch:
    """The batch, `change` made to the samples with these indices, all at once.

    `change` is given a batch of these samples alone and their random numbers. What the others
    draw later does not depend on it.
    """
    if not samples:
        return batch
    images, labels = list(batch.image_BCZYX.unbind()), list(batch.labels_BZYX.unbind())
    part = evolve(
        batch,
        image_BCZYX=torch.stack([images[sample] for sample in samples]),
        labels_BZYX=torch.stack([labels[sample] for sample in samples]),
    )
    changed = change(part, random.of(samples))
    if list(samples) == list(range(len(images))):
        return changed
    for row, sample in enumerate(samples):
        images[sample] = changed.image_BCZYX[row]
        labels[sample] = changed.labels_BZYX[row]
    return evolve(batch, image_BCZYX=torch.stack(images), labels_BZYX=torch.stack(labels))


def indices_of(chosen_B: torch.Tensor) -> list[int]:
    """Where a bool tensor on the CPU is true."""
    return [index for index, each in enumerate(chosen_B.tolist()) if each]
