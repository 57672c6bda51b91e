"""The viewer in a real browser: everything is drawn, and nothing is asked of another machine."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from neurokit.viewing.address import address_of
from neurokit.viewing.arrays import GreyValues, Ids, SomeChannels
from neurokit.viewing.scenes import Colours, Grey, Scene

pytest.importorskip("neuroglancer", reason="the package neuroglancer is not installed")

from tornado.websocket import websocket_connect

from neurokit.viewing.server import ViewServer

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--window-size=1200,800",
    "--remote-debugging-port=0",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    # Any name but this machine's leads nowhere.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)
Picture = NDArray[np.uint8]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")


@contextmanager
def browser(folder: Path) -> Iterator[str]:
    """Chromium without a window; gives the address of a tab's debugger."""
    assert CHROMIUM is not None
    process = subprocess.Popen(
        [
            CHROMIUM,
            *FLAGS,
            f"--user-data-dir={folder / 'profile'}",
            f"--log-net-log={folder / 'net.json'}",
            "about:blank",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = next(line for line in process.stderr if "DevTools listening on" in line)
        yield said.split()[-1]
    finally:
        process.terminate()  # so that it finishes its log
        process.communicate(timeout=30)


class Tab:
    """A page, the requests that it made, and what it logged as an error."""

    def __init__(self, connection: Any, session: str) -> None:
        self._connection, self._session = connection, session
        self._number = 0
        self.loaded = False
        self.asked: list[str] = []
        self.errors: list[str] = []

    @classmethod
    async def opened(cls, debugger: str, address: str) -> Tab:
        connection: Any = await websocket_connect(debugger, max_message_size=1 << 28)
        tab = cls(connection, "")
        target = (await tab.call("Target.createTarget", url="about:blank"))["targetId"]
        attached = await tab.call("Target.attachToTarget", targetId=target, flatten=True)
        tab._session = attached["sessionId"]
        for domain in ("Network", "Page", "Log", "Runtime"):
            await tab.call(f"{domain}.enable")
        await tab.call("Page.navigate", url=address)
        while not tab.loaded:
            tab._note(json.loads(await connection.read_message()))
        return tab

    async def call(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        await self._connection.write_message(
            json.dumps(message | ({"sessionId": self._session} if self._session else {}))
        )
        while True:
            answer = json.loads(await self._connection.read_message())
            self._note(answer)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def _note(self, event: dict[str, Any]) -> None:
        if event.get("method") == "Page.loadEventFired":
            self.loaded = True
        if event.get("method") == "Network.requestWillBeSent":
            self.asked.append(event["params"]["request"]["url"])
        if event.get("method") == "Log.entryAdded":
            entry = event["params"]["entry"]
            if entry["level"] == "error":
                self.errors.append(f"{entry['text']} {entry.get('url', '')}")
        if event.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(event["params"]["exceptionDetails"]))

    async def picture(self) -> Picture:
        taken = await self.call("Page.captureScreenshot", format="png")
        with Image.open(io.BytesIO(base64.b64decode(taken["data"]))) as image:
            return np.asarray(image.convert("RGB"))

    async def until(self, drawn: Callable[[Picture], bool]) -> Picture:
        """What the page shows once that is drawn; fails where it never is."""
        for _ in range(60):
            picture = await self.picture()
            if drawn(picture):
                return picture
            await asyncio.sleep(0.5)
        raise AssertionError(f"it was not drawn within 30 s; errors: {self.errors}")


def blocks() -> Scene:
    """Two neurons of grey noise, left and right of x = 24, and a prediction that is red."""
    shape = (16, 48, 48)
    labels = np.ones(shape, np.uint16)
    labels[:, :, 24:] = 2
    image = np.random.default_rng(4).integers(90, 200, shape, dtype=np.uint8)
    prediction = np.zeros((3, *shape), np.float32)
    prediction[0] = 0.8
    return Scene(
        "blocks",
        shape,
        (30.0, 10.0, 10.0),
        Grey(GreyValues(image), (0.0, 255.0)),
        Colours(SomeChannels(prediction, (0, 1, 2)), ("z1", "y1", "x1"), ((0.0, 1.0),) * 3, 3),
        {"segmentation": Ids(labels), "truth": Ids(labels[:, :, ::-1])},
    )


def asked_by_pages(log: Path) -> list[str]:
    """Whatever pages and their workers asked for; the browser's own requests have no origin.

    Events stand one a line, and a browser that is ended may leave the list of them open.
    """
    lines = log.read_text().splitlines()
    pattern = re.compile(r'"initiator":"https?://[^"]*".*"url":"([^"]*)"')
    return [found[1] for line in lines if (found := pattern.search(line))]


def in_a_browser(folder: Path, look: Callable[[str], Coroutine[Any, Any, None]]) -> None:
    with browser(folder) as debugger:
        asyncio.run(look(debugger))


def coloured(picture: Picture) -> float:
    """The share of pixels that are neither grey nor the pure colours of lines and letters."""
    values = picture.astype(int)
    spread = values.max(-1) - values.min(-1)
    pure = (np.isin(values, (0, 255)).sum(-1) == 3) | (spread < 12)
    return float(1 - pure.mean())


def test_everything_is_drawn_from_this_machine_alone(tmp_path: Path) -> None:
    """Each layer is where it belongs, and the neuron that is picked stands in space."""
    shown = blocks()

    async def look(debugger: str) -> None:
        with ViewServer({"blocks": shown}, "blocks", run=Path("run"), port=0) as server:
            whole = await Tab.opened(debugger, server.address)
            first = await whole.until(lambda picture: coloured(picture) > 0.3)
            # Left, three planes of the segmentation; right, the truth above the prediction.
            height, width, _ = first.shape
            for rows, columns in (
                (slice(60, height // 2), slice(0, width // 3)),
                (slice(60, height // 2), slice(width // 3, 2 * width // 3)),
                (slice(height // 2, height), slice(width // 3, 2 * width // 3)),
                (slice(60, height // 2), slice(2 * width // 3, width)),
                (slice(height // 2 + 40, height), slice(2 * width // 3, width)),
            ):
                assert coloured(first[rows, columns]) > 0.1, (rows, columns)
            # The image, below the segmentation: noise, where that alone would be flat.
            brightness = first[60 : height // 2, : width // 3].mean(-1)
            assert len(np.unique(brightness.astype(int))) > 60
            link = address_of("run", "blocks", (8, 20, 20), server.port)
            place = await Tab.opened(debugger, link)
            in_space = (slice(height // 2 + 20, height), slice(0, width // 3))
            await place.until(lambda picture: coloured(picture[in_space]) > 0.02)
            for tab in (whole, place):
                assert {urlsplit(each).netloc for each in tab.asked} == {f"127.0.0.1:{server.port}"}
                assert [each for each in tab.errors if "favicon" not in each] == []

    in_a_browser(tmp_path, look)
    asked = asked_by_pages(tmp_path / "net.json")
    assert {urlsplit(each).hostname for each in asked} == {"127.0.0.1"}
    paths = {urlsplit(each).path.split("/")[2] for each in asked if "/neuroglancer/" in each}
    assert paths == {"info", "npz", "mesh"}
