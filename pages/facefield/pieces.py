"""A head as files: pictures, turntables, depth, cameras, meshes and its codes, each saying of itself what made it."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from core.facefield.heads import FaceCode, View
from core.facefield.mesh import Mesh, write_mesh
from core.facefield.predict import Predictor
from core.image import Pixels
from studio.clips import write_clip
from studio.marks import SOFTWARE, mark, provenance, write_marked
from training.spec import BadRequest

ENDINGS = (".depth.png", ".cameras.json", ".glb", ".ply", ".obj", ".mp4", ".gif", ".png", ".json")
"""What a head is written as, longer endings first."""
MESHES, FILMS = (".glb", ".ply", ".obj"), (".mp4", ".gif")
MOST_YAW, MOST_PITCH = 60.0, 30.0
"""How far a camera goes around a head, degrees either way: faces are learned from the front and the side, not the back."""
DEPTH_UNITS = 5000
"""Steps of a metre in a depth picture of 16 bits, as TUM's are; 0 is where nothing is."""
ARC_DEGREES, SIDES = 90.0, 25
"""How far a turntable goes around, and in how many views; the film goes there and back."""
RATE = 16
FINEST = 512
T = TypeVar("T")
Tell = Callable[[float], None]
"""Told how far the work is, 0 to 1."""


@dataclass(frozen=True)
class Made:
    """What a file says of how it came to be, and from where it looks."""

    settings: dict[str, Any] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    mark: str = "corner"
    """Where the visible mark stands."""
    yaw_degrees: float = 0.0
    pitch_degrees: float = 0.0
    resolution: int = 128
    """Cells a side in which a mesh is looked for."""


def ending_of(path: Path) -> str:
    """Which of ENDINGS a file's name has, or a sentence."""
    found = next((ending for ending in ENDINGS if path.name.lower().endswith(ending)), None)
    if found is None:
        raise BadRequest(
            f"{path.name}: a head is not written as {path.suffix or 'that'}; choose from {', '.join(sorted(ENDINGS))}."
        )
    return found


def check_view(yaw_degrees: float, pitch_degrees: float) -> None:
    """A sentence for a view from where no face is known."""
    for name, value, most in (("yaw", yaw_degrees, MOST_YAW), ("pitch", pitch_degrees, MOST_PITCH)):
        if not -most <= value <= most:  # also what is no number
            raise BadRequest(f"A head is looked at from a {name} of -{most:.0f} to {most:.0f} degrees, not {value:g}.")


def write_piece(predictor: Predictor, code: FaceCode, path: Path, made: Made, report: Tell = lambda _: None) -> None:
    """A head in the form that a file's ending asks for; whole or not at all."""
    write_pieces(predictor, code, [path], made, report)


def write_pieces(
    predictor: Predictor, code: FaceCode, paths: Sequence[Path], made: Made, report: Tell = lambda _: None
) -> None:
    """A head in several forms; what several share, a film's pictures or a mesh, is drawn once."""
    endings = [ending_of(path) for path in paths]
    check_view(made.yaw_degrees, made.pitch_degrees)
    wants_film, wants_mesh = (not set(endings).isdisjoint(forms) for forms in (FILMS, MESHES))
    share = 0.95 / max(wants_film + wants_mesh, 1)
    film = _draw_film(predictor, code, lambda at: report(share * at)) if wants_film else []
    mesh = predictor.mesh(code, made.resolution, lambda at: report(share * (wants_film + at))) if wants_mesh else None
    for path, ending in zip(paths, endings, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        if mesh is not None and ending in MESHES:
            write_noted_mesh(mesh, path, made)
        elif ending in FILMS:
            write_turntable(film, path, made)
        elif ending == ".cameras.json":
            _write_text(path, json.dumps(list_cameras(predictor, code, made), indent=1) + "\n")
        elif ending == ".json":
            _write_text(path, tell_code(code, made))
        else:
            _write_still(look_at(predictor, code, made.yaw_degrees, made.pitch_degrees, fine=True), path, made)
    report(1.0)


def _draw_film(predictor: Predictor, code: FaceCode, report: Tell) -> list[Pixels]:
    pictures = []
    for number, view in enumerate(predictor.orbit(code, SIDES, ARC_DEGREES, size=fine_size(predictor))):
        pictures.append(view.pixels)
        report((number + 1) / SIDES)
    return there_and_back(pictures)


def there_and_back(one_way: list[T]) -> list[T]:
    """What a film that plays forever shows of an arc; it begins in the arc's middle."""
    around, middle = one_way + one_way[-2:0:-1], len(one_way) // 2
    return around[middle:] + around[:middle]


def look_at(
    predictor: Predictor, code: FaceCode, yaw_degrees: float = 0.0, pitch_degrees: float = 0.0, fine: bool = False
) -> View:
    """The head from a side of its own: 0 and 0 is straight in front, wherever its portrait was taken from."""
    camera, size = code.camera, fine_size(predictor) if fine else None
    return predictor.view(code, yaw_degrees - camera.yaw_degrees, pitch_degrees - camera.pitch_degrees, size)


def fine_size(predictor: Predictor) -> int:
    """Pixels a side of what is kept: the same field asked along four times as many rays."""
    return min(2 * predictor.config.size, FINEST)


def _write_still(view: View, path: Path, made: Made) -> None:
    if ending_of(path) == ".depth.png":
        write_depth(path, view.depth_metres, made)
    else:
        write_marked(path, view.pixels, made.settings, made.parents, made.mark)


def write_turntable(pictures: Sequence[Pixels], path: Path, made: Made) -> None:
    """A film or an animated picture that plays forever."""
    if path.suffix.lower() == ".mp4":
        write_clip(path, iter(pictures), RATE, made.settings, made.parents, made.mark)
        return
    from PIL import Image

    frames = [Image.fromarray(mark(pixels, made.mark)) for pixels in pictures]
    note = json.dumps(provenance(made.settings, made.parents), ensure_ascii=True)
    partial = path.with_name(f".{path.stem}.partial.gif")
    first, *rest = (frame.quantize(192, dither=Image.Dither.NONE) for frame in frames)
    first.save(partial, save_all=True, append_images=rest, duration=round(1000 / RATE), loop=0, comment=note.encode())
    partial.replace(path)


def write_depth(path: Path, depth_metres: np.ndarray, made: Made) -> None:
    """Distances along the camera's axis as 16 bits, DEPTH_UNITS to a metre."""
    from PIL import Image, PngImagePlugin

    settings = made.settings | {"depth_units_per_metre": DEPTH_UNITS, "nothing": 0}
    note = PngImagePlugin.PngInfo()
    note.add_text("Software", SOFTWARE)
    note.add_itxt("likeness", json.dumps(provenance(settings, made.parents), ensure_ascii=False))
    steps = np.rint(np.clip(depth_metres * DEPTH_UNITS, 0, 65535)).astype(np.uint16)
    partial = path.with_name(f".{path.stem}.partial.png")
    Image.fromarray(steps).save(partial, pnginfo=note)
    partial.replace(path)


def list_cameras(predictor: Predictor, code: FaceCode, made: Made) -> dict[str, Any]:
    """The cameras of the film's frames, a row each: camera to world and intrinsics, flattened row by row."""
    told = predictor.cameras(code, SIDES, ARC_DEGREES, size=fine_size(predictor))
    frames = there_and_back(told["cameras"])
    return told | {"frames_per_second": RATE, "cameras": frames} | provenance(made.settings, made.parents)


def tell_code(code: FaceCode, made: Made) -> str:
    """A head's codes as JSON, which can be given back."""
    content = json.loads(code.to_json()) | provenance(made.settings, made.parents)
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def write_noted_mesh(mesh: Mesh, path: Path, made: Made) -> None:
    """A mesh with a note of what made it where its form has room for one."""
    write_mesh(path, mesh)
    note = json.dumps(provenance(made.settings, made.parents), ensure_ascii=True)
    content = path.read_bytes()
    if path.suffix.lower() == ".glb":
        content = _note_glb(content, json.loads(note))
    elif path.suffix.lower() == ".ply":
        content = content.replace(b"\nelement", f"\ncomment likeness {note}\nelement".encode(), 1)
    else:
        content = f"# likeness {note}\n".encode() + content
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def _note_glb(content: bytes, note: dict[str, Any]) -> bytes:
    # glTF 2.0, binary file format: a header of 12 bytes, then chunks of length, kind and content; JSON is the first
    length = struct.unpack_from("<I", content, 12)[0]
    scene = json.loads(content[20 : 20 + length])
    scene["asset"] = scene["asset"] | {"generator": SOFTWARE, "extras": {"likeness": note}}
    text = json.dumps(scene, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    rest = content[20 + length :]
    head = struct.pack("<4sII", b"glTF", 2, 20 + len(text) + len(rest)) + struct.pack("<I4s", len(text), b"JSON")
    return head + text + rest


def _write_text(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
