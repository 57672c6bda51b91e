"""A plugin whose scores are known beforehand, and which misbehaves when it is told to."""

import os
import signal
import time
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from neurokit import Decoder, Metric, NeurokitError, Prediction, Volume, param

TROUBLE = "NEUROKIT_DIAL"
"""An environment variable such as `slow@7,crash@3`: what happens at which level."""
NOTES = "NEUROKIT_DIAL_NOTES"
"""An environment variable: a file that gets a line for each decoding, level and process."""

_begun: list[bool] = []


@frozen(kw_only=True)
class Inner:
    """A table within the decoder."""

    depth: int = param(0, help="added to the level", low=0)


@frozen(kw_only=True)
class Dial(Decoder):
    """A segmentation of one id, which says how the decoder is set."""

    quick_parameters: ClassVar[tuple[str, ...]] = ("level", "inner")

    level: int = param(3, help="of the id, tenfold", low=0, high=20)
    fine: float = param(0.5, help="of the id, tenfold", low=0, high=1)
    open: float = param(1.0, help="counts for nothing", above=0)
    ends: tuple[float, float] = param((0.2, 0.8), help="must rise", low=0, high=1)
    names: tuple[str, ...] = param(("a",), help="count for nothing")
    form: Literal["plain", "odd"] = param("plain", help="odd adds one")
    shy: bool = param(False, help="counts for nothing")
    word: str = param("any", help="counts for nothing")
    limit: int | None = param(None, help="of the id", low=1)
    inner: Inner = param(factory=Inner, help="a table")

    def __attrs_post_init__(self) -> None:
        low, high = self.ends
        if not low < high:
            raise NeurokitError(f"ends must rise, and {low} is not below {high}")

    def decode(self, prediction: Prediction) -> NDArray[np.integer]:
        """All voxels have the id 10 (level + depth) + 10 fine, one more where it is odd."""
        rehearses = prediction.fingerprint is None
        if NOTES in os.environ and not rehearses:
            with Path(os.environ[NOTES]).open("a") as notes:
                notes.write(f"{self.level} {os.getpid()}\n")
        self._misbehave()
        found = 10 * (self.level + self.inner.depth) + round(10 * self.fine)
        found += self.form == "odd"
        return np.full(prediction.shape, min(found, self.limit or found), np.uint16)

    def _misbehave(self) -> None:
        for each in filter(None, os.environ.get(TROUBLE, "").split(",")):
            what, _, level = each.partition("@")
            if int(level) != self.level:
                continue
            if what == "slow":
                time.sleep(60)
            elif what == "first":
                time.sleep(0 if _begun else 2.5)
                _begun.append(True)
            elif what == "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            elif what == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            elif what == "memory":
                raise MemoryError
            else:
                raise ValueError(f"level {level} is\nbad")


@frozen(kw_only=True)
class Miss(Metric):
    """How far the id is from a goal."""

    headline: ClassVar[str] = "miss"
    higher_is_better: ClassVar[bool] = False

    goal: int = param(70, help="the best id", low=0)

    def score(self, segmentation: NDArray[np.integer], truth: Volume) -> dict[str, float]:
        """`miss`, and `id`; there is no score for id 205."""
        assert truth.labels is not None
        assert segmentation.shape == truth.labels.shape
        found = int(segmentation.max())
        return {"miss": float("nan") if found == 205 else abs(found - self.goal) / 10, "id": found}


@frozen(kw_only=True)
class Hit(Metric):
    """How near the id is to 70; more is better."""

    headline: ClassVar[str] = "hit"
    higher_is_better: ClassVar[bool] = True

    def score(self, segmentation: NDArray[np.integer], truth: Volume) -> dict[str, float]:
        """`hit`."""
        return {"hit": 10.0 - abs(int(segmentation.max()) - 70) / 10}
