"""bias_act and upfirdn2d: values and gradients of both orders against the plain formulation; building, or not."""

import itertools
import shutil
import subprocess

import pytest
import torch

from core.ops import build
from core.ops.bias_act import ACTIVATIONS, bias_act, bias_act_reference
from core.ops.upfirdn2d import make_taps, upfirdn2d, upfirdn2d_reference

FACTORS = [1, 2, 3, (2, 1)]
PADDINGS = [0, (2, 1, 2, 1), (3, 2, 0, 1), (4, -1, 1, 4)]


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory):
    kept, threads = build._STATE.cache, torch.get_num_threads()
    torch.set_num_threads(1)
    build.set_cache(tmp_path_factory.mktemp("ops"))
    build._STATE.loaded.clear()
    yield
    build.set_cache(kept)
    torch.set_num_threads(threads)


def random(*shape, seed=0, channels_last=False):
    x = torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return (x.to(memory_format=torch.channels_last) if channels_last else x).requires_grad_()


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("clamp", [None, 0.7])
@pytest.mark.parametrize("act", ACTIVATIONS)
def test_bias_act_equals_its_reference_up_to_second_gradients(act, clamp, channels_last):
    x, bias = random(2, 3, 3, 2, channels_last=channels_last), random(3, seed=1)

    def ours(x, bias):
        return bias_act(x, bias, act, clamp=clamp)

    assert torch.allclose(ours(x, bias), bias_act_reference(x, bias, act, clamp=clamp), atol=1e-12)
    assert torch.autograd.gradcheck(ours, (x, bias))
    assert torch.autograd.gradgradcheck(ours, (x, bias))


def test_bias_act_works_without_bias_on_vectors_and_with_another_gain():
    x = random(4, 5)
    assert torch.allclose(bias_act(x, None, "lrelu", gain=0.5), bias_act_reference(x, None, "lrelu", gain=0.5))
    negative = bias_act(x, None, "relu", gain=-2.0)
    assert torch.allclose(negative, -2.0 * x.relu())


def test_an_unknown_activation_is_refused_with_the_known_ones_named():
    with pytest.raises(ValueError, match="'gelu' is no activation; choose one of linear"):
        bias_act(torch.zeros(1, 1), act="gelu")


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
def test_the_compiled_form_is_used_where_there_is_a_compiler():
    assert build.why_not("bias_act", "cpu") == ""
    x = torch.randn(2, 16, 8, 8)
    assert "BiasAct" in type(bias_act(x.requires_grad_(), None).grad_fn).__name__


@pytest.mark.parametrize("channels", [3, 26])  # the second is wide enough for the compiled form
@pytest.mark.parametrize(("up", "down", "padding"), list(itertools.product(FACTORS, [1, 2, (1, 2)], PADDINGS)))
def test_upfirdn2d_equals_zero_insertion_and_filtering(up, down, padding, channels):
    x, taps = random(2, channels, 6, 5, channels_last=channels > 3), random(4, 3, seed=2).detach()
    plain = upfirdn2d_reference(x, taps, up, down, padding, 1.5)
    ours = upfirdn2d(x, taps, up, down, padding, 1.5)
    assert ours.shape == plain.shape
    assert torch.allclose(ours, plain, atol=1e-12)
    weight = torch.randn_like(plain)
    (first,), (wanted,) = torch.autograd.grad(ours, x, weight), torch.autograd.grad(plain, x, weight)
    assert torch.allclose(first, wanted, atol=1e-12)


@pytest.mark.parametrize(("up", "down"), [(1, 1), (2, 1), (1, 2), (3, 2), ((2, 1), (1, 2))])
@pytest.mark.parametrize("padding", PADDINGS)
def test_upfirdn2d_has_right_first_and_second_gradients(up, down, padding):
    x, taps = random(1, 2, 4, 5), random(4, 3, seed=3).detach()
    assert torch.autograd.gradcheck(lambda x: upfirdn2d(x, taps, up, down, padding), (x,))
    assert torch.autograd.gradgradcheck(lambda x: upfirdn2d(x, taps, up, down, padding).square(), (x,))


def test_many_channels_have_right_gradients_of_both_orders_too():
    """The compiled form on CPU takes 24 channels and more."""
    x, taps = random(1, 24, 3, 4), random(4, 4, seed=3).detach()

    def raise_squared(x):
        return upfirdn2d(x, taps, 2, 1, (2, 1, 2, 1)).square()

    assert torch.autograd.gradcheck(raise_squared, (x,), fast_mode=True)
    assert torch.autograd.gradgradcheck(raise_squared, (x,), fast_mode=True)


def test_upfirdn2d_keeps_a_flat_picture_flat():
    flat = torch.full((1, 2, 8, 8), 3.0)
    raised = upfirdn2d(flat, make_taps(), up=2, padding=(2, 1, 2, 1), gain=4)
    assert torch.allclose(raised[:, :, 2:-2, 2:-2], torch.full((1, 2, 12, 12), 3.0))


def test_a_line_of_taps_means_its_square():
    x, line = random(1, 2, 6, 6), torch.tensor([1.0, 2.0, 1.0])
    assert torch.allclose(upfirdn2d(x, line, padding=1), upfirdn2d(x, torch.outer(line, line), padding=1))


def test_a_picture_smaller_than_its_filter_is_refused_in_words():
    with pytest.raises(ValueError, match="2 x 2 picture is too small"):
        upfirdn2d(torch.zeros(1, 1, 2, 2), make_taps())


def test_without_a_compiler_the_reference_serves_and_the_reason_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(build, "_STATE", build._State())
    build.set_cache(tmp_path)
    build._compiler.cache_clear()
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    try:
        assert "Install a C++ compiler" in build.why_not("bias_act", "cpu")
        x = random(1, 2, 3, 3)
        assert torch.equal(bias_act(x), bias_act_reference(x))
    finally:
        build._compiler.cache_clear()


def test_a_source_that_does_not_compile_is_reported_and_leaves_nothing_behind(monkeypatch, tmp_path):
    (tmp_path / "broken.cpp").write_text('extern "C" int broken() { return nonsense; }')
    monkeypatch.setattr(build, "SOURCES", tmp_path)
    monkeypatch.setattr(build, "_STATE", build._State())
    build.set_cache(tmp_path / "cache")
    if shutil.which("g++") is None:
        pytest.skip("needs a C++ compiler")
    assert "nonsense" in build.why_not("broken", "cpu")
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_op_without_cuda_device_says_so():
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    assert "no CUDA device" in build.why_not("upfirdn2d", "cuda")


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="needs nvcc")
@pytest.mark.parametrize("name", sorted(path.stem for path in build.SOURCES.glob("*.cu")))
def test_the_cuda_source_compiles_for_hopper(name, tmp_path):
    command = ["nvcc", "-arch=sm_90", "-std=c++17", "-c", str(build.SOURCES / f"{name}.cu"), "-o", "kernel.o"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
