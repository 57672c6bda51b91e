"""The report of a run: one page that says how good it is, and where it is wrong."""
