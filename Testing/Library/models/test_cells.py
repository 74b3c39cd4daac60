"""How far apart the cells of a feature map lie on the patch, seen from outside."""

import pytest
import torch

from BreastFusionLib.models.encoders import ENCODERS, load_encoder
from BreastFusionLib.models.settings import EncoderSpec


@pytest.mark.parametrize("name", sorted(ENCODERS))
@pytest.mark.parametrize("odd_px", [0, 5])
def test_one_cell_of_pixels_more_is_one_cell_more_whatever_the_patchs_size(name: str, odd_px: int) -> None:
    encoder = load_encoder(EncoderSpec(name, "none", frozen=False), 3).eval()
    start = 2 * encoder.cell_px + odd_px
    with torch.no_grad():
        cells, more = (
            encoder.feature_map(torch.zeros(1, 3, size, size)).shape[-1] for size in (start, start + encoder.cell_px)
        )
    assert more == cells + 1
