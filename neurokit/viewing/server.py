"""A server on this machine alone: neuroglancer's client, its data, and links to places.

::

    /VOLUME/Z,Y,X?run=FOLDERNAME    opens the client there; the report's links say this
    /                               opens it where the viewer was told to look first
    /v/TOKEN/...                    the client; its data lies beside it, under the same token
"""

from __future__ import annotations

import errno
import html
import logging
import math
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import tornado.web
from attrs import frozen
from neuroglancer import CoordinateSpace, LocalVolume
from neuroglancer.local_volume import MeshesNotSupportedForVolume
from neuroglancer.server import Server
from neuroglancer.viewer_base import UnsynchronizedViewerBase

from neurokit.errors import NeurokitError
from neurokit.printable import printable
from neurokit.viewing.address import HOST, PORT, address_of
from neurokit.viewing.scenes import Scene
from neurokit.viewing.states import IMAGE, PREDICTION, fragment_of, state_of
from neurokit.volumes import ArrayLike

log = logging.getLogger("neurokit")

_OWN_NAMES = ("127.0.0.1", "localhost", "[::1]")
# Meshes are made of all labels at once, in about 20 bytes a voxel: 3 GB, and a minute.
_MESH_VOXELS = 150_000_000
# As many requests are answered at once; some may wait for meshes.
_THREADS = 32


class ViewServer:
    """Shows scenes to browsers of this machine, from a thread of its own, until it is closed.

    Args:
        scenes: by the name of the volume; at least one.
        first: which of them is shown where no link names one.
        run: the folder of the run that they are of; None where they are of none.
        step: of the tested checkpoint, for the titles of pages; None is that of the latest test.
        port: 0 is any that is free.
        position_ZYX: where to look first; None is all of the volume.

    Raises:
        NeurokitError: the port is taken.
    """

    def __init__(
        self,
        scenes: Mapping[str, Scene],
        first: str,
        *,
        run: Path | None = None,
        step: int | None = None,
        port: int = PORT,
        position_ZYX: tuple[int, int, int] | None = None,
    ) -> None:
        self._run = None if run is None else run.absolute().name
        self._step = step
        # Credentials are those of other machines, of which none is asked for anything.
        self._viewer = UnsynchronizedViewerBase(allow_credentials=False)
        try:
            self._server = Server(bind_address=HOST, bind_port=port)
        except OSError as error:
            raise NeurokitError(_why_no_port(error, port)) from error
        self.port: int = self._server.port
        self._server.executor = ThreadPoolExecutor(_THREADS)
        self._server.viewers[self._viewer.token] = self._viewer
        pages = {
            name: _Page(scene, self._sources(scene), self._title(scene), self._viewer.token)
            for name, scene in scenes.items()
        }
        places = {"pages": pages, "run": self._run}
        self._server.app.add_handlers(
            ".*",
            [
                (r"/", _FirstHandler, {"page": pages[first], "at": position_ZYX}),
                (r"/([^/]+)/([0-9]+),([0-9]+),([0-9]+)", _PlaceHandler, places),
            ],
        )
        self.address = (
            f"http://{HOST}:{self.port}/"
            if position_ZYX is None
            else address_of(self._run, first, position_ZYX, self.port)
        )

    def __enter__(self) -> ViewServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all connections and free the port; a mesh that is being made is not waited for."""
        self._server.stop()
        self._server.executor.shutdown(wait=False, cancel_futures=True)

    def _title(self, scene: Scene) -> str:
        of_step = "" if self._step is None else f" at step {self._step}"
        return scene.name if self._run is None else f"{scene.name} in {self._run}{of_step}"

    def _sources(self, scene: Scene) -> dict[str, str]:
        """Where the client finds each layer's data."""
        size = scene.voxel_size_nm
        space = CoordinateSpace(names=["z", "y", "x"], units=["nm"] * 3, scales=size)
        volumes: dict[str, LocalVolume] = {
            name: _Labels(_Told(array), space, "segmentation")
            for name, array in scene.labels.items()
        }
        if scene.image is not None:
            volumes[IMAGE] = LocalVolume(_Told(scene.image.array), space, "image")
        if scene.prediction is not None:
            with_channels = CoordinateSpace(
                names=["c^", "z", "y", "x"], units=["", "nm", "nm", "nm"], scales=(1, *size)
            )
            volumes[PREDICTION] = LocalVolume(_Told(scene.prediction.array), with_channels, "image")
        register = self._viewer.volume_manager.register_volume
        return {name: register(volume) for name, volume in volumes.items()}


@frozen(eq=False)
class _Page:
    """The client's addresses for one volume."""

    scene: Scene
    sources: dict[str, str]
    title: str
    token: str

    def address(self, position_ZYX: tuple[int, int, int] | None) -> str:
        state = state_of(self.scene, self.sources, self.title, position_ZYX)
        return f"/v/{self.token}/#{fragment_of(state)}"


class _OwnHandler(tornado.web.RequestHandler):
    """Answers only who asks for this machine by its own name.

    A page from elsewhere may have its own name lead to this machine, to read what lies here as if
    it were its own; browsers still tell by which name they ask.
    """

    def prepare(self) -> None:
        name = self.request.host.rpartition(":")[0] or self.request.host
        if name not in _OWN_NAMES and self.request.host not in _OWN_NAMES:
            self.say(403, "This viewer answers to its own machine alone.")

    def say(self, status: int, *lines: str) -> None:
        """A plain page."""
        self.set_status(status)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        said = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
        self.finish(f"<!doctype html><meta charset=utf-8><title>neurokit view</title>{said}\n")


class _FirstHandler(_OwnHandler):
    def initialize(self, page: _Page, at: tuple[int, int, int] | None) -> None:
        self.page, self.at = page, at

    def get(self) -> None:
        self.redirect(self.page.address(self.at))


class _PlaceHandler(_OwnHandler):
    def initialize(self, pages: Mapping[str, _Page], run: str | None) -> None:
        self.pages, self.run = pages, run

    def get(self, volume: str, *at: str) -> None:
        meant = self.get_query_argument("run", self.run or "")
        if meant != (self.run or ""):
            shown = f"the run {self.run}" if self.run else "files that are of no run"
            self.say(
                409,
                f"This link is of the run {meant}, and this viewer shows {shown}.",
                f"End the viewer with Ctrl-C, then start: neurokit view PATH/TO/{meant}",
            )
            return
        page = self.pages.get(volume)
        if page is None:
            self.say(404, f"There is no volume {volume} here; there are {', '.join(self.pages)}.")
            return
        z, y, x = map(int, at)
        if not page.scene.holds((z, y, x)):
            size = " x ".join(map(str, page.scene.shape))
            self.say(404, f"{volume} has {size} voxels (z, y, x); {z}, {y}, {x} is outside.")
            return
        self.redirect(page.address((z, y, x)))


class _Labels(LocalVolume):  # type: ignore[misc]
    """Labels, of which meshes are made unless there are too many voxels, or they are damaged."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._meshes = threading.Lock()
        self._damaged = False

    def get_object_mesh(self, object_id: int) -> bytes:
        # Where making meshes fails, neuroglancer would let later requests wait for ever.
        with self._meshes:
            if self._damaged or self.data.size > _MESH_VOXELS:
                raise MeshesNotSupportedForVolume
            try:
                mesh: bytes = super().get_object_mesh(object_id)
            except ValueError:
                self._damaged = True
                raise
            return mesh


class _Told:
    """An array whose damage is told in the terminal, once; the client only leaves a hole."""

    def __init__(self, array: ArrayLike) -> None:
        self._array = array
        self._told: set[str] = set()
        self._lock = threading.Lock()

    @property
    def shape(self) -> tuple[int, ...]:
        return self._array.shape

    @property
    def dtype(self) -> Any:
        return self._array.dtype

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def __getitem__(self, index: Any) -> Any:
        try:
            return self._array[index]
        except NeurokitError as error:
            with self._lock:
                if str(error) not in self._told:
                    self._told.add(str(error))
                    log.error("%s", printable(error))
            raise ValueError("the file is damaged") from error

    def transpose(self) -> Any:
        """All of it, with the axes reversed."""
        return self[...].transpose()


def _why_no_port(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} is taken, perhaps by another viewer: end that one, or choose another "
            f"with --port (links in reports lead to {PORT})"
        )
    return f"port {port} cannot be used: {error.strerror}; choose another with --port"
