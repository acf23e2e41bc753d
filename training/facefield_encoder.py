"""How the encoder learns to read photos: framed engine portraits, their true codes, and where they were taken from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core.engine.head import load_head
from core.facefield import losses
from core.facefield.camera import tell
from core.facefield.codes import LOOK, SHAPE, SHAPE_WIDTH, FaceCodes, block
from core.facefield.config import Config
from core.facefield.networks import FACE_SHARE, PhotoEncoder
from core.image import Pixels, contact_sheet, to_pixels
from core.normal_scores import interpolate_scores
from training.face_data import MILD, spoil
from training.facefield_data import HeadData, Heads, frame_portraits
from training.recipe import Phase
from training.spec import RunSpec
from training.task import cosine

FITTED = 4096
FACE_FROM_METRES = 0.035
"""How far in front of the head's middle a place counts as the face's."""
WEIGHTS = {
    "identity": 2.0, "femininity": 2.0, "controllers": 0.6, "turn": 2.0, "hair": 1.0, "grades": 2.0, "wear": 1.0,
}  # fmt: skip
LOOK_WEIGHTS = {
    "grades": 2.0, "skin": 0.7, "paint": 0.5, "eyes": 0.7, "hair": 1.5, "cloth": 1.0, "light": 1.0, "sensor": 0.5,
    "ground": 1.0,
}  # fmt: skip


@dataclass(frozen=True)
class EncoderSettings:
    """How the encoder learns."""

    faces: int = 48
    rate: float = 1e-3
    surface: float = 0.3
    """Weight of a millimetre between the face read and the true one."""
    camera: float = 1.0
    codes: float = 1.0

    @classmethod
    def tiny(cls) -> EncoderSettings:
        """For tests."""
        return cls(faces=4)


class EncoderRecipe:
    """Photo to codes and camera."""

    subject, name = "facefield", "encoder"
    protocol = "128 engine faces of the validation band, framed by their true landmarks, v1"
    round_size = 10_000
    published: tuple[str, ...] = ("encoder",)
    compiled: tuple[str, ...] = ("encoder",)

    def __init__(self, request: RunSpec, config: Config, settings: EncoderSettings) -> None:
        torch.manual_seed(request.seed)
        self.config, self.settings, self.seed = config, settings, request.seed
        self.batch_size = settings.faces
        self.sources: dict[str, str] = {"engine": "faces drawn by core/engine; none of these people exists"}
        count = int(request.options.get("count", 36_352))
        folder = Path(request.data) if request.data else None
        self.data = HeadData(folder, count, request.seed, int(request.options.get("size", 160)))
        self.codes = FaceCodes()
        seeds, parameters = self.data.parameters(int(request.options.get("fitted", FITTED)))
        self.codes.fit(parameters, seeds)
        self.encoder = PhotoEncoder(config)
        self.modules: dict[str, nn.Module] = {"encoder": self.encoder}
        self.averaged = {"encoder": 6_000.0}
        steps = request.steps
        self.phases: tuple[Phase, ...] = (
            Phase(
                "encoder", ("encoder",), settings.rate, weight_decay=1e-3, clip=2.0, schedule=lambda s: cosine(s, steps)
            ),
        )
        self.basis = face_basis()
        self._weights = torch.cat((_spread(SHAPE, WEIGHTS), _spread(LOOK, LOOK_WEIGHTS)))
        self._validated, self._validation = int(request.options.get("validated", 128)), None

    def batch(self, step: int, size: int, part: int) -> dict[str, Tensor]:
        """Portraits of a step, spoilt a little, with truth."""
        heads = self.data.learn(step, self.batch_size)
        draw = torch.Generator().manual_seed(hash((self.seed, step, 79)) & 0x7FFFFFFF)
        whole = self._frame(heads, draw)
        spoilt = len(whole["portraits"]) // 2  # the engine's own lens marks are on all of them
        whole["portraits"][:spoilt] = spoil(whole["portraits"][:spoilt], draw, cover=0.15, amount=MILD)
        return {key: value[part * size : part * size + size] for key, value in whole.items()}

    def _frame(self, heads: Heads, draw: torch.Generator | None) -> dict[str, Tensor]:
        portraits, squares = frame_portraits(heads, round(self.config.encoder_size / FACE_SHARE), draw)
        middle = torch.full_like(heads.parameters, 0.5)
        return {
            "portraits": portraits,
            "camera": tell(heads.view, heads.calibration, squares),
            "parameters": heads.parameters,
            "scores": torch.cat(
                (
                    self.codes.shape.score(heads.parameters[:, :SHAPE_WIDTH], middle[:, :SHAPE_WIDTH]),
                    self.codes.look.score(heads.parameters[:, SHAPE_WIDTH:], middle[:, SHAPE_WIDTH:]),
                ),
                1,
            ),
        }

    def losses(self, phase: Phase, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Terms of a batch."""
        del phase, step
        shape, look, camera = self.encoder(batch["portraits"])
        scores = torch.cat((shape, look), 1).float()
        weight = self._weights.to(scores.device)
        apart, rested = self._faces_apart(scores, batch["parameters"])
        return {
            "codes": losses.read_off(scores, batch["scores"], weight) * self.settings.codes,
            "camera": (camera.float() - batch["camera"]).abs().mean() * self.settings.camera,
            "surface": apart * 1000 * self.settings.surface,
            "rested": rested * 1000 * self.settings.surface,
        }

    def _faces_apart(self, scores: Tensor, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Metres between the faces read and the true ones, as they look now and at rest."""
        places = [*range(block(SHAPE, "identity").stop), *range(*_ends(block(SHAPE, "controllers")))]
        grid = self.codes.shape.grid.to(scores.device)
        found = interpolate_scores(scores[:, places], grid, self.codes.shape.table.to(scores.device)[places])
        truth, basis = parameters[:, places], self.basis.to(scores.device)
        own = block(SHAPE, "identity").stop
        return (
            losses.surface_apart(found, truth, basis),
            losses.surface_apart(found[:, :own], truth[:, :own], basis[:own]),
        )

    @torch.no_grad()
    def _read(self, whole: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        device = next(self.encoder.parameters()).device
        rows = [self.encoder(part.to(device)) for part in whole["portraits"].split(32)]
        return torch.cat([torch.cat(row[:2], 1) for row in rows]).cpu(), torch.cat([row[2] for row in rows]).cpu()

    def measure(self) -> dict[str, float]:
        """``validation``: the face's error as a share of the mean face's, with the codes' and the camera's."""
        whole = self._held_back()
        scores, camera = self._read(whole)
        apart, rested = self._faces_apart(scores, whole["parameters"])
        mean_apart, mean_rested = self._faces_apart(torch.zeros_like(scores), whole["parameters"])
        wrong = (camera - whole["camera"]).abs().mean(0)
        explained = 1 - (scores - whole["scores"]).square().sum(0) / whole["scores"].square().sum(0).clamp_min(1e-3)
        shares = {"surface_share": float(apart / mean_apart), "rested_share": float(rested / mean_rested)}
        return {
            "validation": sum(shares.values()) / 2 + float((wrong[:5]).mean()),
            **shares,
            "yaw_degrees": math.degrees(float(wrong[0]) * 0.3),
            "identity_explained": float(explained[block(SHAPE, "identity")].mean()),
            "look_explained": float(explained[SHAPE_WIDTH:].mean()),
        }

    def preview(self) -> Pixels:
        """The portraits that are measured on."""
        return contact_sheet(list(to_pixels(self._held_back()["portraits"][:16])), 8)

    def _held_back(self) -> dict[str, Tensor]:
        if self._validation is None:
            self._validation = self._frame(self.data.validate(self._validated), None)
        return self._validation


def _ends(places: slice) -> tuple[int, int]:
    return places.start, places.stop


def _spread(layout: dict[str, int], weights: dict[str, float]) -> Tensor:
    """One weight for each parameter."""
    return torch.cat([torch.full((width,), weights[name]) for name, width in layout.items()])


def face_basis(count: int = 600) -> Tensor:
    """(modes, 3 count) how identity modes and controllers move places of the face, similarities of the whole taken out:
    a photo does not tell how large somebody is."""
    head = load_head("cpu")
    skin = torch.nonzero((head.part == 0) & (head.neutral[:, 2] > FACE_FROM_METRES) & (head.neutral[:, 1] > -0.1))[:, 0]
    chosen = skin[torch.from_numpy(np.linspace(0, len(skin) - 1, count).astype(np.int64))]
    moves = torch.cat((head.identity_modes, head.expression))[:, chosen].flatten(1)
    alike = torch.linalg.qr(similarities(head.neutral[chosen]))[0]
    return moves - (moves @ alike) @ alike.T


def similarities(places: Tensor) -> Tensor:
    """(3 N, 7) how places (N, 3) move when all are shifted, turned or scaled a little."""
    centred = places - places.mean(0)
    axes = torch.eye(3).expand(len(places), 3, 3)
    shifts = [axes[:, :, place] for place in range(3)]
    turns = [torch.linalg.cross(axes[:, place], centred, dim=1) for place in range(3)]
    return torch.stack([move.flatten() for move in (*shifts, *turns, centred)], 1)
