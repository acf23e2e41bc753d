"""What the three face networks learn: how their pictures are made from engine faces, their losses, scores and sheets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core import checkpoints
from core.face.align import LEFT_EYE, RIGHT_EYE, ROOM
from core.face.config import PARTS, FinderConfig, LandmarkConfig, ParserConfig
from core.face.networks import FinderNet, LandmarkNet, ParserNet
from core.image import Pixels, contact_sheet, to_pixels
from core.locator import places_error
from training.face_data import Spread, carry, cut, draw_squares, extents, paint_ground, spoil

PARSER_ROOM = 2.4
HEAT = 0.05
"""How much landmarks' heat maps count beside how far points are off."""
BEGUN = ("trunk.", "locate.join.", "locate.mix.")
COLOURS = np.array(
    [
        (30, 30, 36), (236, 188, 150), (120, 72, 40), (240, 240, 255), (220, 140, 110), (200, 60, 80), (90, 60, 160),
        (60, 200, 220), (240, 200, 60), (180, 130, 100), (70, 130, 90),
    ],
    dtype=np.uint8,
)  # fmt: skip


class LandmarkTask:
    """Points of crops around faces, and that crops of nothing are no faces."""

    protocol = "512 engine faces of the validation band, crops shifted and scaled; mean error, % of the eye distance"

    name, batch_size = "landmarks", 64

    def __init__(self, config: LandmarkConfig) -> None:
        self.config, self.network = config, LandmarkNet(config)
        self.aids: dict[str, nn.Module] = {}
        self.sources: dict[str, str] = {}

    def begin_with(self, reader: Path) -> None:
        """With the trunk that a reader of expressions looks at whole faces with, and what draws its heat maps' features."""
        found = checkpoints.Found(reader, checkpoints.read_card(reader), reader)
        known = checkpoints.load(found, ("reader",))["reader"]
        own = self.network.state_dict()
        taken = {key: known[f"whole.{key}"] for key in own if key.startswith(BEGUN) and f"whole.{key}" in known}
        checkpoints.fill(self.network, {**own, **taken}, f"{reader} (its look at whole faces)")

    def prepare(self, found: dict[str, Tensor], draw: torch.Generator, learning: bool) -> dict[str, Tensor]:
        """Crops, their points and which hold a face; while learning, some are of the ground beside the face."""
        spread, absent = (Spread(), 0.15) if learning else (Spread(0.05, 0.08, 8), 0.0)
        count = len(found["pixels"])
        squares = draw_squares(found["landmarks"], ROOM, spread, draw)
        mirrored = torch.rand(count, generator=draw) < 0.5 * learning
        crops = cut(found["pixels"], squares, self.config.size, mirrored)
        points = carry(found["landmarks"], squares, mirrored)
        there = torch.rand(count, generator=draw) >= absent
        ground = paint_ground(count, self.config.size, draw)
        # Half a face or a far too large square is no face either: its points would lie outside.
        aside = squares.clone()
        aside[:, :2] += torch.sign(torch.randn(count, 2, generator=draw)) * squares[:, 2:3] * 0.75
        beside = cut(found["pixels"], aside, self.config.size, mirrored)
        nothing = torch.where((torch.rand(count, generator=draw) < 0.5)[:, None, None, None], ground, beside)
        crops = torch.where(there[:, None, None, None], crops, nothing)
        return {"crops": spoil(crops, draw) if learning else crops, "points": points, "there": there}

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Distance of the points where a face is, and whether one is believed."""
        points, sure, heat = self.network.look(batch["crops"])
        there = batch["there"].float()
        apart = (points - batch["points"]).square().sum(2).add(1e-6).sqrt().mean(1)
        inside = (batch["points"].abs().amax(2) < 1.0).float()
        unlike = (places_error(heat, batch["points"].clamp(-1.0, 1.0)) * inside).mean(1)
        faces = there.sum().clamp_min(1)
        return {
            "points": (apart * there).sum() / faces,
            "heat": HEAT * (unlike * there).sum() / faces,
            "belief": 0.1 * F.binary_cross_entropy_with_logits(sure, there),
        }

    def _read(self, whole: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        device = next(self.network.parameters()).device
        return whole["crops"], whole["points"], self.network(whole["crops"].to(device))[0].cpu()

    def measure(self, whole: dict[str, Tensor]) -> dict[str, float]:
        """Mean distance of the 68 points, in percent of the distance between the eyes' middles."""
        _, true, read = self._read(whole)
        eyes = (true[:, LEFT_EYE].mean(1) - true[:, RIGHT_EYE].mean(1)).norm(dim=1)
        mean = true.mean(0, keepdim=True)
        error = (100 * (read - true).norm(dim=2).mean(1) / eyes).median()
        nothing = (100 * (mean - true).norm(dim=2).mean(1) / eyes).median()
        return {"validation": float(error), "mean_face": float(nothing)}

    def preview(self, whole: dict[str, Tensor]) -> Pixels:
        """Crops with points as read (light) and true (dark)."""
        crops, true, read = self._read(whole)
        shown = [draw_points(to_pixels(crops[i : i + 1])[0], true[i], read[i]) for i in range(32)]
        return contact_sheet(shown, 8)


def draw_points(pixels: Pixels, true: Tensor, read: Tensor) -> Pixels:
    """A crop twice as large with its points."""
    large = pixels.repeat(2, 0).repeat(2, 1).copy()
    for points, colour in ((true, (20, 20, 20)), (read, (60, 255, 160))):
        for column, row in ((points + 1) * large.shape[0] / 2).round().long().clamp(1, large.shape[0] - 2).tolist():
            large[row - 1 : row + 1, column - 1 : column + 1] = colour
    return large


class FinderTask:
    """Faces of every size on grounds of every kind."""

    protocol = "512 engine faces of the validation band on painted grounds; share not found within a third of a face"

    name, batch_size = "finder", 48

    def __init__(self, config: FinderConfig) -> None:
        self.config, self.network = config, FinderNet(config)
        self.aids: dict[str, nn.Module] = {}
        self.sources: dict[str, str] = {}

    def prepare(self, found: dict[str, Tensor], draw: torch.Generator, learning: bool) -> dict[str, Tensor]:
        """Each picture laid somewhere on a ground, its face between a tenth and nine tenths of the side."""
        absent = 0.15 * learning
        size, count = self.config.size, len(found["pixels"])
        centre, side = extents(found["landmarks"])
        extent = size * (0.09 + 0.8 * torch.rand(count, generator=draw) ** 1.7)
        room = (size - extent)[:, None] * (torch.rand(count, 2, generator=draw) * 0.9 + 0.05)
        target = room + extent[:, None] / 2
        scale = side / extent
        source = found["pixels"].shape[-1]
        mirrored = torch.rand(count, generator=draw) < 0.5
        flip = torch.where(mirrored, -1.0, 1.0)
        middle = centre + (size / 2 - target) * scale[:, None] * torch.stack((flip, torch.ones(count)), 1)
        squares = torch.cat((middle, (scale * size)[:, None], torch.zeros(count, 1)), 1)
        laid = cut(found["pixels"], squares, size, mirrored)
        edge = torch.ones(count, 1, source, source)
        edge[..., 0], edge[..., -1] = 0, 0
        edge[:, :, 0], edge[:, :, -1] = 0, 0
        cover = (cut(edge, squares, size, mirrored) > 0.5).float()
        there = torch.rand(count, generator=draw) >= absent
        ground = paint_ground(count, size, draw)
        pictures = torch.where(there[:, None, None, None], ground.lerp(laid, cover), ground)
        cells = torch.cat((target, extent[:, None]), 1) / self.config.stride
        return {
            "pictures": spoil(pictures, draw, cover=0.2) if learning else pictures,
            "cells": cells,
            "there": there,
        }

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Focal loss on the map of centres (Zhou 2019, eq. 1); place and size where the face is."""
        maps, cells, there = self.network(batch["pictures"]), batch["cells"], batch["there"].float()
        count, _, height, width = maps.shape
        rows = torch.arange(height, device=maps.device)[None, :, None] + 0.5
        columns = torch.arange(width, device=maps.device)[None, None] + 0.5
        spread = (cells[:, 2] / 9).clamp_min(0.6)[:, None, None]
        away = (columns - cells[:, :1, None]) ** 2 + (rows - cells[:, 1:2, None]) ** 2
        wanted = (-away / (2 * spread**2)).exp() * there[:, None, None]
        column = cells[:, 0].long().clamp(0, width - 1)
        row = cells[:, 1].long().clamp(0, height - 1)
        each = torch.arange(count, device=maps.device)
        peak = torch.zeros_like(wanted)
        peak[each, row, column] = there
        logit = maps[:, 0]
        score = logit.sigmoid()
        hit = -((1 - score) ** 2) * F.logsigmoid(logit) * peak
        miss = -((1 - wanted) ** 4) * score**2 * F.logsigmoid(-logit) * (1 - peak)
        at = maps[each, :, row, column]
        exact = torch.stack((cells[:, 0] - column, cells[:, 1] - row, cells[:, 2].log()), 1)
        off = F.smooth_l1_loss(at[:, 1:], exact, reduction="none", beta=0.1).sum(1)
        faces = there.sum().clamp_min(1)
        return {"centre": (hit + miss).sum() / faces, "place": (off * there).sum() / faces}

    def _read(self, whole: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        device = next(self.network.parameters()).device
        maps = torch.cat([self.network(part.to(device)).cpu() for part in whole["pictures"].split(64)])
        flat = maps[:, 0].flatten(1)
        best = flat.argmax(1)
        width = maps.shape[3]
        each = torch.arange(len(maps))
        at = maps[each, :, best // width, best % width]
        place = torch.stack((best % width + at[:, 1], best // width + at[:, 2], at[:, 3].exp()), 1)
        return place, flat.amax(1).sigmoid()

    def measure(self, whole: dict[str, Tensor]) -> dict[str, float]:
        """Share of faces whose surest centre is wrong by over a third of the face, its size by over a third, or unsure."""
        place, sure = self._read(whole)
        true = whole["cells"]
        near = (place[:, :2] - true[:, :2]).norm(dim=1) < true[:, 2] / 3
        sized = (place[:, 2] / true[:, 2]).log().abs() < 0.3
        return {"validation": 1.0 - float((near & sized & (sure > 0.3)).float().mean()), "nothing": 1.0}

    def preview(self, whole: dict[str, Tensor]) -> Pixels:
        """Pictures with the surest face framed."""
        place, sure = self._read(whole)
        shown = []
        for index in range(24):
            pixels = to_pixels(whole["pictures"][index : index + 1])[0].copy()
            column, row, side = (place[index] * self.config.stride).tolist()
            left, right = (int(np.clip(column + half * side, 0, self.config.size - 1)) for half in (-0.5, 0.5))
            top, bottom = (int(np.clip(row + half * side, 0, self.config.size - 1)) for half in (-0.5, 0.5))
            colour = (60, 255, 160) if sure[index] > 0.3 else (255, 80, 80)
            pixels[[top, bottom], left:right] = colour
            pixels[top:bottom, [left, right]] = colour
            shown.append(pixels)
        return contact_sheet(shown, 8)


class ParserTask:
    """Parts of crops with hair and shoulders."""

    protocol = "512 engine faces of the validation band; one less mean intersection over union of eleven parts"

    name, batch_size = "parser", 24

    def __init__(self, config: ParserConfig) -> None:
        self.config, self.network = config, ParserNet(config)
        self.aids: dict[str, nn.Module] = {}
        self.sources: dict[str, str] = {}

    def prepare(self, found: dict[str, Tensor], draw: torch.Generator, learning: bool) -> dict[str, Tensor]:
        """Crops of these pictures with their parts."""
        spread = Spread() if learning else Spread(0.04, 0.06, 5)
        squares = draw_squares(found["landmarks"], PARSER_ROOM, spread, draw)
        mirrored = torch.rand(len(squares), generator=draw) < 0.5 * learning
        crops = cut(found["pixels"], squares, self.config.size, mirrored)
        parts = cut(found["segmentation"][:, None], squares, self.config.size, mirrored, mode="nearest")[:, 0].long()
        return {"crops": spoil(crops, draw, cover=0.0) if learning else crops, "parts": parts}

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Cross entropy; small parts count more."""
        weight = torch.ones(len(PARTS), device=batch["crops"].device)
        weight[2:6] = 3.0
        weight[7:9] = 2.0
        return {"parts": F.cross_entropy(self.network(batch["crops"]), batch["parts"], weight)}

    def _read(self, whole: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        device = next(self.network.parameters()).device
        read = torch.cat([self.network(part.to(device)).argmax(1).cpu() for part in whole["crops"].split(32)])
        return whole["crops"], whole["parts"], read

    def measure(self, whole: dict[str, Tensor]) -> dict[str, float]:
        """Intersection over union of each part over all pictures."""
        _, true, read = self._read(whole)
        scores = {}
        for place, name in enumerate(PARTS):
            both = ((true == place) & (read == place)).sum()
            either = ((true == place) | (read == place)).sum()
            scores[f"iou_{name}"] = float(both / either) if either else 1.0
        return {"validation": 1.0 - sum(scores.values()) / len(scores), **scores}

    def preview(self, whole: dict[str, Tensor]) -> Pixels:
        """Crops above their parts as read."""
        crops, _, read = self._read(whole)
        shown = []
        for row in range(2):
            chosen = slice(row * 8, row * 8 + 8)
            shown += [*to_pixels(crops[chosen]), *(COLOURS[parts.numpy()] for parts in read[chosen])]
        return contact_sheet(shown, 8)
