"""TIFF files: pages as sections."""

from __future__ import annotations

import os
import re
import struct
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from itertools import groupby, pairwise
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from attrs import evolve, frozen
from numpy.typing import NDArray

from neurokit.errors import NeurokitError, first_line
from neurokit.volumes.axes import in_words
from neurokit.volumes.indexing import Place
from neurokit.volumes.stored import StoredArray, source_of

# Formats that say in ways of their own how pages make images.
_FORMATS = {
    "avs", "bif", "eer", "fluoview", "imagej", "indica", "lsm", "mdgel", "mmstack", "ndpi",
    "ndtiff", "nih", "ome", "philips", "qpi", "scanimage", "scn", "sis", "stk", "svs",
}  # fmt: skip


@frozen(kw_only=True)
class Run:
    """Sections that lie in a file as one piece.

    Attributes:
        path: the file; OME-TIFF may spread a volume over several.
        page: the number of the page they are on, or start with; from 0.
        depth: how many they are.
        raw: whether their voxels lie there as they are, uncompressed and without a gap.
        offset: where their voxels start if they are raw, else the directory of their page.
        first: the number of the first of them in the volume.
    """

    path: Path
    page: int
    depth: int
    raw: bool
    offset: int
    first: int = 0


@frozen(kw_only=True)
class TifArray(StoredArray):
    """The pages of a TIFF file, mapped into memory where they lie uncompressed.

    Attributes:
        runs: together all sections, in their order.
        stored_dtype: the type with the byte order of the file.
    """

    runs: tuple[Run, ...]
    stored_dtype: np.dtype[Any]

    def _read(self, index: tuple[Place, ...]) -> NDArray[Any]:
        section, *within = index
        chosen = slice(section, section + 1, 1) if isinstance(section, int) else section
        wanted = range(chosen.start, chosen.stop, chosen.step)
        if not wanted:
            return np.empty(self.shape, self.dtype)[index]
        try:
            with _Files(self) as files:
                parts = [  # copied, so that of each page only this much is kept
                    np.array(files.sections(run)[sections][:, *within], self.dtype)
                    for run, sections in self._pieces(wanted)
                ]
        except Exception as error:  # decoders raise whatever their format makes them raise
            raise _unreadable(Path(self.place), error) from error
        part = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return np.asarray(part[0]) if isinstance(section, int) else part

    def try_out(self) -> None:
        """Unpack the first page: how it is compressed may be unknown."""
        self[0, :1, :1]

    def _pieces(self, wanted: range) -> Iterator[tuple[Run, slice]]:
        """The runs that the wanted sections lie in, and which of each run's own they are."""
        for run, sections in groupby(wanted, self._run_of):
            numbers = [number - run.first for number in sections]
            yield run, slice(numbers[0], numbers[-1] + 1, wanted.step)

    def _run_of(self, section: int) -> Run:
        return self.runs[bisect_right(self.runs, section, key=lambda run: run.first) - 1]


class _Files:
    """The files that an array lies in, opened as they are needed, once for each reading."""

    def __init__(self, array: TifArray) -> None:
        self._array = array

    def __enter__(self) -> _Files:
        self._stack = ExitStack()
        self._parsed = cache(lambda path: self._stack.enter_context(tifffile.TiffFile(path)))
        self._mapped = cache(lambda path: np.memmap(path, np.uint8, "r"))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def sections(self, run: Run) -> NDArray[Any]:
        """All sections of a run: mapped where they are raw, else unpacked."""
        shape = (run.depth, *self._array.shape[1:])
        if run.raw:
            mapped = self._mapped(run.path)
            return np.ndarray(shape, self._array.stored_dtype, mapped, run.offset)
        file = self._parsed(run.path)
        file.filehandle.seek(run.offset)
        voxels: NDArray[Any] = tifffile.TiffPage(file, run.page).asarray()
        return voxels.reshape(shape)


def open_tif(path: Path, inside: str) -> TifArray:
    """The sections of a TIFF file: all its pages in their order; a single page is one section.

    Versions of reduced size, as viewers of large images keep them, are left out.

    Raises:
        NeurokitError: the file is no TIFF, is truncated, or has pages that are not the sections
            of one volume.
    """
    if inside:
        raise NeurokitError(f"a tif holds one image: write {path} without '::{inside}'")
    _require_complete_directory(path)
    try:
        with tifffile.TiffFile(path) as file:
            series = _series(path, file)
            if not series:
                raise NeurokitError(f"{path} holds no image of full size; write it again")
            for each in series:
                _require_sections(path, each)
                _require_alike(path, each, series[0])
            runs = [run for each in series for run in _runs(path, each)]
            depth, numbered = 0, []
            for run in runs:
                numbered.append(evolve(run, first=depth))
                depth += run.depth
            stored_dtype = np.dtype(series[0].dtype)
            return TifArray(
                path=path.absolute(),
                place=str(path),
                shape=(depth, *_section_shape(series[0])),
                dtype=stored_dtype.newbyteorder("="),
                source=source_of(path),
                runs=tuple(numbered),
                stored_dtype=stored_dtype.newbyteorder(file.byteorder),
            )
    except NeurokitError:
        raise
    except Exception as error:  # a damaged file makes the reader fail in many ways
        raise _unreadable(path, error) from error


def _series(path: Path, file: tifffile.TiffFile) -> list[tifffile.TiffPageSeries]:
    """The pages of full size, those together that are alike and follow one another."""
    if file.flags & _FORMATS:
        series = [each for each in file.series if not _is_reduced(each.keyframe)]
        if len(series) > 1:
            raise NeurokitError(
                f"{path} holds {len(series)} images; save one of them alone as a tif"
            )
        return series
    if file.pages.first.is_shaped and not _notes_itself_alone(file.pages.first):
        return [each for each in file.series if not _is_reduced(each.keyframe)]
    # tifffile would compare each page with all others, or only look at some.
    pages = [page for page in (each.aspage() for each in file.pages) if not _is_reduced(page)]
    return [_alike(list(group)) for _, group in groupby(pages, lambda page: page.hash)]


def _is_reduced(page: tifffile.TiffPage) -> bool:
    return bool(page.is_reduced or page.is_subifd)


def _notes_itself_alone(first: tifffile.TiffPage) -> bool:
    """Whether the first page, written by tifffile, notes the shape of this page alone."""
    noted = re.match(r'\{"shape": \[([\d, ]+)\]', first.description)
    return noted is not None and prod(map(int, noted[1].split(","))) == prod(first.shape)


def _alike(pages: list[tifffile.TiffPage]) -> tifffile.TiffPageSeries:
    page = pages[0]
    return tifffile.TiffPageSeries(pages, (len(pages), *page.shape), page.dtype, f"I{page.axes}")


def _section_shape(series: tifffile.TiffPageSeries) -> tuple[int, int]:
    return series.keyframe.imagelength, series.keyframe.imagewidth


def _require_sections(path: Path, series: tifffile.TiffPageSeries) -> None:
    """Refuse colours, and channels or times beside z."""
    if series.axes.endswith("S") and series.shape[-1] > 1:
        raise NeurokitError(
            f"{path} holds colours, not grey values; save one of its channels as a tif"
        )
    if sum(size > 1 for size in series.shape) > 3:
        raise NeurokitError(
            f"{path} has {len(series.shape)} axes, {in_words(series.shape)}, where a volume has "
            f"z, y, x; save one channel or time of it alone"
        )


def _require_alike(
    path: Path, series: tifffile.TiffPageSeries, first: tifffile.TiffPageSeries
) -> None:
    if (_section_shape(series), series.dtype) != (_section_shape(first), first.dtype):
        raise NeurokitError(
            f"page {series.keyframe.index + 1} of {path} is {_described(series)}, and page "
            f"{first.keyframe.index + 1} is {_described(first)}; save only those that belong "
            f"together in one tif"
        )


def _described(series: tifffile.TiffPageSeries) -> str:
    return f"{in_words(_section_shape(series))} {series.dtype}"


def _runs(path: Path, series: tifffile.TiffPageSeries) -> Iterator[Run]:
    """The runs of sections that pages of one kind hold."""
    depth, section = _depth(series), prod(_section_shape(series)) * series.dtype.itemsize
    mappable = series.keyframe.is_memmappable
    if mappable and series.dataoffset is not None:
        if series.dataoffset + series.nbytes > series.keyframe.parent.filehandle.size:
            raise _truncated(path)
        yield Run(
            path=_path_of(series.keyframe),
            page=series.keyframe.index,
            depth=depth,
            raw=True,
            offset=series.dataoffset,
        )
        return
    each = depth // len(series.pages)
    for number, page in enumerate(series.pages):
        if page is None:
            raise NeurokitError(f"page {number + 1} of {path} is missing; write the file again")
        pieces = list(zip(page.dataoffsets, page.databytecounts, strict=False))
        if max((start + size for start, size in pieces), default=0) > page.parent.filehandle.size:
            raise _truncated(path)
        raw = mappable and _is_gapless(pieces, each * section)
        yield Run(
            path=_path_of(page),
            page=page.index,
            depth=each,
            raw=raw,
            offset=pieces[0][0] if raw else page.offset,
        )


def _depth(series: tifffile.TiffPageSeries) -> int:
    return prod(series.shape) // prod(_section_shape(series))


def _path_of(page: tifffile.TiffPage | tifffile.TiffFrame) -> Path:
    return Path(page.parent.filehandle.path).absolute()


def _is_gapless(pieces: list[tuple[int, int]], size: int) -> bool:
    """Whether pieces (start, size) of a file follow one another and hold `size` bytes."""
    follow = all(start + length == after for (start, length), (after, _) in pairwise(pieces))
    return follow and sum(length for _, length in pieces) == size


def _unreadable(path: Path, error: Exception) -> NeurokitError:
    """What to say of an error of the reader, which names the package that it lacks."""
    if "imagecodecs" in str(error):
        how = re.search(r"COMPRESSION\.(\w+)", str(error))
        return NeurokitError(
            f"{path} is compressed{f' by {how[1]}' if how else ''}, which needs one more package: "
            f"pip install imagecodecs"
        )
    return NeurokitError(f"{path} cannot be read: {first_line(error)}; copy or write it again")


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
