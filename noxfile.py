"""Sessions: `nox -s demo`, `nox -s tests`, `nox -s lint`, `nox -s types`.

Every session installs the project with the versions in constraints.txt, which are those that the
tests ran with.
"""

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.error_on_missing_interpreters = True

PROJECT = ("--constraint", "constraints.txt", ".")
GROUPS = nox.project.load_toml("pyproject.toml")


def group(name: str) -> list[str]:
    """The requirements of a dependency group of pyproject.toml."""
    return nox.project.dependency_groups(GROUPS, name)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests."""
    session.install(*PROJECT, *group("tests"))
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install("--constraint", "constraints.txt", "ruff")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check the type annotations."""
    session.install(*PROJECT, *group("types"))
    session.run("mypy")


@nox.session
def demo(session: nox.Session) -> None:
    """Train on synthetic tissue, segment and score a volume that was not trained on."""
    session.install(*PROJECT)
    session.run("neurokit", "run", "recipes/demo.toml", *session.posargs)
