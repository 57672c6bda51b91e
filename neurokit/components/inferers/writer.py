"""Writing a prediction to its file while the network works on."""

from __future__ import annotations

from queue import Queue
from threading import Thread
from types import TracebackType
from typing import Any

import h5py
import torch
from attrs import frozen
from numpy.typing import NDArray

_WAITING = 2


@frozen
class Piece:
    """Stored values of one channel.

    Attributes:
        place: channel, and the voxels along z, y and x.
        values_ZYX: of the type that is stored, on the network's device.
        ready: on a GPU, the event after which they are computed.
        flush: whether the file is to be flushed after it.
    """

    place: tuple[int, slice, slice, slice]
    values_ZYX: torch.Tensor
    ready: torch.cuda.Event | None
    flush: bool


class Writer:
    """A thread that writes pieces in the order in which they are put; used in a `with`.

    At most a few pieces wait; `put` then waits, too. When writing fails, the next `put` or the end
    of the `with` raises what went wrong. When the work in the `with` fails, the rest is dropped.
    """

    def __init__(self, dataset: h5py.Dataset, device: torch.device) -> None:
        self.dataset = dataset
        self.stream = _stream(device)
        self.pieces: Queue[Piece | None] = Queue(_WAITING)
        self.failure: BaseException | None = None
        self.thread = Thread(target=self._work, name="neurokit-writer")

    def __enter__(self) -> Writer:
        self.thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.failure = self.failure or error
        self.pieces.put(None)
        self.thread.join()
        if error is None and self.failure is not None:
            raise self.failure

    def put(
        self, place: tuple[int, slice, slice, slice], values_ZYX: torch.Tensor, flush: bool
    ) -> None:
        """Have values written at a place of the dataset; they must not be changed afterwards.

        Raises:
            Exception: what went wrong with an earlier piece.
        """
        if self.failure is not None:
            raise self.failure
        ready = None
        if self.stream is not None:
            ready = torch.cuda.Event()  # type: ignore[no-untyped-call]
            ready.record(torch.cuda.current_stream(values_ZYX.device))
        self.pieces.put(Piece(place, values_ZYX, ready, flush))

    def _work(self) -> None:
        while (piece := self.pieces.get()) is not None:
            if self.failure is not None:
                continue  # to keep the queue moving
            try:
                self.dataset[piece.place] = self._fetched(piece)
                if piece.flush:
                    self.dataset.file.flush()  # so that a full disk ends the work now
            except BaseException as error:
                self.failure = error

    def _fetched(self, piece: Piece) -> NDArray[Any]:
        if self.stream is None or piece.ready is None:
            return piece.values_ZYX.numpy()
        with torch.cuda.stream(self.stream):
            self.stream.wait_event(piece.ready)
            pinned = torch.empty(
                piece.values_ZYX.shape, dtype=piece.values_ZYX.dtype, pin_memory=True
            )
            pinned.copy_(piece.values_ZYX, non_blocking=True)
        self.stream.synchronize()
        return pinned.numpy()


def _stream(device: torch.device) -> torch.cuda.Stream | None:
    if device.type != "cuda":
        return None
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
