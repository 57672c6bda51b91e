"""`neurokit view`."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from neurokit.cli.completing import complete_run, complete_step, complete_volume
from neurokit.cli.conventions import EPILOG, errors_in_one_line
from neurokit.cli.ending import ended_by_ctrl_c
from neurokit.errors import NeurokitError, first_line
from neurokit.printable import printable
from neurokit.viewing.address import PORT

if TYPE_CHECKING:
    from neurokit.viewing.scenes import Scene

Number = TypeVar("Number", int, float)

_MOST_CHANNELS = 3
_AT = "two commas and three whole numbers, such as 20,240,256"
_SIZE = "three numbers in nanometres above 0, such as 30,6,6"


@click.command(epilog=EPILOG, short_help="Look at a run, or at a volume, in a browser.")
@click.argument("run", type=click.Path(path_type=Path), required=False, shell_complete=complete_run)
@click.option(
    "--step",
    type=int,
    metavar="N",
    help="Results of the checkpoint of this step; by default those of the latest test.",
    shell_complete=complete_step,
)
@click.option(
    "--volume",
    metavar="NAME",
    help="Which of several tested volumes to show first.",
    shell_complete=complete_volume,
)
@click.option("--at", metavar="Z,Y,X", help="The voxel to look at first, and its neurons.")
@click.option(
    "--channels",
    metavar="NAME,NAME,NAME",
    help="Channels of the prediction to show as colours, one to three; by default the affinities "
    "between neighbours.",
)
@click.option("--image", metavar="FILE", help="In place of RUN: file.tif, file.h5::dataset, ...")
@click.option("--labels", metavar="FILE", help="Labels of that image.")
@click.option("--voxel-size", metavar="Z,Y,X", help="Its edge lengths of a voxel in nanometres.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    default=PORT,
    show_default=True,
    help="Reports lead to the default; 0 is any that is free.",
)
@click.option("--no-browser", is_flag=True, help="Only print the link.")
@click.option("--napari", is_flag=True, help="In a window of napari, with all data in memory.")
def view(
    run: Path | None,
    step: int | None,
    volume: str | None,
    at: str | None,
    channels: str | None,
    image: str | None,
    labels: str | None,
    voxel_size: str | None,
    port: int,
    no_browser: bool,
    napari: bool,
) -> None:
    """Look at what RUN made: image, prediction, segmentation and truth, in a browser.

    Everything comes from this machine and is for it alone; the places that a run's report links to
    open here. Double-click a neuron to see it in space. Ctrl-C ends it.

    Before there is a run, look at a volume of your own: neurokit view --image block.h5::raw
    --labels block.h5::labels --voxel-size 30,6,6
    """
    with errors_in_one_line():
        if run is None and image is None:
            raise click.UsageError("name the folder of a RUN, or an --image")
        if run is not None and image is not None:
            raise click.UsageError("name either the folder of a RUN or an --image, not both")
        if image is None and (labels or voxel_size):
            raise click.UsageError("--labels and --voxel-size go with --image")
        if image is not None and (step is not None or volume or channels):
            raise click.UsageError("--step, --volume and --channels go with a RUN")
        chosen = channels.split(",") if channels else []
        if len(chosen) > _MOST_CHANNELS:
            raise click.UsageError(f"--channels is '{channels}'; it must be one to three names")
        position = None if at is None else _three(at, "--at", _AT, int, 0)
        if not napari and find_spec("neuroglancer") is None:
            raise NeurokitError(
                "the package neuroglancer is not installed; install it: pip install neuroglancer"
            )
        from neurokit.run_folder import latest_run
        from neurokit.viewing.scenes import scene_of_files, scenes_of_run

        if run is not None:
            run = latest_run(run)
            scenes = scenes_of_run(run, chosen, step)
        else:
            assert image is not None
            size = _three(voxel_size or "1,1,1", "--voxel-size", _SIZE, float, 1e-9)
            scene = scene_of_files(image, labels, size)
            scenes = {scene.name: scene}
            if voxel_size is None:
                unknown = "the voxels are shown as cubes of 1 nm; say their size with --voxel-size"
                click.echo(f"warning: {unknown}", err=True)
        first = volume or next(iter(scenes))
        if first not in scenes:
            raise NeurokitError(f"no volume '{first}' was tested; there are {', '.join(scenes)}")
        _require_inside(scenes[first], position)
        if napari:
            from neurokit.viewing.napari_window import show_in_napari

            show_in_napari(scenes[first], first, position)
            return
        _serve(scenes, first, run, step, port, position, opens=not no_browser)


def _serve(
    scenes: dict[str, Scene],
    first: str,
    run: Path | None,
    step: int | None,
    port: int,
    position: tuple[int, int, int] | None,
    *,
    opens: bool,
) -> None:
    """Show the scenes until Ctrl-C, which ends the process."""
    from neurokit.viewing.browser import has_screen, tunnel

    try:
        from neurokit.viewing.server import ViewServer
    except ImportError as error:
        raise NeurokitError(
            f"neuroglancer cannot be loaded: {first_line(error)}; install it again: "
            f"pip install --force-reinstall neuroglancer"
        ) from error

    with ViewServer(scenes, first, run=run, step=step, port=port, position_ZYX=position) as server:
        with ended_by_ctrl_c():
            for scene in scenes.values():
                click.echo(printable(_in_words(scene)))
            if len(scenes) > 1:
                click.echo(f"{printable(first)} is shown first, another with --volume NAME")
            click.echo(f"\nopen {server.address}")
            command = tunnel(server.port)
            if command is not None:
                click.echo(f"on your own computer, first: {printable(command)}")
            click.echo("Ctrl-C ends it")
            if opens and has_screen():
                webbrowser.open(server.address)
            threading.Event().wait()
        click.echo()  # after the terminal's ^C
    sys.stdout.flush()
    os._exit(0)  # a thread that makes meshes would keep the process for up to a minute


def _in_words(scene: Scene) -> str:
    size = " x ".join(map(str, scene.shape))
    voxel = " x ".join(f"{length:g}" for length in scene.voxel_size_nm)
    image = ["image"] if scene.image is not None else []
    prediction = []
    if scene.prediction is not None:
        shown = scene.prediction
        legend = ", ".join(
            f"{name} {colour}"
            for name, colour in zip(shown.names, ("red", "green", "blue"), strict=False)
        )
        prediction = [f"prediction ({legend})" if len(shown.names) > 1 else shown.names[0]]
    layers = ", ".join([*image, *prediction, *scene.labels])
    gone = "" if scene.image is not None else "; its data is not where the recipe says"
    return f"{scene.name}: {size} voxels of {voxel} nm; {layers}{gone}"


def _three(
    text: str, option: str, wanted: str, kind: type[Number], least: float
) -> tuple[Number, Number, Number]:
    try:
        z, y, x = (kind(part) for part in text.split(","))
    except ValueError:
        raise click.UsageError(f"{option} is '{text}'; it must be {wanted}") from None
    if not all(least <= number < float("inf") for number in (z, y, x)):
        raise click.UsageError(f"{option} is '{text}'; it must be {wanted}")
    return z, y, x


def _require_inside(scene: Scene, position: tuple[int, int, int] | None) -> None:
    if position is not None and not scene.holds(position):
        size = " x ".join(map(str, scene.shape))
        place = ", ".join(map(str, position))
        raise NeurokitError(f"{place} lies outside of {scene.name}, which has {size} voxels")
