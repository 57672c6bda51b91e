"""The viewer: what it shows of runs and files, its links, and who may read from it."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import zlib
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import h5py
import numpy as np
import pytest
import tifffile
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from neurokit import Channel, NeurokitError, Prediction, load_recipe
from neurokit.cli import main
from neurokit.pipeline import execute
from neurokit.viewing import arrays, scenes
from neurokit.viewing.address import address_of
from neurokit.viewing.arrays import GreyValues, Ids, SomeChannels, shown_range
from neurokit.viewing.browser import has_screen, tunnel
from neurokit.viewing.scenes import Colours, Grey, Scene, scene_of_files, scenes_of_run
from neurokit.viewing.states import fragment_of, state_of

pytest.importorskip("neuroglancer", reason="the package neuroglancer is not installed")

from neurokit.viewing.server import ViewServer

SHAPE = (5, 14, 17)
SIZE = (30.0, 6.0, 5.0)
LARGEST = np.iinfo(np.uint64).max
ID = 7


def scene(name: str = "block 1/2") -> Scene:
    """Random voxels; the truth holds what is ignored, the segmentation the largest id."""
    generator = np.random.default_rng(11)
    image = generator.integers(0, 256, SHAPE, dtype=np.uint8)
    prediction = generator.random((4, *SHAPE), dtype=np.float32)
    segmentation = generator.choice(np.array([0, 3, LARGEST], np.uint64), SHAPE)
    truth = generator.integers(-1, ID, SHAPE)
    truth[1:4, 2:9, 5:11] = ID
    return Scene(
        name,
        SHAPE,
        SIZE,
        Grey(GreyValues(image), (0.0, 255.0)),
        Colours(SomeChannels(prediction, (2, 0)), ("y1", "z1"), ((0.0, 1.0),) * 2, 4),
        {"segmentation": Ids(segmentation), "truth": Ids(truth)},
    )


@pytest.fixture(scope="module")
def shown() -> Scene:
    return scene()


@pytest.fixture(scope="module")
def server(shown: Scene) -> Iterator[ViewServer]:
    run = Path("somewhere/20260101-120000")
    with ViewServer(
        {shown.name: shown, "other": scene("other")}, shown.name, run=run, port=0
    ) as it:
        yield it


def fetch(server: ViewServer, path: str, host: str | None = None) -> tuple[int, str, bytes]:
    """Status, where it leads, and content."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("GET", path, headers={"Host": host or f"127.0.0.1:{server.port}"})
    response = connection.getresponse()
    found = response.status, response.getheader("Location") or "", response.read()
    connection.close()
    return found


def state_at(server: ViewServer, path: str) -> dict[str, Any]:
    """The state that a link leads to."""
    status, location, _ = fetch(server, path)
    assert status == 302
    client, _, state = location.partition("#!")
    assert re.fullmatch(r"/v/[0-9a-f]{40}/", client)
    decoded: dict[str, Any] = json.loads(unquote(state))
    return decoded


def key_of(server: ViewServer, layer: str) -> str:
    """The key of a layer's data, as the client learns it."""
    (source,) = {
        each["source"] for each in state_at(server, "/")["layers"] if each["name"] == layer
    }
    return str(source).removeprefix("python://volume/")


def chunk(server: ViewServer, layer: str, start: Any, stop: Any, scale: str) -> NDArray[Any]:
    numbers = "/".join(",".join(map(str, each)) for each in (start, stop))
    path = f"/neuroglancer/npz/{key_of(server, layer)}/{scale}/{numbers}"
    status, _, content = fetch(server, path)
    assert status == 200
    decoded: NDArray[Any] = np.load(io.BytesIO(zlib.decompress(content)), allow_pickle=False)
    return decoded


def text_of(page: bytes) -> list[str]:
    return re.findall(r"<p>(.*?)</p>", page.decode())


def test_the_image_arrives_as_it_is(server: ViewServer, shown: Scene) -> None:
    assert shown.image is not None
    image = np.asarray(shown.image.array.array)
    np.testing.assert_array_equal(chunk(server, "image", (0, 0, 0), SHAPE, "1,1,1"), image)
    part = chunk(server, "image", (1, 3, 4), (3, 4, 17), "1,1,1")
    np.testing.assert_array_equal(part, image[1:3, 3:4, 4:17])
    assert part.dtype == np.uint8


def test_labels_arrive_as_they_are_but_for_what_is_ignored(
    server: ViewServer, shown: Scene
) -> None:
    segmentation = chunk(server, "segmentation", (0, 0, 0), SHAPE, "1,1,1")
    assert segmentation.dtype == np.uint64
    np.testing.assert_array_equal(segmentation, np.asarray(shown.labels["segmentation"].array))
    assert segmentation.max() == LARGEST
    labels = np.asarray(shown.labels["truth"].array)
    truth = chunk(server, "truth", (0, 0, 0), SHAPE, "1,1,1")
    assert (labels == -1).any()
    np.testing.assert_array_equal(truth, np.where(labels == -1, 0, labels))
    coarse = chunk(server, "truth", (0, 0, 0), (5, 7, 9), "1,2,2")
    np.testing.assert_array_equal(coarse, truth[:, ::2, ::2])


def test_the_chosen_channels_arrive_in_their_order(server: ViewServer, shown: Scene) -> None:
    assert shown.prediction is not None
    values = np.asarray(shown.prediction.array.array)
    got = chunk(server, "prediction y1 z1", (0, 1, 0, 2), (2, 5, 14, 3), "1,1,1,1")
    np.testing.assert_array_equal(got, values[[2, 0], 1:5, :, 2:3])


def test_the_client_is_told_size_and_axes(server: ViewServer) -> None:
    status, _, content = fetch(server, f"/neuroglancer/info/{key_of(server, 'truth')}")
    info = json.loads(content)
    assert status == 200
    assert (info["shape"], info["volumeType"], info["dataType"]) == (
        list(SHAPE),
        "segmentation",
        "uint64",
    )
    sizes = {name: scale for name, (scale, unit) in info["coordinateSpace"].items()}
    assert list(sizes) == ["z", "y", "x"]
    assert list(sizes.values()) == pytest.approx([30e-9, 6e-9, 5e-9])
    image = json.loads(fetch(server, f"/neuroglancer/info/{key_of(server, 'image')}")[2])
    assert (image["volumeType"], image["dataType"]) == ("image", "uint8")


def test_a_mesh_lies_where_its_object_does(server: ViewServer) -> None:
    status, _, content = fetch(server, f"/neuroglancer/mesh/{key_of(server, 'truth')}/{ID}")
    assert status == 200
    count = int(np.frombuffer(content, "<u4", 1)[0])
    vertices_ZYX = np.frombuffer(content, "<f4", 3 * count, 4).reshape(count, 3)
    metres = np.array(SIZE) * 1e-9
    # The block of this object, whose surface passes between its outermost voxels and the next.
    np.testing.assert_allclose(vertices_ZYX.min(0) / metres, [0.5, 1.5, 4.5], atol=0.51)
    np.testing.assert_allclose(vertices_ZYX.max(0) / metres, [3.5, 8.5, 10.5], atol=0.51)


def test_a_volume_too_large_for_meshes_has_none(
    server: ViewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neurokit.viewing.server._MESH_VOXELS", 100)
    status, _, _ = fetch(server, f"/neuroglancer/mesh/{key_of(server, 'segmentation')}/3")
    assert status == 405


def test_a_link_opens_its_place_and_picks_what_is_there(server: ViewServer) -> None:
    link = address_of("20260101-120000", "block 1/2", (2, 5, 8), server.port)
    assert link == (f"http://127.0.0.1:{server.port}/block%201%2F2/2,5,8?run=20260101-120000")
    state = state_at(server, link.removeprefix(f"http://127.0.0.1:{server.port}"))
    assert state["position"] == [2.5, 5.5, 8.5]
    assert state["title"] == "block 1/2 in 20260101-120000"
    assert state["displayDimensions"] == ["x", "y", "z"]
    layers = {each["name"]: each for each in state["layers"]}
    assert list(layers) == ["image", "prediction y1 z1", "segmentation", "truth"]
    assert layers["truth"]["segments"] == [str(ID)]
    assert str(LARGEST) in layers["segmentation"]["segments"]
    other = state_at(server, "/other/0,0,0")
    assert other["title"] == "other in 20260101-120000"
    assert other["layers"][0]["source"] != layers["image"]["source"]


def test_the_first_page_shows_all_of_the_volume(server: ViewServer) -> None:
    state = state_at(server, "/")
    assert state["position"] == [2.5, 7.5, 8.5]
    assert [each.get("segments", []) for each in state["layers"]] == [[]] * 4
    assert state["showSlices"] is True
    main_panel, beside = state["layout"]["children"]
    assert main_panel["layers"] == ["image", "segmentation"]
    assert [each["layers"] for each in beside["children"]] == [
        ["image", "truth"],
        ["prediction y1 z1"],
    ]


def test_the_ids_near_are_those_of_the_section_the_largest_first(shown: Scene) -> None:
    truth = np.asarray(shown.labels["truth"].array)
    for z, y, x in np.argwhere(np.ones(SHAPE)):
        box = truth[z, max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].ravel().tolist()
        counts = {each: box.count(each) for each in box if each > 0}
        found = shown.ids_near((z, y, x))["truth"]
        assert set(found) == set(counts)
        numbers = [counts[each] for each in found]
        assert numbers == sorted(numbers, reverse=True)


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        (
            "/other/0,0,0?run=<b>20260202-120000</b>",
            409,
            [
                "This link is of the run &lt;b&gt;20260202-120000&lt;/b&gt;, and this viewer shows "
                "the run 20260101-120000.",
                "End the viewer with Ctrl-C, then start: neurokit view "
                "PATH/TO/&lt;b&gt;20260202-120000&lt;/b&gt;",
            ],
        ),
        (
            "/nothing%3Cb%3E/0,0,0",
            404,
            ["There is no volume nothing&lt;b&gt; here; there are block 1/2, other."],
        ),
        (
            "/other/0,14,0",
            404,
            ["other has 5 x 14 x 17 voxels (z, y, x); 0, 14, 0 is outside."],
        ),
    ],
)
def test_links_that_lead_nowhere_say_why(
    server: ViewServer, path: str, status: int, said: list[str]
) -> None:
    got, _, page = fetch(server, path)
    assert (got, text_of(page)) == (status, said)


@pytest.mark.parametrize(
    "path",
    [
        "/other",
        "/other/1,2",
        "/other/-1,2,3",
        "/other/1,2,3/",
        "/../../etc/passwd",
        "/etc/passwd",
        "/v/wrong/",
        "/v/wrong/../../../etc/passwd",
        "/neuroglancer/info/wrong",
        "/neuroglancer/info/wrong.wrong",
        "/neuroglancer/npz/wrong.wrong/1,1,1/0,0,0/1,1,1",
    ],
)
def test_unknown_paths_are_not_found(server: ViewServer, path: str) -> None:
    assert fetch(server, path)[0] == 404


def test_the_client_reads_no_files_but_its_own(server: ViewServer) -> None:
    _, location, _ = fetch(server, "/")
    client = location.partition("#")[0]
    status, _, page = fetch(server, client)
    assert status == 200
    assert b"neuroglancer" in page
    for path in ("../__init__.py", "..%2F__init__.py", "%2Fetc%2Fpasswd", "/etc/passwd"):
        assert fetch(server, client + path)[0] == 404, path


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8650", "127.0.0.1.evil.example"])
@pytest.mark.parametrize("path", ["/", "/other/0,0,0"])
def test_pages_from_elsewhere_do_not_learn_the_token(
    server: ViewServer, path: str, host: str
) -> None:
    status, location, page = fetch(server, path, host)
    assert (status, location) == (403, "")
    assert text_of(page) == ["This viewer answers to its own machine alone."]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost:9000", "[::1]:9000"])
def test_a_tunnel_may_end_at_another_port(server: ViewServer, host: str) -> None:
    assert fetch(server, "/", host)[0] == 302


def test_only_this_machine_can_connect(server: ViewServer) -> None:
    sockets = [each.getsockname()[0] for each in server._server.http_server._sockets.values()]
    assert sockets == ["127.0.0.1"]


def test_a_port_that_is_taken(shown: Scene) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(NeurokitError) as caught:
            ViewServer({"a": shown}, "a", port=port)
    assert str(caught.value) == (
        f"port {port} is taken, perhaps by another viewer: end that one, or choose another with "
        f"--port (links in reports lead to 8650)"
    )


def test_a_viewer_of_files_takes_no_link_of_a_run(shown: Scene) -> None:
    with ViewServer({"a": shown}, "a", port=0, position_ZYX=(1, 2, 3)) as server:
        assert server.address == f"http://127.0.0.1:{server.port}/a/1,2,3"
        assert state_at(server, "/a/1,2,3")["position"] == [1.5, 2.5, 3.5]
        assert state_at(server, "/")["position"] == [1.5, 2.5, 3.5]
        status, _, page = fetch(server, "/a/1,2,3?run=x")
    assert status == 409
    assert text_of(page)[0] == (
        "This link is of the run x, and this viewer shows files that are of no run."
    )


class Damaged:
    """An array whose file can be opened, and not read."""

    shape, dtype = SHAPE, np.dtype(np.uint8)

    def __getitem__(self, index: Any) -> Any:
        raise NeurokitError("block.h5::raw cannot be read: bad chunk")


def test_damage_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    image = Grey(GreyValues(Damaged()), (0, 255))
    with ViewServer({"a": Scene("a", SHAPE, SIZE, image, None, {})}, "a", port=0) as server:
        key = key_of(server, "image")
        for _ in range(3):
            path = f"/neuroglancer/npz/{key}/1,1,1/0,0,0/1,1,1"
            assert fetch(server, path)[0] == 400
    assert caplog.messages == ["block.h5::raw cannot be read: bad chunk"]


def test_no_mesh_of_damaged_labels_keeps_anyone_waiting() -> None:
    labels = {"labels": Ids(Damaged())}
    with ViewServer({"a": Scene("a", SHAPE, SIZE, None, None, labels)}, "a", port=0) as server:
        path = f"/neuroglancer/mesh/{key_of(server, 'labels')}/1"
        assert [fetch(server, path)[0] for _ in range(3)] == [400, 405, 405]


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        ("uint8", "uint8"),
        ("int8", "int8"),
        (">u2", "uint16"),
        ("int32", "int32"),
        ("float16", "float32"),
        ("float32", "float32"),
        ("float64", "float32"),
        ("int64", "float32"),
        ("uint64", "float32"),
    ],
)
def test_grey_values_of_all_types(stored: str, sent: str) -> None:
    values = np.random.default_rng(3).integers(0, 100, (2, 3, 4)).astype(stored)
    for array in (GreyValues(values), SomeChannels(values[None], (0,))):
        part = array[...] if isinstance(array, GreyValues) else array[(slice(None),) * 4][0]
        assert array.dtype == part.dtype == np.dtype(sent)
        assert part.dtype.isnative
        np.testing.assert_array_equal(part, values.astype(sent))


@pytest.mark.parametrize("stored", ["int8", "uint8", "int16", "uint32", "int64", "uint64", ">i8"])
def test_ids_of_all_types(stored: str) -> None:
    largest = np.iinfo(stored).max
    lowest = np.iinfo(stored).min
    labels = np.array([[[lowest, 0, 1, largest]]], stored)
    got = Ids(labels)[...]
    assert got.dtype == (np.uint64 if np.dtype(stored).itemsize == 8 else np.uint32)
    assert got.ravel().tolist() == [0, 0, 1, largest]


def test_the_range_of_grey_values() -> None:
    assert shown_range(np.zeros((2, 2, 2), np.uint8)) == (0.0, 255.0)
    assert shown_range(np.full((2, 2, 2), 4.0)) == (4.0, 5.0)
    assert shown_range(np.full((1, 2, 2), np.nan)) == (0.0, 1.0)
    values = np.random.default_rng(5).normal(1000, 50, (3, 60, 60))
    values[0, 0, 0], values[1, 1, 1] = 1e9, np.inf
    low, high = shown_range(values)
    finite = np.sort(values[np.isfinite(values)])
    assert low == pytest.approx(finite[int(0.001 * finite.size)], abs=5)
    assert high == pytest.approx(finite[int(0.999 * finite.size)], abs=5)


def test_which_channels_are_shown() -> None:
    names = {"x9": (0, 0, 9), "x1": (0, 0, 1), "sdt": None, "z1": (1, 0, 0), "y1": (0, 1, 0)}
    activations = {"sdt": "tanh"}
    channels = tuple(
        Channel(name, activations.get(name, "sigmoid"), offset)  # type: ignore[arg-type]
        for name, offset in names.items()
    )
    values = np.random.default_rng(1).random((5, 2, 3, 4), np.float32)
    whole = scenes._colours(Prediction(values, channels), ())
    assert (whole.names, whole.array.chosen, whole.among) == (("z1", "y1", "x1"), (3, 4, 1), 5)
    without = scenes._colours(Prediction(values[:3], channels[:3]), ())
    assert without.names == ("x9", "x1", "sdt")
    assert without.ranges == ((0, 1), (0, 1), (-1, 1))
    one = scenes._colours(Prediction(values, channels), ["sdt"])
    np.testing.assert_array_equal(one.array[(slice(None),) * 4], values[2:3])
    with pytest.raises(NeurokitError, match=r"^there is no channel 'sdf'; did you mean 'sdt'\?$"):
        scenes._colours(Prediction(values, channels), ["sdf"])
    with pytest.raises(NeurokitError) as caught:
        scenes._colours(Prediction(values, channels), ["x1", "x9", "y1", "z1"])
    assert str(caught.value) == "4 channels cannot be shown as colours; choose at most 3"
    free = (Channel("flow", "none"),)
    bound = scenes._colours(Prediction(values[:1] * 40, free), ())
    low, high = bound.ranges[0]
    assert values[0, 1].min() * 40 <= low < high <= values[0, 1].max() * 40
    eight = (values * 255).astype(np.uint8)
    assert scenes._colours(Prediction(eight, channels), ["sdt"]).ranges == ((0, 255),)


def test_the_fragment_is_plain_and_holds_the_state(shown: Scene) -> None:
    sources = dict.fromkeys(["image", "prediction", *shown.labels], "python://volume/a.b")
    state = state_of(shown, sources, 'a "title" with # and ü', (0, 0, 0))
    fragment = fragment_of(state)
    assert re.fullmatch(r"![A-Za-z0-9%_.~-]+", fragment)
    assert json.loads(unquote(fragment[1:])) == state


def invoke(*arguments: object) -> Result:
    result = CliRunner().invoke(main, ["view", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a network that has learnt nothing, on a small phantom."""
    from conftest import TINY

    folder = tmp_path_factory.mktemp("run")
    (folder / "tiny.toml").write_text(TINY)
    short = ["train.epochs=1", "train.steps_per_epoch=1", "train.batch_size=1"]
    return execute(load_recipe(str(folder / "tiny.toml"), short), outputs=folder).folder


@pytest.fixture
def run(run_folder: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    import shutil

    return Path(shutil.copytree(run_folder, tmp_path / "run"))


def test_what_is_shown_of_a_run(run: Path) -> None:
    (found,) = scenes_of_run(run).values()
    assert (found.name, found.shape) == ("phantom-2-0", (6, 40, 44))
    assert list(found.labels) == ["segmentation", "truth"]
    results = run / "results_step=1"
    with h5py.File(results / "test_im_segmentation.h5") as file:
        stored = file["main"][()]
    np.testing.assert_array_equal(found.labels["segmentation"][...], stored)
    with h5py.File(results / "test_im_prediction.h5") as file:
        values = file["main"][()]
        names = list(file["main"].attrs["channel_names"])
    assert found.prediction is not None
    order = [names.index(each) for each in ("z1", "y1", "x1")]
    assert found.prediction.names == ("z1", "y1", "x1")
    np.testing.assert_array_equal(found.prediction.array[(slice(None),) * 4], values[order])
    volume = load_recipe(str(run / "recipe.toml")).data.test.volumes()[0]  # type: ignore[union-attr]
    assert found.image is not None
    assert found.voxel_size_nm == volume.voxel_size_nm
    np.testing.assert_array_equal(found.image.array[...], volume.image[...])


def test_a_run_without_its_data_and_prediction(run: Path) -> None:
    recipe = run / "results_step=1" / "recipe.toml"
    before, _, rest = recipe.read_text().partition("[data.test]")
    gone = '[data.test]\nuse = "files"\nimage = "gone.h5"\nvoxel_size_nm = [30, 6, 6]\n\n'
    recipe.write_text(before + gone + rest[rest.index("[target") :])
    (found,) = scenes_of_run(run).values()
    assert found.image is None
    assert found.prediction is not None
    assert list(found.labels) == ["segmentation"]
    assert found.voxel_size_nm == found.voxel_size_nm != (1.0, 1.0, 1.0)
    prediction = run / "results_step=1" / "test_im_prediction.h5"
    prediction.unlink()
    (found,) = scenes_of_run(run).values()
    assert (found.prediction, found.voxel_size_nm) == (None, (1.0, 1.0, 1.0))
    with ViewServer({found.name: found}, found.name, run=run, port=0) as server:
        assert state_at(server, "/")["layout"] == "4panel"
    result = invoke(run, "--channels", "z1")
    assert (result.exit_code, result.stderr) == (
        1,
        f"error: {prediction} is not there any more, and its channels cannot be shown; leave out "
        f"--channels, or test again\n",
    )


def test_a_volume_that_has_changed_since(run: Path) -> None:
    recipe = run / "results_step=1" / "recipe.toml"
    text = recipe.read_text()
    assert text.count("40,\n    44") + text.count("40, 44") == 1
    recipe.write_text(text.replace("40, 44", "40, 45").replace("40,\n    44", "40,\n    45"))
    with pytest.raises(NeurokitError) as caught:
        scenes_of_run(run)
    assert str(caught.value) == (
        "the volume phantom-2-0 has changed since it was tested: it was 6 x 40 x 44 voxels, and "
        "is 6 x 40 x 45; test it again"
    )


def test_files_of_ones_own(tmp_path: Path) -> None:
    generator = np.random.default_rng(2)
    image = generator.integers(0, 60000, (3, 8, 9), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "block.tif", image, compression="zlib", photometric="minisblack")
    with h5py.File(tmp_path / "block.h5", "w") as file:
        file["labels"] = generator.integers(-1, 5, (3, 8, 9))
    shown = scene_of_files(f"{tmp_path}/block.tif", f"{tmp_path}/block.h5::labels", SIZE)
    assert (shown.name, shown.shape, list(shown.labels)) == ("block", (3, 8, 9), ["labels"])
    with ViewServer({"block": shown}, "block", port=0) as server:
        np.testing.assert_array_equal(chunk(server, "image", (0, 0, 0), (3, 8, 9), "1,1,1"), image)
        assert state_at(server, "/")["layout"] == "4panel"
    with h5py.File(tmp_path / "block.h5", "a") as file:
        file["less"] = np.zeros((3, 8, 8), np.uint8)
    with pytest.raises(NeurokitError, match=r"^image and labels of 'block' differ in shape: "):
        scene_of_files(f"{tmp_path}/block.tif", f"{tmp_path}/block.h5::less", SIZE)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([], 2, "name the folder of a RUN, or an --image"),
        (
            ["run", "--image", "a.tif"],
            2,
            "name either the folder of a RUN or an --image, not both",
        ),
        (["run", "--labels", "a.tif"], 2, "--labels and --voxel-size go with --image"),
        (["--image", "a.tif", "--volume", "b"], 2, "--step, --volume and --channels go with a RUN"),
        (["--image", "a.tif", "--step", "0"], 2, "--step, --volume and --channels go with a RUN"),
        (
            ["run", "--at", "1,2"],
            2,
            "--at is '1,2'; it must be two commas and three whole numbers, such as 20,240,256",
        ),
        (
            ["run", "--at", "1,2,-3"],
            2,
            "--at is '1,2,-3'; it must be two commas and three whole numbers, such as 20,240,256",
        ),
        (
            ["--image", "a.tif", "--voxel-size", "0,6,6"],
            2,
            "--voxel-size is '0,6,6'; it must be three numbers in nanometres above 0, such as "
            "30,6,6",
        ),
        (
            ["--image", "a.tif", "--voxel-size", "nan,6,inf"],
            2,
            "--voxel-size is 'nan,6,inf'; it must be three numbers in nanometres above 0, such as "
            "30,6,6",
        ),
        (
            ["run", "--channels", "a,b,c,d"],
            2,
            "--channels is 'a,b,c,d'; it must be one to three names",
        ),
        (["nothing"], 1, "nothing is not the folder of a run; one lies at outputs/<name>/<time>"),
    ],
)
def test_commands_that_cannot_be(
    arguments: list[str], status: int, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke(*arguments)
    assert (result.exit_code, result.stderr) == (status, f"error: {said}\n")


def test_volumes_and_places_that_are_not_there(run: Path) -> None:
    for arguments, said in (
        (["--step", "7"], f"{run} holds no results of step 7; tested steps: 1"),
        (["--volume", "b"], "no volume 'b' was tested; there are phantom-2-0"),
        (["--at", "6,0,0"], "6, 0, 0 lies outside of phantom-2-0, which has 6 x 40 x 44 voxels"),
    ):
        result = invoke(run, *arguments)
        assert (result.exit_code, result.stderr) == (1, f"error: {said}\n")


def test_without_neuroglancer_it_says_what_to_install(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        sys.modules["neurokit.cli.view"],
        "find_spec",
        lambda name: None if name == "neuroglancer" else find(name),
    )
    result = invoke(run)
    assert (result.exit_code, result.stderr) == (
        1,
        "error: the package neuroglancer is not installed; install it: pip install neuroglancer\n",
    )


def test_it_runs_until_ctrl_c(run: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "SSH_CONNECTION"}
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from neurokit.cli import main; main()"
    )
    command = ["view", run, "--port", "0", "--no-browser"]
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", program, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(4)]
    assert lines[0] == (
        "phantom-2-0: 6 x 40 x 44 voxels of 30 x 6 x 6 nm; "
        "image, prediction (z1 red, y1 green, x1 blue), segmentation, truth\n"
    )
    address = re.fullmatch(r"open (http://127\.0\.0\.1:(\d+)/)\n", lines[2])
    assert address is not None
    assert lines[3] == "Ctrl-C ends it\n"
    connection = HTTPConnection("127.0.0.1", int(address[2]), timeout=20)
    connection.request("GET", "/phantom-2-0/1,2,3?run=run")
    assert connection.getresponse().status == 302
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=30)
    assert (process.returncode, rest.strip(), errors) == (0, "", "")


@pytest.fixture
def several(run: Path) -> Path:
    """A run that has tested two volumes at step 1 and again, otherwise, at step 0."""
    latest = run / "results_step=1"
    for folder in (latest, run / "results_step=0"):
        for name in ("a", "b"):
            (folder / name).mkdir(parents=True)
            for file in ("test_im_segmentation.h5", "test_im_prediction.h5"):
                (folder / name / file).write_bytes((latest / file).read_bytes())
            with h5py.File(folder / name / "test_im_segmentation.h5", "a") as file:
                file["main"].attrs["volume"] = name
        (folder / "recipe.toml").write_text((latest / "recipe.toml").read_text())
    for file in ("test_im_segmentation.h5", "test_im_prediction.h5", "metrics.json"):
        (latest / file).unlink()
    os.utime(run / "results_step=0/recipe.toml", ns=(0, 0))
    with h5py.File(run / "results_step=0/b/test_im_segmentation.h5", "a") as file:
        file["main"][...] = 42
    return run


def test_one_of_several_results_is_chosen(several: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    latest, earlier = scenes_of_run(several), scenes_of_run(several, step=0)
    assert list(latest) == list(earlier) == ["a", "b"]
    assert np.unique(earlier["b"].labels["segmentation"][...]).tolist() == [42]
    for shown in (latest["a"], latest["b"], earlier["a"]):
        assert np.unique(shown.labels["segmentation"][...]).tolist() != [42]
    served: list[Any] = []
    monkeypatch.setattr(
        sys.modules["neurokit.cli.view"], "_serve", lambda *given, **_: served.append(given[:4])
    )
    invoke(several, "--step", "0", "--volume", "b")
    invoke(several)
    (chosen, *given), (first, *rest) = served
    assert given == ["b", several, 0]
    assert np.unique(chosen["b"].labels["segmentation"][...]).tolist() == [42]
    assert rest == ["a", several, None]
    assert np.unique(first["b"].labels["segmentation"][...]).tolist() != [42]
    wrong = invoke(several, "--step", "0", "--volume", "phantom-2-0")
    assert (wrong.exit_code, wrong.stderr) == (
        1,
        "error: no volume 'phantom-2-0' was tested; there are a, b\n",
    )
    wrong = invoke(several, "--step", "3")
    assert (wrong.exit_code, wrong.stderr) == (
        1,
        f"error: {several} holds no results of step 3; tested steps: 0, 1\n",
    )


def test_pages_name_the_step_that_was_chosen(shown: Scene) -> None:
    with ViewServer({"a": shown}, "a", run=Path("x/run"), step=12, port=0) as server:
        assert state_at(server, "/")["title"] == "block 1/2 in run at step 12"


def test_links_of_the_latest_run_of_a_recipe_are_those_of_the_run(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[Any] = []
    monkeypatch.setattr(
        sys.modules["neurokit.cli.view"], "_serve", lambda *given, **_: served.append(given[2])
    )
    invoke(run.parent)
    assert served == [run]


INTERRUPTED = """
import os, signal, sys
import click
from neurokit.cli import main
from neurokit.viewing.server import ViewServer

signal.signal(signal.SIGINT, signal.default_int_handler)
last_before, echo, close = sys.argv.pop(), click.echo, ViewServer.close

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)

def interrupted_echo(line="", **how):
    echo(line, **how)
    if line.startswith(last_before):
        interrupt()

def interrupted_close(server):
    interrupt()
    close(server)
    interrupt()

click.echo, ViewServer.close = interrupted_echo, interrupted_close
main()
"""


@pytest.mark.parametrize("last_before", ["a: ", "Ctrl-C ends it"])
def test_ctrl_c_is_its_end_from_the_first_line_on_and_while_it_closes(
    several: Path, last_before: str
) -> None:
    command = ["view", several, "--volume", "b", "--port", "0", "--no-browser", last_before]
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, *map(str, command)], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == (
        ["a", ""]
        if last_before == "a: "
        else [
            *["a", "b", "b is shown first, another with --volume NAME", ""],
            *["open http", "Ctrl-C ends it", ""],
        ]
    )


def test_ctrl_c_before_anything_is_shown(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(scenes, "scenes_of_run", interrupted)
    result = invoke(run, "--port", "0", "--no-browser")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "interrupted\n")


def test_over_ssh_it_says_how_to_get_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    assert tunnel(8650) is None
    assert has_screen()
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.2 50000 10.0.0.9 22")
    assert tunnel(8650) == "ssh -N -L 8650:127.0.0.1:8650 ada@10.0.0.9"
    assert not has_screen()


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="it always has a display")
def test_without_a_display_no_browser_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSH_CONNECTION", "DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert not has_screen()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert has_screen()


class Napari:
    """Stands for napari, and keeps what it is given."""

    def __init__(self) -> None:
        self.added: list[tuple[Any, dict[str, Any]]] = []
        self.point: list[float] = []
        self.ran = False
        self.dims = SimpleNamespace(set_point=lambda axes, point: self.point.extend(point))

    def Viewer(self, title: str) -> Napari:
        self.title = title
        return self

    def add_image(self, data: Any, **how: Any) -> None:
        self.added.append((data, how))

    add_labels = add_image

    def run(self) -> None:
        self.ran = True


def test_napari_gets_the_same(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    napari = Napari()
    monkeypatch.setitem(sys.modules, "napari", napari)
    monkeypatch.setenv("DISPLAY", ":0")
    result = invoke(run, "--napari", "--at", "1,2,3")
    assert (result.exit_code, napari.ran, napari.title) == (0, True, "phantom-2-0")
    assert napari.point == [30, 12, 18]
    names = [how["name"] for _, how in napari.added]
    assert names == ["image", ["z1", "y1", "x1"], "segmentation", "truth"]
    assert [how.get("visible", True) for _, how in napari.added] == [True, False, True, False]
    assert all(how["scale"] == (30, 6, 6) for _, how in napari.added)
    (found,) = scenes_of_run(run).values()
    np.testing.assert_array_equal(napari.added[2][0], found.labels["segmentation"][...])


def test_napari_gets_small_ids(shown: Scene) -> None:
    from neurokit.viewing.napari_window import _small

    for labels in (np.array([LARGEST, 5, 0, 5], np.uint64), np.array([LARGEST, 5], np.uint64)):
        small = _small(labels.reshape(1, 1, -1))
        assert small.dtype == np.uint32
        expected = [2, 1, 0, 1] if len(labels) == 4 else [2, 1]
        assert small.ravel().tolist() == expected
    assert _small(np.zeros((1, 0, 2), np.uint64)).shape == (1, 0, 2)


def test_napari_that_is_missing_or_has_no_display(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for absent, said in (
        (
            "napari",
            'napari is not installed; install it: pip install "napari[all]", or leave out '
            "--napari to look with a browser",
        ),
        (
            "qtpy",
            "napari cannot be loaded: No module named 'qtpy'; leave out --napari to look with a "
            "browser",
        ),
    ):
        error = ModuleNotFoundError(f"No module named '{absent}'", name=absent)

        def missing(name: str, error: Exception = error) -> Any:
            raise error

        with monkeypatch.context() as patched:
            patched.setattr("neurokit.viewing.napari_window.import_module", missing)
            result = invoke(run, "--napari")
        assert (result.exit_code, result.stderr) == (1, f"error: {said}\n")
    broken = Napari()

    def no_display(title: str) -> Napari:
        raise RuntimeError("could not connect to display\nmore")

    broken.Viewer = no_display  # type: ignore[method-assign]
    monkeypatch.setitem(sys.modules, "napari", broken)
    monkeypatch.setattr("neurokit.viewing.napari_window.has_display", lambda: False)
    result = invoke(run, "--napari")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: napari needs a display, and there is none here; leave out --napari to look with a "
        "browser of another machine\n",
    )
    monkeypatch.setattr("neurokit.viewing.napari_window.has_display", lambda: True)
    result = invoke(run, "--napari")
    assert (result.exit_code, result.stderr) == (
        1,
        "error: napari cannot open a window: could not connect to display; leave out --napari to "
        "look with a browser\n",
    )


def test_arrays_are_read_where_they_are_looked_at() -> None:
    read: list[Any] = []

    class Noted:
        shape, dtype = (100, 200, 300), np.dtype(np.uint16)

        def __getitem__(self, index: Any) -> Any:
            read.append(index)
            return np.zeros((1, 2, 3), np.uint16)

    index = (slice(0, 1), slice(0, 2), slice(0, 3))
    arrays.Ids(Noted())[index]
    arrays.GreyValues(Noted())[index]
    assert read == [index, index]


def test_small_arrays_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(8).integers(0, 9, (4, 5, 6))
    reads: list[Any] = []

    class Noted:
        shape, dtype = values.shape, values.dtype

        def __getitem__(self, index: Any) -> Any:
            reads.append(index)
            return values[index]

    kept = arrays.kept_if_small(Noted())
    assert reads == []
    for index in ((slice(1, 3), slice(None), slice(2, 5)), (2, 3, 4), ...):
        np.testing.assert_array_equal(kept[index], values[index])
    assert reads == [...]
    assert arrays.kept_if_small(values) is values
    large = Noted()
    monkeypatch.setattr(arrays, "available_memory", lambda: values.nbytes * 8 - 1)
    assert arrays.kept_if_small(large) is large
    monkeypatch.setattr(arrays, "available_memory", lambda: None)
    monkeypatch.setattr(arrays, "_SMALL", values.nbytes * 8 - 1)
    assert arrays.kept_if_small(large) is large
