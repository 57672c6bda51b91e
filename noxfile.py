"""Sessions: `nox -s demo`, and for development `tests`, `slow`, `plugins`, `lint`, `types`, `docs`.

Every session installs the project with the versions in constraints.txt, which are those that the
tests ran with.
"""

from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.error_on_missing_interpreters = True

CONSTRAINTS = ("--constraint", "constraints.txt")
GROUPS = nox.project.load_toml("pyproject.toml")
PLUGINS = sorted(str(path.parent) for path in Path("plugins").glob("*/pyproject.toml"))


def group(name: str) -> list[str]:
    """The requirements of a dependency group of pyproject.toml."""
    return nox.project.dependency_groups(GROUPS, name)


def libraries() -> list[str]:
    """What the project and its plugins depend on, without themselves."""
    projects = [nox.project.load_toml(f"{folder}/pyproject.toml") for folder in (".", *PLUGINS)]
    needed = {each for project in projects for each in project["project"]["dependencies"]}
    return sorted(each for each in needed if not each.startswith("neurokit"))


def install_everything(session: nox.Session, *more: str) -> None:
    """Install the project and its plugins, built, and with the versions of constraints.txt."""
    session.install(*CONSTRAINTS, ".", *PLUGINS, *more)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests of the project and of its plugins; not the slow ones."""
    install_everything(session, *group("tests"))
    session.run("pytest", "-n", "auto", *session.posargs)


@nox.session
def slow(session: nox.Session) -> None:
    """Run the tests that repeat or compute for long."""
    install_everything(session, *group("tests"))
    session.run("pytest", "-n", "auto", "-m", "slow", *session.posargs)


@nox.session
def plugins(session: nox.Session) -> None:
    """Build wheels, and try them in fresh environments, alone and together."""
    session.install(*CONSTRAINTS, *libraries(), *group("tests"))
    session.run("pytest", "-n", "auto", "-m", "wheels", "plugins/tests", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install(*CONSTRAINTS, "ruff")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check the type annotations."""
    install_everything(session, *group("types"))
    session.run("mypy")


@nox.session
def demo(session: nox.Session) -> None:
    """Train on synthetic tissue, segment and score a volume that was not trained on."""
    session.install(*CONSTRAINTS, ".")
    session.run("neurokit", "run", "recipes/demo.toml", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into docs/_build/html; what does not resolve is an error."""
    install_everything(session, *group("docs"))
    built = "docs/_build/html"
    session.run("sphinx-build", "-W", "--keep-going", "-q", "-b", "html", "docs", built)
    session.run("python", "docs/check_built.py", built)
