"""The garment generator's recipe: what is read and kept back, batches by number, terms, exact resume, its measure."""

import csv
import io
import tarfile
from dataclasses import asdict

import numpy as np
import pytest
import torch
from PIL import Image

from core import checkpoints
from core.checkpoints import Card
from core.image import to_tensor, write_picture
from training.garment_pictures import NoPictures, read_garments
from training.garment_warm import strays, told_apart
from training.recipes.garment import GeneratorRecipe, Settings, make_generator_recipe
from training.run import RunFolder
from training.spec import BadRequest, RunSpec, write_request
from training.swd import sliced_distance
from training.trainer import Trainer


@pytest.fixture(autouse=True)
def _one_thread():
    """Pictures of 16 px are too small to share; on a busy machine waking threads costs more than the work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def draw_shape(number):
    """A coloured rectangle on white, a little different for every number."""
    draw = np.random.default_rng(number)
    pixels = np.full((32, 32, 3), 255, dtype=np.uint8)
    left, top = draw.integers(3, 10, 2)
    pixels[top : 30 - top, left : 32 - left] = draw.integers(0, 200, 3)
    return pixels


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("garments")
    for number in range(36):
        write_picture(made / f"shape{number}.png", draw_shape(number))
    return made


def make_request(folder, **changes):
    return RunSpec("garment", "generator", preset="tiny", data=str(folder), **changes)


def encoded(pixels):
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG")
    return held.getvalue()


@pytest.fixture
def data_set(tmp_path):
    """Sixty pictures of twelve senders in the layout of the cut-out data set; two are of unwanted kinds."""
    rows = []
    with tarfile.open(tmp_path / "all.tar", "w") as tar:
        for number in range(60):
            name = f"id{number}"
            label, tier = ("Shoes" if number == 0 else "Dress"), ("B" if number == 1 else "A")
            group = 7 if number in (10, 59) else 100 + number
            rows.append({"id": name, "label": label, "sender_id": number % 12, "mask_tier": tier, "dup_group": group})
            pixels = draw_shape(number)
            mask = np.where((pixels < 255).any(axis=2), 255, 0).astype(np.uint8)
            for path, content in ((f"img/{name}.webp", encoded(pixels)), (f"mask/{name}.png", encoded(mask))):
                member = tarfile.TarInfo(path)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    with (tmp_path / "index.csv").open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return tmp_path


def test_unwanted_and_doubtful_pictures_stay_out_and_masks_lie_on_their_pictures(data_set):
    garments = read_garments(data_set, 32)
    assert len(garments.pictures) == 58
    assert "Shoes" not in garments.labels
    inside = garments.masks == 255
    assert np.array_equal(inside, (garments.pictures < 255).any(axis=3))


def test_nobody_and_no_near_duplicate_is_on_both_sides(data_set):
    garments = read_garments(data_set, 16)
    senders = [int(round_) % 12 for round_ in np.arange(2, 60)]  # 0 and 1 are left out
    learning, validating = ({senders[i] for i in part} for part in (garments.learning, garments.validating))
    assert learning
    assert validating
    assert not learning & validating
    twins = {10 - 2, 59 - 2}  # of one group, from two senders
    assert not (twins & set(garments.learning.tolist()) and twins & set(garments.validating.tolist()))


def test_any_folder_of_pictures_will_do_and_an_empty_one_is_refused(folder, tmp_path):
    garments = read_garments(folder, 16)
    assert garments.pictures.shape == (36, 16, 16, 3)
    assert set(garments.learning) | set(garments.validating) == set(range(36))
    assert not set(garments.learning) & set(garments.validating)
    with pytest.raises(NoPictures, match="holds no pictures"):
        read_garments(tmp_path, 16)
    with pytest.raises(NoPictures, match="--data"):
        make_generator_recipe(RunSpec("garment", "generator", preset="tiny"))


def test_a_batch_depends_on_seed_and_step_only_and_parts_make_up_the_whole(folder):
    recipe, again = make_generator_recipe(make_request(folder)), make_generator_recipe(make_request(folder))
    whole = recipe.batch(5, 16, 0)["real"]
    again.batch(3, 16, 0)
    assert torch.equal(whole, again.batch(5, 16, 0)["real"])
    parts = [recipe.batch(5, 4, part)["real"] for part in range(4)]
    assert torch.equal(whole, torch.cat(parts))
    assert not torch.equal(whole, recipe.batch(6, 16, 0)["real"])
    other = make_generator_recipe(make_request(folder, seed=1))
    assert not torch.equal(whole, other.batch(5, 16, 0)["real"])


def test_every_phase_gives_a_finite_term_that_moves_its_own_network(folder):
    request = make_request(folder, options={"path_weight": 2.0, "batch_size": 8})
    recipe = make_generator_recipe(request)
    names = ["redraw", "keep", "generator", "path", "discriminator", "r1"]
    assert [phase.name for phase in recipe.phases] == names
    for phase in recipe.phases:
        terms = recipe.losses(phase, recipe.batch(0, 8, 0), 0)
        sum(terms.values(), torch.zeros(())).backward()
        moved = [p.grad for name in phase.modules for p in recipe.modules[name].parameters() if p.grad is not None]
        assert all(bool(torch.isfinite(value)) for value in terms.values())
        assert any(bool(gradient.any()) for gradient in moved)
        for module in recipe.modules.values():
            module.zero_grad()


def test_options_set_the_shape_and_the_settings(folder):
    recipe = make_generator_recipe(make_request(folder, options={"size": 8, "r1_weight": 0.0, "threads": 1, "warm": 0}))
    assert recipe.config.generator.size == 8
    assert [phase.name for phase in recipe.phases] == ["generator", "discriminator"]
    assert Settings.small().path_weight == 0.0


def run_steps(request, folder, steps):
    write_request(folder, RunSpec.from_json(request.to_json()))
    run = RunFolder(folder)
    trainer = Trainer(make_generator_recipe(request), run, torch.device("cpu"))
    trainer.resume()
    for _ in range(steps):
        trainer._take_step()
    trainer._save()
    return trainer


def test_resumed_training_equals_unbroken_training_with_its_augmentation(folder, tmp_path):
    request = make_request(
        folder,
        steps=12,
        options={"augment_pictures": 200.0, "augment_target": -0.9, "batch_size": 8, "r1_every": 2, "keep_every": 2},
    )
    whole = run_steps(request, tmp_path / "whole", 12)
    run_steps(request, tmp_path / "broken", 9)
    resumed = run_steps(request, tmp_path / "broken", 3)
    assert float(whole.recipe.modules["augment"].chance) > 0  # pyright: ignore[reportArgumentType]
    for name, module in whole.recipe.modules.items():
        for key, value in module.state_dict().items():
            assert torch.equal(value, resumed.recipe.modules[name].state_dict()[key]), (name, key)


def test_the_adversary_is_met_when_drawing_again_alone_is_over_and_never_where_that_is_all(folder):
    recipe = make_generator_recipe(make_request(folder, steps=100, options={"warm": 0.2}))
    turns = {step: {phase.name for phase in recipe.phases if phase.takes_turn(step)} for step in (0, 19, 20, 21)}
    assert turns[0] == turns[19] == {"redraw"}
    assert turns[20] == {"keep", "generator", "discriminator"}
    assert turns[21] == {"generator", "discriminator"}
    alone = make_generator_recipe(make_request(folder, steps=100, options={"warm": 1}))
    assert [phase.name for phase in alone.phases] == ["redraw"]


def test_drawing_again_learns_pictures_by_codes_that_stay_near_the_standard_normal(folder, tmp_path):
    request = make_request(folder, steps=120, options={"warm": 1, "batch_size": 8, "engine": 0.0})
    trainer = run_steps(request, tmp_path / "warm", 120)
    recipe = trainer.recipe
    assert isinstance(recipe, GeneratorRecipe)
    real = recipe.batch(0, 8, 0)["real"]
    with torch.no_grad():
        middle, spread = recipe.glance(real)
        again = recipe.generator(middle, None, 1.0, "fixed")
        others = again.roll(1, 0)
    assert (again - real).abs().mean() < 0.8 * (others - real).abs().mean()  # a code says which picture it is
    assert told_apart(middle, spread) < 200
    assert told_apart(torch.zeros(2, 4), torch.zeros(2, 4)) == 0


def test_a_crowd_of_codes_strays_where_it_lies_further_out_or_to_one_side():
    torch.manual_seed(0)
    crowd, sure = torch.randn(4096, 6), torch.full((4096, 6), -20.0)
    assert strays(crowd, sure) < 0.01
    assert strays(2 * crowd, sure) > 1
    assert strays(crowd + 1, sure) > 0.5
    assert strays(0.6 * crowd, torch.full((4096, 6), 0.64).log()) < 0.01


def test_a_generator_goes_on_at_more_pixels_with_the_same_pictures(folder, tmp_path):
    torch.manual_seed(4)
    small = make_generator_recipe(make_request(folder, options={"size": 8}))
    card = Card("garment", "generator", pictures=640, config={"generator": asdict(small.config.generator)})
    checkpoints.save(tmp_path / "small", card, {"generator": small.generator.state_dict()})
    large = make_generator_recipe(make_request(folder, options={"begin": str(tmp_path / "small")}))
    z = torch.randn(3, 16)
    with torch.no_grad():
        before, after = (one.generator(z, None, 1.0, "none") for one in (small, large))
    shrunk = torch.nn.functional.avg_pool2d(after, 2)
    assert (shrunk - before).abs().mean() < 0.15 * before.std()
    assert large.sources["before"] == "640 pictures at 8 px"
    with pytest.raises(BadRequest, match="grows only in pixels"):
        make_generator_recipe(make_request(folder, options={"begin": str(tmp_path / "small"), "channel_limit": 8}))


def test_the_preview_is_a_sheet_and_the_measure_has_the_deciding_score(folder):
    recipe = make_generator_recipe(make_request(folder))
    sheet = recipe.preview()
    assert sheet.dtype == np.uint8
    assert sheet.shape == (7 * 20 + 4, 8 * 20 + 4, 3)
    torch.manual_seed(0)
    scores = recipe.measure()
    assert scores["validation"] > 0
    torch.manual_seed(0)
    assert scores == recipe.measure()


def test_pictures_of_the_same_kind_are_nearer_than_noise_and_shifted_colours():
    torch.manual_seed(0)
    some, others = (to_tensor([draw_shape(n) for n in range(start, start + 40)]) for start in (0, 40))

    def distance(ours):
        torch.manual_seed(1)
        levels = sliced_distance(ours, others)
        return sum(levels.values()) / len(levels)

    assert distance(some) < 0.5 * distance(torch.randn_like(some))
    assert distance(some) < distance(some * 0.5)
    assert distance(others) < distance(some)
