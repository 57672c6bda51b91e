"""MedNeXt: the network of BANIS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from attrs import frozen
from torch import nn

from neurokit import Channel, Model, param

Variant = Literal["S", "B", "M", "L"]

# Of each variant: how much wider the blocks of a level are inside, and how many blocks it has, from
# the finest level to the bottleneck; the way back up mirrors it.
_EXPANSION = {
    "S": (2, 2, 2, 2, 2),
    "B": (2, 3, 4, 4, 4),
    "M": (2, 3, 4, 4, 4),
    "L": (3, 4, 8, 8, 8),
}
_BLOCKS = {"S": (2, 2, 2, 2, 2), "B": (2, 2, 2, 2, 2), "M": (3, 4, 4, 4, 4), "L": (3, 4, 8, 8, 8)}


@frozen(kw_only=True)
class MedNeXt(Model):
    """MedNeXt (Roy et al. 2023, arXiv 2303.09975), a U-Net of ConvNeXt blocks; MONAI's.

    BANIS-S is the variant S with kernels of 3, BANIS-L the variant L with kernels of 5. Its blocks
    are residual, those between levels too, as in `create_mednext_v1` of nnunet_mednext.
    """

    variant: Variant = param(
        "S", help="how deep and wide: small, base, medium or large", choices=get_args(Variant)
    )
    kernel_size: int = param(3, help="side of the depthwise kernels", choices=(3, 5, 7))
    filters: int = param(32, help="feature maps of the finest level, doubled with each", low=1)

    def build(self, in_channels: int, channels: Sequence[Channel]) -> nn.Module:
        """The network, without deep supervision."""
        # It takes seconds to import, and only those who build a network need it.
        from monai.networks.nets.mednext import MedNeXt as Network

        *expansion, bottleneck_expansion = _EXPANSION[self.variant]
        *blocks, bottleneck_blocks = _BLOCKS[self.variant]
        network: nn.Module = Network(
            spatial_dims=3,
            init_filters=self.filters,
            in_channels=in_channels,
            out_channels=len(channels),
            encoder_expansion_ratio=expansion,
            decoder_expansion_ratio=expansion[::-1],
            bottleneck_expansion_ratio=bottleneck_expansion,
            kernel_size=self.kernel_size,
            deep_supervision=False,
            use_residual_connection=True,
            blocks_down=blocks,
            blocks_bottleneck=bottleneck_blocks,
            blocks_up=blocks[::-1],
            norm_type="group",
            global_resp_norm=False,
        )
        return network

    def size_multiple(self) -> tuple[int, int, int]:
        """Four levels, each half as large as the one before."""
        return 16, 16, 16
