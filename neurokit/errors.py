"""What neurokit raises when something outside its own code is wrong."""


def first_line(error: BaseException) -> str:
    """What an error of a library says, in one line; its name where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class NeurokitError(Exception):
    """Something a user can mend: one line saying what was wrong, where, and what to do.

    The command line prints the text as it is and exits with status 1.
    """

    exit_code = 1


class UsageError(NeurokitError):
    """Something that was typed and is wrong by itself, whatever there is; exit status 2."""

    exit_code = 2


class RecipeError(UsageError):
    """A recipe, or an override of it, that cannot be used.

    Attributes:
        problems: every problem of the recipe, one line each, in file order.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
