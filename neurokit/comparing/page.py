"""Page: a comparison as one HTML file, which loads nothing from anywhere."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from attrs import frozen

from neurokit.atomic import write_text
from neurokit.comparing.comparison import Comparison
from neurokit.comparing.runs import ComparedRun
from neurokit.comparing.sections import conclusion, sections
from neurokit.reporting.templating import templates_of

# With more runs than this, each is a row instead of a column.
_COLUMNS = 5


@frozen
class _Head:
    """How a run stands at the head of a column.

    Attributes:
        label: of the run.
        folder: of the run.
        report: an address of its report, relative to the page; None where it has none.
    """

    label: str
    folder: Path
    report: str | None


def write_page(found: Comparison, file: Path) -> None:
    """Write a comparison, in the style of a run's report; reports of the runs are linked.

    Raises:
        NeurokitError: the file cannot be written.
    """
    templates = templates_of("neurokit.comparing")
    templates.filters["capitalised"] = _capitalised
    html = templates.get_template("comparison.html").render(
        runs=[_head(run, file) for run in found.runs],
        columns=_COLUMNS,
        sections=sections(found),
        conclusion=conclusion(found),
        warnings=found.warnings,
        version=version("neurokit"),
    )
    write_text(file, html)


def _head(run: ComparedRun, page: Path) -> _Head:
    report = run.folder / "report.html"
    if not report.is_file():
        return _Head(run.label, run.folder, None)
    address = os.path.relpath(report.resolve(), page.absolute().parent.resolve())
    return _Head(run.label, run.folder, quote(address))


def _capitalised(text: str) -> str:
    """A sentence that begins as sentences do; names within stay as they are."""
    return text[:1].upper() + text[1:]
