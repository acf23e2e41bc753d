"""The garment generator's recipe: what is read and kept back, batches by number, terms, exact resume, its measure."""

import csv
import io
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from core.image import to_tensor, write_picture
from training.garment_pictures import NoPictures, read_garments
from training.recipes.garment import Settings, make_generator_recipe
from training.run import RunFolder
from training.spec import RunSpec, write_request
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
    assert [phase.name for phase in recipe.phases] == ["generator", "path", "discriminator", "r1"]
    for phase in recipe.phases:
        terms = recipe.losses(phase, recipe.batch(0, 8, 0), 0)
        sum(terms.values(), torch.zeros(())).backward()
        moved = [p.grad for name in phase.modules for p in recipe.modules[name].parameters() if p.grad is not None]
        assert all(bool(torch.isfinite(value)) for value in terms.values())
        assert any(bool(gradient.any()) for gradient in moved)
        for module in recipe.modules.values():
            module.zero_grad()


def test_options_set_the_shape_and_the_settings(folder):
    recipe = make_generator_recipe(make_request(folder, options={"size": 8, "r1_weight": 0.0, "threads": 1}))
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
        folder, options={"augment_pictures": 200.0, "augment_target": -0.9, "batch_size": 8, "r1_every": 2}
    )
    whole = run_steps(request, tmp_path / "whole", 12)
    run_steps(request, tmp_path / "broken", 9)
    resumed = run_steps(request, tmp_path / "broken", 3)
    assert float(whole.recipe.modules["augment"].chance) > 0  # pyright: ignore[reportArgumentType]
    for name, module in whole.recipe.modules.items():
        for key, value in module.state_dict().items():
            assert torch.equal(value, resumed.recipe.modules[name].state_dict()[key]), (name, key)


def test_the_preview_is_a_sheet_and_the_measure_has_the_deciding_score(folder):
    recipe = make_generator_recipe(make_request(folder))
    sheet = recipe.preview()
    assert sheet.dtype == np.uint8
    assert sheet.shape == (5 * 20 + 4, 8 * 20 + 4, 3)
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
