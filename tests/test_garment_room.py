"""The garment room: templates, outlines and cloths as they are read, encoders beside their generator, recipes that learn."""

import copy
from dataclasses import asdict

import numpy as np
import pytest
import torch

from core import checkpoints, stylegan2
from core.checkpoints import Card, CheckpointMismatch, CheckpointMissing, Found
from core.engine.outlines import ANCHORS
from core.garment import mix
from core.garment.cloth import LAID, NotACloth, colour_difference, even_out, lay, read_cloth
from core.garment.config import REGIONS, EncoderConfig, SegmenterConfig
from core.garment.frame import FILLED, align, cut_frame, frame_of, put_back
from core.garment.networks import digest_of, make_encoders
from core.garment.outline import WORKED_AT, NotAnOutline, overlap, read_outline
from core.garment.predict import Predictor, put_on
from core.garment.segment import Segmenter, differ_from_white
from core.garment.templates import draw_template, list_templates, template
from core.garment.weave import carry_on
from core.garment.worn import NoGarment, Worn, bend_plane, find_worn, guess_template, lay_on
from core.image import mask_to_tensor
from core.stylegan2 import Generator
from training.garment_data import ANY_CLOTH, sharper_more_often
from training.garment_encoders import EncodersRecipe
from training.garment_samples import bring_to_middle, crop_some, hide_some
from training.garment_segmenter import region_error
from training.looks_task import tile
from training.measure import Asked
from training.measure_garment import draw_by_hand, kernel_distance, kid_share
from training.measure_garment import measure as measure_garments
from training.recipes import RECIPES
from training.run import RunFolder
from training.spec import BadRequest, RunSpec, write_request
from training.trainer import Trainer

KINDS = ("tee", "sweater", "dress", "trousers")


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Untrained tiny weights of generator and encoders, as if they had been published."""
    root = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    shape = stylegan2.Config.tiny()
    network = Generator(shape)
    folder = root / "garment" / "generator"
    checkpoints.save(
        folder, Card("garment", "generator", config={"generator": asdict(shape)}), {"generator": network.state_dict()}
    )
    config = EncoderConfig(shape, 0.5, digest_of(Found(folder, checkpoints.read_card(folder), root)))
    encoders = make_encoders(config)
    for encoder in encoders.values():
        for parameter in encoder.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
    weights = {name: encoder.state_dict() for name, encoder in encoders.items()}
    checkpoints.save(root / "garment" / "encoders", Card("garment", "encoders", config=asdict(config)), weights)
    return root


@pytest.fixture(scope="module")
def predictor(shelf):
    return Predictor.load([shelf])


def patch(colour, side=24):
    return np.full((side, side, 3), colour, np.uint8)


def crosses(points):
    """Whether any two edges of a closed polygon that are not neighbours meet."""
    ends = np.roll(points, -1, axis=0)

    def turn(a, b, c):
        return np.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))

    count = len(points)
    for one in range(count):
        for other in range(one + 2, count - (one == 0)):
            a, b, c, d = points[one], ends[one], points[other], ends[other]
            if turn(a, b, c) * turn(a, b, d) < 0 and turn(c, d, a) * turn(c, d, b) < 0:
                return True
    return False


def test_templates_are_simple_polygons_that_fill_the_frame_and_hold_their_anchors():
    import cv2

    assert len(list_templates()) >= 12
    for one in list_templates().values():
        assert not crosses(one.points), one.name
        extent = (one.points.max(0) - one.points.min(0)).max()
        assert extent == pytest.approx(FILLED, abs=0.01)
        contour = (one.points * 1000).astype(np.float32).reshape(-1, 1, 2)
        room = 2.5 / one.centimetres * 1000  # hems and waists are rounded by a finger's breadth
        for name, (x, y) in zip(ANCHORS, one.anchors, strict=True):
            if not np.isnan(x):
                inside = cv2.pointPolygonTest(contour, (float(x) * 1000, float(y) * 1000), measureDist=True)
                assert inside > -room, (one.name, name)


@pytest.mark.parametrize("kind", KINDS)
def test_a_template_read_as_mask_or_as_line_gives_its_own_mask_back(kind):
    import cv2

    mask = draw_template(template(kind), 240)
    assert np.array_equal(read_outline(mask).mask, mask)
    assert overlap(read_outline(np.stack([255 - mask] * 3, -1)).mask, mask) > 0.99
    line = np.full((240, 240, 3), 255, np.uint8)
    at = np.round(template(kind).points * 240).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(line, [at], isClosed=True, color=(200, 30, 60), thickness=2)
    assert overlap(read_outline(line).mask, mask) > 0.95
    clear = np.dstack((line, np.where((line < 255).any(2), 255, 0).astype(np.uint8)))
    assert overlap(read_outline(clear).mask, mask) > 0.95


@pytest.mark.parametrize(("size", "brush"), [(128, 3), (256, 3), (256, 9), (512, 3), (512, 16)])
def test_a_line_drawn_by_hand_with_a_thin_or_broad_brush_gives_the_garment_inside_it(size, brush):
    import cv2

    for line, one in zip(draw_by_hand(size), list_templates().values(), strict=True):
        ink = np.asarray((line < 128).all(2) * 255, np.uint8)
        broad = np.asarray(cv2.dilate(ink, np.ones((brush - 2, brush - 2), np.uint8)), np.uint8)
        wanted = draw_template(one, size)
        shrunk = np.array([[0.9, 0, 0.05 * size], [0, 0.9, 0.05 * size]], np.float32)
        small = np.asarray(cv2.warpAffine(wanted, shrunk, (size, size)), np.uint8)
        assert overlap(read_outline(255 - broad).mask, small) > 0.75, one.name
        assert overlap(read_outline(255 - broad).mask, broad) < 0.7, one.name


def test_drawings_that_are_no_outline_are_each_answered_by_a_sentence():
    answers = {
        "empty": np.zeros((64, 64), np.uint8),
        "empty ": np.full((64, 64, 3), 255, np.uint8),
        " empty": np.zeros((64, 64, 4), np.uint8),
        "fills": np.full((64, 64), 255, np.uint8),
        "8 x 8": np.zeros((2, 2), np.uint8),
        "wanted a mask": np.zeros((64, 64), np.float32),
    }
    for words, drawing in answers.items():
        with pytest.raises(NotAnOutline, match=words.strip()):
            read_outline(drawing)
    open_line = np.zeros((200, 200), np.uint8)
    open_line[20:180, 20:23] = 255
    with pytest.raises(NotAnOutline, match="not closed"):
        read_outline(open_line)


def test_of_three_blobs_the_largest_is_kept_and_said_and_a_gap_is_closed_and_said():
    drawing = np.zeros((200, 200), np.uint8)
    drawing[20:120, 20:120] = drawing[150:180, 20:50] = drawing[150:180, 150:180] = 255
    read = read_outline(drawing)
    assert read.mask.sum() == 255 * 100 * 100
    assert "3 separate shapes" in read.notes[0]
    line = np.zeros((200, 200), np.uint8)
    line[40:160, 40:43] = line[40:160, 157:160] = line[40:43, 40:160] = line[157:160, 40:160] = 255
    line[40:43, 100:102] = 0
    closed = read_outline(line)
    assert closed.mask[100, 100] == 255
    assert "gap" in closed.notes[-1]


def test_a_picture_of_ten_thousand_pixels_is_read_smaller_and_says_so():
    huge = np.zeros((10_000, 5_000), np.uint8)
    huge[2_000:8_000, 1_000:4_000] = 255
    read = read_outline(huge)
    assert max(read.mask.shape) == WORKED_AT
    assert float((read.mask > 0).mean()) == pytest.approx(0.36, abs=0.01)
    assert "10000" in read.notes[0]
    assert "read at" in read_cloth(np.full((4_000, 6_000, 3), 9, np.uint8)).notes[0]


def test_cloths_that_show_nothing_are_answered_and_transparency_says_what_is_seen():
    with pytest.raises(NotACloth, match="4 pixels"):
        read_cloth(np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(NotACloth, match="0 pixels"):
        read_cloth(np.zeros((64, 64, 4), np.uint8))
    with pytest.raises(NotACloth, match="uint8"):
        read_cloth(np.zeros((64, 64, 3)))
    half = np.dstack((patch((200, 10, 10)), np.zeros((24, 24), np.uint8)))
    half[:, :12, 3] = 255
    pixels, seen = lay(read_cloth(half), 64)
    assert float(seen.mean()) == pytest.approx(LAID**2, rel=0.1)
    inside = pixels.permute(0, 2, 3, 1)[seen[:, 0] > 0]
    assert torch.allclose(inside, torch.tensor([200.0, 10, 10]) / 127.5 - 1, atol=0.02)


def test_alignment_brings_any_garment_to_one_size_and_back_to_its_place():
    mask = torch.zeros(1, 1, 96, 96)
    mask[:, :, 10:40, 60:80] = 1
    pictures, aligned = align(torch.ones(1, 3, 96, 96), mask, 64)
    rows = torch.nonzero(aligned[0, 0].amax(1) > 0.5)[:, 0]
    assert (int(rows[-1]) + 1 - int(rows[0])) / 64 == pytest.approx(FILLED, abs=0.04)
    assert float(pictures.min()) == 1
    frame = frame_of(mask[0, 0])
    again = put_back(cut_frame(mask, [frame], 128, 0.0), frame, (96, 96), 0.0)
    assert float((again - mask).abs().mean()) < 0.01


def test_what_is_seen_stays_and_what_is_not_takes_its_neighbours_colour():
    cloth, seen = torch.randn(1, 3, 16, 16), torch.zeros(1, 1, 16, 16)
    seen[..., 4:12, 4:12] = 1
    carried = carry_on(cloth, seen)
    assert torch.allclose(carried[..., 4:12, 4:12], cloth[..., 4:12, 4:12], atol=1e-6)
    plain = carry_on(torch.full_like(cloth, 0.3), seen)
    assert torch.allclose(plain, torch.full_like(plain, 0.3), atol=1e-3)


def test_encoders_have_a_feature_for_each_layer_and_untrained_ones_draw_the_mean_garment():
    config = EncoderConfig.tiny()
    network, encoders = Generator(config.generator), make_encoders(config)
    features = [
        encoders["shape"](mix.show_shape(torch.rand(2, 1, 16, 16))),
        encoders["texture"](mix.show_texture(torch.rand(2, 3, 16, 16), torch.ones(2, 1, 16, 16))),
    ]
    assert (
        len(encoders["shape"].convolutions) == len(encoders["texture"].convolutions) == config.generator.layer_count - 1
    )
    for one in features:
        assert one.styles.shape == (2, config.generator.layer_count, config.generator.code_width)
    drawn = mix.draw(network, mix.fuse(*features))
    mean = network.synthesis(network.spread(network.mapping.average[None]), "fixed")
    assert torch.allclose(drawn, mean.expand(2, -1, -1, -1), atol=1e-5)


def test_fusing_is_a_sum_so_cut_and_cloth_can_be_swapped_alone(predictor):
    cuts = [predictor.read_template(name, 64) for name in ("tee", "trousers")]
    cloths = [predictor.read_texture(patch(colour)) for colour in ((200, 20, 20), (20, 40, 200))]
    said = predictor.read_features(cloths[1], cuts[0])
    both = mix.fuse(cuts[0].features, said)
    assert torch.equal(both.styles, cuts[0].features.styles + said.styles)
    drawn = [[predictor.draw(cut, cloth) for cloth in cloths] for cut in cuts]
    assert not np.array_equal(drawn[0][0].drawn, drawn[0][1].drawn)
    assert np.array_equal(drawn[0][0].mask, drawn[0][1].mask)
    assert not np.array_equal(drawn[0][0].mask, drawn[1][0].mask)
    assert np.array_equal(drawn[0][0].pixels[..., 3], drawn[0][0].mask)


def test_what_is_drawn_carries_its_facts_an_outline_and_the_templates_anchors(predictor):
    garment = predictor.draw(predictor.read_template("tee", 96), predictor.read_texture(patch((30, 120, 40))))
    assert garment.pixels.shape == (96, 96, 4)
    assert 0 <= garment.facts["outline_iou"] <= 1
    assert garment.facts["colour_difference"] >= 0
    assert set(garment.facts["anchors"]) == set(ANCHORS) - {"crotch"}
    assert garment.svg.startswith("<svg")
    assert " Z" in garment.svg
    figure = put_on(garment, "tee", 5)
    assert figure.shape == (256, 256, 3)


def test_only_what_was_not_seen_of_a_hidden_garment_is_called_invented(predictor):
    mask = draw_template(template("tee"), 96)
    shape = predictor.read_shape(mask)
    seen = mask.copy()
    seen[:, 48:] = 0
    picture = np.where(mask[..., None] > 0, np.uint8(90), np.uint8(255)).repeat(3, 2)
    invented = predictor.draw(shape, predictor.read_hidden(picture, seen, shape)).invented
    assert (invented[:, 60:] > 0).sum() > 0.95 * (mask[:, 60:] > 0).sum()
    assert (invented[:, 30:40] > 0).sum() < 0.3 * (mask[:, 30:40] > 0).sum()
    assert not (invented[mask == 0]).any()


def test_encoders_of_another_generator_are_refused_and_missing_networks_are_named(shelf, tmp_path, predictor):
    import shutil

    shutil.copytree(shelf, tmp_path / "other")
    torch.manual_seed(9)
    shape = stylegan2.Config.tiny()
    card = Card("garment", "generator", config={"generator": asdict(shape)})
    checkpoints.save(tmp_path / "other" / "garment" / "generator", card, {"generator": Generator(shape).state_dict()})
    with pytest.raises(CheckpointMismatch, match="another generator"):
        Predictor.load([tmp_path / "other"])
    with pytest.raises(CheckpointMissing, match="segmenter"):
        predictor.garment_of(patch((10, 20, 30)))


def test_the_same_colours_do_not_differ_and_others_do():
    full = np.full((24, 24), 255, np.uint8)
    red, blue = patch((200, 20, 20)), patch((20, 40, 200))
    assert colour_difference((red, full), (red, full)) == pytest.approx(0, abs=1e-6)
    assert colour_difference((red, full), (blue, full)) > 20
    halves = red.copy()
    halves[:12] = blue[:12]
    assert 10 < colour_difference((red, full), (halves, full)) < colour_difference((red, full), (blue, full))


def worn_as(kind, size=128):
    mask = draw_template(template(kind), size)
    pixels = np.where(mask[..., None] > 0, np.uint8(60), np.uint8(200)).repeat(3, 2)
    return Worn(pixels, mask, mask, "bottom" if kind == "trousers" else "top", {})


def test_a_garment_seen_as_its_template_lies_on_it_unbent():
    for kind in ("tee", "trousers"):
        assert guess_template(worn_as(kind)).name in {kind, "jeans" if kind == "trousers" else "polo"}
        pixels, seen = lay_on(worn_as(kind), template(kind), 64)
        inside = mask_to_tensor(draw_template(template(kind), 64)) > 0.5
        assert float(seen[inside].mean()) > 0.75
        assert float(pixels[(seen > 0).expand(-1, 3, -1, -1)].max()) < -0.3


def test_a_bent_plane_meets_its_points_and_leaves_straight_ones_straight():
    draw = np.random.default_rng(0)
    points = draw.random((7, 2))
    matrix, shift = np.array([[1.3, 0.2], [-0.1, 0.8]]), np.array([4.0, -2.0])
    asked = draw.random((20, 2))
    assert np.allclose(bend_plane(points, points @ matrix + shift, asked), asked @ matrix + shift, atol=1e-6)
    with pytest.raises(NoGarment):
        bend_plane(points[:2], points[:2], asked)


def test_a_photo_without_a_garment_is_answered_and_so_is_an_unknown_one():
    network = Segmenter(SegmenterConfig.tiny()).eval()
    with torch.no_grad():
        bias = network.net.leave.bias
        assert bias is not None
        bias.copy_(torch.eye(len(REGIONS))[0] * 100)
    with pytest.raises(NoGarment, match="No garment"):
        find_worn(network, patch((9, 9, 9), 40))
    with pytest.raises(ValueError, match="top, outer, bottom"):
        find_worn(network, patch((9, 9, 9), 40), "scarf")


def test_light_on_one_side_of_a_crop_is_evened_out_and_its_print_stays():
    axis = torch.linspace(0, 1, 64)
    stripes = torch.sign(torch.sin(axis * 60))[None, :, None] * 0.15
    print_ = (stripes + torch.zeros(1, 3, 64, 64) - 0.2).clamp(-1, 1)
    lit = ((print_ + 1) * (0.7 + 0.6 * axis) - 1).clamp(-1, 1)
    seen = torch.zeros(1, 1, 64, 64)
    seen[..., 10:54, 10:54] = 1
    even, kept = even_out(lit * seen, seen)
    inside = kept[0, 0] > 0.5

    def slope(pixels):
        return float((pixels[0, 0, 20:44, 40:50].mean() - pixels[0, 0, 20:44, 14:24].mean()).abs())

    assert slope(even) < 0.4 * slope(lit)
    assert float(even[0, 0][inside].std()) > 0.7 * float(print_[0, 0][inside].std())
    assert bool((kept <= seen).all())
    assert float(kept.sum()) > 0.8 * float(seen.sum())  # its edge is taken off
    dot = torch.zeros(1, 1, 64, 64)
    dot[..., 30:32, 30:32] = 1
    assert float(even_out(lit * dot, dot)[1].sum()) > 0  # never all of it


def test_a_crops_print_is_drawn_on_all_of_the_cut_and_a_hidden_garments_only_where_it_was_seen(predictor):
    stripes = np.full((64, 64, 3), 200, np.uint8)
    stripes[::8] = stripes[1::8] = stripes[2::8] = stripes[3::8] = (30, 40, 90)
    crop = predictor.read_texture(stripes)
    rows = crop.shown[0].mean((0, 2))
    assert float(rows[: len(rows) // 5].std()) > 0.2 * float(rows.std())  # far from where the crop lies
    mask = draw_template(template("tee"), 96)
    seen = mask.copy()
    seen[:, 48:] = 0
    shape = predictor.read_shape(mask)
    picture = np.where(mask[..., None] > 0, np.uint8(90), np.uint8(255)).repeat(3, 2)
    hidden = predictor.read_hidden(picture, seen, shape)
    assert torch.equal(hidden.shown, hidden.cloth * hidden.seen)


def test_cloth_is_taken_only_from_where_a_garment_is_surely_seen():
    class HalfSure(torch.nn.Module):
        """Sees a top everywhere in the middle, surely in its upper half."""

        def forward(self, pictures):
            logits = torch.zeros(len(pictures), len(REGIONS), *pictures.shape[2:])
            logits[:, REGIONS.index("background")] = 2.0
            logits[:, REGIONS.index("top"), 10:50, 10:50] = 3.0
            logits[:, REGIONS.index("top"), 10:30, 10:50] = 9.0
            return logits

    worn = find_worn(HalfSure(), patch((90, 40, 40), 60))  # pyright: ignore[reportArgumentType]
    assert worn.region == "top"
    assert (worn.seen[10:50, 10:50] > 127).all()
    assert (worn.sure[10:30, 10:50] > 127).all()
    assert not (worn.sure[30:] > 127).any()
    _, seen = lay_on(worn, template("tee"), 64)
    assert 0 < float(seen.mean()) < 0.6 * float(mask_to_tensor(draw_template(template("tee"), 64)).mean())


def test_samples_hide_and_crop_only_what_is_there_and_crops_come_to_the_middle():
    draw = torch.Generator().manual_seed(0)
    mask = mask_to_tensor(draw_template(template("dress"), 64)).expand(12, -1, -1, -1).round()
    seen, crop = hide_some(mask, draw), crop_some(mask, draw)
    for part in (seen, crop):
        assert bool((part <= mask).all())
    assert bool((crop.sum((1, 2, 3)) > 0).all())
    assert float(seen.mean()) < float(mask.mean())
    _, moved = bring_to_middle(mask.expand(-1, 3, -1, -1), crop, torch.zeros(12, 2))
    rows = torch.arange(64) + 0.5
    middles = (moved[:, 0].sum(2) * rows).sum(1) / moved.sum((1, 2, 3)).clamp_min(1)
    assert float((middles - 32).abs().max()) < 4


def test_sharp_pictures_are_drawn_more_often_and_white_is_no_garment():
    draw = np.random.default_rng(0)
    noisy = draw.integers(0, 255, (4, 16, 16, 3)).astype(np.uint8)
    smooth = np.linspace(0, 255, 16).astype(np.uint8)[None, :, None, None].repeat(4, 0).repeat(16, 2).repeat(3, 3)
    chances = sharper_more_often(np.concatenate((smooth, noisy)))
    assert chances.sum() == pytest.approx(1)
    assert chances[4:].min() > chances[:4].max()
    assert float(differ_from_white(torch.ones(1, 3, 4, 4)).max()) == 0
    assert float(differ_from_white(-torch.ones(1, 3, 4, 4)).min()) > 0.99


def test_any_garment_will_do_where_nobody_says_which():
    sure = torch.full((1, len(REGIONS), 2, 2), -20.0)
    sure[:, REGIONS.index("outer")] = 20.0
    assert float(region_error(sure, torch.full((1, 2, 2), ANY_CLOTH))) < 1e-3
    assert float(region_error(sure, torch.full((1, 2, 2), REGIONS.index("outer")))) < 1e-3
    assert float(region_error(sure, torch.full((1, 2, 2), REGIONS.index("top")))) > 10


def test_measures_know_their_ends():
    draw = np.random.default_rng(0)
    one, other, far = draw.normal(0, 1, (60, 6)), draw.normal(0, 1, (60, 6)), draw.normal(2, 1, (60, 6))
    assert abs(kernel_distance(one, other)) < 0.1 * kernel_distance(far, other)
    assert kid_share(np.concatenate((other, far, far), 1)) == pytest.approx(1)
    assert kid_share(np.concatenate((other, one, far), 1)) < 0.2
    mask = draw_template(template("skirt"), 48)
    tiled = tile(patch((90, 0, 0)), np.full((24, 24), 255, np.uint8), mask)
    assert np.array_equal((tiled < 255).any(2), mask > 127)
    assert all(read_outline(line).mask.any() for line in draw_by_hand(128))


def test_the_rooms_measures_are_found_and_what_has_no_judge_is_said(shelf):
    found = measure_garments(Asked("garment", count=3, roots=(shelf,)))
    colour = found.rows["colour_difference"]
    assert colour is not None
    assert len(colour.values) == 3
    assert np.isfinite(colour.values).all()
    assert found.rows["outline_iou"] is None
    assert "judge garment" in found.notes[-1]


def request(recipe, shelf, **changes):
    options = {"count": 4, "worn": 1, "validated": 1, "batch": 4, "rate": 3e-3, "cache": str(shelf / "cache")}
    options |= {"generator": str(shelf / "garment" / "generator")} | changes.pop("options", {})
    return RunSpec("garment", recipe, preset="tiny", options=options, **changes)


@pytest.mark.parametrize("recipe", ["segmenter", "encoders"])
def test_a_recipe_learns_publishes_and_goes_on_exactly_where_it_stopped(recipe, shelf, tmp_path):
    def run(name, steps, save_every=50):
        asked = request(recipe, shelf, steps=steps, save_every=save_every)
        write_request(tmp_path / name, asked)
        trainer = Trainer(RECIPES["garment"][recipe](asked), RunFolder(tmp_path / name), torch.device("cpu"))
        trainer.resume()
        return trainer

    def total(trainer):
        """Its norms follow whatever they see while learning: a look is none."""
        kept = {name: copy.deepcopy(module.state_dict()) for name, module in trainer.recipe.modules.items()}
        batch = trainer.recipe.batch(0, 4, 0)
        with torch.no_grad():
            found = float(sum(trainer.recipe.losses(trainer.recipe.phases[0], batch, 0).values()))
        for name, weights in kept.items():
            trainer.recipe.modules[name].load_state_dict(weights)
        return found

    whole = run("whole", 12)
    before = total(whole)
    for _ in range(12):
        whole._take_step()
    assert total(whole) < before
    broken = run("broken", 12)
    for _ in range(8):
        broken._take_step()
    broken._save()
    again = run("broken", 12)
    assert again.run() == "done"
    for name, module in whole.recipe.modules.items():
        for key, value in module.state_dict().items():
            assert torch.equal(value, again.recipe.modules[name].state_dict()[key]), (name, key)
    card = checkpoints.read_card(tmp_path / "broken" / "result")
    assert (card.subject, card.name) == ("garment", recipe)
    assert card.validation["validation"] > 0
    assert list((tmp_path / "broken" / "previews").iterdir())


def test_encoders_leave_the_generator_as_it_is_want_one_and_can_do_without_the_masks_loss(shelf, tmp_path, monkeypatch):
    recipe = EncodersRecipe(request("encoders", shelf, options={"outline": 0.0}))
    batch = recipe.batch(0, 4, 0)
    terms = recipe.losses(recipe.phases[0], batch, 0)
    assert "outline" not in terms
    sum(terms.values(), torch.zeros(())).backward()
    assert all(parameter.grad is None for parameter in recipe.generator.parameters())
    assert any(bool(p.grad.any()) for p in recipe.modules["texture"].parameters() if p.grad is not None)
    parts = [recipe.batch(0, 2, part)["target"] for part in (0, 1)]
    assert torch.equal(batch["target"], torch.cat(parts))
    monkeypatch.setattr("training.garment_encoders.SHIPPED", tmp_path / "nothing")
    with pytest.raises(BadRequest, match="generator=DIR"):
        RECIPES["garment"]["encoders"](RunSpec("garment", "encoders", preset="tiny"))
