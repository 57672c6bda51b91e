"""Ending by Ctrl-C what runs until it is ended."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ended_by_ctrl_c() -> Iterator[None]:
    """Leave the block at Ctrl-C as if it were done; another Ctrl-C does nothing any more.

    What follows is for leaving in order, and impatience must not make a failure of it. Where Ctrl-C
    is ignored, as by a shell's jobs in the background, it stays so.
    """
    try:
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, _end)
        yield
    except KeyboardInterrupt:
        pass


def _end(_: int, __: FrameType | None) -> None:
    signal.signal(signal.SIGINT, _nothing)
    raise KeyboardInterrupt


def _nothing(_: int, __: FrameType | None) -> None:
    """Heed no further Ctrl-C; to ignore it altogether would lose one that is under way."""
