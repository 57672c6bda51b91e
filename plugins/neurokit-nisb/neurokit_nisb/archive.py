"""The NISB benchmark's public bucket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, get_args

from attrs import evolve, frozen

from neurokit import Archive, NeurokitError, RemoteFile, list_bucket, param
from neurokit_nisb.dataset import Setting, Split


@frozen(kw_only=True)
class NisbBucket(Archive):
    """NISB: synthetic neurons of known shape in nine settings, cubes of 27 um with skeletons.

    A cube has 3000 x 3000 x 1350 voxels, in many small files, and takes tens of gigabytes; all of
    NISB takes some 3 TB. So one split of one setting is fetched at a time: of most settings, five
    cubes to train on (`seeds` chooses among them), one to validate and one to test. Files keep the
    names that they have in the bucket.
    """

    licence: ClassVar[str] = "CC BY-SA 4.0"
    citation: ClassVar[str] = "the NISB benchmark, doi 10.17617/1.R2MM-1H33"
    page: ClassVar[str] = "https://structuralneurobiologylab.github.io/nisb"
    folder: ClassVar[str] = "datasets/NISB"
    size: ClassVar[str] = "tens of GB a cube"
    lacks: ClassVar[str] = (
        "Only the setting, split and seeds that were asked for are there; the recipe needs the "
        "splits train, val and test."
    )
    commands: ClassVar[Mapping[str, str]] = {
        "fetch what the recipe validates on": "neurokit fetch nisb split=val",
        "fetch what it trains on, one cube of it": "neurokit fetch nisb split=train 'seeds=[0]'",
        "train": "neurokit run neurokit_nisb:nisb_base.toml --mode train",
    }

    setting: Setting = param("base", help="which tissue", choices=get_args(Setting))
    split: Split = param("val", help="which cubes of the setting", choices=get_args(Split))
    seeds: tuple[int, ...] = param(
        (), help="the numbers of the cubes; all of the split where none is named", low=0
    )
    endpoint: str = param(
        "https://s3.nexus.mpcdf.mpg.de:443", help="the server that has the bucket"
    )
    bucket: str = param("nisb", help="its name")
    etags_are_md5: bool = param(
        True, help="check what arrives by its ETag, which on this server is the MD5 sum"
    )

    def __attrs_post_init__(self) -> None:
        if len(set(self.seeds)) < len(self.seeds):
            raise NeurokitError(f"seeds names one twice: {list(self.seeds)}")

    def files(self) -> list[RemoteFile]:
        """All files of the cubes, as the server lists them.

        Raises:
            NeurokitError: the server cannot be asked, or has no such cubes.
        """
        split = f"{self.setting}/{self.split}/"
        folders = [f"{split}seed{seed}/" for seed in self.seeds] or [split]
        listed = {each: list_bucket(self.endpoint, self.bucket, each) for each in folders}
        empty = [each for each, found in listed.items() if not found]
        if empty:
            raise NeurokitError(
                f"the bucket '{self.bucket}' of {self.endpoint} has no {empty[0]}; check setting, "
                f"split and seeds"
            )
        files = [file for found in listed.values() for file in found]
        return files if self.etags_are_md5 else [evolve(each, checksum=None) for each in files]
