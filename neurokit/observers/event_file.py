"""Event file: the format that TensorBoard reads, written without a thread.

torch's SummaryWriter writes the same records from a thread, where a full disk ends in a traceback
on the terminal and a torn record. Here an error is raised where it happens, and what was written
before stays readable.
"""

from __future__ import annotations

import io
import os
import socket
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # type: ignore[import-untyped]
from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]
from tensorboard.summary.writer.record_writer import RecordWriter  # type: ignore[import-untyped]


class EventFile:
    """A new file of events in a folder that may hold those of earlier processes.

    Every write is whole and on its way to the disk when it returns.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        """Begin a file; TensorBoard then forgets what other files say of `first_step` and later.

        Raises:
            OSError: the folder or the file cannot be made.
        """
        folder.mkdir(parents=True, exist_ok=True)
        # TensorBoard reads the files of a folder in the order of their names.
        began = f"{time.time():017.6f}"
        name = f"events.out.tfevents.{began}.{socket.gethostname()}.{os.getpid()}"
        self._file = (folder / name).open("xb")
        self._whole = 0
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))
        start = SessionLog(status=SessionLog.START)
        self._write(Event(wall_time=time.time(), step=first_step, session_log=start))

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Add a point to each of the named curves.

        Raises:
            OSError: the disk is full or gone; the file is closed, and ends with what was before.
        """
        self._summary(
            step, [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
        )

    def image(self, step: int, tag: str, colours_YXC: NDArray[np.uint8]) -> None:
        """Add a picture, red, green and blue.

        Raises:
            OSError: as in `scalars`.
        """
        height, width, depth = colours_YXC.shape
        png = io.BytesIO()
        Image.fromarray(colours_YXC).save(png, format="PNG")
        image = Summary.Image(
            height=height, width=width, colorspace=depth, encoded_image_string=png.getvalue()
        )
        self._summary(step, [Summary.Value(tag=tag, image=image)])

    def close(self) -> None:
        """End the file."""
        self._file.close()

    def _summary(self, step: int, values: list[Summary.Value]) -> None:
        summary = Summary(value=values)
        self._write(Event(wall_time=time.time(), step=step, summary=summary))

    def _write(self, event: Event) -> None:
        record = io.BytesIO()
        RecordWriter(record).write(event.SerializeToString())
        try:
            self._file.write(record.getvalue())
            self._file.flush()
        except OSError:
            with suppress(OSError):
                self._file.close()
            with suppress(OSError):
                os.truncate(self._file.name, self._whole)
            raise
        self._whole += record.tell()
