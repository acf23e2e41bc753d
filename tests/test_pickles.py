"""Users' StyleGAN2-ADA files: read without executing anything, drawn as the published equations say, hostile ones refused."""

import collections
import io
import math
import os
import pickle
import random
import struct
import sys
import types

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from core.pickles import PickleRefused, read_pickle
from core.stylegan2 import Config, Generator
from core.stylegan2_pickle import read_stylegan2_pickle

SIZE, WIDTH, LIMIT, BASE, CLASSES = 32, 24, 20, 320, 3
SOURCE = "raise SystemExit('the source inside the file was run')"


class Published(nn.Module):
    """Pickles itself as StyleGAN2-ADA's persistent classes do: state and source under a reconstructor's name."""

    def __init__(self, kind, **numbers):
        super().__init__()
        self.kind = kind
        for name, value in numbers.items():
            setattr(self, name, value)
        self._init_args = ()
        self._init_kwargs = {"synthesis_kwargs": sys.modules["dnnlib.util"].EasyDict(channel_base=BASE)}

    def __reduce__(self):
        meta = {"type": "class", "version": 6, "module_src": SOURCE, "class_name": self.kind, "state": self.__dict__}
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (meta,)


@pytest.fixture
def published_names(monkeypatch):
    """Modules of the names that the published code pickles under; rebuilding through them would be a failure."""

    def _reconstruct_persistent_obj(meta):
        raise AssertionError("the file's own reconstructor was called")

    class EasyDict(dict):
        pass

    _reconstruct_persistent_obj.__module__, _reconstruct_persistent_obj.__qualname__ = (
        "torch_utils.persistence",
        "_reconstruct_persistent_obj",
    )
    EasyDict.__module__, EasyDict.__qualname__ = "dnnlib.util", "EasyDict"
    for name, held in (("torch_utils.persistence", _reconstruct_persistent_obj), ("dnnlib.util", EasyDict)):
        monkeypatch.setitem(sys.modules, name.partition(".")[0], types.ModuleType(name.partition(".")[0]))
        module = types.ModuleType(name)
        setattr(module, held.__name__, held)
        monkeypatch.setitem(sys.modules, name, module)


def channels(resolution):
    return min(BASE // resolution, LIMIT)


def fully_connected(inputs, outputs, rate=1.0, bias=0.0, act="linear"):
    layer = Published(
        "FullyConnectedLayer",
        activation=act,
        weight_gain=rate / np.sqrt(inputs),  # a numpy scalar, as the published code leaves it
        bias_gain=rate,
    )
    layer.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
    layer.bias = nn.Parameter(torch.full((outputs,), float(bias)) + 0.3 * torch.randn(outputs))
    return layer


def taps():
    line = torch.tensor([1.0, 3.0, 3.0, 1.0])
    return torch.outer(line, line) / 64


def synthesis_layer(inputs, outputs, resolution, up):
    layer = Published("SynthesisLayer", resolution=resolution, up=up, activation="lrelu", conv_clamp=256)
    layer.affine = fully_connected(WIDTH, inputs, bias=1.0)
    layer.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
    layer.noise_strength = nn.Parameter(torch.tensor(0.4))
    layer.bias = nn.Parameter(0.3 * torch.randn(outputs))
    layer.register_buffer("noise_const", torch.randn(resolution, resolution))
    layer.register_buffer("resample_filter", taps())
    return layer


def make_published(conditions=0):
    torch.manual_seed(0)
    whole = Published("Generator", z_dim=WIDTH, c_dim=conditions, w_dim=WIDTH, img_resolution=SIZE, img_channels=3)
    whole.mapping = Published("MappingNetwork", num_layers=8)
    if conditions:
        whole.mapping.embed = fully_connected(conditions, WIDTH)
    for index in range(8):
        inputs = 2 * WIDTH if conditions and index == 0 else WIDTH
        setattr(whole.mapping, f"fc{index}", fully_connected(inputs, WIDTH, rate=0.01, act="lrelu"))
    whole.mapping.register_buffer("w_avg", torch.randn(WIDTH))
    whole.synthesis = Published("SynthesisNetwork")
    resolution = 4
    while resolution <= SIZE:
        block = Published("SynthesisBlock", architecture="skip", resolution=resolution)
        outputs = channels(resolution)
        if resolution == 4:
            block.const = nn.Parameter(torch.randn(outputs, 4, 4))
        else:
            block.conv0 = synthesis_layer(channels(resolution // 2), outputs, resolution, up=2)
        block.conv1 = synthesis_layer(outputs, outputs, resolution, up=1)
        block.torgb = Published("ToRGBLayer", weight_gain=1 / np.sqrt(outputs), conv_clamp=256)
        block.torgb.affine = fully_connected(WIDTH, outputs, bias=1.0)
        block.torgb.weight = nn.Parameter(torch.randn(3, outputs, 1, 1))
        block.torgb.bias = nn.Parameter(0.3 * torch.randn(3))
        setattr(whole.synthesis, f"b{resolution}", block)
        resolution *= 2
    return whole


def connect(layer, x):
    y = x @ (layer.weight * float(layer.weight_gain)).T + layer.bias * layer.bias_gain
    return F.leaky_relu(y, 0.2) * math.sqrt(2) if layer.activation == "lrelu" else y


def normalise(x):
    return x / (x.square().mean(dim=1, keepdim=True) + 1e-8).sqrt()


def raise_and_filter(x, before, after):
    """Zeros between the samples, padding, and the filter at four times its weight."""
    count, depth, height, width = x.shape
    wide = x.new_zeros(count, depth, 2 * height, 2 * width)
    wide[:, :, ::2, ::2] = x
    wide = F.pad(wide, (before, after, before, after))
    return F.conv2d(wide, 4 * taps().expand(depth, 1, 4, 4), groups=depth)


def modulated(layer, x, style, demodulate):
    drawn = []
    for picture, scales in zip(x, style, strict=True):  # Karras 2020, eqs. 1 and 3, one picture after the other
        kernel = layer.weight * scales[None, :, None, None]
        if demodulate:
            kernel = kernel / (kernel.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if getattr(layer, "up", 1) == 2:  # up-sampling convolves, the plain layer correlates
            drawn.append(F.conv2d(raise_and_filter(picture[None], 3, 2), kernel.flip(2, 3)))
        else:
            drawn.append(F.conv2d(picture[None], kernel, padding=kernel.shape[2] // 2))
    return torch.cat(drawn)


def run_layer(layer, x, w):
    x = modulated(layer, x, connect(layer.affine, w), demodulate=True) + layer.noise_const * layer.noise_strength
    x = F.leaky_relu(x + layer.bias[None, :, None, None], 0.2) * math.sqrt(2)
    return x.clamp(-layer.conv_clamp, layer.conv_clamp)


def draw_published(whole, z, condition=None, truncation=1.0):
    x = normalise(z)
    if condition is not None:
        x = torch.cat([x, normalise(connect(whole.mapping.embed, condition))], dim=1)
    for index in range(8):
        x = connect(getattr(whole.mapping, f"fc{index}"), x)
    w = whole.mapping.w_avg + (x - whole.mapping.w_avg) * truncation
    x, picture, resolution = None, None, 4
    while resolution <= SIZE:
        block = getattr(whole.synthesis, f"b{resolution}")
        x = block.const.repeat(len(z), 1, 1, 1) if x is None else run_layer(block.conv0, x, w)
        x = run_layer(block.conv1, x, w)
        style = connect(block.torgb.affine, w) * float(block.torgb.weight_gain)
        colours = modulated(block.torgb, x, style, demodulate=False) + block.torgb.bias[None, :, None, None]
        picture = colours if picture is None else raise_and_filter(picture, 2, 1) + colours
        resolution *= 2
    assert picture is not None
    return picture


def write(path, content, protocol=4):
    with path.open("wb") as opened:
        pickle.dump(content, opened, protocol=protocol)
    return path


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("conditions", [0, CLASSES])
def test_a_published_network_draws_the_same_picture_here(published_names, tmp_path, conditions, protocol):
    original = make_published(conditions)
    file = {"G": None, "D": None, "G_ema": original, "training_set_kwargs": sys.modules["dnnlib.util"].EasyDict(a=1)}
    config, weights = read_stylegan2_pickle(write(tmp_path / "net.pkl", file, protocol))
    assert config == Config(SIZE, WIDTH, BASE, LIMIT, 8, conditions, 256)
    ours = Generator(config)
    ours.load_state_dict(weights)
    z = torch.randn(2, WIDTH)
    condition = torch.eye(CLASSES)[:2] if conditions else None
    with torch.no_grad():
        wanted = draw_published(original, z, condition, 0.7)
        drawn = ours(z, condition, 0.7, "fixed")
    assert float((drawn - wanted).abs().max()) < 1e-3 * float(wanted.abs().max())


def test_a_file_without_a_generator_is_refused_in_words(published_names, tmp_path):
    with pytest.raises(PickleRefused, match="holds no G_ema generator"):
        read_stylegan2_pickle(write(tmp_path / "net.pkl", {"D": make_published().mapping}))


def test_another_architecture_is_refused_by_name(published_names, tmp_path):
    network = make_published()
    vars(network.get_submodule("synthesis.b8"))["architecture"] = "orig"
    with pytest.raises(PickleRefused, match="orig"):
        read_stylegan2_pickle(write(tmp_path / "net.pkl", {"G_ema": network}))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.int64, torch.uint8, torch.bool, torch.bfloat16])
def test_tensors_of_every_kind_come_back_as_they_were(tmp_path, dtype):
    kept = (torch.randn(3, 4) * 3).to(dtype)
    turned = kept.T[1:]
    read = read_pickle(write(tmp_path / "t.pkl", {"a": kept, "b": turned, "n": np.float64(0.5), "m": np.float32(2)}))
    assert read["a"].dtype == dtype
    assert torch.equal(read["a"], kept)
    assert torch.equal(read["b"], turned)
    assert (read["n"], read["m"]) == (0.5, 2.0)


class Asks:
    """Pickles as a call of something."""

    def __init__(self, function, *given):
        self.function, self.given = function, given

    def __reduce__(self):
        return self.function, self.given


def hostile_files(marker):
    """Thirty ways of asking for more than tensors and containers, each of which would write ``marker`` or worse."""
    touch = f"open({str(marker)!r}, 'w').close()"
    shell = f"touch {marker}"
    calls = [
        Asks(os.system, shell),
        Asks(eval, touch),
        Asks(exec, touch),
        Asks(compile, touch, "x", "exec"),
        Asks(open, str(marker), "w"),
        Asks(os.mkdir, str(marker)),
        Asks(getattr, "x", "upper"),
        Asks(__import__, "os"),
        Asks(print, "x"),
        Asks(
            types.SimpleNamespace,
        ),
        Asks(bytearray, 10**12),
        Asks(torch.load, str(marker)),
        Asks(torch.empty, 2**40),
        Asks(pickle.loads, pickle.dumps(1)),
        Asks(np.zeros, 2**40),
        Asks(collections.defaultdict, list),
        Asks(collections.Counter, "a"),
        Asks(os.remove, str(marker)),
        Asks(random.Random, 1),
        Asks(io.FileIO, str(marker), "w"),
    ]
    files = [pickle.dumps({"G_ema": call}, protocol=2 + index % 4) for index, call in enumerate(calls)]
    name = b"cos\nsystem\n"
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n"
    storage = pickle.dumps(torch.zeros(4).untyped_storage(), protocol=2)[2:-1]
    files += [
        b"(S'" + shell.encode() + b"'\nios\nsystem\n.",  # INST
        name + b"(S'" + shell.encode() + b"'\ntR.",
        b"\x80\x04\x8c\x08builtins\x8c\x0deval.__call__\x93.",  # a dotted name
        b"\x80\x02" + rebuild + b"}X\x09\x00\x00\x00_functionK\x01s\x86b.",  # BUILD on what rebuilds
        b"\x80\x02" + rebuild + b"N}X\x09\x00\x00\x00_functionK\x01s\x86b.",  # its slots
        b"\x80\x02ccollections\nOrderedDict\nN}X\x05\x00\x00\x00itemsK\x01s\x86b.",  # a class itself
        b"\x80\x02" + rebuild + b"(" + storage + b"K\x00K\x64\x85K\x01\x85NNtR.",  # reaches outside its storage
        b"\x80\x02ctorch.storage\n_load_from_bytes\nU\x04abcd\x85R.",
        b"\x80\x02U\x01xQ.",  # a persistent id
        b"\x80\x02\x82\x01.",  # an extension code
        b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b"x.",  # a text that says it is endless
    ]
    return files


def test_thirty_hostile_files_execute_nothing_and_are_refused(tmp_path):
    marker = tmp_path / "executed"
    files = hostile_files(marker)
    assert len(files) >= 30
    for index, content in enumerate(files):
        path = tmp_path / f"hostile{index}.pkl"
        path.write_bytes(content)
        with pytest.raises(PickleRefused, match=f"hostile{index}.pkl"):
            read_stylegan2_pickle(path)
        assert not marker.exists(), index
    assert isinstance(collections.OrderedDict.items, type(dict.items))


def test_what_is_refused_is_named(tmp_path):
    with pytest.raises(PickleRefused, match=r"posix\.system|nt\.system"):
        read_pickle(write(tmp_path / "h.pkl", Asks(os.system, "true")))


def test_a_file_cut_anywhere_is_refused_in_words(published_names, tmp_path):
    whole = write(tmp_path / "net.pkl", {"G_ema": make_published().mapping}).read_bytes()
    for cut in np.random.default_rng(0).integers(0, len(whole) - 1, 40):
        path = tmp_path / "cut.pkl"
        path.write_bytes(whole[:cut])
        with pytest.raises(PickleRefused, match=r"cut\.pkl"):
            read_pickle(path)


def test_flipped_bytes_give_a_refusal_or_other_numbers_never_another_error(published_names, tmp_path):
    whole = bytearray(write(tmp_path / "net.pkl", {"G_ema": make_published()}).read_bytes())
    draw = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in draw.integers(0, len(whole), 5):
            damaged[place] = draw.integers(256)
        (tmp_path / "bad.pkl").write_bytes(damaged)
        try:
            config, weights = read_stylegan2_pickle(tmp_path / "bad.pkl")
        except PickleRefused:
            continue
        assert config.size == SIZE
        assert len(weights) > 10
