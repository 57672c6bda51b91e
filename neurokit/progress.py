"""Progress: how long work tells whoever listens how far it is.

Components wrap their loops in `track`; the running stage listens and passes it on to the hooks.
Without a listener, in a notebook or a test, `track` only iterates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")
Listener = Callable[[str, int, int], None]

_listener: ContextVar[Listener | None] = ContextVar("progress_listener", default=None)


def track(items: Iterable[T], what: str, total: int, done: int = 0) -> Iterator[T]:
    """Iterate, reporting each finished item.

    Args:
        items: what to iterate over.
        what: what one item is, in the plural: "windows".
        total: how many there are.
        done: how many of them were done before, and are not among `items`.
    """
    report = _listener.get()
    if report is None:
        yield from items
        return
    report(what, done, total)
    for count, item in enumerate(items, done + 1):
        yield item
        report(what, count, total)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Call `listener(what, done, total)` for every `track` inside."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
