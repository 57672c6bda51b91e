"""Addresses: where `neurokit view` shows a place of a volume."""

from __future__ import annotations

from urllib.parse import quote, urlencode

HOST = "127.0.0.1"
PORT = 8650


def address_of(
    run: str | None, volume: str, position_ZYX: tuple[int, int, int], port: int = PORT
) -> str:
    """What to open in a browser while `neurokit view` runs, to see a voxel of a tested volume.

    Args:
        run: the name of the run's folder, by which a viewer of another run can tell that it is not
            the one that was meant; None where files are looked at that are of no run.
        volume: the name of the tested volume.
        position_ZYX: in voxels of that volume.
        port: of the viewer.
    """
    position = ",".join(map(str, position_ZYX))
    query = f"?{urlencode({'run': run})}" if run is not None else ""
    return f"http://{HOST}:{port}/{quote(volume, safe='')}/{position}{query}"
