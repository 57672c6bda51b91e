"""`neurokit fetch`: what it lists, says, asks and prints."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import ROOT, offered
from serving import Served, serving

from neurokit.amounts import in_words
from neurokit.cli import main
from neurokit.components.archives.snemi3d import Snemi3d

BODY = bytes(range(256)) * 12_000


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as server:
        server.files["shelf/base/val/seed100/data.zarr/img/0"] = BODY
        server.files["shelf/base/val/seed100/skeleton.pkl"] = b"skeleton"
        server.files["shelf/base/train/seed0/skeleton.pkl"] = b"another"
        yield server


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _fetch(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["fetch", *arguments])


def _nisb(served: Served, *arguments: str) -> Result:
    pytest.importorskip("neurokit_nisb")
    return _fetch("nisb", f'endpoint="{served.url}"', 'bucket="shelf"', *arguments)


def test_it_lists_what_can_be_fetched() -> None:
    plain, asked, as_json = _fetch(), _fetch("--list"), _fetch("--json")
    assert plain.exit_code == asked.exit_code == as_json.exit_code == 0
    assert plain.stdout == asked.stdout
    assert (
        "snemi3d  (neurokit 1.0.0)\n"
        "  SNEMI3D: mouse cortex, serial sections of 30 x 6 x 6 nm, 100 labelled and 100 to "
        "segment.\n"
        "  195 MB, to datasets/SNEMI\n"
        "  licence: CC BY 4.0\n"
        "  https://zenodo.org/records/7142003\n"
    ) in plain.stdout
    rows = {row["name"]: row for row in json.loads(as_json.stdout)}
    assert ", ".join(sorted(rows)) == offered("archive")
    assert rows["snemi3d"]["licence"] == "CC BY 4.0"
    assert "test volume are not public" in rows["snemi3d"]["lacks"]


def test_it_lists_one(served: Served) -> None:
    (row,) = json.loads(_fetch("fib25", "--list", "--json").stdout)
    assert row["name"] == "fib25"
    assert list(Path().iterdir()) == []


def test_a_split_is_fetched_and_then_is_there(served: Served) -> None:
    done = _nisb(served)
    assert done.exit_code == 0, done.output
    assert done.stderr == "fetching nisb: 2 files, 3.1 MB, to datasets/NISB\n"
    lines = done.stdout.splitlines()
    assert lines[0] == "datasets/NISB"
    assert "licence  CC BY-SA 4.0" in lines
    assert "  neurokit run neurokit_nisb:nisb_base.toml --mode train" in lines
    file = Path("datasets/NISB/base/val/seed100/data.zarr/img/0")
    assert file.read_bytes() == BODY
    again = _nisb(served)
    assert again.stderr == ""
    assert again.stdout.startswith(
        "everything is there already, and nothing was downloaded: datasets/NISB\n"
    )
    file.unlink()
    assert _nisb(served).stderr == (
        "fetching nisb: base/val/seed100/data.zarr/img/0, 3.1 MB, 1 are there, to datasets/NISB\n"
    )


def test_for_scripts_there_is_json(served: Served) -> None:
    done = _nisb(served, "split=train", "seeds=[0]", "--json", "--folder", "elsewhere")
    outcome = json.loads(done.stdout)
    assert (outcome["folder"], outcome["downloaded"]) == ("elsewhere", 1)
    assert Path("elsewhere/base/train/seed0/skeleton.pkl").read_bytes() == b"another"


def test_elsewhere_it_says_what_the_commands_are_for(served: Served) -> None:
    done = _nisb(served, "--folder", "elsewhere")
    assert "\nThe commands below are for datasets/NISB; here it is elsewhere.\n" in done.stdout


def test_without_commands_it_says_nothing_of_them(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    neurokit_nisb = pytest.importorskip("neurokit_nisb.archive")
    monkeypatch.setattr(neurokit_nisb.NisbBucket, "commands", {})
    done = _nisb(served, "--folder", "elsewhere")
    assert done.exit_code == 0
    assert "commands" not in done.stdout
    assert done.stdout.startswith("elsewhere\n")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc here")
def test_a_place_that_cannot_be_written(served: Served) -> None:
    done = _nisb(served, "--folder", "/proc/x")
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1] == (
        "error: cannot write to /proc/x: No such file or directory; choose another place with "
        "--folder"
    )


def test_without_network(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neurokit.fetching.connection._pause", lambda *_: False)
    with serving() as server:
        url = f"{server.url}/snemi.zip"
    done = _fetch("snemi3d", f"url={url}")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: cannot fetch {url}: Connection refused; check the network and the address\n"
    )
    assert list(here.iterdir()) == []


def test_what_nothing_vouches_for_is_compared(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    from neurokit import RemoteFile

    served.files["a"] = BODY
    files = [RemoteFile(url=f"{served.url}/a", path="a")]
    monkeypatch.setattr(Snemi3d, "files", lambda _: files)
    monkeypatch.setattr(Snemi3d, "contents", ())
    file = Path("datasets/SNEMI/a")
    assert _fetch("snemi3d").exit_code == 0
    assert _fetch("snemi3d").stdout.startswith("everything is there already")
    file.write_bytes(BODY[:100])
    done = _fetch("snemi3d")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        "error: datasets/SNEMI/a is not as it was fetched; move it away if it is of use, or "
        "replace it with --again\n"
    )
    assert _fetch("snemi3d", "--again").exit_code == 0
    assert file.read_bytes() == BODY


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (25, "25 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_951, "1.0 MB"),
        (3_100_000, "3.1 MB"),
        (195 * 10**6, "195.0 MB"),
        (10**12, "1.0 TB"),
        (10**15, "1.0 PB"),
        (10**19, "10000.0 PB"),
    ],
)
def test_amounts_are_said_in_words(size: int, words: str) -> None:
    assert in_words(size) == words


def test_much_is_asked_for(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    # The command hides the module of its name.
    monkeypatch.setattr(sys.modules["neurokit.cli.fetch"], "_ASKED_ABOVE", 3_000_000)
    done = _nisb(served)
    assert done.exit_code == 1
    assert done.stderr == (
        "error: nisb is 2 files, 3.1 MB, to datasets/NISB; to download that, add --yes\n"
    )
    assert list(Path().iterdir()) == []
    assert _nisb(served, "--yes").exit_code == 0


def test_warnings_are_shown(served: Served) -> None:
    served.statuses = [(503, {"Retry-After": "0"})]
    done = _nisb(served)
    assert done.exit_code == 0
    assert done.stderr.splitlines()[0] == (
        f"{served.url}/shelf: the server answers 503 Service Unavailable; trying again in 1 s"
    )


def test_what_does_not_do() -> None:
    unknown = _fetch("snemi")
    assert (unknown.exit_code, unknown.stderr) == (
        1,
        "error: unknown archive 'snemi'; did you mean 'snemi3d'?\n",
    )
    wrong = _fetch("snemi3d", "urll=x")
    assert (wrong.exit_code, wrong.stderr) == (
        2,
        "error: override: [urll] unknown parameter 'urll'; did you mean 'url'?\n",
    )
    Path("datasets").mkdir()
    Path("datasets/SNEMI").touch()
    assert _fetch("snemi3d").stderr == (
        "error: datasets/SNEMI is no folder; choose another place with --folder\n"
    )


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom neurokit.cli import main\n"
        "main(['fetch', '--help'], standalone_mode=False)\n"
        "print([each for each in ('torch', 'numpy', 'requests') if each in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "An interrupted" in done.stdout


def test_ctrl_c_keeps_what_has_arrived(served: Served) -> None:
    pytest.importorskip("neurokit_nisb")
    served.stalls_after = 2_000_000
    command = [sys.executable, "-m", "neurokit", "fetch", "nisb"]
    command += [f'endpoint="{served.url}"', 'bucket="shelf"']
    plain = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    path = os.pathsep.join([str(ROOT), *sys.path])
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**plain, "PYTHONPATH": path}
    )
    kept = 0
    deadline = time.monotonic() + 50  # before the download itself loses patience
    while kept < 2_000_000 and time.monotonic() < deadline:
        found = list(Path().glob("datasets/NISB/.fetching-*/base/val/seed100/data.zarr/img/*l"))
        kept = found[0].stat().st_size if found else 0
        time.sleep(0.02)
    assert kept == 2_000_000
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr.splitlines()[1:] == [
        "interrupted; what has arrived is kept, and the same command goes on"
    ]
    served.stalls_after = None
    served.asked.clear()
    done = _nisb(served)
    assert ", 1.1 MB, 2.0 MB have arrived before, " in done.stderr
    assert "bytes=2000000-" in [asked for _, asked, _ in served.asked]
    assert Path("datasets/NISB/base/val/seed100/data.zarr/img/0").read_bytes() == BODY
