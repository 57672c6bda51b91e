"""The report of a run: whole, self-contained, and true to what lies in the folder."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import TINY
from PIL import Image

from neurokit import NeurokitError, load_recipe
from neurokit.cli import main
from neurokit.observers.report import Report
from neurokit.pipeline import execute
from neurokit.reporting.data import missing_data
from neurokit.reporting.page import gathered, summary_html, write_report
from neurokit.run_folder import Run
from neurokit.volumes import open_array, write_array

SHORT = ["train.epochs=2", "train.steps_per_epoch=2"]
# What may stand alone, without an end.
VOID = {"meta", "img", "br", "link", "input", "hr"}
TIMES = " \N{MULTIPLICATION SIGN} "
EMPTY_IN_SVG = {"line", "polyline", "circle"}


class Parsed(HTMLParser):
    """A page, read strictly: every element is closed, in order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.styles: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"<{tag}> has an attribute twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID | EMPTY_IN_SVG
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> ends nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        (self.styles if self.open[-1:] == ["style"] else self.words).append(data)

    @property
    def text(self) -> str:
        """What is read, in one line."""
        return " ".join(" ".join(self.words).split())

    def pictures(self) -> Iterator[Image.Image]:
        """Every picture, decoded."""
        for tag, attributes in self.elements:
            if tag == "img":
                source = attributes["src"] or ""
                head, _, content = source.partition(",")
                assert head == "data:image/png;base64"
                picture = Image.open(io.BytesIO(base64.b64decode(content, validate=True)))
                picture.load()
                yield picture


def _checked(html: str) -> Parsed:
    """A page of which nothing is loaded from elsewhere, and whose pictures are whole."""
    page = Parsed(html)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    for tag, attributes in page.elements:
        assert tag not in {"script", "iframe", "object", "embed", "link", "base", "audio", "video"}
        for name, value in attributes.items():
            assert not name.startswith("on"), f"<{tag} {name}>"
            if name in {"src", "srcset", "poster", "data", "background", "xlink:href"}:
                assert (value or "").startswith("data:image/png;base64,")
            if name == "href":
                assert tag == "a"
                inside = (value or "").startswith("#") and (value or "")[1:] in ids
                assert inside or (value or "").startswith("http://127.0.0.1:8650/")
            assert "url(" not in (value or "")
    for style in page.styles:
        assert "url(" not in style
        assert "@import" not in style
    for picture, attributes in zip(
        page.pictures(), (each for tag, each in page.elements if tag == "img"), strict=True
    ):
        assert attributes["alt"]
        if "width" in attributes:
            size = (int(attributes["width"] or 0), int(attributes["height"] or 0))
            assert picture.size == size
    return page


def _run(folder: Path, text: str, mode: Any = "all", **options: Any) -> Path:
    (folder / "tiny.toml").write_text(text)
    recipe = load_recipe(str(folder / "tiny.toml"), SHORT)
    outputs = folder / "outputs"
    return execute(recipe, mode, outputs=outputs, plugins=[Report()], **options).folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _run(tmp_path_factory.mktemp("finished"), TINY)


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A copy of a run that is finished."""
    shutil.copytree(finished, tmp_path / finished.name)
    return tmp_path / finished.name


def _page(folder: Path) -> Parsed:
    return _checked(write_report(folder).read_text(encoding="utf-8"))


def test_a_run_writes_it_at_its_end(finished: Path) -> None:
    page = _checked((finished / "report.html").read_text(encoding="utf-8"))
    scores = json.loads((finished / "results_step=4" / "metrics.json").read_text())
    for name, value in scores["mean"].items():
        assert f"{name} {value:.4f}" in page.text
    for words in (
        "tiny",
        "checkpoint of step 4",
        "tested on phantom-2-0, 6 x 40 x 44 voxels of 30 x 6 x 6 nm".replace(" x ", TIMES),
        "Adapted Rand error, the score of the SNEMI3D challenge; 0 is best.",
        "Voxels of true label 0 (background) and below (-1, ignore) are left out.",
        "whether voxels left 0 inside true objects are each a segment of one voxel",
        "image, xy at z =",
        "image, yz at x = 22; y to the right, z down",
        "The worst merges",
        "the recipe's 0.5",
        "a threshold that is chosen here is chosen on the test volume",
        "steps a second",
        '[model] use = "rsunet"',
        "data 'phantom-2-0'",
        "checkpoints/last.ckpt",
        f"neurokit report {finished}",
    ):
        assert words in page.text, words
    assert "(stopped)" not in page.text
    assert (finished / "run.log").read_text().count("report.html") == 1


def test_each_stage_is_there_with_its_time_and_memory(folder: Path) -> None:
    stages = {each.name: each for each in gathered(folder).commands[0].stages}
    assert list(stages) == ["train", "infer", "decode", "evaluate", "thresholds"]
    for stage in stages.values():
        assert stage.ended
        assert not stage.reused
        assert stage.memory is not None
        assert 2**26 < stage.memory < 2**36
    page = _page(folder)
    assert re.search(r"train \d+\.\d s \d\.\d\d GiB", page.text)


def test_it_is_a_function_of_the_folder(folder: Path) -> None:
    first = write_report(folder).read_bytes()
    assert write_report(folder).read_bytes() == first
    assert len(first) < 3e6


def test_every_mistake_has_pictures_a_place_and_two_ways_there(folder: Path) -> None:
    page = gathered(folder)
    (volume,) = page.volumes
    assert volume.counts is not None
    assert volume.merges or volume.splits
    html = write_report(folder).read_text(encoding="utf-8")
    for view in (*volume.merges, *volume.splits):
        place = ",".join(map(str, view.mistake.place_ZYX))
        assert view.command == f"neurokit view {folder} --at {place}"
        assert f'href="http://127.0.0.1:8650/phantom-2-0/{place}?run={folder.name}"' in html
        assert view.share == pytest.approx(view.mistake.cost / volume.counts.all_wrong)
        scale = zip(view.mistake.place_ZYX, (30, 6, 6), strict=True)
        assert view.place_nm == tuple(place * length for place, length in scale)
        mark = view.cutout.image.mark
        assert mark is not None
        assert all(0 < share < 1 for share in mark)


def test_the_error_in_the_words_is_the_score(folder: Path) -> None:
    page = gathered(folder)
    assert page.results is not None
    counts = page.volumes[0].counts
    assert counts is not None
    assert counts.adapted_rand == pytest.approx(page.results.mean["adapted_rand"], rel=1e-12)


def test_a_perfect_segmentation_has_no_mistakes(folder: Path) -> None:
    (volume,) = load_recipe(str(folder / "recipe.toml")).data.test.volumes()  # type: ignore[union-attr]
    file = folder / "results_step=4" / "test_im_segmentation.h5"
    assert volume.labels is not None
    truth = np.asarray(volume.labels[...])
    known = {"volume": volume.name, "checkpoint": "x", "voxel_size_nm": (30, 6, 6)}
    write_array(file, truth, attributes=known)
    page = _page(folder)
    assert "There are no merges." in page.text
    assert "There are no splits." in page.text


def test_nothing_but_background_is_shown_as_it_is(folder: Path) -> None:
    file = folder / "results_step=4" / "test_im_segmentation.h5"
    with h5py.File(file, "r+") as stored:
        stored["main"][...] = 0
    page = _page(folder)
    assert "left as background 100 %" in page.text
    assert "There are no merges." in page.text


def test_names_are_shown_and_never_run(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a&b <script>alert(1)<\N{DIVISION SLASH}script>"
    folder.mkdir()
    shutil.copytree(finished, folder / finished.name)
    folder = folder / finished.name
    name = '"><script>alert(2)<script>&amp;'
    recipe = folder / "results_step=4" / "recipe.toml"
    recipe.write_text(recipe.read_text().replace('name = "tiny"', f"name = {json.dumps(name)}"))
    with (folder / "history.jsonl").open("a") as file:
        said = "neurokit <img src=x onerror=alert(3)>"
        file.write(json.dumps({"event": "command", "at": 1e9, "command": said}) + "\n")
    for html in (write_report(folder).read_text(encoding="utf-8"), summary_html(folder)):
        page = _checked(html)
        assert name in page.text
    page = _page(folder)
    assert said in page.text
    assert str(folder) in page.text


def test_it_may_hold_several_volumes_and_steps(tmp_path: Path) -> None:
    folder = _run(tmp_path, TINY.replace("seed = 2\n", "seed = 2\ncount = 4\n"))
    other = folder / "results_step=2"
    shutil.copytree(folder / "results_step=4", other)
    page = _page(folder)
    report = gathered(folder)
    assert [each.name for each in report.volumes] == [f"phantom-2-{index}" for index in range(3)]
    assert report.unseen == 1
    assert "and on 1 more" in page.text
    assert "--volume phantom-2-1 --at" in page.text
    assert "Other checkpoints that were tested" in page.text
    assert f"infer{TIMES}4" in page.text


def test_a_run_that_only_trained_has_curves_and_stages(tmp_path: Path) -> None:
    folder = _run(tmp_path, TINY, "train")
    page = _page(folder)
    assert "Nothing was tested yet" in page.text
    assert f"neurokit run --resume {folder} --mode test" in page.text
    assert "mean of a stretch of steps" in page.text
    assert [each.name for each in gathered(folder).commands[0].stages] == ["train"]
    assert list(page.pictures()) == []
    assert "nothing was tested yet" in _checked(summary_html(folder)).text


def test_a_search_is_shown_with_its_best_and_its_plots(folder: Path) -> None:
    _add_study(folder)
    page = _page(folder)
    assert "adapted_rand 0.25 on phantom-3-0: trial 1 of 3 of the study s" in page.text
    assert "decoder.threshold 0.7" in page.text
    assert "1 of 3 trials failed" in page.text
    assert "The value of every trial, and the best so far." in page.text
    assert "Search of the decoder's settings" in page.text
    assert not any("found by a search" in note for note in gathered(folder).notes)


def test_settings_chosen_on_what_is_scored_are_told(folder: Path) -> None:
    _add_study(folder)
    best = folder / "tune" / "best.toml"
    recipe = load_recipe(str(folder / "results_step=4" / "recipe.toml"))
    best.write_text(f"{best.read_text().splitlines()[0]}\n{_decoder_of(recipe)}")
    execute(recipe, "test", resume=folder, plugins=[Report()])
    (note,) = gathered(folder).notes
    assert note == (
        "The scores are no test: the decoder's settings were found by a search that scored on the "
        "very tissue that is tested."
    )


def _decoder_of(recipe: Any) -> str:
    import tomli_w

    from neurokit.recipe import to_table

    return tomli_w.dumps({"decoder": to_table(recipe.decoder)})


def _add_study(folder: Path) -> None:
    tune = folder / "tune"
    tune.mkdir()
    head = "# adapted_rand 0.25 on phantom-3-0: trial 1 of 3 of the study s"
    (tune / "best.toml").write_text(f'{head}\nextends = "../recipe.toml"\n')
    (tune / "trials.csv").write_text(
        "trial,state,adapted_rand,decoder.threshold,voi,seconds,reason\n"
        "0,complete,0.5,0.3,2.0,1.0,\n1,complete,0.25,0.7,1.0,1.0,\n2,failed,,0.9,,1.0,no\n"
    )
    Image.new("RGB", (8, 6)).save(tune / "history.png")


@pytest.mark.parametrize("stage", ["tune"])
def test_a_search_writes_the_report_too(folder: Path, stage: str) -> None:
    (folder / "report.html").unlink()
    space = "{decoder={threshold=[0.2,0.8]}}"
    tuning = [f"tune={{study='s',trials=2,space={space}}}"]
    recipe = load_recipe(str(folder / "recipe.toml"), tuning)
    execute(recipe, "tune", resume=folder, plugins=[Report()])
    page = _checked((folder / "report.html").read_text(encoding="utf-8"))
    assert "trial 0 of 2" in page.text or "trial 1 of 2" in page.text
    assert sum(1 for _ in page.pictures()) > 10
    assert stage in [each.name for each in gathered(folder).commands[0].stages]


def test_training_and_testing_on_one_volume_is_told(tmp_path: Path) -> None:
    text = TINY.replace("shape = [6, 40, 44]\nseed = 2", "shape = [8, 40, 48]\nseed = 1")
    folder = _run(tmp_path, text)
    assert gathered(folder).notes == [
        "The scores are no test: the network is trained on the very tissue that is tested."
    ]


def test_without_metrics_or_labels_it_says_so(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (6, 40, 44), np.uint8)
    write_array(tmp_path / "image.h5", image)
    mine = f'use = "files"\nimage = "{tmp_path}/image.h5"\nvoxel_size_nm = [30, 6, 6]'
    text = TINY.replace('use = "phantom"\nshape = [6, 40, 44]\nseed = 2', mine)
    folder = _run(tmp_path, text)
    page = _page(folder)
    assert "Nothing was scored: the test volume has no labels." in page.text
    assert ": the volume has no labels to tell merges and splits by." in page.text
    assert "truth" not in page.text
    assert sum(1 for _ in page.pictures()) == 6
    assert "nothing was scored" in _checked(summary_html(folder)).text
    changed = 255 - open_array(str(tmp_path / "image.h5"))[...]
    write_array(tmp_path / "image.h5", changed)
    assert "the data has changed since: pictures and mistakes show it as it is now" in (
        _page(folder).text
    )
    (tmp_path / "image.h5").unlink()
    page = _page(folder)
    assert f"as its data is missing: image file not found: {tmp_path}/image.h5" in page.text
    assert list(page.pictures()) == []
    write_array(tmp_path / "image.h5", changed[:5])
    assert "has another shape than the segmentation" in _page(folder).text


def test_scores_that_are_gone_are_not_said_to_be_impossible(folder: Path) -> None:
    (scores,) = folder.glob("results_step=*/metrics.json")
    scores.unlink()
    assert (
        f"The scores are not here, though they could be made: neurokit run --resume {folder} "
        f"--mode test."
    ) in _page(folder).text


def test_a_recipe_that_cannot_be_used_here_is_shown_all_the_same(folder: Path) -> None:
    recipe = folder / "results_step=4" / "recipe.toml"
    recipe.write_text(recipe.read_text().replace('use = "rsunet"', 'use = "of_another_place"'))
    page = _page(folder)
    assert "The recipe cannot be used here" in page.text
    assert "unknown model 'of_another_place'" in page.text
    assert "of_another_place" in page.text
    assert list(page.pictures()) == []


def test_a_run_of_another_version_without_history(folder: Path) -> None:
    (folder / "history.jsonl").unlink()
    (folder / "results_step=4" / "thresholds.json").write_text("{}")
    page = _page(folder)
    assert "What this run's stages took was not noted." in page.text
    assert "Curves" not in page.text


def test_the_command_prints_where_it_lies(folder: Path) -> None:
    (folder / "report.html").unlink()
    result = CliRunner().invoke(main, ["report", str(folder)])
    assert (result.exit_code, result.output) == (0, f"{folder / 'report.html'}\n")
    _checked((folder / "report.html").read_text(encoding="utf-8"))


def test_the_command_keeps_a_report_that_it_cannot_write_in_full(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    write_array(tmp_path / "mine.h5", random.integers(0, 255, (9, 40, 44), np.uint8))
    write_array(tmp_path / "truth.h5", random.integers(0, 3, (9, 40, 44), np.uint8))
    mine = (
        f'use = "files"\nimage = "{tmp_path}/mine.h5"\nlabels = "{tmp_path}/truth.h5"\n'
        f'voxel_size_nm = [30, 6, 6]\nsections = [3, 9]\nhint = "ask"'
    )
    folder = _run(tmp_path, TINY.replace('use = "phantom"\nshape = [6, 40, 44]\nseed = 2', mine))
    page = _page(folder)
    assert page.text.count("z counts from section 3 of the file") == 2
    (volume,) = gathered(folder).volumes
    for view in (*volume.merges, *volume.splits):
        assert f"; section {view.mistake.place_ZYX[0] + 3} of the file" in page.text
    report = folder / "report.html"
    before = report.read_bytes()
    command = ["report", str(folder)]
    (tmp_path / "mine.h5").rename(tmp_path / "moved.h5")
    with pytest.raises(NeurokitError) as gone:
        open_array(f"{tmp_path}/mine.h5")
    why = f"image {gone.value}".splitlines()[0].rstrip(".")
    assert str(tmp_path / "mine.h5") in why
    result = CliRunner().invoke(main, command)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"error: the data of mine is missing: {why}; {report} is left as it is, and "
        f"--without-data writes it without pictures and mistakes\n"
    )
    assert report.read_bytes() == before
    result = CliRunner().invoke(main, [*command, "--without-data"])
    assert (result.exit_code, result.stdout) == (0, f"{report}\n")
    assert result.stderr == f"warning: the data of mine is missing: {why}\n"
    page = _checked(report.read_text(encoding="utf-8"))
    assert f"mine: no pictures and no mistakes, as its data is missing: {why}." in page.text
    assert list(page.pictures()) == []
    report.unlink()
    result = CliRunner().invoke(main, command)
    assert (result.exit_code, result.stdout) == (0, f"{report}\n")
    write_array(tmp_path / "mine.h5", np.zeros((8, 40, 44), np.uint8))
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    (tmp_path / "mine.h5").unlink()
    (tmp_path / "moved.h5").rename(tmp_path / "mine.h5")
    result = CliRunner().invoke(main, command)
    assert (result.exit_code, result.stderr) == (0, "")
    assert report.read_bytes() == before


def test_data_of_another_name_is_missing(folder: Path) -> None:
    recipe = folder / "results_step=4" / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("seed = 2", "seed = 4"))
    assert missing_data(folder) == {
        "phantom-2-0": "the recipe's data holds no such volume; there are: phantom-4-0"
    }


def test_what_the_run_warned_of_is_told_once(folder: Path) -> None:
    run = Run.open(folder, plugins=[Report()])
    for _ in range(2):
        run.hooks.hook.warning(run=run, message="a <b> is odd")
    assert gathered(folder).notes == ["The run warned: a <b> is odd"]
    assert "The run warned: a <b> is odd" in _page(folder).text


def test_the_command_says_what_is_no_run(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["report", str(tmp_path)])
    assert result.exit_code == 1
    assert result.output == (
        f"error: {tmp_path} is not the folder of a run; one lies at outputs/<name>/<time>\n"
    )
    with pytest.raises(NeurokitError):
        write_report(tmp_path)


def test_a_place_that_cannot_be_written_keeps_the_old_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    before = (folder / "report.html").read_bytes()
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(NeurokitError) as refusal:
        write_report(folder)
    assert str(refusal.value) == (
        f"cannot write {folder / 'report.html'}: No space left on device; free some space or "
        f"choose another place"
    )
    assert (folder / "report.html").read_bytes() == before


def test_the_card_is_small_and_has_one_picture(folder: Path) -> None:
    html = summary_html(folder)
    page = _checked(html)
    assert len(html) < 100_000
    assert sum(1 for _ in page.pictures()) == 1
    assert "step 4" in page.text
    assert "adapted_rand " in page.text
    assert not page.styles


def test_a_browser_shows_it_without_an_error(folder: Path, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("there is no chromium, which Debian has as a package")
    shot = tmp_path / "shot.png"
    shown = subprocess.run(
        [
            browser,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--screenshot={shot}",
            "--window-size=1000,2400",
            (write_report(folder)).as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert [line for line in shown.stderr.splitlines() if "CONSOLE" in line] == []
    with Image.open(shot) as picture:
        assert picture.size == (1000, 2400)
        pixels = np.asarray(picture.convert("RGB"))
    # Text and pictures: many colours, and something in every part of the page.
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 200
    for part in np.array_split(pixels, 6):
        assert part.std() > 3
