"""Screens and browsers: whether this machine has one, and how one elsewhere gets here."""

from __future__ import annotations

import getpass
import os
import sys

from neurokit.viewing.address import HOST


def has_display() -> bool:
    """Whether windows can be opened here, if only on a screen elsewhere."""
    if sys.platform in ("darwin", "win32"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def has_screen() -> bool:
    """Whether a browser opened here would be seen at once: not over SSH, nor without a display.

    Where there is no display, Python may find a browser of text, which would take the terminal.
    """
    return "SSH_CONNECTION" not in os.environ and has_display()


def tunnel(port: int) -> str | None:
    """The command that leads a port of the user's own computer here; None where it is this one."""
    # Client's address and port, then this machine's, as the client reached it.
    connection = os.environ.get("SSH_CONNECTION", "").split()
    if len(connection) != 4:
        return None
    return f"ssh -N -L {port}:{HOST}:{port} {getpass.getuser()}@{connection[2]}"
