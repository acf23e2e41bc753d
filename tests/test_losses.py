"""Structural similarity: equal to the plain pooled windows in value and gradient, and what it promises as a measure."""

import pytest
import torch

from core.losses import dissimilarity
from core.ops.ssim import ssim, ssim_reference


def pictures(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(1, 1, 2, 2), (2, 3, 2, 5), (1, 2, 3, 3), (2, 3, 33, 40)])
def test_similarity_equals_the_pooled_windows_and_so_does_its_gradient(shape):
    x, target = pictures(*shape).requires_grad_(), pictures(*shape, seed=1)
    ours, plain = ssim(x, target), ssim_reference(x.double(), target.double())
    assert torch.allclose(ours.double(), plain, atol=1e-4)
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    (first,) = torch.autograd.grad(ours, x, weight)
    (wanted,) = torch.autograd.grad(plain, x, weight.double())
    assert torch.allclose(first.double(), wanted.double(), atol=1e-4 * float(wanted.abs().max()))


def test_a_picture_is_like_itself_and_unlike_its_negative():
    x = pictures(1, 3, 16, 16)
    assert torch.allclose(ssim(x, x), torch.ones_like(x), atol=1e-5)
    assert float(ssim(1 - x, x).mean()) < 0.1


def test_similarity_is_symmetric():
    x, y = pictures(1, 3, 12, 9), pictures(1, 3, 12, 9, seed=1)
    assert torch.allclose(ssim(x, y), ssim(y, x), atol=1e-5)


def test_the_target_gets_a_gradient_where_one_is_wanted():
    x, target = pictures(1, 1, 8, 8), pictures(1, 1, 8, 8, seed=1).requires_grad_()
    ssim(x, target).mean().backward()
    assert target.grad is not None
    assert bool(target.grad.any())


def test_dissimilarity_is_zero_for_equal_pictures_and_grows_with_noise():
    x = pictures(1, 3, 32, 32) * 2 - 1
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(3))
    means = [float(dissimilarity(x + strength * noise, x).mean()) for strength in (0.0, 0.05, 0.2, 0.8)]
    assert means[0] < 1e-5
    assert means == sorted(means)
    assert float(dissimilarity(-x, x).max()) <= 1.0


def test_pictures_of_two_shapes_are_refused_in_words():
    with pytest.raises(ValueError, match="pictures of one shape"):
        ssim(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 5))
