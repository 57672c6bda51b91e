"""Doctor: whether this machine and this installation can do what neurokit needs.

Each check is a function without arguments that returns a `Finding`; what it needs, it imports
itself, so that a broken library is a line of the answer, not the end of it.
"""

from neurokit.doctor.checks import ALL, DISK, Check, Line, examine

__all__ = ["ALL", "DISK", "Check", "Line", "examine"]
