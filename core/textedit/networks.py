"""Networks of the textedit room: photo to code, text to text code, and the fusion that moves a code by a text.

The generator is ``core/stylegan2.py``'s, the captioner stands in ``caption.py``.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.discriminator import Discriminator
from core.stylegan2 import Generator
from core.textedit.config import Config
from core.textedit.places import PlacedGenerator
from core.textedit.vocabulary import PAD


def make_generator(config: Config) -> Generator:
    """What draws faces from codes; frozen once texts are learned."""
    return PlacedGenerator(config.generator, config.points) if config.points else Generator(config.generator)


def make_discriminator(config: Config) -> Discriminator:
    """What the generator learns against."""
    return Discriminator(config.generator)


def remember(words: Tensor, keep: float) -> Tensor:
    """Fixed-size ordinally-forgetting encoding (Zhang 2015) of vectors N x T x K: z_t = keep * z_(t-1) + e_t."""
    kept = [words[:, 0]]
    for place in range(1, words.shape[1]):
        kept.append(keep * kept[-1] + words[:, place])
    return torch.stack(kept, 1)


class TextEncoder(nn.Module):
    """Numbered words to a text code: FOFE, then a bidirectional LSTM. No words: the code is zero.

    The product of the first weights with a one-hot word is a column of theirs, and FOFE is linear: so columns are looked up
    and remembered, which is the same as remembering one-hots and costs less.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.keep = config.forgetting
        self.columns = nn.Embedding(config.words, config.word_width, padding_idx=PAD)
        self.lstm = nn.LSTM(config.word_width, config.text_width, batch_first=True, bidirectional=True)
        self.leave = nn.Linear(4 * config.text_width, config.text_width)

    def forward(self, words: Tensor) -> Tensor:
        """N x T numbers, padded behind, to N x text_width."""
        there = words != PAD
        lengths = there.sum(1)
        with torch.autocast(words.device.type, enabled=False):
            remembered = remember(self.columns(words), self.keep)
            packed = nn.utils.rnn.pack_padded_sequence(
                remembered, lengths.clamp_min(1).cpu(), batch_first=True, enforce_sorted=False
            )
            out, (last, _) = self.lstm(packed)
            states, _ = nn.utils.rnn.pad_packed_sequence(out, batch_first=True, total_length=words.shape[1])
            strongest = states.masked_fill(~there[:, :, None], -1e4).amax(1)
            ends = torch.cat((strongest, last[0], last[1]), 1)
            code = torch.tanh(self.leave(ends))
        return torch.where((lengths > 0)[:, None], code, 0.0)


class Fusion(nn.Module):
    """A code, moved by a text code: w' = w + s C (tanh(A w + B f + b) - tanh(A w + b)).

    With f = 0 both terms are the same numbers, so an empty text leaves the code exactly as it is; s is the strength.
    Which codes these are, z or the mapping network's, is the config's ``fuse``.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config.generator.code_width
        self.behind = config.fuse == "behind"
        self.of_code = nn.Linear(width, config.fusion_width, bias=False)
        self.of_text = nn.Linear(config.text_width, config.fusion_width, bias=False)
        self.bias = nn.Parameter(torch.zeros(config.fusion_width))
        self.back = nn.Linear(config.fusion_width, width, bias=False)
        nn.init.normal_(self.back.weight, std=0.02)

    def forward(self, codes: Tensor, texts: Tensor, strength: Tensor | float = 1.0) -> Tensor:
        """Codes N x width and text codes N x text_width to codes N x width; ``strength`` is a number or N x 1."""
        return codes + strength * self.carry(codes, texts)

    def carry(self, codes: Tensor, texts: Tensor) -> Tensor:
        """How far texts carry codes at full strength: N x width."""
        with torch.autocast(codes.device.type, enabled=False):
            now = self.of_code(codes.float()) + self.bias
            return self.back(torch.tanh(now + self.of_text(texts.float())) - torch.tanh(now))


class PhotoEncoder(nn.Module):
    """A portrait to a first code: VGG-shaped (Simonyan 2014), pairs of 3 x 3 convolutions between halvings."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width, size, before = config.encoder_width, min(config.encoder_size, config.size), 3
        stages: list[nn.Module] = []
        for place in range(5):
            wide = width * 2 ** min(place, 3)
            stages += [*_convolve(before, wide), *_convolve(wide, wide), nn.MaxPool2d(2)]
            before = wide
        self.stages = nn.Sequential(*stages)
        self.leave = nn.Sequential(
            nn.Linear(before * (size // 32) ** 2, 1024), nn.LeakyReLU(0.2), nn.Linear(1024, config.generator.code_width)
        )
        self.size = size

    def forward(self, pictures: Tensor) -> Tensor:
        """N x 3 x S x S in [-1, 1] to codes N x width."""
        return self.leave(self.stages(bring(pictures, self.size)).flatten(1)).float()


def _convolve(inputs: int, outputs: int) -> list[nn.Module]:
    groups = next(number for number in (8, 4, 2, 1) if outputs % number == 0)
    return [nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False), nn.GroupNorm(groups, outputs), nn.LeakyReLU(0.2)]


def bring(pictures: Tensor, size: int) -> Tensor:
    """Pictures at a network's own size."""
    if pictures.shape[2:] == (size, size):
        return pictures
    return F.interpolate(pictures, (size, size), mode="bilinear", antialias=True, align_corners=False)
