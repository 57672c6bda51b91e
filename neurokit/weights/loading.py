"""Loading weights: from a run, from a file, or by the name of what is installed."""

from __future__ import annotations

import re
from pathlib import Path

from neurokit.errors import NeurokitError
from neurokit.run_folder import is_run, network_of
from neurokit.weights.file import SUFFIX, read
from neurokit.weights.named import located
from neurokit.weights.weights import Weights

_NAME = re.compile(r"(\w+(\.\w+)*:)?[\w-]+")


def load(which: str | Path) -> Weights:
    """What predicts, wherever it is kept. No code in a file is ever run.

    Args:
        which: a checkpoint of a training; the folder of a run, for its network; a `.safetensors`
            file that `neurokit export` wrote; or the name of weights that neurokit or a plugin
            ships, `phantom_demo` or in full `neurokit:phantom_demo`.

    Raises:
        NeurokitError: there is no such file or name, or the file is damaged or of another kind.
    """
    if not isinstance(which, str | Path) or not str(which):
        raise NeurokitError(
            f"weights are given by their name, or by the path of a file or a run, not as {which!r}"
        )
    if is_run(Path(which)):
        which = network_of(Path(which))
    path = Path(which)
    if path.suffix == SUFFIX:
        return read(path, str(path))
    if _NAME.fullmatch(str(which)) and not path.is_file():
        name, file = located(str(which))
        return read(file, name)
    if path.is_dir():
        raise NeurokitError(f"{path} is not the folder of a run; name one, or a file of weights")
    return Weights.of_checkpoint(path)
