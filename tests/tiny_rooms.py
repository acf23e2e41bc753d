"""Random networks of the tiny preset for the textedit and garment rooms, and a command called as the command line would."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from core import checkpoints, stylegan2
from core.checkpoints import Card, Found
from core.garment.config import REGIONS, EncoderConfig, SegmenterConfig
from core.garment.networks import digest_of, make_encoders
from core.garment.segment import Segmenter
from core.stylegan2 import Generator
from core.textedit.caption import Captioner
from core.textedit.config import Config
from core.textedit.networks import Fusion, PhotoEncoder, TextEncoder, make_generator
from core.textedit.speech_model import SpeechConfig, SpeechNet
from studio.page import Command
from studio.services import Services


def put_garment_weights(root: Path, segmenter: bool = True) -> Path:
    """Generator and encoders that know nothing, and a segmenter that takes whatever is dark for a top."""
    torch.manual_seed(0)
    shape = stylegan2.Config(size=64, code_width=16, channel_base=256, channel_limit=16)
    folder = root / "garment" / "generator"
    card = Card("garment", "generator", config={"generator": asdict(shape)})
    checkpoints.save(folder, card, {"generator": Generator(shape).state_dict()})
    config = EncoderConfig(shape, 0.5, digest_of(Found(folder, checkpoints.read_card(folder), root)))
    encoders = make_encoders(config)
    for encoder in encoders.values():
        for parameter in encoder.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
    weights = {name: encoder.state_dict() for name, encoder in encoders.items()}
    checkpoints.save(root / "garment" / "encoders", Card("garment", "encoders", config=asdict(config)), weights)
    if segmenter:
        card = Card("garment", "segmenter", config=asdict(SegmenterConfig.tiny()))
        whole = {"segmenter": _always_top().state_dict()}
        checkpoints.save(root / "garment" / "segmenter", card, whole)
    return root


def _always_top() -> Segmenter:
    network = Segmenter(SegmenterConfig.tiny())
    with torch.no_grad():
        bias = network.net.leave.bias
        assert bias is not None
        bias.copy_(torch.eye(len(REGIONS))[REGIONS.index("top")] * 1e4)
    return network


def put_textedit_weights(root: Path, without: Sequence[str] = ()) -> Path:
    """Every network of the textedit room, knowing nothing; ``without`` leaves some out."""
    torch.manual_seed(5)
    config = Config.tiny()
    shelves = {
        "generator": {"generator": make_generator(config)},
        "inverter": {"encoder": PhotoEncoder(config)},
        "editor": {"words": TextEncoder(config), "fusion": Fusion(config), "captioner": Captioner(config)},
        "captioner": {"captioner": Captioner(config)},
    }
    for name, modules in shelves.items():
        if name not in without:
            found = {key: module.state_dict() for key, module in modules.items()}
            checkpoints.save(root / "textedit" / name, Card("textedit", name, config=asdict(config)), found)
    if "speech" not in without:
        card = Card("textedit", "speech", config=asdict(SpeechConfig.tiny()))
        whole = {"speech": SpeechNet(SpeechConfig.tiny()).state_dict()}
        checkpoints.save(root / "textedit" / "speech", card, whole)
    return root


def assets_without(subject: str, folder: Path) -> Path:
    """What ships, by links, but for one subject's weights."""
    (folder / "weights").mkdir(parents=True)
    for kind, chosen in (("", Path("assets").iterdir()), ("weights", Path("assets/weights").iterdir())):
        for one in chosen:
            if one.name not in {"weights", subject}:
                (folder / kind / one.name).symlink_to(one.resolve())
    return folder


def ask(commands: Sequence[Command], services: Services, name: str, *words: object) -> int:
    """Carry out a command by its name with these words."""
    command = next(one for one in commands if one.name == name)
    parser = argparse.ArgumentParser(prog=f"likeness {name}")
    command.configure(parser)
    return command.run(services, parser.parse_args([str(word) for word in words]))
