"""Reading ahead: in order, bounded, and with an end, whatever the reads do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from neurokit.samples.reading import read_ahead


def _parts(request: int) -> list[Callable[[], str]]:
    """As many parts as the number of the request says."""
    return [partial("{}.{}".format, request, part) for part in range(request)]


@pytest.mark.parametrize("ahead", [0, 1, 3, 50])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_parts_come_with_their_requests(ahead: int, threads: int, count: int) -> None:
    numbers = [n * 5 % 7 for n in range(count)]
    read = list(read_ahead(iter(numbers), _parts, ahead=ahead, threads=threads))
    assert read == [(n, [f"{n}.{part}" for part in range(n)]) for n in numbers]


def test_order_is_kept_where_later_reads_end_first() -> None:
    done = [threading.Event() for _ in range(4)]
    done[3].set()

    def read(part: int) -> int:
        # Each waits for the one after it.
        assert done[min(part + 1, 3)].wait(60)
        done[part].set()
        return part

    reads = read_ahead(range(4), lambda part: [partial(read, part)], ahead=3, threads=4)
    assert list(reads) == [(part, [part]) for part in range(4)]


def test_an_error_comes_when_it_is_its_turn_and_in_the_thread_that_asks() -> None:
    def read(request: int) -> int:
        if request in (3, 4):
            raise ValueError(f"request {request}")
        return request

    reads = read_ahead(range(9), lambda request: [partial(read, request)], ahead=4, threads=2)
    assert [next(reads), next(reads), next(reads)] == [(0, [0]), (1, [1]), (2, [2])]
    with pytest.raises(ValueError, match="request 3"):
        next(reads)
    assert list(reads) == []


def test_closing_waits_for_nothing_and_cancels_what_has_not_begun() -> None:
    allowed, begun = threading.Semaphore(1), []

    def read(request: int) -> None:
        begun.append(request)
        assert allowed.acquire(timeout=60)

    reads = read_ahead(range(9), lambda request: [partial(read, request)], ahead=5, threads=1)
    next(reads)
    reads.close()  # the read of request 1 cannot end before this returns
    allowed.release(9)
    for thread in threading.enumerate():
        if thread.name.startswith("neurokit-reading"):
            thread.join(60)
            assert not thread.is_alive()
    assert begun in ([0], [0, 1])


def test_no_thread_is_started_without_a_read() -> None:
    before = threading.active_count()
    no_reads: list[Callable[[], None]] = []
    reads = read_ahead(range(3), lambda _: no_reads, ahead=2, threads=4)
    assert next(reads) == (0, [])
    assert threading.active_count() == before


def test_what_the_requests_raise_passes() -> None:
    def requests() -> Iterator[int]:
        yield 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(read_ahead(requests(), _parts, ahead=0, threads=1))
