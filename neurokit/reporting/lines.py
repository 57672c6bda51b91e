"""Lines along the axes of a volume, and where they lead from one piece of a whole to another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurokit.graph.compiled import compiled

Codes = NDArray[np.uint16]

_REACH = 8
"""Pieces meet across at most so many voxels that have no label, as membranes often have none."""

_OTHER = np.uint16(65535)


class CodeBook:
    """Few ids among many, as small numbers: 0 for none, 1.. for these, the last for any other."""

    def __init__(self, ids: NDArray[Any]) -> None:
        known = ids.astype(np.int64)
        order = np.argsort(known, kind="stable")
        self._ids = known[order]
        self._codes = (order + 1).astype(np.uint16)

    def of(self, labels_ZYX: NDArray[Any]) -> Codes:
        """The code of each voxel."""
        flat = np.ascontiguousarray(labels_ZYX).ravel().astype(np.int64, copy=False)
        return _coded(flat, self._ids, self._codes).reshape(labels_ZYX.shape)


class Lines:
    """What lines along an axis have passed: the whole, its last piece, and the gap since."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.wholes = np.zeros(shape, np.uint16)
        self.pieces = np.zeros(shape, np.uint16)
        self.gaps = np.zeros(shape, np.int64)


@compiled
def _coded(labels: NDArray[np.int64], ids: NDArray[np.int64], codes: Codes) -> Codes:
    """The code of each label; looked up once a run, as labels come in long runs."""
    found = np.zeros(len(labels), np.uint16)
    code = np.uint16(0)
    for voxel in range(len(labels)):
        label = labels[voxel]
        if voxel == 0 or label != labels[voxel - 1]:
            code = np.uint16(0)
            if label > 0:
                place = np.searchsorted(ids, label)
                known = place < len(ids) and ids[place] == label
                code = codes[place] if known else np.uint16(65535)
        found[voxel] = code
    return found


@compiled
def _passed(
    whole: np.uint16,
    piece: np.uint16,
    place: int,
    wholes: Codes,
    pieces: Codes,
    gaps: NDArray[np.int64],
) -> np.uint16:
    """Take a line one voxel on; the piece that it comes from where it reaches another, else 0.

    Afterwards `gaps` still holds how many voxels lay between, until the line goes on.
    """
    if whole != wholes[place]:
        wholes[place] = whole
        pieces[place] = 0
        gaps[place] = 0
    before = pieces[place]
    if piece == 0:
        gaps[place] += 1
        if gaps[place] > _REACH:
            pieces[place] = 0
        return np.uint16(0)
    pieces[place] = piece
    looked_at = before != 0 and before != _OTHER and piece != _OTHER
    if not looked_at or before == piece:
        gaps[place] = 0
        return np.uint16(0)
    return np.uint16(before)


@compiled
def pass_slab(
    wholes_ZYX: Codes,
    pieces_ZYX: Codes,
    first_section: int,
    line_wholes: Codes,
    line_pieces: Codes,
    line_gaps: NDArray[np.int64],
    looks_closer: bool,
    sums: NDArray[np.float64],
    wanted: NDArray[np.int64],
    middles: NDArray[np.float64],
    spacing: NDArray[np.float64],
    distances: NDArray[np.float64],
    places: NDArray[np.int64],
) -> None:
    """Pass a slab: sum the places of contacts, or, looking closer, keep the nearest to the middle.

    Args:
        wholes_ZYX, pieces_ZYX: codes of the slab's voxels.
        first_section: of the slab.
        line_wholes, line_pieces, line_gaps: of the lines along z, one a voxel of a section; they
            go on from slab to slab.
        looks_closer: which of the two.
        sums: of each whole and pair of pieces, the number of places, and the sums of z, y and x.
        wanted: of each whole, the pair whose place is looked for.
        middles: of each whole, the middle of these places.
        spacing: of voxels, in nanometres.
        distances, places: of each whole, the nearest place so far.
    """
    depth, height, width = wholes_ZYX.shape
    x_wholes, y_wholes = np.zeros(1, np.uint16), np.zeros(width, np.uint16)
    x_pieces, y_pieces = np.zeros(1, np.uint16), np.zeros(width, np.uint16)
    x_gaps, y_gaps = np.zeros(1, np.int64), np.zeros(width, np.int64)
    for z in range(depth):
        y_wholes[:] = 0
        for y in range(height):
            x_wholes[:] = 0
            for x in range(width):
                whole = wholes_ZYX[z, y, x]
                if whole == 0 or whole == _OTHER:
                    # Wholes that are not looked at are none: every line ends here.
                    line_wholes[y, x] = y_wholes[x] = x_wholes[0] = 0
                    continue
                piece = pieces_ZYX[z, y, x]
                for axis in range(4):
                    back = 0
                    if axis == 0:
                        before = _passed(
                            whole, piece, x, line_wholes[y], line_pieces[y], line_gaps[y]
                        )
                        if before:
                            back = (line_gaps[y, x] + 1) // 2
                            line_gaps[y, x] = 0
                    elif axis == 1:
                        before = _passed(whole, piece, x, y_wholes, y_pieces, y_gaps)
                        if before:
                            back = (y_gaps[x] + 1) // 2
                            y_gaps[x] = 0
                    elif axis == 2:
                        before = _passed(whole, piece, 0, x_wholes, x_pieces, x_gaps)
                        if before:
                            back = (x_gaps[0] + 1) // 2
                            x_gaps[0] = 0
                    else:
                        before = piece if piece != _OTHER else np.uint16(0)
                    if before == 0:
                        continue
                    row = whole - 1
                    one, other = min(before, piece) - 1, max(before, piece) - 1
                    here_z = first_section + z - (back if axis == 0 else 0)
                    here_y = y - (back if axis == 1 else 0)
                    here_x = x - (back if axis == 2 else 0)
                    if not looks_closer:
                        sums[row, one, other, 0] += 1
                        sums[row, one, other, 1] += here_z
                        sums[row, one, other, 2] += here_y
                        sums[row, one, other, 3] += here_x
                    elif one == wanted[row, 0] and other == wanted[row, 1]:
                        distance = (
                            ((here_z - middles[row, 0]) * spacing[0]) ** 2
                            + ((here_y - middles[row, 1]) * spacing[1]) ** 2
                            + ((here_x - middles[row, 2]) * spacing[2]) ** 2
                        )
                        if distance < distances[row]:
                            distances[row] = distance
                            places[row, 0] = here_z
                            places[row, 1] = here_y
                            places[row, 2] = here_x
