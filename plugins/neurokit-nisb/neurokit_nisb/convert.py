"""`python -m neurokit_nisb.convert skeleton.pkl`: skeletons in a format that cannot do harm."""

from __future__ import annotations

from pathlib import Path

import click

from neurokit import NeurokitError, write_skeletons
from neurokit_nisb.graph_pickle import read_graph_pickle


@click.command()
@click.argument("pickled", type=click.Path(path_type=Path))
@click.argument("converted", type=click.Path(path_type=Path), required=False)
def main(pickled: Path, converted: Path | None) -> None:
    """Read the graph in PICKLED, executing nothing, and write its skeletons to CONVERTED (.npz).

    Where CONVERTED is left out, it is put beside PICKLED, where the dataset nisb looks for it.
    """
    place = converted or pickled.with_suffix(".npz")
    if place.suffix != ".npz":
        raise click.UsageError(f"{place} does not end in .npz")
    try:
        skeletons = read_graph_pickle(pickled)
        write_skeletons(place, skeletons)
    except NeurokitError as error:
        raise click.ClickException(str(error)) from error
    neurons = len(set(skeletons.ids.tolist()))
    click.echo(
        f"{place}: {neurons} neurons, {len(skeletons.ids)} nodes, "
        f"{skeletons.lengths_nm.sum() / 1e6:.3f} mm"
    )


if __name__ == "__main__":
    main()
