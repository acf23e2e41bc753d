"""Every recipe by subject and name. A factory takes the request of a run and returns the recipe, networks built.

``RECIPES`` learn in the one loop; ``FITS`` are solved in one go (least squares), from a data folder into an asset.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from training.recipe import Recipe
from training.recipes import (
    depth,
    expression,
    expression_encoder,
    expression_painter,
    expression_personal,
    expression_reader,
    expression_regressor,
    expression_solver,
    face,
    facefield,
    garment,
    head,
    judge,
    perceptual,
    textedit,
)
from training.spec import RunSpec

Factory = Callable[[RunSpec], Recipe]
Fit = Callable[[Path, Path], dict[str, float]]

RECIPES: dict[str, dict[str, Factory]] = {
    "depth": {"network": depth.make_network_recipe, "tune": depth.make_tune_recipe},
    "expression": {
        "converter": expression.make_converter_recipe,
        "encoder": expression_encoder.make_encoder_recipe,
        "painter": expression_painter.make_painter_recipe,
        "personal": expression_personal.make_personal_recipe,
        "reader": expression_reader.make_reader_recipe,
        "regressor": expression_regressor.make_regressor_recipe,
        "solver": expression_solver.make_solver_recipe,
    },
    "face": {
        "finder": face.make_finder_recipe,
        "landmarks": face.make_landmark_recipe,
        "parser": face.make_parser_recipe,
    },
    "facefield": {
        "encoder": facefield.make_encoder_recipe,
        "field": facefield.make_field_recipe,
        "verifier": facefield.make_verifier_recipe,
    },
    "garment": {
        "encoders": garment.make_encoders_recipe,
        "generator": garment.make_generator_recipe,
        "segmenter": garment.make_segmenter_recipe,
    },
    "judge": {
        "attributes": judge.make_attribute_recipe,
        "identity": judge.make_identity_recipe,
        "head": judge.make_head_recipe,
        "garment": judge.make_garment_recipe,
        "distance": judge.make_distance_recipe,
        "looks": judge.make_looks_recipe,
    },
    "perceptual": {"features": perceptual.make_feature_recipe},
    "textedit": {
        "captioner": textedit.make_captioner_recipe,
        "editor": textedit.make_editor_recipe,
        "generator": textedit.make_generator_recipe,
        "inverter": textedit.make_inverter_recipe,
        "speech": textedit.make_speech_recipe,
    },
}
FITS: dict[str, dict[str, Fit]] = {
    "head": {"fit": head.fit},
}
