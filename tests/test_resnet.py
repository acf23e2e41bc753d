"""Residual trunks and U-Nets: shapes of the published networks, folding that changes nothing, features that come back."""

import pytest
import torch

from core.resnet import ConvNorm, ResNet, fold_norms, lay_out
from core.unet import UNet


@pytest.mark.parametrize(("depth", "channels", "millions"), [(18, 512, 11.18), (34, 512, 21.28), (50, 2048, 23.51)])
def test_a_trunk_has_the_published_number_of_weights_and_an_eight_by_eight_end(depth, channels, millions):
    with torch.device("meta"):
        trunk = ResNet(depth)
        features = trunk(torch.empty(1, 3, 256, 256))
    assert features.shape == (1, channels, 8, 8)
    assert trunk.channels == channels
    assert sum(p.numel() for p in trunk.parameters()) / 1e6 == pytest.approx(millions, abs=0.01)


@pytest.mark.parametrize("depth", [18, 50])
def test_folding_the_norms_leaves_the_features_and_the_original_as_they_were(depth):
    torch.manual_seed(0)
    trunk = ResNet(depth, width=8)
    for module in trunk.modules():  # as if trained: the last norm of a block starts at zero
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    trunk.train()
    trunk(torch.randn(4, 3, 64, 64))
    folded = fold_norms(trunk)
    pictures = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        wanted, found = trunk.eval()(pictures), folded(pictures)
    assert torch.allclose(found, wanted, atol=1e-4 * float(wanted.abs().max()))
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    assert any(
        isinstance(module.norm, torch.nn.BatchNorm2d) for module in trunk.modules() if isinstance(module, ConvNorm)
    )


def test_laid_out_for_use_a_trunk_says_the_same() -> None:
    trunk = fold_norms(ResNet(18, 3, 8).eval())
    pictures = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    before = trunk(pictures)
    after = lay_out(trunk)(pictures)
    assert after.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(before, after, atol=1e-4)


def test_an_unknown_depth_is_refused_in_words():
    with pytest.raises(ValueError, match="18, 34, 50 layers, not 101"):
        ResNet(101)


def test_a_u_net_gives_back_the_size_it_was_given_even_an_odd_one():
    network = UNet(4, 2, (8, 12, 16))
    assert network(torch.zeros(1, 4, 37, 50)).shape == (1, 2, 37, 50)


def test_a_u_net_copies_fine_detail_through_its_kept_features():
    """A checkerboard of single pixels survives, which the four times smaller middle alone could not carry."""
    torch.manual_seed(0)
    network = UNet(1, 1, (8, 8, 8))
    optimiser = torch.optim.Adam(network.parameters(), 0.01)
    losses = []
    for _ in range(60):
        x = torch.rand(4, 1, 16, 16).round()
        loss = (network(x) - x).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.05
