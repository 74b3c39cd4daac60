"""A compact residual network that two CPU cores train from scratch on patches of some 64 pixels."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

__all__ = ["small_body"]

_GROUPS = 8


class _Block(nn.Module):
    """Two convolutions with a shortcut (He et al. 2016), halving rows and columns.

    The first kernel is 4 x 4: an odd one with stride 2 would look at even pixels only and move the map's cells half a
    pixel off in each block, while these tile the patch exactly.

    Group norm (Wu and He 2018) does not look at the batch, so that small batches, several sequences through one
    encoder, and training against eval mode all see the same function.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 4, stride=2, padding=1, bias=False)
        self.norm1 = nn.GroupNorm(_GROUPS, channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.norm2 = nn.GroupNorm(_GROUPS, channels_out)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(channels_in, channels_out, 1))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels_in, H, W) to (N, channels_out, H // 2, W // 2)."""
        y = self.relu(self.norm1(self.conv1(x)))
        return self.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


def small_body() -> nn.Sequential:
    """Return the layers: (N, 3, H, W) to (N, 96, H // 8, W // 8); 278,000 parameters, 49 M multiply-adds at 64 x 64."""
    return nn.Sequential(
        OrderedDict(
            stem=nn.Conv2d(3, 16, 3, padding=1),
            stage1=_Block(16, 32),
            stage2=_Block(32, 64),
            stage3=_Block(64, 96),
        )
    )
