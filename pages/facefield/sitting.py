"""What the facefield page does with one head: found in a photo, invented or brought back; turned, changed, kept, written out."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from core.facefield.heads import Effort, FaceCode, View
from core.facefield.predict import Predictor
from core.image import Pixels
from pages.facefield.handlers import ROOM, find_portrait, open_predictor, read_photo
from pages.facefield.heads import Head, Kept, code_of, get_head, keep_head, kept_heads, read_code
from pages.facefield.pieces import MESHES, MOST_PITCH, MOST_YAW, Made, check_view, look_at, write_pieces
from studio.jobs import Job, Progress
from studio.marks import mark
from studio.media import Medium, picture
from studio.services import Services
from training.spec import BadRequest

EFFORT: Effort | None = None
"""How long is looked for a head in a photo; None: as long as the room finds right."""
FINDING = "facefield photo"
SHOWS = ("picture", "depth", "opacity")
MOST_SEED = 2**31
_RAMP = np.array([[12, 24, 38], [17, 94, 89], [47, 187, 168], [214, 226, 173], [252, 245, 226]], np.float32)
"""Far to near."""
FORMS = {"turntable": (".mp4", ".gif", ".depth.png", ".cameras.json", ".json"), "mesh": MESHES}
"""What can be taken away, by kind."""


def on_photo(services: Services, profile: str, file: str | None) -> str:
    """Look for the head in a photo, as a job: it takes seconds, and turning it later none. Returns its number."""
    if not file:
        raise BadRequest("Give a photo with a face first.")
    open_predictor(services, profile)
    read_photo(services, Path(file))
    given = keep_once(services, profile, Path(file))

    def work(progress: Progress) -> dict[str, Any]:
        return {"head": find_head(services, profile, given, progress.say).id}

    return services.jobs.start(profile, FINDING, {"medium": given.id}, work).id


def find_head(services: Services, profile: str, given: Medium, report: Callable[[float], None]) -> Kept:
    """The kept head of a kept photo; looked for once with the weights in service."""
    predictor = open_predictor(services, profile)
    key = weights_of(predictor)
    for one in kept_heads(services, profile):
        if one.settings.get("photo") == given.sha256 and one.settings.get("weights") == key:
            return one
    portrait, _ = find_portrait(predictor, picture(given), "The photo")
    code = predictor.find(portrait, EFFORT, report)
    yaw, pitch = aim_of(code)
    settings = {
        "origin": "photo", "photo": given.sha256, "weights": key, "yaw": yaw, "pitch": pitch,
        "difference": None if code.difference is None else round(float(code.difference), 2),
    }  # fmt: skip
    return keep_head(services, profile, (code, look_at(predictor, code).pixels), settings, [given])


def finding_now(services: Services, profile: str) -> Job | None:
    """A search that still goes on, perhaps since the page was last open."""
    newest = services.jobs.of(profile, FINDING, limit=1)
    return newest[0] if newest and not newest[0].ended else None


def weights_of(predictor: Predictor) -> str:
    """Which weights are in service, in short: codes belong to the field that they were found with."""
    shards = "".join(shard.sha256 for name in ("field", "encoder") for shard in predictor.cards[name].card.shards)
    return sha256(shards.encode()).hexdigest()[:16]


def aim_of(code: FaceCode) -> tuple[float, float]:
    """From where the photo was taken, as near as a camera goes around a head."""
    yaw, pitch = code.camera.yaw_degrees, code.camera.pitch_degrees
    return round(min(max(yaw, -MOST_YAW), MOST_YAW), 1), round(min(max(pitch, -MOST_PITCH), MOST_PITCH), 1)


def keep_once(services: Services, profile: str, path: Path) -> Medium:
    """The kept upload of a file; the same file given again is not kept twice."""
    if not path.is_file():
        raise BadRequest(f"There is no file {path.name} any more; give it again.")
    digest = sha256(path.read_bytes()).hexdigest()
    known = services.media.of(profile, ROOM, "upload", limit=500)
    found = next((one for one in known if one.sha256 == digest and one.path.is_file()), None)
    return found or services.media.keep_upload(profile, ROOM, path)


def on_somebody(services: Services, profile: str, seed: str | None = None) -> Head:
    """Somebody who does not exist, always the same for the same seed."""
    given = str(seed or "").strip()
    if given and not (given.isascii() and given.isdigit() and int(given) < MOST_SEED):
        raise BadRequest(f"A seed is a whole number from 0 to {MOST_SEED - 1}, not {given!r}.")
    open_predictor(services, profile, finds=False)
    return Head(f"seed-{int(given) if given else secrets.randbelow(MOST_SEED)}")


def on_come_back(services: Services, profile: str, file: str | None) -> Kept:
    """A head that was taken away as head.json, kept again."""
    if not file:
        raise BadRequest("Give the head.json of a head that was found here.")
    predictor = open_predictor(services, profile, finds=False)
    code = read_code(Path(file))
    return keep_head(services, profile, (code, look_at(predictor, code).pixels), {"origin": "file"}, [])


def on_view(
    services: Services, profile: str, head: Head, aim: tuple[float, float], show: str = "picture", fine: bool = False
) -> Pixels:
    """A head from a side, as a picture with the visible mark, or its depth or opacity; ``fine``: slower and larger."""
    if show not in SHOWS:
        raise BadRequest(f"A head is shown as {', '.join(SHOWS)}, not as {show!r}.")
    check_view(*aim)
    predictor = open_predictor(services, profile, finds=False)
    code = code_of(services, profile, predictor, head)
    return draw_view(look_at(predictor, code, *aim, fine), show, services.settings.mark)


def draw_view(view: View, show: str, place: str) -> Pixels:
    """What a view shows, with the visible mark."""
    if show == "picture":
        return mark(view.pixels, place)
    seen = np.clip(view.opacity, 0, 1).astype(np.float32)
    if show == "opacity":
        return mark(np.rint(seen * 255).astype(np.uint8)[..., None].repeat(3, 2), place)
    there = (seen > 0.5) & (view.depth_metres > 0)
    if not there.any():
        return mark(np.zeros((*seen.shape, 3), np.uint8), place)
    near, far = np.percentile(view.depth_metres[there], (1, 99))
    share = np.clip((far - view.depth_metres) / max(far - near, 1e-3), 0, 1) * (len(_RAMP) - 1)
    low = np.minimum(share.astype(int), len(_RAMP) - 2)
    coloured = _RAMP[low] + (_RAMP[low + 1] - _RAMP[low]) * (share - low)[..., None]
    return mark(np.rint(coloured * np.where(there, seen, 0)[..., None]).astype(np.uint8), place)


def on_keep_view(services: Services, profile: str, head: Head, aim: tuple[float, float], show: str) -> Medium:
    """A view, kept and marked."""
    pixels = on_view(services, profile, head, aim, show, fine=True)
    settings = {"system": ROOM, "yaw": aim[0], "pitch": aim[1], "show": show, **tell(head)}
    return services.media.keep_picture(profile, ROOM, pixels, settings, parents_of(services, profile, head))


def tell(head: Head) -> dict[str, Any]:
    """A head in the note of what was made of it."""
    return {"of": head.of, "look": head.look, "moves": dict(head.moves)}


def parents_of(services: Services, profile: str, head: Head) -> list[Medium]:
    """The kept heads that a head is made of."""
    return [
        services.media.get(profile, name) for name in dict.fromkeys((head.of, head.look)) if name and _is_kept(name)
    ]


def _is_kept(name: str) -> bool:
    return not name.startswith("seed-")


def on_swap(services: Services, profile: str, head: Head | None, other: str, what: str) -> Head:
    """The head in another's look, or its look on another's shape."""
    if head is None:
        raise BadRequest("There is no head yet: give a photo, or take somebody who does not exist.")
    if not other:
        raise BadRequest("Choose the other head first; keep two to swap between them.")
    if what not in ("look", "shape"):
        raise BadRequest(f"A look or a shape is taken from another head, not {what!r}.")
    if _is_kept(other):
        get_head(services, profile, other)
    return Head(head.of, other, head.moves) if what == "look" else Head(other, head.look or head.of, head.moves)


def on_keep(services: Services, profile: str, head: Head | None) -> Kept:
    """The head as it is looked at, kept."""
    if head is None:
        raise BadRequest("There is no head to keep yet.")
    predictor = open_predictor(services, profile, finds=False)
    code = code_of(services, profile, predictor, head)
    changed = bool(head.look or head.moves)
    settings = tell(head) | {"origin": "changed" if changed else "seed"}
    return keep_head(
        services, profile, (code, look_at(predictor, code).pixels), settings, parents_of(services, profile, head)
    )


def on_make(services: Services, profile: str, head: Head | None, kind: str) -> str:
    """A head's turntable with depth and cameras, or its mesh, as files, as a job. Returns its number."""
    if head is None:
        raise BadRequest("There is no head to take away yet.")
    if kind not in FORMS:
        raise BadRequest(f"A head is taken away as {' or '.join(FORMS)}, not as {kind!r}.")
    predictor = open_predictor(services, profile, finds=False)
    code_of(services, profile, predictor, head)  # a sentence now where a head is gone

    def work(progress: Progress) -> dict[str, Any]:
        return {"kind": kind, "files": make_files(services, profile, head, kind, progress)}

    return services.jobs.start(profile, f"facefield {kind}", tell(head), work).id


def make_files(services: Services, profile: str, head: Head, kind: str, progress: Progress) -> list[dict[str, str]]:
    """Every form of one kind, kept."""
    predictor = open_predictor(services, profile, finds=False)
    code = code_of(services, profile, predictor, head)
    parents = parents_of(services, profile, head)
    settings = {"system": ROOM, **tell(head)}
    made = Made(settings, tuple(parent.sha256 for parent in parents), services.settings.mark)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"head{ending}" for ending in FORMS[kind]]
        write_pieces(predictor, code, paths, made, progress.say)
        kept = [(path.name, services.media.keep_file(profile, ROOM, path, settings, parents)) for path in paths]
    return [{"name": name, "medium": medium.id, "type": medium.type} for name, medium in kept]
