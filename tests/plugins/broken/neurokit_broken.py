"""A throw-away plugin that cannot be imported."""

raise RuntimeError("a library of this plugin is [missing]")
