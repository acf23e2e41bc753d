"""Exported networks: as accurate as asked, the choice remembered and tied to the weights, generators included."""

import json

import pytest
import torch
from torch import nn

from core.exported import export_fastest
from core.resnet import ResNet, fold_norms
from core.stylegan2 import Config, Generator

QUICK = ("eager", "openvino")


def trunk(seed=0):
    torch.manual_seed(seed)
    network = ResNet(18, width=8)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.0)
    return fold_norms(network)


def pictures(count=4, size=64):
    draw = torch.Generator().manual_seed(3)
    return [(torch.randn(1, 3, size, size, generator=draw),) for _ in range(count)]


def test_the_chosen_form_is_the_quickest_of_those_accurate_enough(tmp_path):
    network, shown = trunk(), pictures(12)
    exported = export_fastest(network, shown, 0.02, tmp_path)
    allowed = [trial for trial in exported.trials if trial.error <= 0.02]
    assert exported.trial == min(allowed, key=lambda trial: trial.milliseconds)
    kinds = {trial.kind for trial in exported.trials}
    assert {"eager", "frozen", "openvino", "openvino_int8"} <= kinds
    assert next(trial.error for trial in exported.trials if trial.kind == "openvino") < 1e-4
    with torch.no_grad():
        wanted, found = network(*shown[0]), exported(*shown[0])[0]
    assert float((wanted - found).square().mean().sqrt() / wanted.std()) < 0.05


def test_a_remembered_choice_is_taken_without_measuring_again_and_other_weights_are_measured(tmp_path):
    first = export_fastest(trunk(), pictures(), 0.01, tmp_path, QUICK)
    (written,) = tmp_path.glob("*.json")
    held = json.loads(written.read_text())
    held["best"]["milliseconds"] = 123.0
    written.write_text(json.dumps(held))
    again = export_fastest(trunk(), pictures(), 0.01, tmp_path, QUICK)
    assert again.trial.milliseconds == 123.0
    assert torch.allclose(again(*pictures()[0])[0], first(*pictures()[0])[0], atol=1e-5)
    other = export_fastest(trunk(seed=1), pictures(), 0.01, tmp_path, QUICK)
    assert other.trial.milliseconds != 123.0
    assert len(list(tmp_path.glob("*.json"))) == 2


def test_a_lost_graph_is_made_again(tmp_path):
    export_fastest(trunk(), pictures(), 0.01, tmp_path, ("openvino",))
    for graph in tmp_path.glob("*.xml"):
        graph.unlink()
    exported = export_fastest(trunk(), pictures(), 0.01, tmp_path, ("openvino",))
    assert exported.trial.kind == "openvino"


def test_an_accuracy_that_no_form_has_is_refused_with_what_each_has(tmp_path):
    with pytest.raises(ValueError, match="openvino 0"):
        export_fastest(trunk(), pictures(), -1.0, tmp_path, ("openvino",))


def test_a_generator_is_exported_with_its_own_ops_traced_in_plain_form(tmp_path):
    torch.manual_seed(0)
    generator = Generator(Config.tiny()).eval()

    class Drawing(nn.Module):
        def __init__(self):
            super().__init__()
            self.synthesis = generator.synthesis

        def forward(self, codes):
            return self.synthesis(codes, "fixed")

    codes = [(torch.randn(1, Config.tiny().layer_count, 16),) for _ in range(2)]
    exported = export_fastest(Drawing(), codes, 0.001, tmp_path, ("openvino",))
    assert exported(*codes[0])[0].shape == (1, 3, 16, 16)


def test_several_outputs_come_back_in_order(tmp_path):
    class Two(nn.Module):
        def forward(self, x):
            return x.mean(dim=(2, 3)), x * 2

    exported = export_fastest(Two(), pictures(2, 8), 1e-3, tmp_path, QUICK)
    mean, double = exported(*pictures(1, 8)[0])
    assert mean.shape == (1, 3)
    assert torch.allclose(double, pictures(1, 8)[0][0] * 2, atol=1e-5)


def test_a_frozen_network_says_the_same_of_the_examples_shapes_and_of_others(tmp_path):
    class Halved(nn.Module):
        """Its trace holds how many pictures the example had."""

        def __init__(self):
            super().__init__()
            self.trunk = trunk()

        def forward(self, x):
            features = self.trunk(torch.cat((x, x.flip(3))))
            return features[: len(x)] - 0.5 * features[len(x) :]

    network = Halved()
    exported = export_fastest(network, pictures(), 1e-3, tmp_path, ("frozen",))
    assert exported.trial.kind == "frozen"
    recalled = export_fastest(network, pictures(), 1e-3, tmp_path, ("frozen",))
    assert recalled.trial == exported.trial
    one, two = pictures(3)[2], (torch.cat([x for (x,) in pictures(3)[:2]]),)
    for given in (one, two, pictures(1, 32)[0]):
        with torch.no_grad():
            wanted = network(*given)
        for form in (exported, recalled):
            assert form(*given)[0].shape == wanted.shape
            assert torch.allclose(form(*given)[0], wanted, atol=1e-4)
