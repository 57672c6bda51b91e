"""Saving a state as a checkpoint does, and loading it as strictly."""

from __future__ import annotations

import io
from typing import Any

import torch


def saved_and_loaded(state: dict[str, Any]) -> dict[str, Any]:
    """A state that went through a file: tensors and plain values alone pass."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    loaded: dict[str, Any] = torch.load(file, weights_only=True)
    return loaded
