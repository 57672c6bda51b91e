"""Check of the terminal: what it can show."""

from __future__ import annotations

import os
import sys

from neurokit.doctor.findings import Finding, fine, warning


def terminal() -> Finding:
    """Whether there is a terminal, with colours, and which characters it takes."""
    encoding = (getattr(sys.stdout, "encoding", None) or "unknown").lower()
    if sys.stdout.isatty():
        plain = "NO_COLOR" in os.environ or os.environ.get("TERM", "dumb") == "dumb"
        where = f"a terminal, {'without' if plain else 'with'} colours"
    else:
        where = "not a terminal, so progress is shown as plain lines"
    what = f"{where}; {encoding}"
    if encoding.replace("-", "") not in ("utf8", "utf8sig"):
        return warning(what, "set PYTHONUTF8=1, so that names of all languages can be shown")
    return fine(what)
