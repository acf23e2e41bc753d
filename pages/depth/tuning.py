"""The networks learn on from a person's own clip, without labels, in a run of its own."""

from __future__ import annotations

from core import checkpoints
from pages.depth.handlers import ROOM, find_reading
from studio.services import Services
from training.spec import BadRequest, RunSpec

STEPS = 400
"""Offered first; a clip of a room takes a few minutes so."""


def on_tune(services: Services, profile: str, number: str, steps: float, minutes: float | None = None) -> str:
    """Start learning on from the clip of a reading. Returns the run's number."""
    found = find_reading(services, profile, number)
    reason = why_not(found.result)
    if reason:
        raise BadRequest(reason)
    if not steps or steps < 1:
        raise BadRequest(f"A run wants at least one step, not {steps}.")
    clip = services.media.get(profile, found.result["given"])
    serving = checkpoints.find(ROOM, "network", services.people.weight_roots(profile))
    degrees = found.result["degrees"]
    request = RunSpec(
        subject=ROOM,
        recipe="tune",
        preset="small",
        steps=int(steps),
        minutes=minutes or None,
        data=str(clip.path),
        start_from=str(serving.folder),
        save_every=max(1, min(100, int(steps) // 4)),
        options={} if degrees is None else {"lens": degrees},
    )
    return services.runs.start(profile, request).id


def why_not(result: dict[str, object]) -> str:
    """Why nothing can be learned from what was read; empty where something can."""
    if result["still"]:
        return "One picture has no neighbours to learn from; read a clip in which the camera goes somewhere."
    return str(result["tuning"])
