"""The registry: whole or not at all, strict, gated, rolled back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from core import checkpoints
from core.checkpoints import Card, CheckpointBroken, CheckpointMismatch, CheckpointMissing, Found, NotBetter
from training.ship import ship
from training.spec import BadRequest


def result(folder: Path, validation: float, protocol: str = "p", step: int = 1, value: float = 0.5) -> Path:
    card = Card("tiny", "net", step=step, validation={"validation": validation}, protocol=protocol)
    checkpoints.save(folder, card, {"net": {"weight": torch.full((4, 3), value)}})
    return folder


def loaded(folder: Path, modules: dict[str, dict[str, torch.Tensor]], precision: str) -> dict[str, torch.Tensor]:
    card = checkpoints.save(folder, Card("a", "b"), modules, precision)
    return checkpoints.load(Found(folder, card, folder))["net"]


@pytest.mark.parametrize(("precision", "allowed"), [("fp32", 0.0), ("fp16", 1e-3), ("int8", 1.6e-2)])
def test_weights_come_back_as_close_as_their_precision_allows(tmp_path: Path, precision: str, allowed: float) -> None:
    torch.manual_seed(0)
    weight = torch.randn(64, 32, 3, 3) * torch.logspace(-3, 2, 64)[:, None, None, None]
    back = loaded(tmp_path / "c", {"net": {"weight": weight}}, precision)["weight"]
    per_channel = (back - weight).flatten(1).abs().amax(1) / weight.flatten(1).abs().amax(1)
    assert per_channel.max() <= allowed


def test_rows_too_long_for_int8_stay_in_half_precision_and_others_do_not(tmp_path: Path) -> None:
    torch.manual_seed(0)
    rows = {"long": torch.randn(4, 3 * checkpoints.LONGEST_ROW), "short": torch.randn(8, checkpoints.LONGEST_ROW)}
    for weight in rows.values():
        weight[:, 0] = 60.0  # what a scale must reach is far from most
    back = loaded(tmp_path / "c", {"net": rows}, "int8")
    summed = {name: float((back[name] - weight).sum(1).abs().max()) for name, weight in rows.items()}
    assert summed["long"] < 0.2 < summed["short"]
    sizes = sum(shard.size for shard in checkpoints.read_card(tmp_path / "c").shards)
    assert sizes < 2.1 * rows["long"].numel() + 1.1 * rows["short"].numel()


def test_whole_numbers_and_large_values_survive_half_precision(tmp_path: Path) -> None:
    tensors = {"count": torch.tensor([2**40]), "large": torch.tensor([1e6])}
    back = loaded(tmp_path / "c", {"net": tensors}, "fp16")
    assert back["count"].item() == 2**40
    assert back["large"].item() == 1e6


def test_shards_stay_under_the_limit_and_are_listed(tmp_path: Path) -> None:
    tensors = {f"w{i}": torch.randn(1024, 1024) for i in range(12)}
    card = checkpoints.save(tmp_path / "c", Card("a", "b"), {"net": tensors}, "fp16")
    assert len(card.shards) == 2
    assert all((tmp_path / "c" / shard.file).stat().st_size == shard.size < 15 * 2**20 for shard in card.shards)


@pytest.mark.parametrize("harm", ["cut", "flip", "gone"])
def test_a_harmed_shard_is_named(tmp_path: Path, harm: str) -> None:
    folder = result(tmp_path / "c", 1.0)
    shard = folder / "weights-00.safetensors"
    content = bytearray(shard.read_bytes())
    if harm == "gone":
        shard.unlink()
    else:
        content[-1] ^= 1
        shard.write_bytes(bytes(content if harm == "flip" else content[:-1]))
    with pytest.raises(CheckpointBroken, match=r"weights-00\.safetensors"):
        checkpoints.load(Found(folder, checkpoints.read_card(folder), folder))


def test_weights_that_do_not_fit_are_counted_and_named() -> None:
    net = nn.Linear(3, 4)
    with pytest.raises(CheckpointMismatch, match=r"lacks 1 \(first 'bias'\); differs in shape in 1 \(first 'weight'\)"):
        checkpoints.fill(net, {"weight": torch.zeros(2, 3)}, "The file")


def test_a_better_result_is_published_and_a_worse_one_refused_with_both_numbers(tmp_path: Path) -> None:
    root = tmp_path / "root"
    first = checkpoints.publish(result(tmp_path / "a", 0.5), root, [root])
    assert checkpoints.find("tiny", "net", [root]).card.version == first.card.version
    with pytest.raises(NotBetter, match=r"0\.7.*0\.5"):
        checkpoints.publish(result(tmp_path / "b", 0.7, step=2), root, [root])
    assert checkpoints.find("tiny", "net", [root]).card.version == first.card.version
    second = checkpoints.publish(result(tmp_path / "c", 0.4, step=3), root, [root])
    assert second.card.version != first.card.version


def test_scores_of_another_protocol_are_not_compared(tmp_path: Path) -> None:
    root = tmp_path / "root"
    checkpoints.publish(result(tmp_path / "a", 0.5), root, [root])
    with pytest.raises(NotBetter, match="cannot be compared"):
        checkpoints.publish(result(tmp_path / "b", 0.1, protocol="other", step=2), root, [root])


def test_a_tuned_child_is_compared_with_its_parent_measured_in_the_same_run(tmp_path: Path) -> None:
    root = tmp_path / "root"
    serving = checkpoints.publish(result(tmp_path / "a", 0.5), root, [root])
    child = Card(
        "tiny", "net", step=9, parents=(serving.card.version,), protocol="my own clip",
        validation={"validation": 0.8}, parent_validation={"validation": 0.9},
    )  # fmt: skip
    checkpoints.gate(child, serving)
    with pytest.raises(NotBetter, match=r"0\.95.*0\.9"):
        checkpoints.gate(replace(child, validation={"validation": 0.95}), serving)


def test_rolling_back_serves_the_version_before_and_then_the_shipped_one(tmp_path: Path) -> None:
    shipped, root = tmp_path / "shipped", tmp_path / "root"
    result(shipped / "tiny" / "net", 0.9)
    roots = [root, shipped]
    one = checkpoints.publish(result(tmp_path / "a", 0.5, value=0.1), root, roots)
    two = checkpoints.publish(result(tmp_path / "b", 0.4, step=2, value=0.2), root, roots)
    assert [found.card.version for found in checkpoints.versions("tiny", "net", root)] == [
        one.card.version, two.card.version,
    ]  # fmt: skip
    assert checkpoints.roll_back("tiny", "net", root) == one.card.version
    assert checkpoints.find("tiny", "net", roots).card.version == one.card.version
    assert checkpoints.roll_back("tiny", "net", root) is None
    assert checkpoints.find("tiny", "net", roots).root == shipped
    with pytest.raises(CheckpointMissing):
        checkpoints.roll_back("tiny", "net", root)
    checkpoints.put_in_service("tiny", "net", root, two.card.version)
    assert checkpoints.find("tiny", "net", roots).card.version == two.card.version


def test_a_broken_candidate_never_reaches_service(tmp_path: Path) -> None:
    root = tmp_path / "root"
    serving = checkpoints.publish(result(tmp_path / "a", 0.5), root, [root])
    broken = result(tmp_path / "b", 0.1, step=2)
    (broken / "weights-00.safetensors").write_bytes(b"cut")
    with pytest.raises(CheckpointBroken):
        checkpoints.publish(broken, root, [root])
    assert checkpoints.find("tiny", "net", [root]).card.version == serving.card.version


def test_only_weights_that_are_no_worse_ship_and_older_scores_do_not_stay(tmp_path: Path) -> None:
    root = tmp_path / "shipped"
    better = result(tmp_path / "better", 0.5, value=0.25)
    card = checkpoints.read_card(better)
    (better / checkpoints.CARD).write_text(replace(card, scores={"kept": 0.9}).to_json())
    folder = ship(better, root, "int8", "by hand")
    shipped = Found(folder, checkpoints.read_card(folder), root)
    assert shipped.card.scores == {}
    assert shipped.card.notes == "by hand"
    assert shipped.card.version == checkpoints.publish(better, tmp_path / "home", [tmp_path / "home"]).card.version
    assert torch.allclose(checkpoints.load(shipped)["net"]["weight"], torch.full((4, 3), 0.25), atol=1e-3)
    with pytest.raises(BadRequest, match="Not published"):
        ship(result(tmp_path / "worse", 0.7, step=2), root, "fp16", "")
    assert checkpoints.read_card(folder).validation["validation"] == 0.5
    ship(result(tmp_path / "otherwise", 0.7, protocol="another band", step=2), root, "fp16", "")
    with pytest.raises(BadRequest, match="no finished run"):
        ship(tmp_path / "nowhere", root, "fp16", "")
