"""Stopping: a scheduler's signal ends a run where its state is whole.

SIGTERM and SIGUSR1 are what SLURM and its like send before they take a machine away. While a run
heeds them, they are only noted; the run asks between its steps, and saves outside of the handler.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

Handler = Callable[[int, FrameType | None], None]

_noted: list[signal.Signals] = []


class StopRequested(KeyboardInterrupt):
    """A signal asked this run to stop, and its state is whole.

    Attributes:
        signal: its name, such as SIGTERM.
    """

    def __init__(self, signal: str) -> None:
        super().__init__(f"stopped by {signal}")
        self.signal = signal


@contextmanager
def heeding_signals(*, interrupt: bool = False) -> Iterator[None]:
    """Note signals that ask to stop, instead of dying of them.

    Args:
        interrupt: note the first Ctrl-C, too; processes that train together must stop at the same
            step.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return
    heeded = [signal.SIGTERM, signal.SIGUSR1, *([signal.SIGINT] if interrupt else [])]
    _noted.clear()
    try:
        with _handling(heeded, _note):
            yield
    finally:
        _noted.clear()


@contextmanager
def noting_interrupts() -> Iterator[None]:
    """Note the first Ctrl-C, too, so that no work of the step under way is lost; heed the second.

    For work that asks often, and has something to save. Where Ctrl-C is noted already, the second
    is no different from the first: a launcher passes on what the terminal has sent before.
    """
    elsewhere = signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, _note)
    if threading.current_thread() is not threading.main_thread() or elsewhere:
        yield
        return
    with _handling([signal.SIGINT], _note_the_first):
        yield


@contextmanager
def _handling(signals: Sequence[signal.Signals], handler: Handler) -> Iterator[None]:
    """Handle these signals so, and leave them afterwards as they were."""
    before = {each: signal.signal(each, handler) for each in signals}
    try:
        yield
    finally:
        for each, earlier in before.items():
            # None is a handler that was not Python's, which cannot be put back.
            signal.signal(each, signal.SIG_DFL if earlier is None else earlier)


def _note(number: int, _: FrameType | None) -> None:
    _noted.append(signal.Signals(number))


def _note_the_first(number: int, frame: FrameType | None) -> None:
    if signal.Signals(number) in _noted:
        raise KeyboardInterrupt
    _note(number, frame)


def noted_signal() -> str | None:
    """The name of the first signal that asked to stop, if any did."""
    return _noted[0].name if _noted else None


def stop_if_asked() -> None:
    """End the run here if a signal asked for it.

    Raises:
        StopRequested: a signal was noted.
    """
    name = noted_signal()
    if name is not None:
        raise StopRequested(name)
