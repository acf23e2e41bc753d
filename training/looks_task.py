"""What the judge of garments' looks learns: to tell a garment from its cloth laid into its outline in cheaper ways.

Features that name kinds and prints alone say the same of a garment and of a tiled outline, and a distance between crowds in
them says nothing of looks. These must know folds, collars, seams and sharpness.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.engine.cuts import KINDS
from core.image import Mask, Pixels, contact_sheet, to_pixels, to_tensor
from training.face_data import MILD, TRAIN_SEED, VALIDATION_SEED, cut, spoil
from training.garment_data import align_garments, draw_flats, from_bytes
from training.garment_samples import bring_to_middle, crop_some
from training.judge_tasks import frame, run
from training.judges import LooksConfig, LooksJudge

WAYS = ("true", "tiled", "flat", "smooth", "shaded")
"""As it is; its cloth repeated; its mean colour; without detail; its cloth repeated under its own light and shade."""
OFFSET = 60_000
COARSEST = 0.6
"""The fewest pixels that pictures are brought to and back, as a share: how large a picture once was is no sign."""


class LooksTask:
    """Garments on white, true and made cheaply; engine garments and, where given, real cut-outs."""

    protocol = "engine garments of the validation band (and real ones held back by sender), 5 ways: share taken for another way"
    name, batch_size = "looks", 40
    drawn, validated = 3072, 160

    def __init__(self, config: LooksConfig, folder: Path | None = None) -> None:
        self.config, self.network = config, LooksJudge(config)
        self.aids: dict[str, nn.Module] = {"kinds": nn.Linear(self.network.features, len(KINDS))}
        self.sources = {} if folder is None else {"garments": f"pictures and masks of {folder.name}"}
        self._folder = folder
        self._sets: dict[bool, tuple[Tensor, Tensor, Tensor]] = {}

    def prepare(self, found: dict[str, Tensor], draw: torch.Generator, learning: bool) -> dict[str, Tensor]:
        """Garments made in all ways in turn; the faces that come along are not looked at."""
        pixels, masks, kinds = self._garments(learning)
        count = len(found["pixels"]) if learning else len(pixels)
        chosen = torch.randint(len(pixels), (count,), generator=draw) if learning else torch.arange(count)
        target, mask = from_bytes(pixels[chosen]), masks[chosen].float()[:, None] / 255
        ways = torch.arange(count) % len(WAYS)
        made = coarsen(make_cheaply(target, mask, ways, draw), draw)
        if learning:
            squares, mirrored = frame({"pixels": made}, draw, learning)
            made = spoil(cut(made, squares, self.config.size, mirrored), draw, 0.0, MILD)
        return {"pictures": made, "ways": ways, "kinds": kinds[chosen]}

    def _garments(self, learning: bool) -> tuple[Tensor, Tensor, Tensor]:
        if learning not in self._sets:
            first, count = (TRAIN_SEED, self.drawn) if learning else (VALIDATION_SEED, self.validated)
            seeds = range(first + OFFSET, first + OFFSET + count)
            parts = [draw_flats(seeds[at : at + 32], self.config.size, "cpu") for at in range(0, count, 32)]
            sets = [torch.cat([part[key] for part in parts]) for key in ("pixels", "masks", "kind")]
            if self._folder is not None:
                from training.garment_pictures import read_garments

                real = align_garments(read_garments(self._folder, self.config.size), self.config.size)
                kept = real.learning if learning else real.validating
                more = torch.from_numpy(real.pictures[kept]).permute(0, 3, 1, 2), torch.from_numpy(real.masks[kept])
                nobody_says = torch.full((len(kept),), -1)
                sets = [torch.cat(pair) for pair in zip(sets, (*more, nobody_says), strict=True)]
            self._sets[learning] = sets[0], sets[1], sets[2]
        return self._sets[learning]

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """In which way a picture was made, and of which kind the garment is where somebody says so."""
        seen = self.network.see(batch["pictures"])
        kinds = F.cross_entropy(self.aids["kinds"](seen), batch["kinds"], ignore_index=-1, reduction="sum")
        known = (batch["kinds"] >= 0).sum().clamp_min(1)
        return {"ways": F.cross_entropy(self.network.tell(seen), batch["ways"]), "kinds": 0.2 * kinds / known}

    def measure(self, whole: dict[str, Tensor]) -> dict[str, float]:
        """Share of pictures taken for another way, also by way and for real garments alone."""
        wrong = (run(self.network, whole["pictures"]).argmax(1) != whole["ways"]).float()
        by_way = {f"wrong_{name}": float(wrong[whole["ways"] == place].mean()) for place, name in enumerate(WAYS)}
        real = wrong[whole["kinds"] < 0]
        return {
            "validation": float(wrong.mean()),
            **by_way,
            **({"wrong_real": float(real.mean())} if len(real) else {}),
        }

    def preview(self, whole: dict[str, Tensor]) -> Pixels:
        """A column per way."""
        return contact_sheet(list(to_pixels(whole["pictures"][:30])), 5)


def make_cheaply(target: Tensor, mask: Tensor, ways: Tensor, draw: torch.Generator) -> Tensor:
    """Garments N x 3 x S x S on white made in their ways (places in WAYS), their outlines kept."""
    inside = 1 - F.max_pool2d(1 - mask.round(), 3, 1, 1)
    crop = crop_some(inside, draw)
    cloth, cropped = bring_to_middle(target, crop, torch.zeros(len(target), 2))
    made = target.clone()
    for at, way in enumerate(ways.tolist()):
        if WAYS[way] == "true":
            continue
        outline = mask[at].round()
        if WAYS[way] == "flat":
            inner = (target[at] * outline).sum((1, 2)) / outline.sum().clamp_min(1)
            filled = inner[:, None, None].expand_as(target[at])
        elif WAYS[way] == "smooth":
            filled = blur_inside(target[at], outline)
        else:
            byte_mask = (outline[0] * 255).byte().numpy()
            filled = to_tensor(
                tile(to_pixels(cloth[at : at + 1])[0], (cropped[at, 0] * 255).byte().numpy(), byte_mask)
            )[0]
            if WAYS[way] == "shaded":
                light, own = (blur_inside(one.mean(0, keepdim=True), outline) for one in (target[at], filled))
                filled = (filled + light - own).clamp(-1, 1)
        made[at] = filled * outline + (1 - outline)
    return made


def blur_inside(picture: Tensor, outline: Tensor) -> Tensor:
    """A picture (C x S x S) without detail, what is outside of the outline left out of the mean."""
    reach = max(3, picture.shape[-1] // 8 * 2 + 1)
    kernel = torch.hann_window(reach + 2, periodic=False)[1:-1].expand(1, 1, 1, -1)

    def soften(maps: Tensor) -> Tensor:
        across = F.conv2d(maps[:, None], kernel, padding=(0, reach // 2))
        return F.conv2d(across, kernel.transpose(2, 3), padding=(reach // 2, 0))[:, 0]

    return soften(picture * outline) / soften(outline).clamp_min(1e-3)


def tile(cloth: Pixels, seen: Mask, mask: Mask) -> Pixels:
    """The largest square of cloth that is seen, repeated in mirrored tiles all over a mask, on white."""
    import cv2

    edged = np.pad((seen > 127).astype(np.uint8), 1)
    room = cv2.distanceTransform(edged, cv2.DIST_C, 3)[1:-1, 1:-1]
    row, column = np.unravel_index(int(room.argmax()), room.shape)
    reach = max(1, int(room.max()) - 1)
    piece = cloth[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1]
    repeats = -(-np.array(mask.shape) // np.array(piece.shape[:2]))
    whole = np.pad(
        piece,
        [(0, (int(n) - 1) * side) for n, side in zip(repeats, piece.shape[:2], strict=True)] + [(0, 0)],
        "symmetric",
    )[: mask.shape[0], : mask.shape[1]]
    return np.where(mask[..., None] > 127, whole, 255).astype(np.uint8)


def coarsen(pictures: Tensor, draw: torch.Generator) -> Tensor:
    """Pictures brought to fewer pixels and back, each by its own share."""
    side = pictures.shape[-1]
    shares = COARSEST + (1 - COARSEST) * torch.rand(len(pictures), generator=draw)
    made = [
        F.interpolate(
            F.interpolate(one[None], (round(side * share),) * 2, mode="bilinear", antialias=True, align_corners=False),
            (side, side),
            mode="bilinear",
            align_corners=False,
        )
        for one, share in zip(pictures, shares.tolist(), strict=True)
    ]
    return torch.cat(made)
