"""The one registry of checkpoints: cards, shards, versions. The files are the truth.

A checkpoint is a folder with ``card.json`` and safetensors shards. Under a root, shipped checkpoints lie at
``<root>/<subject>/<name>/`` and published ones at ``<root>/<subject>/<name>/versions/<version>/``, beside a
``current.json`` which names the one in service. Nothing here is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

CARD = "card.json"
CURRENT = "current.json"
SHARD_BYTES = 14 * 2**20
"""Largest shard: a repository's files stay under 15 MiB."""
SCALE = "#scale"
"""Ending of the tensor that holds an int8 tensor's scales, one per first-dimension channel."""


class CheckpointMissing(LookupError):
    """No such checkpoint; the message says where was looked."""


class CheckpointBroken(RuntimeError):
    """A file of the checkpoint is missing, cut short or altered; the message names it."""


class CheckpointMismatch(RuntimeError):
    """The weights do not fit the networks; the message counts and names them."""


class NotBetter(RuntimeError):
    """The candidate is worse than what is in service; the message has both numbers."""


@dataclass(frozen=True)
class Shard:
    """One file of weights."""

    file: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Card:
    """What describes a checkpoint."""

    subject: str
    name: str
    version: str = "unpublished"
    step: int = 0
    pictures: int = 0
    round_size: int = 1
    parents: tuple[str, ...] = ()
    """Versions it grew from, nearest first."""
    data: dict[str, str] = field(default_factory=dict)
    """What it learned from: source -> licence or description."""
    config: dict[str, Any] = field(default_factory=dict)
    validation: dict[str, float] = field(default_factory=dict)
    """Validation-band scores; ``validation`` decides what is published, lower is better."""
    parent_validation: dict[str, float] = field(default_factory=dict)
    """The same for the weights the run started with, measured in the same run."""
    protocol: str = ""
    """What validation was measured on; scores compare only under one protocol."""
    scores: dict[str, float | None] = field(default_factory=dict)
    """Held-out scores, never used for a decision."""
    baselines: dict[str, float | None] = field(default_factory=dict)
    """The do-nothing answer's score beside each held-out score."""
    worst_group: dict[str, str] = field(default_factory=dict)
    """Score -> the group it is worst for, with its value."""
    revision: str = ""
    """Revision of the code that trained it."""
    notes: str = ""
    shards: tuple[Shard, ...] = ()

    @classmethod
    def from_json(cls, text: str) -> Card:
        """A card read back from its file's text."""
        values = json.loads(text)
        values["shards"] = tuple(Shard(**shard) for shard in values.get("shards", ()))
        values["parents"] = tuple(values.get("parents", ()))
        return cls(**values)

    def to_json(self) -> str:
        """The card as its file's text."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class Found:
    """A checkpoint on a shelf."""

    folder: Path
    card: Card
    root: Path


def read_card(folder: Path) -> Card:
    """The card of a checkpoint folder."""
    path = folder / CARD
    try:
        return Card.from_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointMissing(f"{folder} holds no {CARD}, so it is not a checkpoint.") from error
    except OSError as error:
        raise CheckpointBroken(f"{path} cannot be read ({error.strerror}).") from error
    except (ValueError, TypeError) as error:
        raise CheckpointBroken(f"{path} is not a card that this version can read ({error}).") from error


def find(subject: str, name: str, roots: Sequence[Path]) -> Found:
    """The checkpoint in service: the first root that has one wins (a person's own, the house's, the shipped)."""
    for root in roots:
        shelf = root / subject / name
        version = in_service(shelf)
        if version is not None:
            folder = shelf / "versions" / version
            return Found(folder, read_card(folder), root)
        if (shelf / CARD).is_file():
            return Found(shelf, read_card(shelf), root)
    looked = ", ".join(str(root / subject / name) for root in roots)
    raise CheckpointMissing(f"There are no weights for {subject} {name}. Looked in: {looked}.")


def find_or_advise(subject: str, name: str, roots: Sequence[Path], purpose: str, options: str = "") -> Found:
    """The checkpoint in service, or a sentence that says what is missing, what for, and how to train it."""
    try:
        return find(subject, name, roots)
    except CheckpointMissing as error:
        out = f" --out {roots[0] / subject / name}" if roots else ""
        raise CheckpointMissing(
            f"There are no weights for {subject} {name}, {purpose}. "
            f"Train them: python -m training {subject} {name}{options}{out}"
        ) from error


def list_all(roots: Sequence[Path]) -> list[Found]:
    """Every checkpoint in service, one per subject and name, in order."""
    names = {(shelf.parent.name, shelf.name) for root in roots for shelf in root.glob("*/*") if shelf.is_dir()}
    found = []
    for subject, name in sorted(names):
        try:
            found.append(find(subject, name, roots))
        except CheckpointMissing:
            continue
    return found


def in_service(shelf: Path) -> str | None:
    """Version that ``current.json`` of a shelf names; None where the root before or after it serves."""
    try:
        history = json.loads((shelf / CURRENT).read_text(encoding="utf-8"))["history"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointBroken(f"{shelf / CURRENT} cannot be read ({error}).") from error
    return history[-1] if history else None


def load(found: Found, modules: Iterable[str] | None = None) -> dict[str, dict[str, Tensor]]:
    """Weights as module -> name -> float32 tensor, every shard checked against its digest."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load as parse

    wanted = None if modules is None else set(modules)
    weights: dict[str, Tensor] = {}
    for shard in found.card.shards:
        path = found.folder / shard.file
        try:
            content = path.read_bytes()
        except OSError as error:
            raise CheckpointBroken(f"{path} cannot be read ({error.strerror}).") from error
        if hashlib.sha256(content).hexdigest() != shard.sha256:
            raise CheckpointBroken(f"{path} is not what its card says ({len(content)} bytes of {shard.size}).")
        try:
            weights.update(parse(content))
        except SafetensorError as error:
            raise CheckpointBroken(f"{path} is not a whole safetensors file ({error}).") from error
    tree: dict[str, dict[str, Tensor]] = {}
    for key, tensor in weights.items():
        module, _, name = key.partition("/")
        if key.endswith(SCALE) or (wanted is not None and module not in wanted):
            continue
        if tensor.dtype == torch.int8 and key + SCALE in weights:
            scale = weights[key + SCALE].to(torch.float32)
            whole = tensor.to(torch.float32) * scale.view(-1, *[1] * (tensor.ndim - 1))
        else:
            whole = tensor.to(torch.float32) if tensor.is_floating_point() else tensor
        tree.setdefault(module, {})[name] = whole
    return tree


def fill(module: nn.Module, weights: Mapping[str, Tensor], what: str) -> None:
    """Weights into a network, strictly: an error counts and names what is missing, left over or of another shape."""
    own = module.state_dict()
    missing = sorted(set(own) - set(weights))
    extra = sorted(set(weights) - set(own))
    shapes = sorted(name for name in set(own) & set(weights) if own[name].shape != weights[name].shape)
    if missing or extra or shapes:
        parts = [
            f"{label} {len(names)} (first {names[0]!r})"
            for label, names in (("lacks", missing), ("has too many", extra), ("differs in shape in", shapes))
            if names
        ]
        raise CheckpointMismatch(f"{what} does not fit its network: it {'; '.join(parts)}.")
    module.load_state_dict(dict(weights))


def save(folder: Path, card: Card, modules: Mapping[str, Mapping[str, Tensor]], precision: str = "fp16") -> Card:
    """A whole checkpoint folder, or none: written beside and renamed. Precision: fp32, fp16 or int8 (per channel;
    very long rows stay in half precision)."""
    from safetensors.torch import save as encode

    tensors: dict[str, Tensor] = {}
    for module, weights in modules.items():
        for name, tensor in weights.items():
            tensors.update(_encode_tensor(f"{module}/{name}", tensor, precision))
    incoming = folder.with_name(f".{folder.name}.incoming")
    shutil.rmtree(incoming, ignore_errors=True)
    incoming.mkdir(parents=True)
    shards = []
    for index, group in enumerate(_split(tensors)):
        content = encode(group)
        file = f"weights-{index:02d}.safetensors"
        _write(incoming / file, content)
        shards.append(Shard(file, hashlib.sha256(content).hexdigest(), len(content)))
    whole = replace(card, shards=tuple(shards))
    _write(incoming / CARD, whole.to_json().encode())
    replace_folder(incoming, folder)
    return whole


def replace_folder(incoming: Path, folder: Path) -> None:
    """A finished folder in place of an older one; at no moment is a half-written one found."""
    retired = folder.with_name(f".{folder.name}.retired")
    shutil.rmtree(retired, ignore_errors=True)
    if folder.exists():
        folder.replace(retired)
    incoming.replace(folder)
    shutil.rmtree(retired, ignore_errors=True)


def gate(candidate: Card, serving: Found | None) -> None:
    """Refuse what is worse than the checkpoint in service, on the validation band, with both numbers."""
    after = candidate.validation.get("validation")
    if after is None:
        raise NotBetter(f"{candidate.subject} {candidate.name} was never measured on the validation band.")
    if serving is None:
        return
    if candidate.parents[:1] == (serving.card.version,) and candidate.parent_validation:
        before = candidate.parent_validation.get("validation")
    elif candidate.protocol == serving.card.protocol:
        before = serving.card.validation.get("validation")
    else:
        raise NotBetter(
            f"{candidate.subject} {candidate.name} cannot be compared with the weights in service: those were measured "
            f"on {serving.card.protocol!r}, these on {candidate.protocol!r}. Start a run from the weights in service."
        )
    if before is not None and not after <= before:
        raise NotBetter(
            f"Not published: on the validation band the new weights score {after:.4g}, those in service {before:.4g} "
            f"(lower is better)."
        )


def version_of(card: Card) -> str:
    """What a saved result is called once it serves: its step and a digest of its weights."""
    digest = hashlib.sha256("".join(shard.sha256 for shard in card.shards).encode()).hexdigest()[:12]
    return f"{card.step:07d}-{digest}"


def publish(folder: Path, root: Path, roots: Sequence[Path]) -> Found:
    """A run's result becomes the version in service on ``root``, if it is no worse than what ``roots`` serve now."""
    card = read_card(folder)
    try:
        serving = find(card.subject, card.name, roots)
    except CheckpointMissing:
        serving = None
    gate(card, serving)
    load(Found(folder, card, folder))  # a cut or altered shard is found before anything is touched
    version = version_of(card)
    shelf = root / card.subject / card.name
    target = shelf / "versions" / version
    incoming = target.with_name(f".{version}.incoming")
    shutil.rmtree(incoming, ignore_errors=True)
    shutil.copytree(folder, incoming)
    _write(incoming / CARD, replace(card, version=version).to_json().encode())
    replace_folder(incoming, target)
    _append_history(shelf, version)
    return Found(target, read_card(target), root)


def roll_back(subject: str, name: str, root: Path) -> str | None:
    """The version before the one in service serves again; None when that is whatever the other roots have."""
    shelf = root / subject / name
    history = _history(shelf)
    if not history:
        raise CheckpointMissing(f"Nothing of {subject} {name} was published here, so there is nothing to roll back.")
    _write_history(shelf, history[:-1])
    return history[-2] if len(history) > 1 else None


def versions(subject: str, name: str, root: Path) -> list[Found]:
    """All published versions still on a shelf, oldest first, whether in service or not."""
    folders = sorted((root / subject / name / "versions").glob("[!.]*"), key=lambda folder: folder.stat().st_mtime)
    return [Found(folder, read_card(folder), root) for folder in folders if (folder / CARD).is_file()]


def put_in_service(subject: str, name: str, root: Path, version: str) -> None:
    """A version published earlier serves again."""
    if not (root / subject / name / "versions" / version / CARD).is_file():
        raise CheckpointMissing(f"There is no version {version} of {subject} {name}.")
    _append_history(root / subject / name, version)


def _history(shelf: Path) -> list[str]:
    if not (shelf / CURRENT).is_file():
        return []
    return list(json.loads((shelf / CURRENT).read_text(encoding="utf-8"))["history"])


def _append_history(shelf: Path, version: str) -> None:
    _write_history(shelf, [*_history(shelf), version])


def _write_history(shelf: Path, history: list[str]) -> None:
    partial = shelf / f".{CURRENT}.partial"
    _write(partial, json.dumps({"history": history}).encode())
    partial.replace(shelf / CURRENT)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


LONGEST_ROW = 8192
"""Rows of more weights stay in half precision: each is rounded by a little, and what sums so many feels it."""


def _encode_tensor(key: str, tensor: Tensor, precision: str) -> dict[str, Tensor]:
    import torch

    kept = tensor.detach().cpu().contiguous()
    if not kept.is_floating_point():
        return {key: kept}
    if precision == "int8" and kept.ndim > 1 and kept.numel() >= 4096 and kept[0].numel() <= LONGEST_ROW:
        flat = kept.to(torch.float32).flatten(1)
        scale = flat.abs().amax(dim=1).clamp_min(1e-12) / 127
        quantised = (flat / scale[:, None]).round().clamp(-127, 127).to(torch.int8).view(kept.shape)
        return {key: quantised, key + SCALE: scale}
    largest = float(kept.abs().max()) if kept.numel() else 0.0
    fits_half = precision != "fp32" and largest < 65504
    return {key: kept.to(torch.float16 if fits_half else torch.float32).clone()}


def _split(tensors: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    groups: list[dict[str, Tensor]] = [{}]
    filled = 0
    for key, tensor in tensors.items():
        size = tensor.numel() * tensor.element_size()
        if filled and filled + size > SHARD_BYTES:
            groups.append({})
            filled = 0
        groups[-1][key] = tensor
        filled += size
    return groups
