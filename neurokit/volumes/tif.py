"""TIFF files: pages as sections."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from attrs import frozen
from numpy.typing import NDArray

from neurokit.errors import NeurokitError
from neurokit.volumes.indexing import Place
from neurokit.volumes.stored import StoredArray, source_of


@frozen(kw_only=True)
class TifArray(StoredArray):
    """The pages of a TIFF file, mapped into memory where they lie in one piece.

    Attributes:
        start: where the voxels start, in bytes, if they lie uncompressed in one piece.
        stored_dtype: the type with the byte order of the file.
    """

    start: int | None
    stored_dtype: np.dtype[Any]

    def _read(self, index: tuple[Place, ...]) -> NDArray[Any]:
        try:
            if self.start is None:
                part = self._decoded(index)
            else:
                part = np.memmap(self.path, self.stored_dtype, "r", self.start, self.shape)[index]
            return np.array(part, self.dtype)
        except Exception as error:  # decoders raise whatever their format makes them raise
            raise NeurokitError(
                f"{self.path} cannot be read: {error}; copy or write it again"
            ) from error

    def _decoded(self, index: tuple[Place, ...]) -> NDArray[Any]:
        with tifffile.TiffFile(self.path) as file:
            series = file.series[0]
            if len(series.pages) != self.shape[0]:
                return series.asarray().reshape(self.shape)[index]
            section, *within = index
            if isinstance(section, int):
                return _page(series, section)[tuple(within)]
            wanted = range(section.start, section.stop, section.step)
            pages = [_page(series, number)[tuple(within)] for number in wanted]
            return np.stack(pages) if pages else np.empty(self.shape, self.dtype)[index]


def open_tif(path: Path, inside: str) -> TifArray:
    """The sections of a TIFF file; a single page is one section.

    Raises:
        NeurokitError: the file is no TIFF, is truncated, is compressed in an unknown way, or has
            pages that differ in shape or type.
    """
    if inside:
        raise NeurokitError(f"a tif holds one image: write {path} without '::{inside}'")
    _require_complete_directory(path)
    try:
        with tifffile.TiffFile(path) as file:
            series_of_pages, size = file.series, file.filehandle.size
            if len(series_of_pages) != 1:
                raise NeurokitError(
                    f"the pages of {path} differ in shape or type; "
                    f"save only those that belong together in one tif"
                )
            series = series_of_pages[0]
            if series.axes.endswith("S"):
                raise NeurokitError(
                    f"{path} holds colours, not grey values; save one of its channels as a tif"
                )
            page, stored_dtype = series.keyframe, np.dtype(series.dtype)
            start = series.dataoffset if page.is_memmappable else None
            if _end_of_data(series) > size:
                raise _truncated(path)
            if start is None:
                page.asarray()
            return TifArray(
                path=path.absolute(),
                shape=(1,) * (3 - len(series.shape)) + tuple(series.shape),
                dtype=stored_dtype.newbyteorder("="),
                source=source_of(path),
                start=start,
                stored_dtype=stored_dtype.newbyteorder(file.byteorder),
            )
    except NeurokitError:
        raise
    except Exception as error:  # a damaged file makes the reader fail in many ways
        raise NeurokitError(
            f"{path} cannot be read as a tif: {error}; copy or write it again"
        ) from error


def _page(series: tifffile.TiffPageSeries, number: int) -> NDArray[Any]:
    page = series.pages[number]
    if page is None:
        raise ValueError(f"section {number} is missing")
    return page.asarray()


def _end_of_data(series: tifffile.TiffPageSeries) -> int:
    """The last byte that any page says its voxels take."""
    ends = [
        offset + count
        for page in series.pages
        if page is not None
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)
    ]
    if series.dataoffset is not None:
        ends.append(series.dataoffset + series.nbytes)
    return max(ends, default=0)


def _require_complete_directory(path: Path) -> None:
    """Follow the chain from page to page: readers stop at a break in it as if it ended there."""
    with path.open("rb") as file:
        try:
            size = os.fstat(file.fileno()).st_size
            order = {b"II": "<", b"MM": ">"}[file.read(2)]
            version = _number(file, order + "H")
            if version == 43:
                file.seek(8)
            count_format, entry, next_format = {
                42: ("H", 12, "I"),
                43: ("Q", 20, "Q"),
            }[version]
        except (KeyError, struct.error):
            raise NeurokitError(f"{path} is not a tif file") from None
        try:
            seen = set()
            position = _number(file, order + next_format)
            while position not in seen and position:
                seen.add(position)
                file.seek(position)
                entries = _number(file, order + count_format)
                end = file.tell() + entries * entry
                if end > size:
                    raise _truncated(path)
                file.seek(end)
                position = _number(file, order + next_format)
        except struct.error:
            raise _truncated(path) from None


def _number(file: BinaryIO, layout: str) -> int:
    """The number at the current position; `struct.error` where the file ends."""
    (number,) = struct.unpack(layout, file.read(struct.calcsize(layout)))
    return int(number)


def _truncated(path: Path) -> NeurokitError:
    return NeurokitError(f"{path} is truncated: it ends before its last page; copy it again")
