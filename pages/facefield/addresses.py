"""The facefield page's own addresses behind the studio's guard: a head's views, drawn as somebody turns it."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Iterator

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import Response

from core.checkpoints import CheckpointBroken, CheckpointMismatch, CheckpointMissing
from core.image import Pixels
from pages.facefield import sitting
from pages.facefield.heads import Head
from studio.guard import profile_of
from studio.services import Services

ROOT = "/live/facefield"
WEIGHTS = (CheckpointMissing, CheckpointBroken, CheckpointMismatch)


def attach(app: FastAPI, services: Services) -> None:
    """Add them all."""
    device = threading.Lock()  # all visitors share one processor

    @app.get(ROOT + "/view")
    def send_view(
        request: Request, head: str, yaw: float = 0.0, pitch: float = 0.0, show: str = "picture", fine: bool = False
    ) -> Response:
        with spoken(), device:
            pixels = sitting.on_view(services, profile_of(request), Head.from_json(head), (yaw, pitch), show, fine)
        return Response(pack(pixels), media_type="image/webp", headers={"Cache-Control": "private, no-store"})

    @app.post(ROOT + "/views")
    def keep_view(
        request: Request, head: str, yaw: float = 0.0, pitch: float = 0.0, show: str = "picture"
    ) -> dict[str, str]:
        with spoken(), device:
            wanted, aim = Head.from_json(head), (yaw, pitch)
            kept = sitting.on_keep_view(services, profile_of(request), wanted, aim, show)
        return {"medium": kept.id}


def pack(pixels: Pixels) -> bytes:
    """A picture as a browser takes it."""
    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "WEBP", quality=92)
    return held.getvalue()


@contextlib.contextmanager
def spoken() -> Iterator[None]:
    """Our sentences as answers."""
    try:
        yield
    except (LookupError, *WEIGHTS) as error:
        raise HTTPException(404, str(error.args[0] if error.args else error)) from error
    except (ValueError, TypeError) as error:
        raise HTTPException(400, str(error)) from error
