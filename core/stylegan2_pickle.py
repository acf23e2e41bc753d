"""Networks that users trained with the published StyleGAN2-ADA code, brought into our layout without running that code."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.ops.upfirdn2d import make_taps
from core.pickles import PickleRefused, SavedModule, read_pickle
from core.stylegan2 import Config, Generator

MAPPING_RATE = 0.01


def read_stylegan2_pickle(path: Path) -> tuple[Config, dict[str, Tensor]]:
    """Config and weights for ``core.stylegan2.Generator`` from a ``.pkl`` (its averaged generator G_ema)."""
    held = read_pickle(path)
    saved = held.get("G_ema") if isinstance(held, dict) else held
    if not isinstance(saved, SavedModule) or not {"mapping", "synthesis"} <= set(saved.children()):
        raise PickleRefused(
            f"{path.name} holds no G_ema generator with mapping and synthesis, as StyleGAN2-ADA saves it."
        )
    try:
        config = _read_config(saved)
        weights = _convert(saved, config)
    except KeyError as missing:
        raise PickleRefused(
            f"{path.name} is not StyleGAN2-ADA's layout: {missing} is missing in its generator."
        ) from None
    with torch.device("meta"):
        wanted = {name: tensor.shape for name, tensor in Generator(config).state_dict().items()}
    wrong = sorted(name for name in wanted if name not in weights or weights[name].shape != wanted[name])
    if wrong:
        raise PickleRefused(f"{path.name}: {len(wrong)} weights have another shape than expected, first {wrong[0]!r}.")
    return config, weights


def _read_config(saved: SavedModule) -> Config:
    """Sizes from the module's own numbers; what our synthesis does not draw is refused in words."""
    state, synthesis = saved.state, saved.children()["synthesis"]
    if state["z_dim"] != state["w_dim"]:
        raise PickleRefused(
            f"its codes z and w have {state['z_dim']} and {state['w_dim']} numbers; here they are equal."
        )
    if state["img_channels"] != 3:
        raise PickleRefused(f"it draws {state['img_channels']} channels; here pictures are RGB.")
    size, blocks = state["img_resolution"], synthesis.children()
    widths = {res: blocks[f"b{res}"].tensors()["conv1.weight"].shape[0] for res in _resolutions(size)}
    architecture = {str(block.state.get("architecture", "skip")) for block in blocks.values()}
    if architecture != {"skip"}:
        raise PickleRefused(f"its architecture is {', '.join(sorted(architecture))}; here it is 'skip'.")
    mapping = saved.children()["mapping"]
    config = Config(
        size=size,
        code_width=state["w_dim"],
        channel_base=widths[size] * size if widths[size] < max(widths.values()) else max(widths.values()) * size,
        channel_limit=max(widths.values()),
        mapping_layers=sum(name.startswith("fc") for name in mapping.children()),
        condition_width=state["c_dim"],
        clamp=blocks[f"b{size}"].children()["conv1"].state.get("conv_clamp"),
    )
    if any(config.channels(res) != width for res, width in widths.items()):
        raise PickleRefused(f"its widths {widths} do not halve with every doubling of the resolution.")
    return config


def _resolutions(size: Any) -> tuple[int, ...]:
    if not isinstance(size, int) or size < 8 or size > 1024 or size & (size - 1):
        raise PickleRefused(f"it draws pictures of {size!r} pixels; here sizes are powers of two from 8 to 1024.")
    return Config(size=size).resolutions


def _convert(saved: SavedModule, config: Config) -> dict[str, Tensor]:
    mapping, synthesis = saved.children()["mapping"], saved.children()["synthesis"]
    weights = {"mapping.average": mapping.tensors()["w_avg"]}
    if config.condition_width:
        weights.update(_linear(mapping.children()["embed"], "mapping.embed", 1.0))
    for index in range(config.mapping_layers):
        weights.update(_linear(mapping.children()[f"fc{index}"], f"mapping.layers.{index}", MAPPING_RATE))
    for index, resolution in enumerate(config.resolutions):
        block = synthesis.children()[f"b{resolution}"]
        if resolution == 4:
            weights["synthesis.start"] = block.tensors()["const"]
        else:
            weights.update(_layer(block.children()["conv0"], f"synthesis.blocks.{index}.first"))
        weights.update(_layer(block.children()["conv1"], f"synthesis.blocks.{index}.second"))
        colours, name = block.children()["torgb"], f"synthesis.blocks.{index}.to_rgb"
        weights.update(_linear(colours.children()["affine"], f"{name}.affine", 1.0))
        weights[f"{name}.weight"] = colours.tensors()["weight"][:, :, 0, 0]
        weights[f"{name}.bias"] = colours.tensors()["bias"]
    return {name: tensor.float().contiguous() for name, tensor in weights.items()}


def _layer(saved: SavedModule, name: str) -> dict[str, Tensor]:
    """A synthesis layer; one without noise gets a strength of zero."""
    held = saved.tensors()
    if saved.state.get("activation", "lrelu") != "lrelu":
        raise PickleRefused(f"its layers end in {saved.state['activation']!r}; here in 'lrelu'.")
    if "resample_filter" in held and not torch.allclose(held["resample_filter"].float(), make_taps(), atol=1e-5):
        raise PickleRefused("its resampling filter is not (1, 3, 3, 1).")
    resolution = saved.state["resolution"]
    return {
        **_linear(saved.children()["affine"], f"{name}.conv.affine", 1.0),
        f"{name}.conv.weight": held["weight"],
        f"{name}.bias": held["bias"],
        f"{name}.noise_strength": held.get("noise_strength", torch.zeros(())),
        f"{name}.noise": held.get("noise_const", torch.zeros(resolution, resolution)),
    }


def _linear(saved: SavedModule, name: str, rate: float) -> dict[str, Tensor]:
    """A fully connected layer; other gains than ours are moved into the stored numbers."""
    held = saved.tensors()
    gain = float(saved.state["weight_gain"]) / (rate / math.sqrt(held["weight"].shape[1]))
    return {
        f"{name}.weight": held["weight"] * gain,
        f"{name}.bias": held["bias"] * (float(saved.state["bias_gain"]) / rate),
    }
