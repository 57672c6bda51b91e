"""What a terminal is shown of names that it has not written."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.text import Text

from neurokit.cli.outcome import print_outcome
from neurokit.cli.tables import print_table
from neurokit.printable import printable, printable_lines

NASTY = "a\x1b[2J\nb\r\u202egnp.5h"
PLAIN = r"a\x1b[2J\nb\r\u202egnp.5h"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("block 1.tif", "block 1.tif"),
        ("Großhirn 脳 🧠 e\u0301 \u3000", "Großhirn 脳 🧠 e\u0301 \u3000"),
        ("a\tb\x00\x07\x7f", r"a\tb\x00\x07\x7f"),
        ("\x9b31m", r"\x9b31m"),  # the same as ESC [, in one character
        (NASTY, PLAIN),
        ("\u2028\u2029\u200b\ufeff", r"\u2028\u2029\u200b\ufeff"),
        # A file's name that is no UTF-8, as Python reads it.
        (Path("caf\udce9.tif"), r"caf\udce9.tif"),
        (r"a\nb", r"a\nb"),
    ],
)
def test_what_would_not_show_is_written_out(text: object, shown: str) -> None:
    assert printable(text) == shown
    assert shown.encode()


def test_no_text_makes_a_terminal_act() -> None:
    every = "".join(map(chr, range(0x11000)))
    left = {unicodedata.category(each) for each in printable(every)}
    assert left.isdisjoint({"Cc", "Cf", "Cs", "Zl", "Zp"})
    assert printable_lines(every).count("\n") == 1


def test_lines_stay_lines() -> None:
    assert printable_lines("a\x1b\n\nb\r\n") == "a\\x1b\n\nb\\r\n"


def test_a_row_stays_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    torn, whole = "a\x1b[2J\nb", r"a\x1b[2J\nb"
    rows = [(Text(torn), [Text(torn, style="bold"), Text("1")]), (Text("b"), [Text("c")] * 2)]
    print_table(torn, [Text(torn), Text("n")], rows)
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        [whole, whole, "n"],
        [whole, whole, "1"],
        ["b", "c", "c"],
    ]


def test_an_outcome_is_safe_to_print(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path("outputs") / NASTY
    volumes = {NASTY: {"voi": 1.0}}
    scores = {"step": 3, "no_test": [], "mean": {"voi": 1.0}, "volumes": volumes}
    outcome: Any = SimpleNamespace(
        found=None,
        folder=folder,
        checkpoint=folder / "checkpoints/last.ckpt",
        segmentations=[folder / "x.h5"],
        scores=scores,
        unscored=None,
        report=folder / "report.html",
    )
    print_outcome(outcome)
    assert capsys.readouterr().out == (
        f"\nscores of {PLAIN}\n  voi  1.0000\n\nresults\n"
        f"  outputs/{PLAIN}/checkpoints/last.ckpt\n"
        f"  outputs/{PLAIN}/x.h5\n"
        f"  outputs/{PLAIN}/results_step=3/metrics.json\n"
        f"  outputs/{PLAIN}/report.html\n"
        f"\nlook at it with: neurokit view 'outputs/{PLAIN}'\n"
    )
