"""What the weights of a system can do: held-out scores beside the do-nothing answer and the worst group, from their cards."""

from __future__ import annotations

import html

from core import checkpoints
from core.checkpoints import Card
from studio import panels
from studio.language import Language
from studio.services import Services


def score_cards(services: Services, profile: str, room: str, say: Language) -> str:
    """The cards of a room's weights in service."""
    found = checkpoints.list_all(services.people.weight_roots(profile))
    cards = [one.card for one in found if one.card.subject == room]
    if not cards:
        return panels.empty(say("card.missing"))
    return f'<div class="weights">{"".join(_draw(card, say) for card in cards)}</div>'


def _draw(card: Card, say: Language) -> str:
    rows = "".join(
        f"<tr><th>{html.escape(key)}</th><td>{_number(value)}</td><td>{_number(card.baselines.get(key))}</td>"
        f"<td>{html.escape(card.worst_group.get(key, ''))}</td></tr>"
        for key, value in card.scores.items()
    )
    heads = "".join(
        f"<th>{html.escape(text)}</th>" for text in ("", say("card.score"), say("card.nothing"), say("card.worst"))
    )
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""
    notes = html.escape(card.notes if rows or card.notes else say("card.unmeasured"))
    name, version = html.escape(card.name), html.escape(card.version)
    return f"<h3>{name} <small>{version}</small></h3>{table}<p>{notes}</p>"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
