"""The start page says of each system only what the files bear out."""

from __future__ import annotations

from pathlib import Path

from core import checkpoints
from core.checkpoints import Card
from pages import PAGES
from pages.start import on_open
from studio.services import Services
from studio.settings import Settings


def test_a_system_whose_page_lacks_weights_is_not_called_ready(tmp_path: Path) -> None:
    settings = Settings.read({}, home=tmp_path / "home", shipped=tmp_path / "assets")
    services = Services.open(settings, PAGES)
    try:
        wanted = dict(services.systems)["expression"]
        assert {one.system: one.missing for one in on_open(services)}["expression"] == wanted
        for name in wanted:
            card = Card("expression", name)
            checkpoints.save(settings.home / "weights" / "expression" / name, card, {"net": {}})
        assert {one.system: one.missing for one in on_open(services)}["expression"] == ()
    finally:
        services.close()
