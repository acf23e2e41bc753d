"""What perceptual distances learn: features by saying what faces and garments are, weights by ordering known distortions.

Features of any network that knows its pictures agree with people better than pixels do (Zhang 2018); ours must know faces
and cloth. Then each channel's weight is learned so that more of a distortion is further away.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.engine.attributes import KEYS
from core.face.config import PARTS
from core.image import Pixels, contact_sheet, to_pixels
from core.perceptual import PerceptualConfig, PerceptualDistance
from training.face_data import MILD, TRAIN_SEED, VALIDATION_SEED, cut, spoil
from training.judge_tasks import frame
from training.judges import DistanceConfig, DistanceJudge

SIZE = 96
DISTORTIONS = ("blur", "noise", "fade", "tint", "pixelate", "bend", "shift", "cover", "blend")


class DistanceTask:
    """A distance between pictures, with the aids that make its features know something."""

    protocol = "256 faces and 128 garments of the validation band, 9 distortions, 2 strengths: share ordered wrongly"
    batch_size = 48
    drawn, validated = 2048, 128

    def __init__(self, name: str, config: PerceptualConfig | DistanceConfig, offset: int) -> None:
        """``offset``: where this distance's own garments begin among the seeds."""
        from core.engine.cuts import KINDS
        from core.engine.prints import PRINTS

        self.name, self.config, self._offset = name, config, offset
        own = isinstance(config, PerceptualConfig)
        self.network: Any = PerceptualDistance(config) if own else DistanceJudge(config)
        widths = [len(weight) for weight in self.network.weight]
        self.sources: dict[str, str] = {}
        self._finest = 2 if own else 0
        self.aids: dict[str, nn.Module] = {
            "grades": nn.Linear(widths[-1] + widths[-2], len(KEYS)),
            "parts": nn.Conv2d(sum(widths[self._finest :]), len(PARTS), 1),
            "kinds": nn.Linear(widths[-1] + widths[-2], len(KINDS)),
            "prints": nn.Linear(widths[-1] + widths[-2], len(PRINTS)),
        }
        self._tables = KINDS, PRINTS
        self._sets: dict[bool, tuple[Tensor, Tensor]] = {}

    def _features(self, pictures: Tensor) -> list[Tensor]:
        network = self.network.features
        return network(pictures) if isinstance(self.config, PerceptualConfig) else network.pyramid(pictures)

    def prepare(self, found: dict[str, Tensor], draw: torch.Generator, learning: bool) -> dict[str, Tensor]:
        """Faces and garments with what is known of them, and both with two strengths of one distortion."""
        pixels, labels = self._garments(learning)
        count = len(found["pixels"])
        chosen = torch.randint(len(pixels), (count,), generator=draw) if learning else torch.arange(count) % len(pixels)
        squares, mirrored = frame(found, draw, learning)
        faces = cut(found["pixels"], squares, SIZE, mirrored)
        parts = cut(found["segmentation"][:, None], squares, SIZE, mirrored, mode="nearest")[:, 0]
        cloth = pixels[chosen].float() / 127.5 - 1
        squares, mirrored = frame({"pixels": cloth}, draw, learning)
        cloth = cut(cloth, squares, SIZE, mirrored)
        if learning:
            faces, cloth = spoil(faces, draw, 0.0, MILD), spoil(cloth, draw, 0.0, MILD)
        plain = torch.where((torch.arange(count) % 3 == 2)[:, None, None, None], cloth, faces)
        strengths = torch.rand(count, 2, generator=draw).sort(1).values * 0.92 + 0.04
        kind = torch.arange(count) % len(DISTORTIONS)
        seed = int(torch.randint(2**31, (), generator=draw))
        less, more = (distort(plain, kind, strengths[:, i], seed) for i in (0, 1))
        return {
            "faces": faces,
            "parts": parts.long(),
            "grades": found["attributes"],
            "cloth": cloth,
            "kinds": labels[chosen, 0],
            "prints": labels[chosen, 1],
            "plain": plain,
            "less": less,
            "more": more,
            "gap": strengths[:, 1] - strengths[:, 0],
            "kind": kind,
        }

    def _garments(self, learning: bool) -> tuple[Tensor, Tensor]:
        if learning not in self._sets:
            from core.engine.garments import garments

            kinds, prints = self._tables
            first, count = (TRAIN_SEED, self.drawn) if learning else (VALIDATION_SEED, self.validated)
            batch = garments(range(first + self._offset, first + self._offset + count), size=SIZE)
            pairs = [(kinds.index(a), prints.index(b)) for a, b in zip(batch.kind, batch.print, strict=True)]
            self._sets[learning] = torch.from_numpy(to_pixels(batch.pixels)).permute(0, 3, 1, 2), torch.tensor(pairs)
        return self._sets[learning]

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """What pictures are, and the order of distortions (margins as in Burges 2005)."""
        found = self._features(batch["faces"])
        known = torch.cat([one.mean((2, 3)) for one in found[-2:]], 1)
        fine = found[self._finest :]
        raised = [F.interpolate(one, fine[0].shape[2:], mode="bilinear", align_corners=False) for one in fine]
        parts = F.interpolate(self.aids["parts"](torch.cat(raised, 1)), batch["parts"].shape[1:], mode="bilinear")
        worn = torch.cat([one.mean((2, 3)) for one in self._features(batch["cloth"])[-2:]], 1)
        # only weights learn from these: they need fewer
        less, more = self._both({key: batch[key][::2] for key in ("plain", "less", "more")})
        return {
            "grades": 10 * (self.aids["grades"](known) * 0.3 + 0.3 - batch["grades"]).square().mean(),
            "parts": 0.5 * F.cross_entropy(parts, batch["parts"]),
            "kinds": 0.2 * F.cross_entropy(self.aids["kinds"](worn), batch["kinds"]),
            "prints": 0.2 * F.cross_entropy(self.aids["prints"](worn), batch["prints"]),
            "order": F.softplus(-8 * ((more + 1e-6).log() - (less + 1e-6).log()) * batch["gap"][::2]).mean(),
        }

    def _both(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Distances to the weaker and to the stronger form; what is known of pictures is not learned from these."""
        plain, less, more = (batch[key] for key in ("plain", "less", "more"))
        with torch.no_grad():
            found = [one.chunk(3) for one in self._features(torch.cat((plain, less, more)))]
        near, far = (self.network.weigh([torch.cat((stage[0], stage[at])) for stage in found]) for at in (1, 2))
        return near, far

    @torch.no_grad()
    def measure(self, whole: dict[str, Tensor]) -> dict[str, float]:
        """Share of distortions whose stronger form is nearer, also for plain pixels."""
        device = next(self.network.parameters()).device
        wrong: list[Tensor] = []
        for at in torch.arange(len(whole["plain"])).split(32):
            less, more = self._both({key: whole[key][at].to(device) for key in ("plain", "less", "more")})
            wrong.append((more <= less).float().cpu())
        pixels = (whole["more"] - whole["plain"]).square().mean((1, 2, 3)) <= (
            (whole["less"] - whole["plain"]).square().mean((1, 2, 3))
        )
        each = torch.cat(wrong)
        by_kind = {
            f"wrong_{name}": float(each[whole["kind"] == place].mean()) for place, name in enumerate(DISTORTIONS)
        }
        return {"validation": float(each.mean()), "wrong_pixels": float(pixels.float().mean()), **by_kind}

    def preview(self, whole: dict[str, Tensor]) -> Pixels:
        """Pictures above both strengths of their distortion."""
        shown = [to_pixels(whole[name][:9]) for name in ("plain", "less", "more")]
        return contact_sheet([pixels for row in shown for pixels in row], 9)


def distort(pictures: Tensor, kind: Tensor, strength: Tensor, seed: int) -> Tensor:
    """Each picture distorted in its kind (place in DISTORTIONS) by 0..1; the same seed gives the same noise and bends."""
    draw = torch.Generator().manual_seed(seed)
    count, _, side, _ = pictures.shape
    noise = torch.randn(pictures.shape, generator=draw)
    bends = F.interpolate(torch.randn(count, 2, 5, 5, generator=draw), (side, side), mode="bicubic")
    random = torch.rand(count, 6, generator=draw)
    others = pictures.roll(3, 0)
    made = [
        _DRAWN[DISTORTIONS[int(kind[i])]](
            pictures[i : i + 1], float(strength[i]), (noise[i : i + 1], bends[i : i + 1], random[i], others[i : i + 1])
        )
        for i in range(count)
    ]
    return torch.cat(made).clamp(-1, 1)


Chance = tuple[Tensor, Tensor, Tensor, Tensor]


def _blur(picture: Tensor, amount: float, chance: Chance) -> Tensor:
    del chance
    sigma = 0.35 + 3.0 * amount
    reach = int(np.ceil(2.5 * sigma))
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    taps = (taps / taps.sum()).expand(3, 1, 1, -1)
    across = F.conv2d(F.pad(picture, (reach, reach, 0, 0), mode="replicate"), taps, groups=3)
    return F.conv2d(F.pad(across, (0, 0, reach, reach), mode="replicate"), taps.transpose(2, 3), groups=3)


def _noise(picture: Tensor, amount: float, chance: Chance) -> Tensor:
    return picture + 0.5 * amount * chance[0]


def _fade(picture: Tensor, amount: float, chance: Chance) -> Tensor:
    return picture * (1 - 0.7 * amount) + 0.7 * amount * (2 * float(chance[2][0]) - 1)


def _tint(picture: Tensor, amount: float, chance: Chance) -> Tensor:
    return picture + 0.6 * amount * (chance[2][:3, None, None] * 2 - 1)


def _pixelate(picture: Tensor, amount: float, chance: Chance) -> Tensor:
    del chance
    side = picture.shape[-1]
    cells = max(8, round(side / (1 + 6 * amount)))
    small = F.interpolate(picture, (cells, cells), mode="bilinear", antialias=True)
    return F.interpolate(small, (side, side), mode="nearest")


def _warp(picture: Tensor, moved: Tensor) -> Tensor:
    identity = torch.eye(2, 3)[None]
    grid = F.affine_grid(identity, list(picture.shape), align_corners=False) + moved.permute(0, 2, 3, 1)
    return F.grid_sample(picture, grid, padding_mode="border", align_corners=False)


def _bend(picture: Tensor, amount: float, chance: Chance) -> Tensor:
    return _warp(picture, 0.12 * amount * chance[1])


def _shift(picture: Tensor, amount: float, chance: Chance) -> Tensor:
    way = torch.stack(((chance[2][0] * 6.28).cos(), (chance[2][0] * 6.28).sin()))
    return _warp(picture, (0.25 * amount * way)[None, :, None, None].expand(1, 2, *picture.shape[2:]))


def _cover(picture: Tensor, amount: float, chance: Chance) -> Tensor:
    side = picture.shape[-1]
    half = round(side * (0.04 + 0.22 * amount))
    row, column = (round(side * (0.3 + 0.4 * float(chance[2][i]))) for i in (0, 1))
    hidden = picture.clone()
    hidden[:, :, max(0, row - half) : row + half, max(0, column - half) : column + half] = (
        chance[2][2:5, None, None] * 2 - 1
    )
    return hidden


def _blend(picture: Tensor, amount: float, chance: Chance) -> Tensor:
    return picture.lerp(chance[3], 0.8 * amount)


_DRAWN = dict(zip(DISTORTIONS, (_blur, _noise, _fade, _tint, _pixelate, _bend, _shift, _cover, _blend), strict=True))
