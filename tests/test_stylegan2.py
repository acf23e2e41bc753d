"""StyleGAN2: equal to the plain formulation, and what style, noise, mixing, truncation and augmentation promise."""

import copy

import pytest
import torch

from core.augment import Augment
from core.discriminator import Discriminator, append_deviation
from core.losses import fool, gradient_penalty, path_length_penalty, tell_apart
from core.stylegan2 import Config, Generator
from training.plain import synthesis_plain

TINY = Config.tiny()


@pytest.fixture(autouse=True)
def _one_thread():
    """Pictures of 16 px are too small to share; on a busy machine waking threads costs more than the work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make(seed=0, config=TINY):
    torch.manual_seed(seed)
    generator = Generator(config)
    for parameter in generator.parameters():  # biases and noise strengths start at zero, which would hide mistakes
        if parameter.ndim <= 1:
            parameter.data.add_(torch.randn_like(parameter) * 0.3)
    return generator


def draw_codes(generator, count=2, seed=1):
    z = torch.randn(count, generator.config.code_width, generator=torch.Generator().manual_seed(seed))
    return generator.spread(generator.mapping(z))


@pytest.mark.parametrize("count", [1, 3])
def test_drawing_equals_modulated_weights_and_grouped_convolution(count):
    generator = make(config=Config(size=64, code_width=16, channel_base=1024, channel_limit=24))
    with torch.no_grad():
        codes = draw_codes(generator, count)
        ours, plain = generator.synthesis(codes, "fixed"), synthesis_plain(generator.synthesis, codes)
    assert float((ours - plain).abs().max()) < 1e-4 * float(plain.abs().max())


def test_gradients_equal_those_of_the_plain_formulation():
    generator = make()
    codes = draw_codes(generator).detach().requires_grad_()
    ours = torch.autograd.grad(generator.synthesis(codes, "fixed").square().sum(), codes)[0]
    plain = torch.autograd.grad(synthesis_plain(generator.synthesis, codes).square().sum(), codes)[0]
    assert torch.allclose(ours, plain, rtol=1e-3, atol=1e-4 * float(plain.abs().max()))


def test_new_weights_are_seen_although_drawing_keeps_prepared_kernels():
    generator, other = make(), make(seed=5)
    codes = draw_codes(generator).detach()
    with torch.no_grad():
        before = generator.synthesis(codes, "fixed")
        generator.load_state_dict(other.state_dict())
        assert torch.allclose(generator.synthesis(codes, "fixed"), other.synthesis(codes, "fixed"))
    assert not torch.allclose(before, other.synthesis(codes, "fixed"))


def test_random_noise_changes_the_picture_and_fixed_noise_does_not():
    generator = make()
    codes = draw_codes(generator)
    assert torch.equal(generator.synthesis(codes, "fixed"), generator.synthesis(codes, "fixed"))
    assert not torch.equal(generator.synthesis(codes, "random"), generator.synthesis(codes, "random"))
    assert not torch.equal(generator.synthesis(codes, "none"), generator.synthesis(codes, "fixed"))


def test_full_truncation_draws_the_mean_picture_for_every_code():
    generator = make()
    generator.mapping.follow(generator.mapping(torch.randn(64, TINY.code_width)), keep=0.0)
    z = torch.randn(2, TINY.code_width)
    first, second = generator(z, truncation=0.0, noise="fixed")
    assert torch.allclose(first, second, atol=1e-6)
    first, second = generator(z, truncation=1.0, noise="fixed")
    assert not torch.allclose(first, second, atol=1e-2)


def test_mixing_takes_the_first_layers_from_one_code_and_the_rest_from_the_other():
    generator = make()
    w, other = torch.zeros(200, TINY.code_width), torch.ones(200, TINY.code_width)
    codes = generator.mix(w, other, chance=1.0)
    assert bool((codes[:, 0] == 0).all())
    assert bool((codes[:, -1] == 1).all())
    steps = codes[:, 1:, 0] - codes[:, :-1, 0]
    assert bool((steps >= 0).all())
    assert torch.equal(generator.mix(w, other, chance=0.0), generator.spread(w))


def test_what_is_added_at_a_layer_changes_the_picture_and_zeros_do_not():
    generator = make()
    codes = draw_codes(generator)
    spatial: list[torch.Tensor | None] = [None] * (TINY.layer_count - 1)
    plain = generator.synthesis(codes, "none")
    spatial[2] = torch.zeros(2, TINY.channels(8), 8, 8)
    assert torch.allclose(generator.synthesis(codes, "none", spatial), plain)
    spatial[2] = torch.ones(2, TINY.channels(8), 8, 8)
    assert not torch.allclose(generator.synthesis(codes, "none", spatial), plain, atol=1e-2)


def test_codes_and_styles_keep_their_precision_under_automatic_bfloat16():
    generator, z = make().requires_grad_(False), torch.randn(2, TINY.code_width)
    with torch.autocast("cpu", torch.bfloat16):
        w, picture = generator.mapping(z), generator(z, noise="fixed")
    assert torch.equal(w, generator.mapping(z))
    plain = generator(z, noise="fixed")
    assert picture.dtype == torch.float32
    assert float((picture - plain).abs().mean()) < 0.02 * float(plain.abs().mean())


def test_wrong_numbers_of_codes_and_sizes_are_refused_in_words():
    generator = make()
    with pytest.raises(ValueError, match="Codes are N x 6 x width"):
        generator.synthesis(torch.zeros(1, 3, TINY.code_width))
    with pytest.raises(ValueError, match="not 48"):
        Config(size=48)
    with pytest.raises(ValueError, match="under a condition"):
        Generator(Config(16, 16, 128, 16, condition_width=4))(torch.zeros(1, 16))


def test_a_condition_changes_the_picture_and_the_score():
    config = Config(16, 16, 128, 16, condition_width=4)
    generator = make(config=config)
    z, classes = torch.randn(1, 16).expand(2, -1), torch.eye(4)[:2]
    first, second = generator(z, classes, noise="none")
    assert not torch.allclose(first, second, atol=1e-3)
    scores = Discriminator(config)(torch.stack((first, first)), classes)
    assert scores.shape == (2,)
    assert not torch.isclose(scores[0], scores[1])


def test_the_deviation_feature_is_zero_for_equal_pictures_only():
    same = torch.randn(1, 3, 4, 4).expand(4, -1, -1, -1)
    assert float(append_deviation(same)[:, 3].abs().max()) < 1e-3
    assert float(append_deviation(torch.randn(4, 3, 4, 4))[:, 3].min()) > 0.3


def test_the_gradient_penalty_reaches_every_kernel_of_the_discriminator():
    torch.manual_seed(0)
    discriminator = Discriminator(TINY)
    pictures = torch.randn(4, 3, 16, 16, requires_grad=True)
    gradient_penalty(discriminator(pictures), pictures).backward()
    without = [name for name, p in discriminator.named_parameters() if p.grad is None or not p.grad.any()]
    assert [name for name in without if not name.endswith("bias")] == []


def test_the_path_length_penalty_vanishes_where_every_step_is_as_long_as_the_mean():
    matrix = torch.linalg.qr(torch.randn(12, 12))[0]
    codes = torch.randn(3, 1, 12, requires_grad=True)
    torch.manual_seed(1)
    _, mean = path_length_penalty((codes[:, 0] @ matrix).reshape(3, 3, 2, 2), codes, torch.zeros(()))
    penalty, _ = path_length_penalty((codes[:, 0] @ matrix).reshape(3, 3, 2, 2), codes, mean * 100)
    far, _ = path_length_penalty((codes[:, 0] @ matrix * 9).reshape(3, 3, 2, 2), codes, mean * 100)
    assert float(penalty) < 0.2 * float(far)


def test_adversarial_losses_fall_as_each_side_wins():
    low, high = torch.full((4,), -3.0), torch.full((4,), 3.0)
    assert fool(high) < fool(low)
    assert tell_apart(high, low) < tell_apart(low, high)


def test_augmentation_leaves_pictures_alone_until_the_discriminator_over_fits():
    torch.manual_seed(0)
    augment, pictures = Augment(pictures_to_full=200.0), torch.randn(4, 3, 16, 16)
    assert torch.equal(augment(pictures), pictures)
    augment.observe(torch.ones(64))
    assert float(augment.chance) == pytest.approx(0.32)
    assert not torch.equal(augment(pictures), pictures)
    augment.observe(-torch.ones(64))
    assert float(augment.chance) == pytest.approx(0.0)


def test_augmentation_never_goes_past_the_chance_at_which_it_leaks():
    augment = Augment(pictures_to_full=10.0)
    augment.observe(torch.ones(64))
    assert float(augment.chance) == pytest.approx(0.8)


def test_augmented_pictures_carry_gradients_back():
    torch.manual_seed(0)
    augment = Augment()
    augment.chance.fill_(0.8)
    pictures = torch.randn(8, 3, 16, 16, requires_grad=True)
    augment(pictures).square().sum().backward()
    assert pictures.grad is not None
    assert bool(pictures.grad.flatten(1).any(dim=1).all())


def test_a_short_game_makes_drawn_stripes_look_more_like_the_real_ones():
    """Sixty steps on 16 px pictures that are dark above and light below: the drawn ones learn which side is which."""
    torch.manual_seed(0)
    generator, discriminator = Generator(TINY), Discriminator(TINY)
    average = copy.deepcopy(generator)
    real = torch.ones(8, 3, 16, 16)
    real[:, :, :8] = -1
    optimisers = [torch.optim.Adam(m.parameters(), 0.005, (0.0, 0.99)) for m in (generator, discriminator)]
    for _ in range(60):
        optimisers[0].zero_grad()
        fool(discriminator(generator(torch.randn(8, 16)))).backward()
        optimisers[0].step()
        optimisers[1].zero_grad()
        shown = (real + 0.1 * torch.randn_like(real)).requires_grad_()
        scores = discriminator(shown)
        loss = tell_apart(scores, discriminator(generator(torch.randn(8, 16)).detach()))
        (loss + gradient_penalty(scores, shown)).backward()
        optimisers[1].step()

    def contrast(network):
        with torch.no_grad():
            drawn = network(torch.randn(16, 16, generator=torch.Generator().manual_seed(3)), noise="none")
        return float(drawn[:, :, 8:].mean() - drawn[:, :, :8].mean())

    assert contrast(generator) > contrast(average) + 0.5
