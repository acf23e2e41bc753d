"""The folder of a run: status, log, previews, whole training states. A kill at any moment loses no whole state."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.checkpoints import CheckpointBroken
from core.image import write_picture
from training import spec

if TYPE_CHECKING:
    from torch import Tensor

    from core.image import Pixels

KEPT_STATES = 2


class RunFolder:
    """One run's files. Only the process that holds the run's lock writes here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.request = spec.read_request(folder)
        self._started = time.time()

    @property
    def result(self) -> Path:
        """Where the checkpoint that the run exports lies."""
        return self.folder / spec.RESULT

    def asked_to_stop(self) -> bool:
        """Whether somebody laid down the stop file."""
        return (self.folder / spec.STOP).exists()

    def clear_stop(self) -> None:
        """Forget an older wish to stop: a run that is started again is wanted."""
        (self.folder / spec.STOP).unlink(missing_ok=True)

    def report(self, state: str, step: int, **more: Any) -> None:
        """The status file anew."""
        status = {
            "state": state,
            "step": step,
            "steps": self.request.steps,
            "started": self._started,
            "updated": time.time(),
            **more,
        }
        self._replace(spec.STATUS, json.dumps(status, ensure_ascii=False).encode())

    def log(self, step: int, **values: Any) -> None:
        """One more line of the log."""
        with (self.folder / spec.LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, "time": time.time(), **values}, ensure_ascii=False) + "\n")

    def trim_log(self, step: int) -> None:
        """Drop log lines after ``step``: they belong to a future that a kill undid."""
        path = self.folder / spec.LOG
        if not path.is_file():
            return
        kept = []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                if json.loads(line)["step"] <= step:
                    kept.append(line)
            except (ValueError, KeyError):
                continue  # the last line of a killed process may be cut short
        self._replace(spec.LOG, "".join(line + "\n" for line in kept).encode())

    def keep_preview(self, step: int, pixels: Pixels) -> None:
        """A sample sheet of this step."""
        previews = self.folder / spec.PREVIEWS
        previews.mkdir(exist_ok=True)
        write_picture(previews / f"{step:07d}.png", pixels)

    def save_state(self, step: int, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """A whole training state under the name of its step; older ones go once it is there."""
        from safetensors.torch import save

        states = self.folder / "state"
        incoming = states / f".incoming-{step:07d}"
        shutil.rmtree(incoming, ignore_errors=True)
        incoming.mkdir(parents=True)
        plain = {key: tensor.detach().cpu().contiguous().clone() for key, tensor in tensors.items()}
        _write(incoming / "state.safetensors", save(plain))
        _write(incoming / "state.json", json.dumps({"step": step, **numbers}).encode())
        target = states / f"{step:07d}"
        shutil.rmtree(target, ignore_errors=True)
        incoming.replace(target)
        for old in self._states()[:-KEPT_STATES]:
            shutil.rmtree(old)

    def load_state(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """The newest whole training state; a broken one is passed over for the one before."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        states = self._states()
        for folder in reversed(states):
            try:
                numbers = json.loads((folder / "state.json").read_text(encoding="utf-8"))
                return load((folder / "state.safetensors").read_bytes()), numbers
            except (OSError, ValueError, SafetensorError):
                continue
        if states:
            raise CheckpointBroken(f"No training state under {states[-1].parent} can be read; start the run anew.")
        return None

    def _states(self) -> list[Path]:
        states = self.folder / "state"
        return sorted(folder for folder in states.glob("[0-9]*") if folder.is_dir()) if states.is_dir() else []

    def _replace(self, name: str, content: bytes) -> None:
        partial = self.folder / f".{name}.partial"
        _write(partial, content)
        partial.replace(self.folder / name)


def code_revision() -> str:
    """Revision of the checkout that trains, ``+`` when it was changed since; empty outside a checkout."""
    root = Path(__file__).resolve().parents[1]
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return ""
    asked = ([git, "rev-parse", "--short=12", "HEAD"], [git, "status", "--porcelain", "--untracked-files=no"])
    head, changed = (subprocess.run(call, cwd=root, capture_output=True, text=True, check=False) for call in asked)
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "") if head.returncode == 0 else ""


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
