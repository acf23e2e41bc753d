"""A plain folder of faces for the field: nobody says where they were taken from or who they show.

Where the encoder's weights are, it says codes and cameras, and pictures are held against what is drawn of these; where they
are not, both are drawn from what is usual and the discriminator alone says what is wrong (Niemeyer 2021).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from core import checkpoints
from core.checkpoints import CheckpointMissing
from core.face.align import Square, crop, portrait_square
from core.face.reader import FaceReader
from core.facefield.camera import place
from core.facefield.codes import LOOK_WIDTH, SHAPE_WIDTH, FaceCodes
from core.facefield.config import Config
from core.facefield.networks import CAMERA_WIDTH, PhotoEncoder
from core.image import NotAPicture, Pixels, read_picture, to_tensor
from training.spec import BadRequest

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
FEWEST, MOST = 4, 4096
HELD_BACK = 8
"""One picture in so many is kept to measure on."""


def is_plain(folder: Path) -> bool:
    """Whether a folder holds pictures and no cache of the engine's."""
    if not folder.is_dir() or (folder / "photos").is_dir():
        return False
    return any(path.suffix.lower() in PICTURES for path in folder.rglob("*"))


class FolderFaces:
    """Framed faces of a folder with the codes and cameras that go with them."""

    def __init__(self, folder: Path, config: Config, codes: FaceCodes, roots: list[Path], seed: int) -> None:
        self._codes, self._seed = codes, seed
        self.portraits = to_tensor(_read_portraits(folder, config.size, roots))
        self.read = _read_codes(self.portraits, codes, roots)
        self.known = self.read is not None
        count = len(self.portraits)
        back = torch.arange(count) % HELD_BACK == HELD_BACK - 1
        if not back.any():
            back[-1] = True
        self.learning, self.validating = torch.nonzero(~back)[:, 0], torch.nonzero(back)[:, 0]

    def batch(self, step: int, count: int) -> dict[str, Tensor]:
        """Faces of a step with parameters, camera poses and lenses."""
        draw = torch.Generator().manual_seed(hash((self._seed, step, 89)) & 0x7FFFFFFF)
        return self.take(self.learning[torch.randint(len(self.learning), (count,), generator=draw)], draw)

    def take(self, chosen: Tensor, draw: torch.Generator) -> dict[str, Tensor]:
        """These faces; what is not known of them is drawn."""
        count = len(chosen)
        if self.read is None:
            shape, look = (
                torch.randn(count, SHAPE_WIDTH, generator=draw),
                torch.randn(count, LOOK_WIDTH, generator=draw),
            )
            parameters = torch.cat(self._codes.decode(shape, look), 1)
            numbers = torch.randn(count, CAMERA_WIDTH, generator=draw)
        else:
            parameters, numbers = (one[chosen] for one in self.read)
        poses, lens = place(numbers)
        middle = torch.full_like(lens, 0.5)
        return {
            "pixels": self.portraits[chosen],
            "parameters": parameters,
            "poses": poses,
            "lenses": torch.stack((lens, middle, middle), 1),
        }


def _read_portraits(folder: Path, size: int, roots: list[Path]) -> list[Pixels]:
    try:
        reader = FaceReader.load(roots)
    except CheckpointMissing:
        reader = None
    portraits = []
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)[:MOST]:
        try:
            photo = read_picture(path)
        except NotAPicture:
            continue
        found = [] if reader is None else reader.find(photo)
        height, width = photo.shape[:2]
        whole = Square(width / 2, height / 2, float(min(height, width)))
        if reader is None or found:
            portraits.append(crop(photo, portrait_square(found[0].points) if found else whole, size))
    if len(portraits) < FEWEST:
        raise BadRequest(
            f"{folder.name} shows a face in {len(portraits)} pictures; at least {FEWEST} are wanted (PNG, JPEG, WebP)."
        )
    return portraits


@torch.no_grad()
def _read_codes(portraits: Tensor, codes: FaceCodes, roots: list[Path]) -> tuple[Tensor, Tensor] | None:
    """Parameters and camera numbers as the encoder in service says them; None where there is none."""
    try:
        found = checkpoints.find("facefield", "encoder", roots)
    except CheckpointMissing:
        return None
    encoder = PhotoEncoder(Config.read(found.card.config))
    checkpoints.fill(encoder, checkpoints.load(found, ("encoder",))["encoder"], f"{found.folder} (encoder)")
    rows = [encoder.eval()(part) for part in portraits.split(32)]
    shape, look, camera = (torch.cat([row[place_] for row in rows]) for place_ in range(3))
    return torch.cat(codes.decode(shape @ codes.shape.white, look @ codes.look.white), 1), camera
