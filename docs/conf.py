"""Sphinx's settings; the reference and the pictures of the explanations are made before each build.

`nox -s docs` builds the pages into `docs/_build/html`. They load nothing from elsewhere.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

project = "neurokit"
author = "the neurokit authors"
copyright = author
html_title = "neurokit"

extensions = ["myst_parser", "sphinx_copybutton"]
exclude_patterns = ["_build", "explanation/pictures/*.md"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]  # a docstring's part may stand below a heading two levels up

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["neurokit.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0f5c7a", "color-brand-content": "#0f5c7a"},
    "dark_css_variables": {"color-brand-primary": "#6fb8d6", "color-brand-content": "#6fb8d6"},
    "top_of_page_buttons": [],
}
pygments_style = "friendly"
pygments_dark_style = "native"
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True


def setup(app: Any) -> None:
    """Make what is made from the code before Sphinx looks for pages."""
    app.connect("config-inited", _make)


def _make(app: Any, _config: Any) -> None:
    from generators import write_reference
    from pictures import draw_all

    write_reference(Path(app.srcdir) / "reference")
    draw_all(Path(app.srcdir) / "explanation" / "pictures")
