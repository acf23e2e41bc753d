"""The textedit page without a browser: a face is talked about, nothing is lost, and what is kept says what made it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from served import wait_until
from tiny_expression import draw_person, write_frames
from tiny_rooms import put_textedit_weights

from core.image import Pixels, read_picture
from core.textedit.invert import Effort
from core.textedit.predict import LatentCode
from core.textedit.words import understand
from pages.textedit import PAGE, sitting, turns
from pages.textedit.conversation import MOST_PICTURES, Conversation, Given, again, answer, begin, go_to
from studio.jobs import Job
from studio.language import speak
from studio.marks import read_provenance
from studio.services import Services
from studio.settings import Settings
from training.spec import BadRequest

pytestmark = pytest.mark.usefixtures("one_thread")


class Counting:
    """A predictor whose code is one number: texts add their length times the strength, pictures show it."""

    def steer(self, code: LatentCode, text: str, strength: float = 1.0) -> LatentCode:
        return LatentCode(code.code + np.float32(len(text) * strength))

    def draw(self, code: LatentCode) -> Pixels:
        return np.full((2, 2, 3), int(code.code[0]) % 256, np.uint8)


COUNTING: Any = Counting()
START = begin(COUNTING, Given(seed=3), LatentCode(np.zeros(1, np.float32)))


def level(talk: Conversation) -> float:
    return float(talk.now.code.code[0])


def tell(talk: Conversation, *texts: str) -> Conversation:
    for text in texts:
        talk = answer(COUNTING, talk, understand(text), 1.0)
    return talk


def test_undo_goes_back_and_nothing_that_was_made_is_lost() -> None:
    talk = tell(START, "big eyes", "long hair")
    assert level(talk) == len("big eyes") + len("long hair")
    undone = tell(talk, "undo")
    assert level(undone) == len("big eyes")
    assert len(undone.pictures) == 3, "the undone picture stays in the strip"
    assert level(tell(undone, "no hat")) == len("big eyes") + len("no hat"), (
        "and what comes next builds on what is seen"
    )
    assert level(tell(undone, "回到第二个")) == level(talk)
    assert level(tell(talk, "start again")) == 0.0


def test_less_and_more_weigh_the_last_wish_alone() -> None:
    talk = tell(START, "big eyes", "long hair")
    less = tell(talk, "a bit less")
    assert level(less) == len("big eyes") + 0.5 * len("long hair")
    assert level(tell(less, "more")) == len("big eyes") + 0.75 * len("long hair")
    assert level(tell(talk, "more")) == level(talk) + 0.5 * len("long hair"), "a whole wish is made half once more"
    assert level(tell(talk, "太多了")) == level(less)


def test_a_sentence_may_hold_a_command_and_a_wish() -> None:
    talk = tell(START, "big eyes", "undo, long hair")
    assert level(talk) == len("long hair")
    assert talk.now.parent == 0


def test_the_slider_changes_the_last_edit_in_its_place() -> None:
    talk = tell(START, "big eyes", "long hair")
    weaker = again(COUNTING, talk, 0.5)
    assert (level(weaker), len(weaker.pictures)) == (len("big eyes") + 0.5 * len("long hair"), 3)
    assert again(COUNTING, START, 0.5) is START


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("undo", "nothing was changed"), ("少一点", "还没有改动"), ("back to the third one", "the last is 0")],
)
def test_a_command_that_has_nothing_to_act_on_is_a_sentence_and_loses_nothing(text: str, sentence: str) -> None:
    with pytest.raises(BadRequest, match=sentence):
        tell(START, text)
    with pytest.raises(BadRequest, match="还没有第 9 个"):
        go_to(START, 9, "zh")


def test_a_conversation_has_an_end_that_is_told() -> None:
    talk = tell(START, *["big eyes"] * (MOST_PICTURES - 1))
    with pytest.raises(BadRequest, match="begin again with it"):
        tell(talk, "no hat")


# --- with networks that know nothing


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    sitting.EFFORT = Effort(2, 2)  # these networks find nothing however long they look
    home = tmp_path_factory.mktemp("sitting")
    put_textedit_weights(home / "weights")
    opened = Services.open(Settings(home=home))
    yield opened
    opened.close()
    sitting.EFFORT = Effort()


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "me.png"
    Image.fromarray(draw_person()).save(path)
    return path


def ended(services: Services, number: str) -> Job:
    wait_until(lambda: services.jobs.get(number, "local").ended, 120, "the job has ended")
    return services.jobs.get(number, "local")


@pytest.fixture(scope="module")
def talk(services: Services, photo: Path) -> Conversation:
    found = ended(services, sitting.on_photo(services, "local", str(photo)))
    assert found.state == "done", found.message
    return sitting.on_begin(services, "local", found.result["medium"])


def test_a_photo_is_looked_into_once_and_then_talked_about(services: Services, talk: Conversation) -> None:
    turn = sitting.on_say(services, "local", talk, "big eyes, 长头发", 1.0)
    assert turn.understood is not None
    assert {wish.key for wish in turn.understood.wishes} == {"eye_size", "hair_length"}
    assert not np.array_equal(turn.talk.now.code.code, talk.now.code.code)
    assert np.array_equal(turn.talk.pictures[0].pixels, talk.pictures[0].pixels)
    weaker = sitting.on_strength(services, "local", turn.talk, 0.0)
    assert np.array_equal(weaker.now.code.code, talk.now.code.code), "no strength is no edit"


def test_what_is_kept_is_the_persons_own_marked_and_says_every_word(services: Services, talk: Conversation) -> None:
    told = sitting.on_say(
        services, "local", sitting.on_say(services, "local", talk, "big eyes", 1.0).talk, "no hat", 0.5
    )
    kept = sitting.on_keep(services, "local", told.talk, 1.0)
    assert [one["name"] for one in kept] == ["face.png", "photo.png", "face.json"]
    made = services.media.get("local", kept[1]["medium"])
    assert read_picture(made.path).shape == draw_person().shape
    said = json.loads(services.media.get("local", kept[2]["medium"]).path.read_text())
    words = [{"text": "big eyes", "strength": 1.0}, {"text": "no hat", "strength": 0.5}]
    assert said["settings"]["words"] == words
    assert (read_provenance(made.path) or {})["settings"]["words"] == words
    assert said["parents"] == [services.media.get("local", talk.given.medium).sha256]
    with pytest.raises(LookupError):
        services.media.get("somebody else", kept[0]["medium"])


def test_somebody_who_does_not_exist_can_be_talked_about_and_is_the_same_for_the_same_seed(services: Services) -> None:
    one, same, other = (sitting.on_somebody(services, "local", seed) for seed in (5, 5, 6))
    assert np.array_equal(one.now.pixels, same.now.pixels)
    assert not np.array_equal(one.now.code.code, other.now.code.code)
    assert [entry["name"] for entry in sitting.on_keep(services, "local", one, 1.0)] == ["face.png", "face.json"]


def test_a_photo_without_a_face_ends_in_a_sentence(services: Services, tmp_path: Path) -> None:
    Image.new("RGB", (80, 80), "grey").save(tmp_path / "wall.png")
    found = ended(services, sitting.on_photo(services, "local", str(tmp_path / "wall.png")))
    assert found.state == "failed"
    assert "face" in found.message


def test_what_cannot_be_drawn_ends_in_a_sentence_in_the_language_it_was_said_in(
    services: Services, talk: Conversation
) -> None:
    for given, text, sentence in (
        (None, "大眼睛", "先给一张照片"),
        (None, "big eyes", "Give a photo first"),
        (talk, "blorp", "Not understood: blorp"),
        (talk, "大眼睛小眼睛", "不能同时满足"),
        (talk, "", "Say what the face"),
    ):
        with pytest.raises(BadRequest, match=sentence):
            sitting.on_say(services, "local", given, text, 1.0)
    with pytest.raises(BadRequest, match="Record or give a sound"):
        sitting.on_hear(services, "local", None, "en")
    with pytest.raises(BadRequest, match="no face to keep"):
        sitting.on_keep(services, "local", None, 1.0)


def test_chips_show_what_was_understood_and_what_was_not_and_nothing_typed_becomes_markup() -> None:
    chips = turns.draw_chips(understand("big eyes, blorp<b>x, undo"), speak("en"))
    assert 'data-kind="wish"' in chips
    assert 'data-kind="command"' in chips
    assert 'data-kind="unknown"' in chips
    assert "<b>" not in chips
    assert "眼睛大小" in turns.draw_chips(understand("big eyes"), speak("zh"))


def test_a_clip_is_edited_as_a_job_and_a_picture_is_not_a_clip(services: Services, photo: Path, tmp_path: Path) -> None:
    person = draw_person(size=160)
    clip = write_frames(tmp_path / "me.mp4", [person, np.roll(person, 2, 1), person])
    found = ended(services, sitting.on_clip(services, "local", str(clip), "big eyes", 1.0, True))
    assert found.state == "done", found.message
    (film,) = found.result["files"]
    assert services.media.get("local", film["medium"]).type == "video/mp4"
    for file, sentence in ((photo, "not a clip"), (None, "Give a clip")):
        with pytest.raises(BadRequest, match=sentence):
            sitting.on_clip(services, "local", str(file) if file else None, "big eyes", 1.0, False)
    with pytest.raises(BadRequest, match="Not understood"):
        sitting.on_clip(services, "local", str(clip), "blorp", 1.0, False)


def test_the_page_brings_its_commands_and_offers_what_can_learn() -> None:
    assert [command.name for command in PAGE.commands] == ["textedit", "textedit describe", "textedit listen"]
    assert {offer.recipe for offer in PAGE.offers} == {"editor", "captioner", "inverter"}
