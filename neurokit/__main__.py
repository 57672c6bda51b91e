"""`python -m neurokit` is the command `neurokit`."""

from neurokit.cli import main

main(prog_name="neurokit")
