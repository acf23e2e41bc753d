"""How the textedit room learns: a generator grown, started straight, looking at people first; sentences that move on."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from core import checkpoints
from core.engine.attributes import ATTRIBUTES, INDEX, KEYS, Attributes
from core.engine.faces import faces
from core.face.config import PARTS
from core.face.reader import Face
from core.image import to_pixels
from core.textedit.caption import Captioner
from core.textedit.codes import TRUE_WIDTH, Standard, calm_codes, full_length, read_grades, read_parameters
from core.textedit.config import Config
from core.textedit.losses import favour_people, picture_terms
from core.textedit.networks import make_generator
from core.textedit.places import PlacedGenerator
from core.textedit.predict import frame_face
from core.textedit.telling import DOUBT, agreement, choose_sentence, read_doubts
from training.recipes.textedit import make_captioner_recipe
from training.spec import BadRequest, RunSpec
from training.textedit_framing import frame_portraits
from training.textedit_growing import choose_size, grow
from training.textedit_tasks import SHAKEN, misread

SEEDS = torch.arange(700_000_000, 700_000_048)


def test_a_grown_generator_draws_the_same_people_larger_and_learns_with_its_new_blocks(tmp_path: Path) -> None:
    torch.manual_seed(2)
    config = Config.tiny()
    small, standard = make_generator(config), Standard.fit(read_parameters(SEEDS), read_grades(SEEDS), SEEDS)
    card = checkpoints.Card(
        "textedit", "generator", config=asdict(config), pictures=1200, data={"before": "90 pictures at 8 px"}
    )
    checkpoints.save(
        tmp_path / "small", card, {"generator": small.state_dict(), "standard": standard.state_dict()}, "fp32"
    )
    asked = choose_size(RunSpec("textedit", "generator", options={"size": 64}), config)
    large, fresh = make_generator(asked), Standard()
    said = grow(large, fresh, {"grow": str(tmp_path / "small")})
    assert said == "1,200 pictures at 32 px, before that 90 pictures at 8 px"
    codes = torch.randn(2, config.generator.code_width)
    before, after = small(codes, None, 1.0, "none"), large(codes, None, 1.0, "none")
    assert after.shape[2] == 2 * before.shape[2]
    assert (F.avg_pool2d(after, 2) - before).abs().mean() < 0.05 * before.abs().mean()
    assert torch.equal(fresh.reading, standard.reading)
    (slope,) = torch.autograd.grad(after.square().sum(), large.synthesis.blocks[-1].to_rgb.weight)  # pyright: ignore
    assert slope.abs().max() > 0


def test_a_generator_learns_on_at_fewer_pixels_and_takes_its_finer_blocks_back(tmp_path: Path) -> None:
    torch.manual_seed(5)
    large = make_generator(choose_size(RunSpec("textedit", "generator", options={"size": 64}), Config.tiny()))
    modules = {"generator": large.state_dict(), "standard": Standard().state_dict()}
    sizes = {}
    for size in (64, 32):
        shape = choose_size(RunSpec("textedit", "generator", options={"size": size}), Config.tiny())
        sizes[size] = shape
        if size == 64:
            card = checkpoints.Card("textedit", "generator", config=asdict(shape))
            checkpoints.save(tmp_path / "large", card, modules, "fp32")
    small = make_generator(sizes[32])
    grow(small, Standard(), {"grow": str(tmp_path / "large")})
    for name, value in small.state_dict().items():
        assert torch.equal(value, large.state_dict()[name]), name
    with torch.no_grad():
        for value in small.parameters():
            value.add_(0.01)
    card = checkpoints.Card("textedit", "generator", config=asdict(sizes[32]))
    held = {"generator": small.state_dict(), "standard": Standard().state_dict()}
    checkpoints.save(tmp_path / "small", card, held, "fp32")
    again = make_generator(sizes[64])
    grow(again, Standard(), {"grow": str(tmp_path / "small"), "fine": str(tmp_path / "large")})
    coarse, whole = small.state_dict(), large.state_dict()
    for name, value in again.state_dict().items():
        assert torch.equal(value, coarse.get(name, whole[name])), name
    assert len(whole) > len(coarse)


def test_a_generator_grows_in_pixels_only(tmp_path: Path) -> None:
    config = Config.tiny()
    card = checkpoints.Card("textedit", "generator", config=asdict(config))
    modules = {"generator": make_generator(config).state_dict(), "standard": Standard().state_dict()}
    checkpoints.save(tmp_path / "start", card, modules)
    other = PlacedGenerator(replace(config.generator, channel_limit=4, size=64), config.points)
    with pytest.raises(BadRequest, match="only in pixels"):
        grow(other, Standard(), {"grow": str(tmp_path / "start")})
    with pytest.raises(BadRequest, match="Option size"):
        choose_size(RunSpec("textedit", "generator", options={"size": 48}), config)


def test_a_straight_start_lets_pictures_follow_codes_that_random_layers_would_scramble() -> None:
    torch.manual_seed(3)
    config = Config.small().generator
    random, straight = make_generator(Config.small()), make_generator(Config.small())
    straight.begin_straight()
    z = torch.randn(1536, config.code_width)
    unread = []
    for generator in (random, straight):
        with torch.no_grad():
            w = generator.mapping(z)
        told = torch.cat((w, torch.ones(len(w), 1)), 1)
        back = torch.linalg.lstsq(told[:1024], z[:1024]).solution
        unread.append(float((told[1024:] @ back - z[1024:]).square().mean()))
    assert unread[1] < 0.3
    assert unread[0] > 0.8
    again = make_generator(Config.small())
    again.begin_straight()
    assert torch.allclose(again.mapping(z), straight.mapping(z)), "nothing of it is drawn by lot"


def test_what_is_off_in_a_person_counts_more_than_behind_them_and_most_in_eyes() -> None:
    parts = torch.zeros(1, 1, 16, 16, dtype=torch.uint8)
    parts[..., 8:] = PARTS.index("skin")
    parts[:, :, 8:, 10:13] = PARTS.index("eyes")
    counts = favour_people(parts, 3.0, 10.0)
    assert counts.mean() == pytest.approx(1.0)
    assert counts[0, 0, 12, 11] / counts[0, 0, 0, 0] == pytest.approx(10.0)
    target = torch.zeros(1, 3, 16, 16)
    off = {}
    for name, columns in (("behind", slice(2, 5)), ("person", slice(10, 13))):
        drawn = target.clone()
        drawn[:, :, 4:8, columns] = 0.5
        off[name] = picture_terms(drawn, target, None, counts)
        even = picture_terms(drawn, target, None)
        alike = picture_terms(drawn, target, None, torch.ones_like(counts))
        assert all(torch.equal(even[key], alike[key]) for key in even)
    for key in ("pixels", "slopes"):
        assert float(off["person"][key]) == pytest.approx(3 * float(off["behind"][key]), rel=1e-5)


def test_portraits_to_learn_from_are_framed_as_photos_are() -> None:
    size = 128
    batch = faces(range(700_000_100, 700_000_104), size=size)
    framed, parts = frame_portraits(batch.pixels, batch.segmentation, batch.landmarks)
    for picture, points, mine, seen in zip(
        to_pixels(batch.pixels), batch.landmarks.numpy(), to_pixels(framed), parts > 0, strict=True
    ):
        face = Face(points[:, :2], 1.0)
        theirs, _ = frame_face(picture, face, size)
        assert np.abs(mine.astype(float) - theirs).mean() < 1.0
        assert np.abs(picture.astype(float) - theirs).mean() > 8.0
        middle = seen[0, size // 4 : 3 * size // 4, size // 4 : 3 * size // 4].float().mean()
        assert middle > max(0.7, float(seen.float().mean()))


def test_a_calmer_code_is_another_face_nearer_to_the_ordinary_and_full_calm_is_the_code_itself() -> None:
    torch.manual_seed(4)
    generator = make_generator(Config.small())
    generator.begin_straight()
    codes = torch.randn(6, generator.config.code_width)
    calmer = calm_codes(codes, 0.5)
    assert torch.allclose(calm_codes(codes, 1.0), codes, atol=1e-5)
    assert torch.allclose(calmer.norm(dim=1), codes.norm(dim=1), rtol=1e-5)
    with torch.no_grad():
        w, near, short = (generator.mapping(one) for one in (codes, calmer, 0.5 * codes))
    assert torch.allclose(w, short, atol=1e-4), "a shorter code draws the same face"
    known = slice(0, TRUE_WIDTH)
    assert near[:, known].var(0).mean() < 0.5 * w[:, known].var(0).mean()


def test_a_sentence_about_a_face_does_not_say_three_words_twice() -> None:
    torch.manual_seed(6)
    captioner = Captioner(Config.tiny())
    torch.nn.init.normal_(captioner.say.bias, std=2.0)
    for sentence in captioner.describe(torch.rand(4, 3, 32, 32), most=40):
        threes = [tuple(sentence[place : place + 3]) for place in range(len(sentence) - 2)]
        assert len(sentence) > 6
        assert len(set(threes)) == len(threes)


def test_of_several_sentences_the_one_that_agrees_with_what_is_read_is_said() -> None:
    plain = {one.key: 0.0 if one.kind == "presence" else 0.5 for one in ATTRIBUTES}
    read = Attributes.from_dict({**plain, "hair_length": 0.9, "glasses": 0.8, "eye_size": 0.1})
    true, false = "long hair, glasses, small eyes", "short hair, no glasses, big eyes"
    sure = [0.08] * len(KEYS)
    assert agreement(true, read, sure) > 0.8
    assert agreement(false, read, sure) < 0.3
    assert agreement("glasses", read, sure) < agreement(true, read, sure), "what is notable wants to be said"
    assert agreement(f"{true}, long hair", read, sure) < agreement(true, read, sure), "but once"
    assert agreement(f"{true}, blorp fnord", read, sure) < agreement(true, read, sure)
    grades = list(read.grades)
    assert choose_sentence([false, true, "glasses"], grades, sure) == true
    ordinary = Attributes.from_dict(plain)
    assert agreement("a medium nose", ordinary, sure) >= agreement("a huge nose", ordinary, sure)
    with pytest.raises(ValueError, match="26"):
        choose_sentence([true], [0.5])


def test_a_sentence_goes_on_with_what_another_proposal_said_well() -> None:
    plain = {one.key: 0.0 if one.kind == "presence" else 0.5 for one in ATTRIBUTES}
    read = Attributes.from_dict({**plain, "hair_length": 0.9, "glasses": 0.8, "eye_size": 0.1})
    sure = [0.08] * len(KEYS)
    texts = [
        "a person with long hair, a huge nose",
        "somebody bald, glasses, blorp",
        "no hat, small eyes, very long hair",
    ]
    made = choose_sentence(texts, read.grades, sure)
    assert made.startswith("a person with long hair, ")
    assert set(made.split(", ")) == {"a person with long hair", "glasses", "small eyes"}
    assert choose_sentence(["长头发，大鼻子", "光头，有眼镜"], read.grades, sure) == "长头发，有眼镜"
    assert choose_sentence([""], read.grades, sure) == ""


def test_a_code_of_full_length_draws_the_same_face_and_is_moved_as_far_as_others() -> None:
    torch.manual_seed(4)
    generator = make_generator(Config.tiny()).eval()
    short = 0.3 * torch.randn(2, Config.tiny().generator.code_width)
    full = full_length(short)
    assert full.square().mean(1).tolist() == pytest.approx([1.0, 1.0])
    with torch.no_grad():
        assert torch.allclose(generator(short, None, 1.0, "none"), generator(full, None, 1.0, "none"), atol=1e-4)


def test_of_two_things_the_one_that_is_read_surely_is_said() -> None:
    plain = {one.key: 0.0 if one.kind == "presence" else 0.5 for one in ATTRIBUTES}
    read = Attributes.from_dict({**plain, "eye_size": 0.85, "nose_width": 0.85})
    texts = ["a wide nose", "big eyes"]
    for text, badly in zip(texts, ("eye_size", "nose_width"), strict=True):
        assert choose_sentence(texts, read.grades, [0.4 if key == badly else 0.05 for key in KEYS]) == text
    card = {"doubt_nose_width": 0.4}
    assert read_doubts(card)[INDEX["nose_width"]] == 0.4
    assert read_doubts(card)[INDEX["glasses"]] == DOUBT


def test_an_eye_of_residual_trunks_sees_the_face_closely_and_is_a_choice() -> None:
    torch.manual_seed(3)
    config = replace(Config.tiny(), eye="resnet")
    captioner = Captioner(config).eval()
    pictures = torch.rand(2, 3, 32, 32) * 2 - 1
    places, x = captioner.see(pictures)
    assert places.shape[0] == 2
    assert places.shape[2] == captioner.eye.channels
    assert x.shape == (2, config.vector_width)
    assert len(captioner.describe(pictures)) == 2
    assert not torch.allclose(x[0], x[1])
    with pytest.raises(ValueError, match="plain or resnet, not 'glass'"):
        replace(config, eye="glass")


def test_proposed_sentences_begin_with_the_likeliest_differ_and_are_the_same_every_time() -> None:
    torch.manual_seed(1)
    captioner = Captioner(Config.tiny())
    picture = torch.rand(1, 3, 32, 32) * 2 - 1
    rows, grades = captioner.propose(picture, 6)
    assert rows[0] == captioner.describe(picture)[0]
    assert len({tuple(row) for row in rows}) > 1
    again, _ = captioner.propose(picture, 6)
    assert rows == again
    assert grades.shape == (len(KEYS),)


def test_a_face_reads_as_its_mirror_image_does_but_for_the_side_it_is_turned_to() -> None:
    torch.manual_seed(2)
    captioner = Captioner(Config.tiny()).eval()
    pictures = torch.rand(3, 3, 32, 32) * 2 - 1
    read, mirrored = captioner.read(pictures), captioner.read(pictures.flip(3))
    turn = KEYS.index("head_turn")
    others = [place for place in range(len(KEYS)) if place != turn]
    assert torch.allclose(read[:, others], mirrored[:, others], atol=1e-5)
    assert torch.allclose(read[:, turn], 1.0 - mirrored[:, turn], atol=1e-5)
    assert not torch.allclose(read, captioner.grades(captioner.see(pictures)[1]), atol=1e-3)


def test_a_drawn_picture_that_reads_otherwise_is_pulled_to_what_the_true_one_says() -> None:
    torch.manual_seed(2)
    listener = Captioner(Config.tiny()).eval().requires_grad_(False)
    true = torch.rand(2, 3, 32, 32) * 2 - 1
    drawn = torch.rand(2, 3, 32, 32) * 2 - 1
    assert float(misread(listener, true, true, 5)) == 0.0
    assert float(misread(listener, drawn, true, 5)) == float(misread(listener, drawn, true, 5)), (
        "each step its own look"
    )
    assert len({float(misread(listener, drawn, true, step)) for step in range(4)}) == 4
    drawn.requires_grad_()
    before = float(misread(listener, drawn.detach(), true, 0))
    for step in range(12):
        (slope,) = torch.autograd.grad(misread(listener, drawn, true, step), drawn)
        drawn.data -= 0.02 * slope.sign()
    assert float(misread(listener, drawn.detach(), true, 0)) < 0.8 * before


def test_a_captioner_sees_half_of_its_faces_mirrored_and_is_told_the_other_side_then() -> None:
    recipe = make_captioner_recipe(
        RunSpec("textedit", "captioner", "tiny", device="cpu", options={"batch": 6, "validated": 2, "count": 6})
    )
    found, batch = recipe.data.learn(0, 6), recipe.batch(0, 6, 0)
    turn = KEYS.index("head_turn")
    sides = []
    for own, seen, true, told in zip(found.pixels, batch["pixels"], found.grades, batch["grades"], strict=True):
        inner = (slice(None), slice(SHAKEN, -SHAKEN), slice(SHAKEN, -SHAKEN))
        moved = [
            float((seen.roll((down, across), (1, 2))[inner] - side[inner]).abs().max()) < 1e-6
            for side in (own, own.flip(2))
            for down in range(-SHAKEN, SHAKEN + 1)
            for across in range(-SHAKEN, SHAKEN + 1)
        ]
        assert sum(moved) == 1, "the very same picture, moved a little"
        mirrored = moved.index(True) >= len(moved) // 2
        assert float(told[turn]) == pytest.approx(1.0 - float(true[turn]) if mirrored else float(true[turn]))
        sides.append(mirrored)
    assert 0 < sum(sides) < 6
    assert torch.equal(batch["pixels"], recipe.batch(0, 6, 0)["pixels"])
