"""Division: which head has which channels of a target."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from neurokit import Channel, NeurokitError, channel_indices


def check_heads(heads: Mapping[str, Sequence[str]]) -> None:
    """Refuse heads that fit no target at all.

    Args:
        heads: from a head's name to the names of its channels.

    Raises:
        NeurokitError: there is no head, or one has an unfit name, no channel, or a channel that it
            or another head has, too.
    """
    if not heads:
        raise NeurokitError("heads names no head")
    owner: dict[str, str] = {}
    for head, names in heads.items():
        if not re.fullmatch(r"[A-Za-z0-9_-]+", head):
            raise NeurokitError(
                f"a head cannot be called {head!r}; use letters, digits, '_' and '-'"
            )
        if not names:
            raise NeurokitError(f"the head '{head}' has no channel")
        for name in names:
            if owner.get(name) == head:
                raise NeurokitError(f"the head '{head}' names the channel '{name}' twice")
            if name in owner:
                raise NeurokitError(
                    f"the heads '{owner[name]}' and '{head}' both have the channel '{name}'; "
                    f"leave it to one"
                )
            owner[name] = head


def places_of(
    heads: Mapping[str, Sequence[str]], channels: Sequence[Channel]
) -> dict[str, tuple[int, ...]]:
    """Where among a target's channels those of each head stand.

    The heads come in the order of their first channels in the target, whatever their order in the
    recipe: so recipes that differ only in that make the same network, and the same checkpoint.

    Args:
        heads: from a head's name to the names of its channels; they have passed `check_heads`.
        channels: of the target.

    Raises:
        NeurokitError: a head has a channel that the target does not, or none has one of it.
    """
    places: dict[str, tuple[int, ...]] = {}
    for head, names in heads.items():
        try:
            places[head] = tuple(channel_indices(channels, names))
        except NeurokitError as error:
            raise NeurokitError(f"the head '{head}': {error}") from error
    taken = {place for each in places.values() for place in each}
    left = [channel.name for place, channel in enumerate(channels) if place not in taken]
    if left:
        several = "channels" if len(left) > 1 else "channel"
        raise NeurokitError(
            f"no head has the target's {several} {', '.join(left)}; each needs one, and the heads "
            f"are {', '.join(heads)}"
        )
    return dict(sorted(places.items(), key=lambda item: min(item[1])))
