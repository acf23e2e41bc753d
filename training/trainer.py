"""The one loop: phases, running averages, exact resume, time budget, stop file, divergence named, memory halved."""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

from core import checkpoints
from core.checkpoints import Card, Found
from training.muon import Muon
from training.recipe import Phase, Recipe
from training.run import RunFolder, code_revision
from training.spec import BadRequest
from training.together import EVERY, Copies, Meeting

REPORT_SECONDS = 1.0
RECENT_STEPS = 50
AVERAGE_RAMP = 0.05
"""An average never looks back further than this share of the pictures seen so far."""


class Diverged(RuntimeError):
    """A loss stopped being a number; the message names the term and the step."""


class OutOfMemory(RuntimeError):
    """Not even one picture at a time fits."""


class Trainer:
    """A recipe learning inside a run folder."""

    def __init__(self, recipe: Recipe, folder: RunFolder, device: torch.device) -> None:
        self.recipe, self.folder, self.device = recipe, folder, device
        self.request = folder.request
        self.half = bool(self.request.options.get("bfloat16", device.type == "cuda"))
        """Whether products are taken in bfloat16: always on a GPU; on a CPU that has it, twice as fast when asked for."""
        for module in recipe.modules.values():
            module.to(device)
            if self.half:
                module.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.averages = {name: copy.deepcopy(recipe.modules[name]).requires_grad_(False) for name in recipe.averaged}
        if device.type == "cuda":
            for name in recipe.compiled:
                recipe.modules[name].compile(mode="reduce-overhead")  # CUDA graphs; names of weights stay as they are
        self.optimisers = {phase.name: self._optimiser(phase) for phase in recipe.phases if phase.shares is None}
        self.copies = int(self.request.options.get("copies", 1))
        if self.copies > 1 and device.type == "cuda":
            raise BadRequest(
                "Copies of a run learn side by side on processor cores; on a GPU leave the option copies away."
            )
        self.step = self.pictures = 0
        self.micro_batch = min(self.request.micro_batch or recipe.batch_size, recipe.batch_size)
        self.best: dict[str, float] = {}
        self.parent: Card | None = None
        self.parent_validation: dict[str, float] = {}
        self.recent: dict[str, deque[float]] = {}
        self._began, self._began_step = time.monotonic(), 0
        self._spoke = 0.0
        self._picture_rate = 0.0

    def start_from(self, found: Found) -> None:
        """Begin with the weights of a checkpoint; modules it does not hold (a discriminator) begin fresh."""
        for name, weights in checkpoints.load(found).items():
            if name not in self.recipe.modules:
                raise checkpoints.CheckpointMismatch(
                    f"{found.folder} holds a network {name!r} that this recipe does not have."
                )
            checkpoints.fill(self.recipe.modules[name], weights, f"{found.folder} ({name})")
            if name in self.averages:
                checkpoints.fill(self.averages[name], weights, f"{found.folder} ({name})")
        self.parent = found.card

    def resume(self) -> bool:
        """Go on from the newest whole state of the folder, if there is one."""
        state = self.folder.load_state()
        if state is None:
            return False
        tensors, numbers = state
        for prefix, modules in (("modules", self.recipe.modules), ("averages", self.averages)):
            for name, module in modules.items():
                checkpoints.fill(module, _under(tensors, f"{prefix}/{name}/"), f"The training state ({name})")
        for name, optimiser in self.optimisers.items():
            self._restore_optimiser(optimiser, _under(tensors, f"optimisers/{name}/"))
        self.step = numbers["step"]
        self.pictures = numbers.get("pictures", self.step * self.recipe.batch_size)
        self.micro_batch = numbers["micro_batch"]
        if numbers.get("protocol", self.recipe.protocol) == self.recipe.protocol:
            self.best = numbers["best"]  # what was measured otherwise cannot be compared
        self.parent_validation = numbers["parent_validation"]
        self.recent = {key: deque(values, RECENT_STEPS) for key, values in numbers["recent"].items()}
        if numbers["parent"] is not None:
            self.parent = Card.from_json(numbers["parent"])
        self.folder.trim_log(self.step)
        return True

    def run(self) -> str:
        """Steps until done, asked to stop, or out of time. Says which: ``done`` or ``stopped``."""
        self.folder.clear_stop()
        self._began, self._began_step = time.monotonic(), self.step
        self.folder.report("running", self.step, message="measuring what it starts with")
        if self.parent is not None and not self.parent_validation:
            self.parent_validation = self._measure()
        ending = self._go_on_with_copies() if self.copies > 1 else self._go_on()
        self.folder.report("running", self.step, message="measuring and saving")
        self._save()  # first of all: measuring can take minutes
        self.folder.keep_preview(self.step, self._shown(self.recipe.preview))
        self._keep_if_best()
        self._save()
        self.folder.report(ending, self.step, validation=self.best, picture_rate=self._picture_rate)
        return ending

    def _go_on(self, copies: Copies | None = None) -> str:
        ending = self._ending()
        if copies is not None:
            copies.meeting.meet(self._weights(), self.step, ending is None, only_first=True)
        while ending is None:
            self._take_step()
            if copies is None or self._meets():
                ending = self._ending()
            if copies is not None and self._meets():
                copies.meeting.meet(self._weights(), self.step, ending is None)
            self._report()
            if self.step % self.request.save_every == 0:
                self._save()
                self.folder.keep_preview(self.step, self._shown(self.recipe.preview))
            if self.request.measure_every and self.step % self.request.measure_every == 0:
                self._keep_if_best()
        return ending

    def _go_on_with_copies(self) -> str:
        copies = Copies(self.folder.folder, self.copies, self._weights())
        try:
            return self._go_on(copies)
        finally:
            copies.dismiss()

    def learn_beside(self, meeting: Meeting) -> None:
        """Be another copy of a run, until the first one ends."""
        self.step, goes_on = meeting.meet(self._weights(), only_first=True)
        while goes_on:
            self._take_step()
            if self._meets():
                self.step, goes_on = meeting.meet(self._weights())

    def _meets(self) -> bool:
        return self.step % EVERY == 0 or self.step >= self.request.steps

    def _weights(self) -> list[Tensor]:
        """All that a step changes but for counts of batches."""
        every = [one for module in self.recipe.modules.values() for one in (*module.parameters(), *module.buffers())]
        return [one for one in every if one.is_floating_point()]

    def time_step(self) -> float:
        """Seconds of one step after a first one that warms up; for a dry run."""
        self._take_step()
        began = time.perf_counter()
        self._take_step()
        return time.perf_counter() - began

    def _ending(self) -> str | None:
        if self.step >= self.request.steps or self._under_thresholds():
            return "done"
        spent = (time.monotonic() - self._began) / 60
        if self.folder.asked_to_stop() or (self.request.minutes is not None and spent >= self.request.minutes):
            return "stopped"
        return None

    def _under_thresholds(self) -> bool:
        limits = self.request.stop_below
        for term, limit in limits.items():
            values = self.recent.get(term)
            if values is None or len(values) < RECENT_STEPS or sum(values) / len(values) >= limit:
                return False
        return bool(limits)

    def _take_step(self) -> None:
        terms: dict[str, float] = {}
        for index, phase in enumerate(self.recipe.phases):
            if phase.takes_turn(self.step):
                terms.update(self._turn(phase, index))
        self._update_averages()
        self.step += 1
        self.pictures += self.recipe.batch_size * self.copies
        for name, value in terms.items():
            self.recent.setdefault(name, deque(maxlen=RECENT_STEPS)).append(value)

    def _turn(self, phase: Phase, index: int) -> dict[str, float]:
        optimiser = self.optimisers[phase.shares or phase.name]
        for group in optimiser.param_groups:
            group["lr"] = phase.learning_rate * phase.schedule(self.step)
        learning = {id(p) for name in phase.modules for p in self.recipe.modules[name].parameters()}
        for module in self.recipe.modules.values():
            for parameter in module.parameters():
                parameter.requires_grad_(id(parameter) in learning)
        terms = self._gather_gradients(phase, index, optimiser)
        for name, value in terms.items():
            if not math.isfinite(value):
                raise Diverged(
                    f"The loss term {name!r} of phase {phase.name!r} stopped being a number at step {self.step}. "
                    f"The last good weights are kept; try a lower learning rate or another seed."
                )
        if phase.clip is not None:
            for name in phase.modules:
                nn.utils.clip_grad_norm_(self.recipe.modules[name].parameters(), phase.clip)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        return terms

    def _gather_gradients(self, phase: Phase, index: int, optimiser: torch.optim.Optimizer) -> dict[str, float]:
        while True:
            optimiser.zero_grad(set_to_none=True)
            try:
                return self._forward_and_back(phase, index)
            except RuntimeError as error:
                if not _is_memory(error):
                    raise
            if self.micro_batch == 1:
                raise OutOfMemory(
                    "One picture at a time does not fit into memory. Choose a smaller preset, or close other programs."
                )
            self.micro_batch = max(1, self.micro_batch // 2)
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            self.folder.log(self.step, note=f"memory ran out; now {self.micro_batch} pictures at a time")

    def _forward_and_back(self, phase: Phase, index: int) -> dict[str, float]:
        whole, names, sums = self.recipe.batch_size, (), 0.0
        for part, start in enumerate(range(0, whole, self.micro_batch)):
            size = min(self.micro_batch, whole - start)
            seed = hash((self.request.seed, self.step, index, part)) & 0x7FFFFFFF
            torch.manual_seed(seed)
            batch = self.recipe.batch(self.step, size, part)
            batch = {key: value.to(self.device, non_blocking=True) for key, value in batch.items()}
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
                losses = self.recipe.losses(phase, batch, self.step)
            terms = torch.stack([value.float() for value in losses.values()]) * (size / whole)
            terms.sum().backward()
            names, sums = tuple(losses), sums + terms.detach()
        return dict(
            zip(names, torch.as_tensor(sums).tolist(), strict=True)
        )  # one wait for the device, not one per term

    @torch.no_grad()
    def _update_averages(self) -> None:
        seen = (self.step + 1) * self.recipe.batch_size
        for name, average in self.averages.items():
            half_life = min(self.recipe.averaged[name], max(seen * AVERAGE_RAMP, 1e-8))
            keep = 0.5 ** (self.recipe.batch_size / half_life)
            module = self.recipe.modules[name]
            for mine, theirs in zip(average.parameters(), module.parameters(), strict=True):
                mine.lerp_(theirs.detach(), 1.0 - keep)
            for mine, theirs in zip(average.buffers(), module.buffers(), strict=True):
                mine.copy_(theirs)

    def _report(self) -> None:
        now = time.monotonic()
        if now - self._spoke < REPORT_SECONDS and self.step < self.request.steps:
            return
        self._spoke = now
        losses = {name: sum(values) / len(values) for name, values in self.recent.items()}
        spent, done = now - self._began, self.step - self._began_step
        self._picture_rate = done * self.recipe.batch_size * self.copies / max(spent, 1e-9)
        left = (self.request.steps - self.step) * spent / done
        if self.request.minutes is not None:
            left = min(left, self.request.minutes * 60 - spent)
        self.folder.log(self.step, losses=losses)
        self.folder.report(
            "running",
            self.step,
            losses=losses,
            seconds_left=max(left, 0.0),
            picture_rate=self._picture_rate,
            micro_batch=self.micro_batch,
            device=str(self.device),
        )

    def _save(self) -> None:
        tensors: dict[str, Tensor] = {}
        for prefix, modules in (("modules", self.recipe.modules), ("averages", self.averages)):
            for name, module in modules.items():
                tensors.update({f"{prefix}/{name}/{key}": value for key, value in module.state_dict().items()})
        for name, optimiser in self.optimisers.items():
            for index, parameter in enumerate(_parameters(optimiser)):
                for key, value in optimiser.state.get(parameter, {}).items():
                    tensors[f"optimisers/{name}/{index}/{key}"] = torch.as_tensor(value)
        self.folder.save_state(
            self.step,
            tensors,
            {
                "micro_batch": self.micro_batch,
                "pictures": self.pictures,
                "best": self.best,
                "protocol": self.recipe.protocol,
                "parent_validation": self.parent_validation,
                "parent": self.parent.to_json() if self.parent is not None else None,
                "recent": {name: list(values) for name, values in self.recent.items()},
            },
        )

    def _measure(self) -> dict[str, float]:
        return {key: float(value) for key, value in self._shown(self.recipe.measure).items()}

    def _keep_if_best(self) -> None:
        scores = self._measure()
        self.folder.log(self.step, scores=scores)
        if self.best and not scores["validation"] < self.best["validation"]:
            return
        self.best = scores
        config = asdict(self.recipe.config) if is_dataclass(self.recipe.config) else dict(self.recipe.config)  # pyright: ignore[reportArgumentType]
        card = Card(
            subject=self.recipe.subject,
            name=self.recipe.name,
            step=self.step + (self.parent.step if self.parent is not None else 0),
            pictures=self.pictures + (self.parent.pictures if self.parent is not None else 0),
            round_size=self.recipe.round_size,
            parents=(self.parent.version, *self.parent.parents) if self.parent is not None else (),
            data=self.recipe.sources,
            config=config,
            validation=scores,
            parent_validation=self.parent_validation,
            protocol=self.recipe.protocol,
            revision=code_revision(),
        )
        published = {name: self.averages.get(name, self.recipe.modules[name]) for name in self.recipe.published}
        checkpoints.save(self.folder.result, card, {name: module.state_dict() for name, module in published.items()})

    def _shown(self, ask: Any) -> Any:
        """Call a recipe's preview or measure with the averages in place and without gradients or shared randomness."""
        with _averages_in_place(self.recipe.modules, self.averages), torch.no_grad():
            torch.manual_seed(self.request.seed)
            return ask()

    def _optimiser(self, phase: Phase) -> torch.optim.Optimizer:
        named = [named for name in phase.modules for named in self.recipe.modules[name].named_parameters()]
        parameters = [parameter for _, parameter in named]
        if phase.matrices:
            told = [p.ndim > 1 and any(part in name for part in phase.matrices) for name, p in named]
            turned, others = (
                [p for p, is_it in zip(parameters, told, strict=True) if is_it is one] for one in (True, False)
            )
            return Muon(turned, others, phase.learning_rate, phase.betas, phase.weight_decay)
        kind = torch.optim.AdamW if phase.weight_decay else torch.optim.Adam
        return kind(parameters, lr=phase.learning_rate, betas=phase.betas, weight_decay=phase.weight_decay)

    def _restore_optimiser(self, optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
        for index, parameter in enumerate(_parameters(optimiser)):
            state = _under(tensors, f"{index}/")
            if state:
                optimiser.state[parameter] = {
                    key: value if key == "step" else value.to(parameter.device) for key, value in state.items()
                }


def choose_device(asked: str) -> torch.device:
    """The device of a request; ``auto`` takes CUDA where there is one."""
    if asked == "cuda" and not torch.cuda.is_available():
        raise ValueError("This machine has no CUDA device that PyTorch can use; ask for --device cpu.")
    return torch.device("cuda" if asked == "cuda" or (asked == "auto" and torch.cuda.is_available()) else "cpu")


@contextlib.contextmanager
def _averages_in_place(modules: Mapping[str, nn.Module], averages: Mapping[str, nn.Module]) -> Iterator[None]:
    training = {name: module.training for name, module in modules.items()}
    kept = {name: copy.deepcopy(modules[name].state_dict()) for name in averages}
    try:
        for name, average in averages.items():
            modules[name].load_state_dict(average.state_dict())
        for module in modules.values():
            module.eval()
        yield
    finally:
        for name, weights in kept.items():
            modules[name].load_state_dict(weights)
        for name, module in modules.items():
            module.train(training[name])


def _parameters(optimiser: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _is_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
