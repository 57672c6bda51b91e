"""A throw-away hook plugin with a misspelt hook."""

from neurokit import hookimpl


class Deaf:
    """Listens to a hook that does not exist."""

    @hookimpl
    def run_finish(self) -> None:
        """Never called."""
