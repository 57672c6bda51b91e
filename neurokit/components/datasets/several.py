"""Several: the volumes of other datasets, one after the other."""

from __future__ import annotations

from attrs import evolve, frozen

from neurokit import Dataset, NeurokitError, Volume, param


@frozen(kw_only=True)
class Several(Dataset):
    """The volumes of several datasets, such as blocks of tissue in files of their own.

    Their order is that of the datasets. Of volumes that have the same name, the second is called
    `name-2`, the third `name-3`: datasets that are added at the end rename none before them.
    """

    of: tuple[Dataset, ...] = param(help="the datasets, a table with `use` each")

    def __attrs_post_init__(self) -> None:
        if not self.of:
            raise NeurokitError('of is empty; name a dataset: of = [{use = "files", ...}]')

    def volumes(self) -> list[Volume]:
        """The volumes of each dataset, in order.

        Raises:
            NeurokitError: a dataset cannot be opened; the error says which, counted from 0, as in
                an override: `of.0`.
        """
        found: list[Volume] = []
        names: set[str] = set()
        for index, dataset in enumerate(self.of):
            try:
                opened = dataset.volumes()
            except NeurokitError as error:
                raise NeurokitError(f"of.{index}: {error}") from error
            for volume in opened:
                name = _free_name(volume.name, names)
                names.add(name)
                found.append(volume if name == volume.name else evolve(volume, name=name))
        return found


def _free_name(name: str, taken: set[str]) -> str:
    """The name, or the first of `name-2`, `name-3` ... that is not taken."""
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free
