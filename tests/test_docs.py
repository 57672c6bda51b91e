"""The documentation: its links, commands, recipes and code are real, its reference is complete."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points
from itertools import takewhile
from pathlib import Path

import attrs
import check_built
import click
import h5py
import numpy as np
import pictures
import pytest
from click.testing import CliRunner
from conftest import ROOT
from generators import commands, reference_pages, write_reference
from generators.text import from_docstring, plain
from pictures import overview, scores, tissue, watershed
from PIL import Image

import neurokit
from neurokit import hooks, load_recipe
from neurokit.cli import main
from neurokit.kinds import KINDS, group_of
from neurokit.registry import installed
from neurokit.schema import Recipe
from neurokit.shipped import shipped_weights

DOCS = ROOT / "docs"
PAGES = {
    path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(DOCS.rglob("*.md"))
    if not {"_build", "reference", "pictures"} & set(path.relative_to(DOCS).parts)
}
FENCED = re.compile(r"^(?:<!-- ([^\n]+) -->\n)?```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BLOCKS = [
    (page, remark, language, body)
    for page, text in PAGES.items()
    for remark, language, body in FENCED.findall(text)
]
SPANS = {
    (page, span)
    for page, text in PAGES.items()
    for span in re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
}
PLACES = {
    "RECIPE": "recipes/demo.toml",
    "mine.toml": "recipes/demo.toml",
    "$RECIPE": "recipes/demo.toml",
    "FILE": "last.ckpt",
    "RUN": "outputs/demo/20260101-120000",
    "...": "",
}
_TABLES = "system|data|target|model|optimizer|schedule|train|inferer|decoder|tune"
# What a shell is told after the command, and before it.
_SHELL = {">", ">>", "|", "&"}
_STARTED = re.compile(r"(?:\w+=\S+ |srun )*(?=neurokit )")
KEY = re.compile(rf"(?:{_TABLES})(?:\.(?!h5|ckpt|toml)\w+)+")


def _commands() -> Iterator[tuple[str, str]]:
    """Every command of neurokit in the pages, with the page."""
    for page, remark, language, body in BLOCKS:
        if language == "console" and remark:  # the others are run
            yield page, body.splitlines()[0].removeprefix("$ ")
        for line in body.replace("\\\n", " ").splitlines():
            if language in ("sh", "bash") and (found := _STARTED.match(line.strip())):
                yield page, line.strip()[found.end() :]
    for page, span in sorted(SPANS):
        if re.match(r"(?:srun (?:-\S+ )*|torchrun -m )?neurokit [a-z-]+($| )", span):
            yield page, span[span.index("neurokit ") :]


COMMANDS = sorted(set(_commands()))


@pytest.fixture(scope="module")
def reference() -> dict[str, str]:
    """The pages made from the code."""
    return reference_pages()


def test_there_is_something_to_check() -> None:
    assert len(PAGES) > 15
    assert len(COMMANDS) > 40
    assert len(BLOCKS) > 40
    assert len({page for page, _ in COMMANDS}) > 10


# Links


def _anchors(text: str) -> set[str]:
    """What a page's headings and labels are linked by."""
    outside_code = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#+ (.+)$", outside_code, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}
    return slugs | set(re.findall(r"^\(([\w-]+)\)=$", outside_code, re.MULTILINE))


def _broken_links(pages: dict[str, str]) -> list[str]:
    """Links within the pages that lead nowhere."""
    broken = []
    for page, text in pages.items():
        outside_code = re.sub(r"```.*?```|`[^`\n]+`", "", text, flags=re.DOTALL)
        for link in re.findall(r"\]\(([^)\s]+)\)", outside_code):
            if re.match(r"https?:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (DOCS / page).parent / path if path else DOCS / page
            name = target.resolve().relative_to(DOCS).as_posix()
            if name in pages:
                if anchor and anchor not in _anchors(pages[name]):
                    broken.append(f"{page}: {link}: no such heading")
            elif "explanation/pictures/" not in name and not target.is_file():
                broken.append(f"{page}: {link}: no such page")
    return broken


def test_links_lead_somewhere(reference: dict[str, str]) -> None:
    made = {f"reference/{name}": text for name, text in reference.items()}
    assert _broken_links(PAGES | made) == []


def test_broken_links_are_found() -> None:
    pages = {
        "index.md": "# Here\n\n[a](#there) [b](#here) [c](gone.md) [d](howto/x.md#y) `[e](f)`",
        "howto/x.md": "# X y",
    }
    assert _broken_links(pages) == [
        "index.md: #there: no such heading",
        "index.md: gone.md: no such page",
        "index.md: howto/x.md#y: no such heading",
    ]


def test_every_page_has_a_place_in_the_contents(reference: dict[str, str]) -> None:
    made = {f"reference/{name}": text for name, text in reference.items()}
    listed = {"index.md"}
    for page, text in (PAGES | made).items():
        for body in re.findall(r"```\{toctree\}\n(.*?)```", text, re.DOTALL):
            names = [line for line in body.splitlines() if line and not line.startswith(":")]
            paths = [(DOCS / page).parent / f"{name.removesuffix('.md')}.md" for name in names]
            listed |= {path.relative_to(DOCS).as_posix() for path in paths}
    assert listed == set(PAGES | made)


# Commands, recipes and code


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_commands_are_understood(page: str, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    _, *arguments = [PLACES.get(each, each) for each in shlex.split(command, comments=True)]
    arguments = [each for each in takewhile(lambda each: each not in _SHELL, arguments) if each]
    found: click.Command = main
    while isinstance(found, click.Group) and arguments:
        name = arguments.pop(0)
        assert name in found.commands, f"{page}: {command}"
        found = found.commands[name]
    understood = found.make_context(
        found.name, arguments, resilient_parsing=_is_a_mention(arguments)
    )
    recipe, overrides = (understood.params.get(key) for key in ("recipe", "overrides"))
    # What the reader has just made is not here.
    if recipe is not None and "blobs" not in command:
        if "=" in recipe:  # an override, of a run's own recipe
            recipe, overrides = "recipes/demo.toml", (recipe, *(overrides or ()))
        load_recipe(recipe, overrides or ())


def _is_a_mention(arguments: list[str]) -> bool:
    """Whether a command is only named, or asked for its help, without what it needs."""
    return not arguments or arguments == ["--help"]


def _span_overrides() -> list[tuple[str, str]]:
    return sorted(
        {
            (page, part)
            for page, span in SPANS
            for part in span.split()
            if re.fullmatch(KEY.pattern + r"=\S+", part)
        }
    )


@pytest.mark.parametrize(("page", "override"), _span_overrides())
def test_overrides_fit_the_shipped_recipes(page: str, override: str) -> None:
    load_recipe(ROOT / "recipes/snemi_aff12.toml", [override])


def _follow(key: str) -> None:
    """Walk along a key through a recipe; `use` is what a component is chosen by."""
    recipe = load_recipe(ROOT / "recipes/snemi_aff12.toml")
    place: object = attrs.evolve(
        recipe, data=attrs.evolve(recipe.data, validation=recipe.data.test)
    )
    for part in key.removesuffix(".use").split("."):
        place = getattr(place, part)


@pytest.mark.parametrize(
    ("page", "key"),
    sorted(
        (page, span)
        for page, span in SPANS
        if KEY.fullmatch(span) and page != "howto/pytc.md"  # which names the keys of others, too
    ),
)
def test_keys_are_those_of_recipes(page: str, key: str) -> None:
    _follow(key)


def test_keys_that_are_none_are_found() -> None:
    with pytest.raises(AttributeError):
        _follow("decoder.treshold")


def _pytc_rows() -> list[str]:
    _, _, below = PAGES["howto/pytc.md"].partition("## Keys")
    table, _, _ = below.partition("## ")
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")]
    return [row[1] for row in rows[1:]]


def test_the_keys_beside_those_of_pytorch_connectomics_exist() -> None:
    cells = _pytc_rows()
    assert len(cells) > 50
    for cell in cells:
        keys = re.findall(r"`([^`]+)`", cell)
        assert keys or cell == "none"
        for key in set(keys) - {"extends"}:
            _follow(key)


def _toml_blocks() -> list[tuple[str, str]]:
    return [(page, body) for page, _, language, body in BLOCKS if language == "toml"]


@pytest.mark.parametrize(("page", "body"), _toml_blocks())
def test_tables_resolve(
    page: str, body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if "entry-points" in body:
        assert {group_of(kind) for kind in KINDS} & set(
            re.findall(r'entry-points\."([\w.]+)"', body)
        )
        return
    base = "" if "extends" in body else 'extends = "neurokit:snemi_aff12.toml"\n'
    Path("a.toml").write_text(base + body, encoding="utf-8")
    load_recipe("a.toml")


def _python_blocks() -> list[tuple[str, str, str]]:
    return [(page, remark, body) for page, remark, lang, body in BLOCKS if lang == "python"]


@pytest.mark.parametrize(("page", "remark", "body"), _python_blocks())
def test_python_runs(page: str, remark: str, body: str) -> None:
    code = compile(body, page, "exec")
    if not remark:
        exec(code, {"__name__": "docs"})
        return
    # What takes long is only looked at: the names of neurokit that it uses exist.
    used = set(re.findall(r"neurokit\.(\w+)", body))
    assert used
    assert used <= set(neurokit.__all__)


def _transcripts() -> list[tuple[str, str, str]]:
    found = []
    for page, remark, language, body in BLOCKS:
        if language == "console" and not remark:
            command, _, output = body.partition("\n")
            found.append((page, command.removeprefix("$ "), output))
    return found


@pytest.mark.parametrize(("page", "command", "output"), _transcripts())
def test_outputs_are_those_of_the_commands(
    page: str, command: str, output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    result = CliRunner().invoke(main, shlex.split(command)[1:])
    assert result.output == output


def test_what_is_shown_of_a_session_exists_in_noxfile() -> None:
    sessions = {name for text in PAGES.values() for name in re.findall(r"nox -s (\w+)", text)}
    written = (ROOT / "noxfile.py").read_text("utf-8")
    assert all(f"def {session}(session: nox.Session)" in written for session in sessions | {"docs"})


def test_files_that_are_named_exist() -> None:
    named = {
        file
        for text in PAGES.values()
        for file in re.findall(r"\b(?:(?:recipes|benchmarks)/\w+|plugins/README)\.\w+", text)
    }
    assert len(named) > 3
    assert [file for file in sorted(named) if not (ROOT / file).is_file()] == []


def test_pages_name_no_machine() -> None:
    for page, text in PAGES.items():
        assert not re.search(r"/work/|/tmp/|/opt/|/root", text), page


def test_the_slurm_job_queues_itself_again_and_goes_on(tmp_path: Path) -> None:
    """Run with stand-ins of SLURM's commands: the first stop saves, then the run is done."""
    (job,) = (body for page, _, language, body in BLOCKS if language == "bash")
    made = "outputs/job-7/snemi_aff12/20260101-120000 outputs/job-7/snemi_aff12/prepared"
    _executable(tmp_path / "srun", f'echo "srun $@" >> said; mkdir -p {made}; exit $(cat status)')
    _executable(tmp_path / "scontrol", 'echo "scontrol $@" >> said')
    _executable(tmp_path / "job", job)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_ID": "7"}
    for status in (75, 0, 1):
        (tmp_path / "status").write_text(str(status), "utf-8")
        done = subprocess.run(["bash", "job"], cwd=tmp_path, env=environment, check=False)
        assert done.returncode == status
    first = "srun neurokit run recipes/snemi_aff12.toml --outputs outputs/job-7"
    again = "srun neurokit run --resume outputs/job-7/snemi_aff12/20260101-120000/"
    said = (tmp_path / "said").read_text("utf-8").splitlines()
    assert said == [first, "scontrol requeue 7", again, again]


def _executable(path: Path, script: str) -> None:
    path.write_text(script if script.startswith("#!") else f"#!/bin/sh\n{script}\n", "utf-8")
    path.chmod(0o755)


# The tutorial, walked

_RUN = "outputs/demo/20261123-141332"
_SMALL = [
    "train.epochs=1",
    "train.steps_per_epoch=2",
    "train.patch_size=[4,64,64]",
    "train.pad=[0,0,0]",
    "data.train.shape=[12,96,96]",
    "data.test.shape=[8,64,64]",
    "inferer.window=[4,64,64]",
    "inferer.pad=[0,0,0]",
    "system.device=cpu",
]


def _walked() -> list[list[str]]:
    """The tutorial's commands of neurokit, in order, those that are shown twice once."""
    lines = [
        line.removeprefix("$ ")
        for page, _, language, body in BLOCKS
        if page == "tutorial.md" and language in ("sh", "console")
        for line in (body.splitlines() if language == "sh" else body.splitlines()[:1])
    ]
    return [shlex.split(line)[1:] for line in dict.fromkeys(lines) if line.startswith("neurokit ")]


def _installed_by_hand(package: Path, place: Path) -> None:
    """What `pip install --editable` leaves of a package: where it is, and what it offers."""
    described = tomllib.loads((package / "pyproject.toml").read_text("utf-8"))["project"]
    metadata = place / f"{described['name'].replace('-', '_')}-{described['version']}.dist-info"
    metadata.mkdir()
    header = f"Metadata-Version: 2.1\nName: {described['name']}\nVersion: {described['version']}\n"
    (metadata / "METADATA").write_text(header, "utf-8")
    offered = [
        line
        for group, names in described["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in names.items()))
    ]
    (metadata / "entry_points.txt").write_text("\n".join(offered), "utf-8")


@pytest.fixture
def _nothing_stays_imported() -> Iterator[None]:
    """What is imported of a test's own packages is gone after it, as are their folders."""
    before = set(sys.modules)
    yield
    for name in {each for each in sys.modules if each.startswith("neurokit_")} - before:
        del sys.modules[name]
    installed.cache_clear()


@pytest.mark.usefixtures("_nothing_stays_imported")
def test_a_newcomer_gets_through_the_tutorial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    (mine,) = (body for page, body in _toml_blocks() if page == "tutorial.md")
    Path("mine.toml").write_text(mine, "utf-8")
    random = np.random.default_rng(0)
    with h5py.File("block.h5", "w") as file:
        file["raw"] = random.integers(0, 255, (8, 40, 40), dtype=np.uint8)
        file["labels"] = np.repeat(np.arange(1, 3, dtype=np.uint16), 6400).reshape(8, 40, 40)
    run = ""
    done = []
    for command in _walked():
        arguments = [each.replace(_RUN, run) for each in command]
        what = arguments[0]
        if what == "view":
            continue  # it serves until it is stopped, and has tests of its own
        if what == "doctor":
            arguments.append("--no-disk")
        if what == "run" and "recipes/demo.toml" in arguments:
            tests = "--mode" in arguments
            arguments += [each for each in _SMALL if not tests or not each.startswith("train")]
        if what == "run" and "mine.toml" in arguments:
            arguments += ["inferer.window=[8,48,48]", "system.device=cpu"]
        if "decoder.use=blobs" in arguments:
            _installed_by_hand(tmp_path / "neurokit-blobs", tmp_path)
            for place in (tmp_path, tmp_path / "neurokit-blobs"):
                monkeypatch.syspath_prepend(place)
            installed.cache_clear()
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, (arguments, result.output)
        run = run or next(iter(re.findall(r"outputs/demo/[-\d]+", result.output)), "")
        done.append(what)
    assert set(done) == {"doctor", "run", "compare", "new"}
    assert done.count("run") == 7
    assert (tmp_path / run / "report.html").is_file()
    assert "blobs" in (tmp_path / run / "results_step=2" / "recipe.toml").read_text("utf-8")


# Reference


def test_every_component_has_its_place(reference: dict[str, str]) -> None:
    for kind in KINDS:
        page = reference[f"components/{kind}.md"]
        offered = list(entry_points(group=group_of(kind)))
        assert offered
        for offer in offered:
            _, heading, section = page.partition(f"\n## `{offer.name}`\n")
            assert heading, offer
            section, _, _ = section.partition("\n## ")
            component = offer.load()
            assert plain(component.__doc__.strip().splitlines()[0]) in section
            for field in attrs.fields(component):
                assert re.search(rf"`{field.name}[.`]", section), (offer, field.name)


def test_every_key_of_a_recipe_is_there(reference: dict[str, str]) -> None:
    page = reference["recipe.md"]
    for field in attrs.fields(attrs.resolve_types(Recipe)):
        assert f"`{field.name}`" in page or f"`{field.name}." in page
    for key in ("train.validation.every_epochs", "tune.space.decoder", "system.precision"):
        assert f"| `{key}` |" in page
    assert (
        "| `train.batch_size` | samples at once, per device | an integer (at least 1) | `1` |"
        in page
    )


def test_parameters_say_type_bounds_and_default(reference: dict[str, str]) -> None:
    page = reference["components/decoder.md"]
    assert (
        "| `threshold` | join while 1 - affinity is below this: higher joins more "
        "| a number (at least 0, at most 1) | `0.5` |"
    ) in page
    assert "| `dust.merge_size` |" in page
    assert "| `engine` |" in page
    assert '`"graph"` or `"package"`' in page


def test_every_command_is_there(reference: dict[str, str]) -> None:
    page = reference["commands.md"]
    for name in [*main.commands, "new plugin"]:
        assert f"\n## `neurokit {name}`\n" in page
        assert f"Usage: neurokit {name} " in page
    assert "--checkpoint" in page


def test_every_exit_status_is_there() -> None:
    assert [status for status, _ in commands.exit_codes()] == ["`0`", "`1`", "`2`", "`75`", "`130`"]
    assert all(meaning for _, meaning in commands.exit_codes())


def test_every_name_is_there(reference: dict[str, str]) -> None:
    for name in neurokit.__all__:
        assert f"\n## `neurokit.{name}`\n" in reference["python.md"]


def test_every_hook_is_there(reference: dict[str, str]) -> None:
    named = [name for name in vars(hooks.Specification) if not name.startswith("_")]
    assert len(named) > 5
    for name in named:
        assert f"\n## `{name}(run" in reference["hooks.md"]
    assert "\n## `progress`\n" in reference["components/hook.md"]


def test_every_network_is_there(reference: dict[str, str]) -> None:
    assert "neurokit:phantom_demo" in shipped_weights()
    for name in shipped_weights():
        assert f"\n## `{name}`\n" in reference["weights.md"]
    # A card's own headings lie below.
    assert re.findall(r"^## .+", reference["weights.md"], re.MULTILINE) == [
        f"## `{name}`" for name in shipped_weights()
    ]


def test_the_files_of_a_run_are_there(reference: dict[str, str]) -> None:
    page = reference["run.md"]
    for name in ("checkpoints/last.ckpt", "results_step=2/metrics.json", "run.log", "recipe.toml"):
        assert f"\n{name} " in page
    for attribute in ("channel_names", "offsets", "voxel_size_nm", "fingerprint", "neurons"):
        assert f"| `{attribute}` |" in page
    assert '"adapted_rand"' in page
    assert "/tmp" not in page


def test_pages_that_have_not_changed_are_not_written_again(
    tmp_path: Path, reference: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("generators.reference_pages", lambda: reference)
    write_reference(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.md")}
    assert {path.relative_to(tmp_path).as_posix() for path in before} == set(reference)
    (tmp_path / "recipe.md").write_text("old", encoding="utf-8")
    write_reference(tmp_path)
    changed = [path.name for path in before if path.stat().st_mtime_ns != before[path]]
    assert changed == ["recipe.md"]
    assert (tmp_path / "recipe.md").read_text("utf-8") == reference["recipe.md"]


def test_docstrings_become_markdown() -> None:
    docstring = """A line with <N> and `a * b`.

    Twice::

        one
          two

        three

    Args:
        first: what it
            is.
        low, high: bounds.

    Returns:
        Nothing *much*.

        >>> f(1)
    """
    assert from_docstring(docstring) == [
        r"A line with \<N\> and `a * b`.",
        "Twice:",
        "```text\none\n  two\n```",
        "```text\nthree\n```",
        "**Arguments**",
        "- `first`: what it is.\n- `low, high`: bounds.",
        "**Returns**",
        r"Nothing \*much\*.",
        "```python\n>>> f(1)\n```",
    ]


# Pictures


def test_pictures_are_drawn_from_the_code(tmp_path: Path) -> None:
    pictures.draw_all(tmp_path)
    named = {
        name
        for page, text in PAGES.items()
        for name in re.findall(r"\(pictures/(\w+\.png)\)", text)
        if page.startswith("explanation/")
    }
    assert named == {path.name for path in tmp_path.glob("*.png")}
    for name in named:
        with Image.open(tmp_path / name) as picture:
            assert picture.width > 900
            assert np.asarray(picture.convert("L")).std() > 10
    table = (tmp_path / "scores.md").read_text("utf-8")
    assert table.count("\n") == 2 + len(scores.mistakes())


def test_mistakes_cost_what_the_page_says() -> None:
    table = scores.table()
    truth, split, merge = (
        table[name] for name in ("the truth", "one neuron split", "two neurons merged")
    )
    assert (truth["adapted_rand"], truth["voi"], truth["nerl"]) == (0.0, 0.0, 1.0)
    assert split["adapted_rand_precision"] == 1 > split["adapted_rand_recall"]
    assert merge["adapted_rand_recall"] == 1 > merge["adapted_rand_precision"]
    assert split["voi_merge"] < 1e-9 < split["voi_split"]
    assert merge["voi_split"] < 1e-9 < merge["voi_merge"]
    stray = table["a few voxels given to another"]
    assert stray["adapted_rand"] < 0.002
    assert 0.75 < stray["nerl"] < 0.85  # "a fifth of the score"
    assert stray["nerl[tolerance=20]"] > 0.98
    borders = table["borders left out"]
    assert borders["nerl"] > 0.98
    assert borders["adapted_rand_recall"] < 0.9
    assert min(borders["voi_split"], borders["voi_merge"]) > 0.2


def test_thresholds_do_what_the_page_says() -> None:
    counts = [int(watershed.decoded(threshold).max()) for threshold in (0.0, *watershed.THRESHOLDS)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 10 * counts[1] / 2 > 10 * len(np.unique(tissue.labels_ZYX()))
    found = [watershed.scores(threshold) for threshold in watershed.THRESHOLDS]
    assert found[0]["voi_split"] > 3 * found[-1]["voi_split"]
    assert found[-1]["voi_merge"] > 3 * found[0]["voi_merge"]
    assert min(score["adapted_rand"] for score in found[1:3]) < found[0]["adapted_rand"]
    assert min(score["adapted_rand"] for score in found[1:3]) < found[-1]["adapted_rand"] / 3


def test_the_first_picture_gives_a_neuron_one_colour() -> None:
    truth_YX = np.array([[1, 1, 1, 2, 2], [1, 1, 1, 2, 2], [0, 3, 3, 3, 3]])
    segmentation_YX = np.array([[9, 9, 8, 7, 7], [9, 9, 8, 7, 7], [0, 7, 7, 7, 7]])
    coloured_YX = overview.coloured_like(truth_YX, segmentation_YX)
    # 7 lies on 3 with four voxels and on 2 with four; the first of equal ones is neuron 2.
    assert coloured_YX[0, 0] == 1
    assert coloured_YX[0, 3] == coloured_YX[2, 1] == 2
    assert coloured_YX[2, 0] == 0
    assert coloured_YX[0, 2] not in (0, 1, 2, 3)


def test_stored_pictures_are_small() -> None:
    stored = sorted((DOCS / "pictures").glob("*.png"))
    assert {"overview.png"} <= {path.name for path in stored}
    for path in stored:
        assert path.stat().st_size < 300_000, path
    named = {name for text in PAGES.values() for name in re.findall(r"pictures/(\w+\.png)", text)}
    assert {path.name for path in stored} <= named


# What checks the built pages


def test_what_is_wrong_with_built_pages_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<link rel="stylesheet" href="//cdn.example/x.css"><link rel="next" href="b.html">'
        '<style>@import "https://fonts.example/f"; p { background: url(b.png) }</style>'
        '<script src="https://cdn.example/x.js"></script><img src="data:image/png;base64,AA">'
        '<img src="gone.png"><p id="here" style="background:url(http://x.example/y)">'
        '<a href="#here">1</a><a href="#there">2</a><a href="b.html#c">3</a><a href="d.html">4</a>'
        '<a href="https://doi.example/1">5</a>',
        encoding="utf-8",
    )
    (tmp_path / "b.html").write_text('<h1 id="b">b</h1><a href="a.html#here">a</a>', "utf-8")
    (tmp_path / "s.css").write_text("p { src: url('https://fonts.example/g') }", "utf-8")
    assert list(check_built.problems(tmp_path)) == [
        "a.html: loads //cdn.example/x.css",
        "a.html: loads https://fonts.example/f",
        "a.html: loads b.png, which is not there",
        "a.html: loads https://cdn.example/x.js",
        "a.html: loads gone.png, which is not there",
        "a.html: loads http://x.example/y",
        "a.html: links to #there, and the page has no such place",
        "a.html: links to b.html#c, and the page has no such place",
        "a.html: links to d.html, which is not there",
        "s.css: loads https://fonts.example/g",
    ]
    assert check_built.outside(tmp_path) == ["https://doi.example/1"]


def test_an_empty_folder_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_built.main(tmp_path) == 1
    assert capsys.readouterr().out == f"there are no pages in {tmp_path}\n"
