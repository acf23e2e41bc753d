"""Colours that go together: grounds and accents as a designer would put them on one cloth, sRGB in 0..1."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from core.engine import random

# ground first, then accents by how much of the print they take
_PALETTES = (
    "1c2333 f2efe6 c8423a 8fa5c2 d9b25f",  # navy, ecru, signal red
    "f4f1ea 22304f b9483f 9aaec4 e0c48a",  # marine on ecru
    "17181b e8e6e1 8c8c8c 4c4d52 c9a227",  # black
    "202124 f5f5f2 d0433e 77797d b8b5ae",
    "f7f6f3 1d1d1f 9b9b9b c9c6bf d8574a",  # white
    "fbfaf7 e7a6ab 7fa99b f0cf80 5b6c8f",
    "8e9196 2b2d31 f0efec 5f6368 c25b4e",  # greys
    "5c6066 e9e7e2 22252a 9ea3a8 d9a441",
    "b7b9bb 2f3a4f f6f4ef 7a7f86 b5564f",
    "6f1d28 f0e4d2 2b1b1e c08a5a d9b8a6",  # wine
    "a5222c fbf3e6 1f2a44 e7b04b 5d0f18",  # red
    "c7502f f8e9d2 2f3b3a e8b35a 7b2d1b",  # rust
    "d98a2b fff4dd 3d2b1f a4481f f0c97a",  # ochre
    "e9c65b fffdf3 2b3a55 d2773f 8a9a5b",  # mustard
    "f2dd6e ffffff 3e5c76 e07a5f 81b29a",
    "55613c efe8d5 2b2f1f a88e58 c46a3a",  # olive
    "2f4a3a f0ead8 c9a25b 7f9c83 8c2f2b",  # forest
    "8fae9b fbf8ef 3f5a4d e0b7a0 d57f66",  # sage
    "cfe0d3 ffffff 5d8572 f2b5a7 f1d98b",
    "2a6f7f f6efe0 e6a65c 12343b d95d39",  # teal
    "7fb3c8 ffffff 1f4a66 f2c7a5 e26d5c",  # sky
    "9fbfe0 fdfdfb 2c4a7c e9e2cf d86a6a",
    "3461a8 f7f5ee f0b93a 16284f d94f3d",  # royal
    "22407a fdfbf5 e7d3a8 7ea0d0 c33c32",
    "e8b4b8 fff8f4 8c3b4a b9c7b1 5f6f8c",  # rose
    "d4688a fff1ee 3a2436 f2b279 7fa08f",  # pink
    "c32f5f fff3e9 2a1a2e f3a65a 5b8e7d",
    "f3d3cf ffffff c46a74 8da38f e3b778",  # blush
    "8a6aa0 f6effa 2f2440 e2b6c9 c9a85c",  # lilac
    "c9b8dc ffffff 6a5591 f2c6c6 9cc3b0",
    "4a2f4f f2e6ee c78fa8 9c7a3c 1f1424",  # plum
    "d8c3a0 fffaf0 5a4632 9a7b4f b4543a",  # sand
    "b08a62 f7eddc 3a2a1e 7a5a3a d9a066",  # camel
    "6b4a35 efe0c8 2a1c14 b98a5a d8a24a",  # brown
    "3b3029 e8dccb 8a6a4a 1b1512 b5502f",
    "e9e0d0 8a5a44 4f5d50 c98d6b 2f2a26",  # linen
)


@functools.lru_cache(maxsize=4)
def _table(device: str) -> Tensor:
    rows = [[[int(colour[at : at + 2], 16) for at in (0, 2, 4)] for colour in row.split()] for row in _PALETTES]
    return torch.tensor(rows, dtype=torch.float32, device=device) / 255.0


def draw_palettes(seeds: Tensor) -> Tensor:
    """Five colours for each seed (N): (N, 5, 3), ground first, a little varied in lightness and tint."""
    at = (random.hash_words(seeds, random.stream("palette")) * len(_PALETTES)) >> 32
    colours = _table(str(seeds.device))[at]
    swap = random.uniform(seeds, random.stream("palette turned")) < 0.2
    turned = colours[:, [2, 1, 0, 3, 4]]
    colours = torch.where(swap[:, None, None], turned, colours)
    gain = 1.0 + 0.22 * (random.uniform(seeds, random.stream("palette gain")) - 0.5)
    lanes = torch.arange(3, device=seeds.device)
    tint = 1.0 + 0.07 * (random.uniform(seeds[:, None], lanes, random.stream("palette tint")) - 0.5)
    return (colours * gain[:, None, None] * tint[:, None]).clamp(0.02, 0.97)
