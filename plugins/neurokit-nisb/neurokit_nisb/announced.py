"""What a pickle announces, looked at before it is loaded.

A few bytes of a pickle can make its reader allocate gigabytes: the number of a memo's entry, as all
entries below are made with it, and the length of what follows. No true pickle announces more than
it has bytes.

Nothing is executed. Most instructions are passed over by a regular expression; stepping through
them one by one, as `pickletools.genops` does, would take as long as loading them.
"""

from __future__ import annotations

import pickletools
import re

_CODES = {each.name: each.code.encode("latin1") for each in pickletools.opcodes}
_CHECKED = ("STOP", "LONG_BINPUT", "FRAME")
_LENGTHS = {  # bytes of the length that an instruction begins with
    pickletools.TAKEN_FROM_ARGUMENT1: 1,
    pickletools.TAKEN_FROM_ARGUMENT4: 4,
    pickletools.TAKEN_FROM_ARGUMENT4U: 4,
    pickletools.TAKEN_FROM_ARGUMENT8U: 8,
}
_COUNTED = {
    _CODES[each.name]: _LENGTHS[each.arg.n]
    for each in pickletools.opcodes
    if each.arg is not None and each.arg.n in _LENGTHS
}
_LINES = {
    _CODES[each.name]: 2 if each.name in ("GLOBAL", "INST") else 1
    for each in pickletools.opcodes
    if each.arg is not None and each.arg.n == pickletools.UP_TO_NEWLINE
}


def refuse_oversized(content: bytes) -> None:
    """Refuse a pickle that announces more than its size allows.

    Damage is left for the reader to find: nothing after it is read, and so nothing is looked at.

    Raises:
        ValueError: an entry of the memo has a number above the size of the pickle (rounded up to 64
            KiB, or 16 MiB in large ones), or something is longer than what is left of it.
    """
    harmless = _harmless(len(content))
    place = 0
    while True:
        place = _end(harmless, content, place)
        code, place = content[place : place + 1], place + 1
        if code in _COUNTED:
            place = _after_length(content, place, _COUNTED[code])
            place += int.from_bytes(content[place - _COUNTED[code] : place], "little")
        elif code == _CODES["FRAME"]:
            place = _after_length(content, place, 8)
        elif code in _LINES:
            start = place
            for _ in range(_LINES[code]):
                place = content.find(b"\n", place) + 1
                if place == 0:
                    return
            if code == _CODES["PUT"]:
                _refuse_entry(content[start : place - 1], len(content))
        elif code == _CODES["LONG_BINPUT"]:
            raise _entry(str(int.from_bytes(content[place : place + 4], "little")), len(content))
        else:
            return


def _harmless(size: int) -> re.Pattern[bytes]:
    """Any number of instructions of fixed width, memo entries among them only up to a size."""
    by_width: dict[int, list[bytes]] = {}
    for each in pickletools.opcodes:
        width = 0 if each.arg is None else each.arg.n
        if width >= 0 and each.name not in _CHECKED:
            by_width.setdefault(width, []).append(re.escape(_CODES[each.name]))
    kinds = [b"[%s].{%d}" % (b"".join(codes), width) for width, codes in by_width.items()]
    put = _CODES["LONG_BINPUT"]
    if size < 2**24:
        kinds.append(rb"%s..[\x00-\x%02x]\x00" % (put, size >> 16))
    else:
        kinds.append(rb"%s...[\x00-\x%02x]" % (put, min(size >> 24, 255)))
    # Possessive, so that nothing is kept to go back to.
    return re.compile(b"(?:%s)*+" % b"|".join(kinds), re.DOTALL)


def _end(harmless: re.Pattern[bytes], content: bytes, place: int) -> int:
    passed = harmless.match(content, place)
    return passed.end() if passed else place


def _after_length(content: bytes, place: int, width: int) -> int:
    """Where what has a length begins, if all of it is there."""
    length = int.from_bytes(content[place : place + width], "little")
    left = max(0, len(content) - place - width)
    if length > left:
        raise ValueError(f"it announces {length} bytes where {left} are left")
    return place + width


def _refuse_entry(number: bytes, size: int) -> None:
    """Refuse what is not plainly a small number: readers differ in what else they take for one."""
    if not number.isdigit() or len(number) > 19 or int(number) > size:
        raise _entry(number[:20].decode("latin1"), size)


def _entry(number: str, size: int) -> ValueError:
    return ValueError(f"it announces the memo's entry {number}, and has {size} bytes")
