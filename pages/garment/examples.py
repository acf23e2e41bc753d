"""Example cloths and dressed people, drawn by the engine: ``python -m pages.garment.examples`` writes what ships again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studio.services import Services

CLOTHS = {
    "tartan": 1_000_000_512,
    "florals": 1_000_000_501,
    "stripes": 1_000_000_502,
    "denim": 1_000_000_515,
    "dots": 1_000_000_504,
    "leopard": 1_000_000_517,
}
"""Prints of the engine and the seeds that they are drawn from; nothing is learned from seeds that high."""
PEOPLE = {
    "polo": (1_000_000_624, "hand in a pocket", "polo+shorts"),
    "vest": (1_000_000_630, "turned", "vest+shorts"),
    "arm": (1_000_000_621, "arm across the chest", "shirt+trousers"),
}
"""Seed, pose and what is worn."""
CLOTH_SIZE, PERSON_SIZE = 256, 512


def list_examples(services: Services, kind: str) -> dict[str, Path]:
    """What ships of ``cloths`` or ``people``, by name."""
    names = {"cloths": CLOTHS, "people": PEOPLE}[kind]
    folder = services.settings.shipped / "examples" / "garment" / kind
    return {name: path for name in names if (path := folder / f"{name}.webp").is_file()}


def write_examples(folder: Path) -> list[Path]:
    """Draw all examples into ``folder``/cloths and ``folder``/people."""
    from PIL import Image

    from core.engine.figure_choices import FigureChoices
    from core.engine.figures import figures
    from core.engine.garment_choices import Choices
    from core.engine.garments import garments
    from core.image import to_pixels

    cloths = garments(list(CLOTHS.values()), "cpu", CLOTH_SIZE, Choices(kind="dress", print=list(CLOTHS))).cloth
    seeds, poses, kinds = zip(*PEOPLE.values(), strict=True)
    people = figures(
        list(seeds), "cpu", PERSON_SIZE, FigureChoices(pose=poses, kind=kinds, view="half", background="plain")
    ).pixels
    written = []
    for kind, names, drawn in (("cloths", CLOTHS, cloths), ("people", PEOPLE, people)):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for name, pixels in zip(names, to_pixels(drawn), strict=True):
            path = folder / kind / f"{name}.webp"
            Image.fromarray(pixels).save(path, quality=86, method=6)
            written.append(path)
    return written


if __name__ == "__main__":
    from studio.settings import Settings

    for made in write_examples(Settings().shipped / "examples" / "garment"):
        print(f"{made}  {made.stat().st_size / 1024:.0f} KB")
