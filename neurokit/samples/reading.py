"""Reading ahead: threads that read what later requests need while this one is worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Request = TypeVar("Request")
Part = TypeVar("Part")


def read_ahead(
    requests: Iterable[Request],
    reads: Callable[[Request], Sequence[Callable[[], Part]]],
    *,
    ahead: int,
    threads: int,
) -> Generator[tuple[Request, list[Part]], None, None]:
    """Each request with its parts, in order.

    What a read raises is raised here, when the turn of its request comes. The threads end with
    the iteration, also when it is closed, dropped or broken off; nobody waits for reads that are
    under way then.

    Args:
        requests: taken one by one, at most `ahead` before the one that is given out.
        reads: what is to be called for the parts of a request.
        ahead: requests whose parts may be read and kept at the same time, beyond the current one.
        threads: that read; none is started before there is something to read.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="neurokit-reading")
    waiting: deque[tuple[Request, list[Future[Part]]]] = deque()
    try:
        for request in requests:
            waiting.append((request, [pool.submit(read) for read in reads(request)]))
            if len(waiting) > ahead:
                yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())
    finally:
        # Without waiting: the iteration may be dropped by any thread, a reading one too.
        pool.shutdown(wait=False, cancel_futures=True)


def _finished(request: Request, parts: list[Future[Part]]) -> tuple[Request, list[Part]]:
    return request, [part.result() for part in parts]
