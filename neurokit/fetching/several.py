"""Downloading many files, some at once, and telling how far it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue

from attrs import define, frozen

from neurokit.fetching.connection import Connection, Stopped
from neurokit.fetching.download import download, kept_bytes
from neurokit.fetching.part import Version
from neurokit.fetching.remote import RemoteFile
from neurokit.progress import track

AT_ONCE = 8
"""Files that are downloaded at once; hosts of public data slow down who asks for more."""
_MB = 10**6
_SECONDS_TO_STOP = 3.0


@define
class _Done:
    """A thread has nothing more to do; with the error that ended it, if one did."""

    error: BaseException | None


@frozen
class Arrived:
    """A file that is there and right; which version it is, as far as the server says."""

    file: RemoteFile
    place: Path
    version: Version


_Event = int | Arrived | _Done


def download_all(files: Sequence[RemoteFile], folder: Path) -> Iterator[Arrived]:
    """Download files into a folder, by their paths; each is given when it is there and right.

    The first error ends all; what has arrived of the others is kept, and the next call goes on.

    Args:
        files: what to download; the progress that is told is of those with a known size.
        folder: where to.

    Raises:
        NeurokitError: of the first file that fails.
    """
    total = sum(file.size or 0 for file in files)
    kept = sum(kept_bytes(file, folder / file.path) for file in files)
    finished: list[Arrived] = []
    with _Threads(files, folder) as threads:
        megabytes = _megabytes(threads, kept, finished)
        for _ in track(megabytes, "MB", total=-(-total // _MB), done=kept // _MB):
            yield from finished
            finished.clear()
        yield from finished


def _megabytes(threads: _Threads, arrived: int, finished: list[Arrived]) -> Iterator[None]:
    """One item for each million bytes that arrives, and one for the rest."""
    told = arrived // _MB
    for event in threads:
        if isinstance(event, Arrived):
            finished.append(event)
            continue
        arrived += event
        while arrived >= (told + 1) * _MB:
            told += 1
            yield
    if arrived > told * _MB:
        yield


class _Threads:
    """Threads that download; iterated over, what they tell until all are done."""

    def __init__(self, files: Sequence[RemoteFile], folder: Path) -> None:
        self._files = iter(files)
        self._folder = folder
        self._connection = Connection(AT_ONCE)
        self._next = threading.Lock()
        self._events: SimpleQueue[_Event] = SimpleQueue()
        # As daemons they do not keep an interrupted process from ending.
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(AT_ONCE)]

    def __enter__(self) -> _Threads:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.stopping.set()
        deadline = time.monotonic() + _SECONDS_TO_STOP
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._connection.close()

    def __iter__(self) -> Iterator[int | Arrived]:
        done = 0
        while done < len(self._threads):
            event = self._events.get()
            if not isinstance(event, _Done):
                yield event
                continue
            if event.error is not None:
                raise event.error
            done += 1

    def _work(self) -> None:
        try:
            while not self._connection.stopping.is_set():
                with self._next:
                    file = next(self._files, None)
                if file is None:
                    break
                target = self._folder / file.path
                version = download(self._connection, file, target, self._events.put)
                self._events.put(Arrived(file, target, version))
        except Stopped:
            self._events.put(_Done(None))
        except BaseException as error:
            self._events.put(_Done(error))
        else:
            self._events.put(_Done(None))
