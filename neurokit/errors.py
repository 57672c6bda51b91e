"""What neurokit raises when something outside its own code is wrong."""


def first_line(error: BaseException) -> str:
    """What an error of a library says, in one line; its name where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class NeurokitError(Exception):
    """Something a user can mend: one line saying what was wrong, where, and what to do.

    The command line prints the text as it is and exits with status 1.
    """

    exit_code = 1


class RecipeError(NeurokitError):
    """A recipe, or an override of it, that cannot be used; exit status 2.

    Attributes:
        problems: every problem of the recipe, one line each, in file order.
    """

    exit_code = 2

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
