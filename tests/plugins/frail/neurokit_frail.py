"""A plugin that makes trouble when it is told to: dropout, poisoned samples, signals, a kill."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import torch
from attrs import evolve, frozen
from torch import nn

from neurokit import Augmentation, Batch, Channel, Model, SampleRandom, hookimpl, param

TROUBLE = "NEUROKIT_FRAIL"
"""An environment variable such as `SIGTERM@step:4`: which signal, and when it is sent."""


def make_trouble(when: str) -> None:
    """Send this process the signal that is due now, if any is."""
    name, _, due = os.environ.get(TROUBLE, "").partition("@")
    if due == when:
        os.environ[TROUBLE] = ""
        os.kill(os.getpid(), signal.Signals[name])


@frozen(kw_only=True)
class Frail(Model):
    """A small network of everything that has a state: running statistics, random numbers."""

    dropout: float = param(0.2, help="share of features that are dropped", low=0, high=1)
    ballast: int = param(0, help="numbers of a parameter that nothing uses", low=0)

    def build(self, in_channels: int, channels: Sequence[Channel]) -> nn.Module:
        return _Network(in_channels, len(channels), self.dropout, self.ballast)


class _Network(nn.Module):
    def __init__(self, inputs: int, outputs: int, dropout: float, ballast: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv3d(inputs, 4, 3, padding=1),
            nn.BatchNorm3d(4),
            nn.ELU(),
            nn.Dropout(dropout),
            nn.Conv3d(4, outputs, 1),
        )
        self.ballast = nn.Parameter(torch.zeros(ballast))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        make_trouble("training" if self.training else "prediction")
        logits: torch.Tensor = self.layers(image)
        return logits


@frozen(kw_only=True)
class Poison(Augmentation):
    """Some samples are no numbers."""

    probability: float = param(0.5, help="share of samples", low=0, high=1)

    def apply(self, batch: Batch, random: SampleRandom) -> Batch:
        factor = torch.where(random.happens(self.probability), torch.nan, 1.0)
        return evolve(batch, image_BCZYX=batch.image_BCZYX * factor.reshape(-1, 1, 1, 1, 1))


class Trouble:
    """Sends the signal when a step, an epoch, a piece of work or a file is done."""

    @hookimpl
    def step(self, step: int) -> None:
        """`step:4`."""
        make_trouble(f"step:{step}")

    @hookimpl
    def epoch(self, epoch: int) -> None:
        """`epoch:1`."""
        make_trouble(f"epoch:{epoch}")

    @hookimpl
    def progress(self, what: str, done: int) -> None:
        """`windows:2`."""
        make_trouble(f"{what}:{done}")

    @hookimpl
    def artifact_written(self, path: Path) -> None:
        """`last.ckpt`, or `epoch=` for the checkpoint of an epoch."""
        make_trouble("epoch=" if path.name.startswith("epoch=") else path.name)
