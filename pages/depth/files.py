"""What can be taken away of a reading: each form written, read again, reprojected, and only then kept; and all in one ZIP."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.depth.clip import DepthClip, describe
from core.depth.exports import export
from core.depth_files import colour_depth
from core.image import Pixels
from pages.depth.colours import MAPS, colour_range, table
from pages.depth.handlers import ROOM, find_reading, open_reading
from studio.clips import write_clip
from studio.jobs import Job, Progress
from studio.marks import provenance, write_marked
from studio.media import Medium
from studio.services import Services
from training.spec import BadRequest

WRITTEN = "depth files"
FORMS = ("film", "tum", "kitti", "npz", "path", "colmap", "ply")
STILL_FORMS = ("picture", "tum", "kitti", "npz", "ply")
"""Of a single picture, which has no way."""
ALL = "depth-everything.zip"
_EXPORTS = {"tum": "png16", "kitti": "png16", "npz": "npz", "path": "tum", "colmap": "colmap", "ply": "ply"}
"""Our forms and the room's."""
_PACKED = (".png", ".npz", ".mp4")
"""Endings that a ZIP cannot make smaller."""


@dataclass(frozen=True)
class Source:
    """A reading and where it comes from."""

    clip: DepthClip
    given: Medium
    settings: dict[str, Any]
    colours: str

    @property
    def note(self) -> dict[str, Any]:
        """What a file says of how it was made."""
        return provenance(self.settings, [self.given.sha256])


def on_files(services: Services, profile: str, number: str, forms: Sequence[str] | None, colours: str = MAPS[0]) -> str:
    """Write a reading in the wanted forms, as a job. Returns its number."""
    found = find_reading(services, profile, number)
    known = STILL_FORMS if found.result["still"] else FORMS
    wanted = [form for form in known if form in (forms or known)]
    if not wanted:
        raise BadRequest(f"None of {', '.join(forms or ())} can be written of this; there is {', '.join(known)}.")
    if colours not in MAPS:
        raise BadRequest(f"There are no colours called {colours!r}; there is {', '.join(MAPS)}.")

    def work(progress: Progress) -> dict[str, Any]:
        return _write_all(services, profile, found, wanted, colours, progress)

    return services.jobs.start(profile, WRITTEN, {"reading": number, "forms": wanted}, work).id


def _write_all(
    services: Services, profile: str, found: Job, wanted: list[str], colours: str, progress: Progress
) -> dict[str, Any]:
    progress.say(0.02)
    told = {key: found.result[key] for key in ("degrees", "scale", "weights")}
    given = services.media.get(profile, found.result["given"])
    source = Source(open_reading(services, profile, found), given, {"system": ROOM, **told}, colours)
    files: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        whole = Path(name) / "all"
        for at, form in enumerate(wanted):
            begin, end = 0.05 + 0.8 * at / len(wanted), 0.05 + 0.8 * (at + 1) / len(wanted)

            def tell(share: float, begin: float = begin, end: float = end) -> None:
                progress.say(begin + (end - begin) * share)

            folder = whole / form
            folder.mkdir(parents=True)
            path = _write_form(source, form, folder, services.settings.mark, tell)
            files.append(_keep(services, profile, path, form, source))
            tell(1.0)
        packed = Path(name) / ALL
        _zip(whole, packed)
        progress.say(0.95)
        files.append(_keep(services, profile, packed, "all", source))
    return {"files": files, "reading": found.id}


def _keep(services: Services, profile: str, path: Path, form: str, source: Source) -> dict[str, Any]:
    kept = services.media.keep_file(profile, ROOM, path, {**source.settings, "form": form}, [source.given])
    return {"form": form, "name": path.name, "medium": kept.id, "type": kept.type, "bytes": kept.path.stat().st_size}


def _write_form(source: Source, form: str, folder: Path, place: str, tell: Callable[[float], None]) -> Path:
    """One form as one file; a ZIP of its folder where it is several."""
    if form in ("film", "picture"):
        return _write_coloured(source, folder, place, tell)
    kind = form if form in ("tum", "kitti") else "auto"
    written = export(source.clip, folder, (_EXPORTS[form],), kind)
    told = folder / "depth.json"
    told.write_text(
        json.dumps(json.loads(told.read_text("utf-8")) | source.note, indent=1, ensure_ascii=False) + "\n", "utf-8"
    )
    tell(0.7)
    paths = written[_EXPORTS[form]]
    if len(paths) == 1:
        single = folder.parent.parent / _name(form, paths[0])
        single.write_bytes(paths[0].read_bytes())
        return single
    packed = folder.parent.parent / f"depth-{form}.zip"
    _zip(folder, packed)
    return packed


def _name(form: str, path: Path) -> str:
    return f"depth-{form}.png" if path.suffix == ".png" else path.name


def _write_coloured(source: Source, folder: Path, place: str, tell: Callable[[float], None]) -> Path:
    clip, shown = source.clip, describe(source.clip)
    settings = {**source.settings, "colours": source.colours, "near_metres": shown["near_metres"]}
    parents = [source.given.sha256]
    if len(clip) == 1:
        path = folder / "depth-colours.png"
        write_marked(path, next(iter(coloured(clip, source.colours))), settings, parents, place)
        return path

    def pictures() -> Iterator[Pixels]:
        for at, picture in enumerate(coloured(clip, source.colours)):
            tell(at / len(clip))
            yield picture

    path = folder / "depth-colours.mp4"
    write_clip(path, pictures(), clip.frames_per_second, settings, parents, place)
    return path


def coloured(clip: DepthClip, name: str) -> Iterator[Pixels]:
    """Each frame's distances in the colours of a map, all on one scale."""
    near, far = colour_range(clip)
    colours = table(name)
    for metres in clip.metres:
        if name == MAPS[0]:
            yield colour_depth(metres, near, far)
        else:
            share = (1 / near - 1 / metres.clip(near, far)) / (1 / near - 1 / far)
            yield colours[(share * (len(colours) - 1)).round().astype(int)]


def _zip(folder: Path, path: Path) -> None:
    """A folder's files under their own names."""
    with zipfile.ZipFile(path, "w") as opened:
        for one in sorted(folder.rglob("*")):
            if one.is_file():
                how = zipfile.ZIP_STORED if one.suffix in _PACKED else zipfile.ZIP_DEFLATED
                opened.write(one, one.relative_to(folder), how)
