"""Pictures of what a browser shows of a run: parts of its report, and the viewer.

::

    python docs/pictures/screens.py outputs/demo/20260101-120000

writes `report.png`, `mistakes.png` and `view.png` beside this file. It needs Chromium, and the
package neuroglancer, whose tornado talks to the browser here.
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from PIL import Image
from tornado.websocket import websocket_connect

_HERE = Path(__file__).parent
_BROWSER = (
    "chromium",
    "--headless=new",
    "--no-sandbox",
    "--hide-scrollbars",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--remote-debugging-port=0",
)
_FRAME = 150  # pixels of the window's height, at most, that are not the page's


def shoot(address: str, out: Path, size: tuple[int, int], *, part: str = "", seconds: int) -> None:
    """A picture of a page, in 256 colours.

    Args:
        address: of the page.
        out: a PNG.
        size: width and height of the window, and of the picture.
        part: the id of the element that the picture begins with; else the top of the page.
        seconds: until the page is drawn.
    """
    with tempfile.TemporaryDirectory() as place:
        options = [f"--user-data-dir={place}", f"--window-size={size[0]},{size[1] + _FRAME}"]
        with subprocess.Popen(
            [*_BROWSER, *options, address], stderr=subprocess.PIPE, text=True
        ) as browser:
            try:
                time.sleep(seconds)
                port = (Path(place) / "DevToolsActivePort").read_text("utf-8").splitlines()[0]
                drawn = asyncio.run(_captured(port, size, part))
            finally:
                browser.terminate()
                browser.communicate()
    with Image.open(BytesIO(drawn)) as picture:
        picture.convert("RGB").quantize(256).save(out, optimize=True)


async def _captured(port: str, size: tuple[int, int], part: str) -> bytes:
    """What the browser's page shows, as a PNG."""
    with urlopen(f"http://127.0.0.1:{port}/json") as answer:
        pages = [each for each in json.load(answer) if each["type"] == "page"]
    connection: Any = await websocket_connect(
        pages[0]["webSocketDebuggerUrl"], max_message_size=1 << 28
    )

    async def call(number: int, method: str, **parameters: Any) -> Any:
        message = {"id": number, "method": method, "params": parameters}
        await connection.write_message(json.dumps(message))
        while True:
            said = json.loads(await connection.read_message())
            if said.get("id") == number:
                return said["result"]

    top = 0
    if part:
        where = f"document.getElementById({part!r}).getBoundingClientRect().top + scrollY"
        top = (await call(1, "Runtime.evaluate", expression=where))["result"]["value"]
    width, height = size
    clip = {"x": 0, "y": top, "width": width, "height": height, "scale": 1}
    taken = await call(2, "Page.captureScreenshot", clip=clip, captureBeyondViewport=bool(part))
    return base64.b64decode(taken["data"])


@contextmanager
def viewer(run: Path, at: str) -> Iterator[str]:
    """The address of a viewer of a run, while it serves."""
    command = ["neurokit", "view", str(run), "--no-browser", "--port", "0", "--at", at]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield next(
                word
                for line in process.stdout
                for word in line.split()
                if word.startswith("http://127.0.0.1")
            )
        finally:
            process.terminate()


def main(run: Path) -> None:
    """Draw all three."""
    report = (run / "report.html").resolve().as_uri()
    shoot(report, _HERE / "report.png", (1000, 455), part="pictures", seconds=3)
    shoot(report, _HERE / "mistakes.png", (1000, 760), part="mistakes", seconds=3)
    with viewer(run, "16,96,96") as address:
        shoot(address, _HERE / "view.png", (1200, 650), seconds=30)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
