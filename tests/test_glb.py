"""Characters as files: what stands in them, what Khronos' validator says of them, and that a browser moves them."""

from __future__ import annotations

import base64
import functools
import http.server
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from served import browser_page, chromium, wait_until

from core.engine.characters import CHARACTERS, character_moments, load_character
from core.engine.controllers import INDEX, NAMES
from core.engine.glb import SMALLEST_METRES, UNIT_METRES, quaternions, write_animation, write_character, write_mesh
from core.engine.gltf import NotGlb, read_glb, read_values
from core.engine.head import rotation
from studio import web_packages

WEB = Path(__file__).parents[1] / "assets" / "web"
needs_validator = pytest.mark.skipif(
    web_packages.node() is None or web_packages.find("gltf-validator") is None, reason=web_packages.HINT
)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Small tensors only wait for each other on several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=CHARACTERS)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    path = tmp_path_factory.mktemp("glb") / f"{request.param}.glb"
    write_character(load_character(request.param), path)
    return request.param, path


def face_of(content: dict[str, Any]) -> dict[str, Any]:
    return next(mesh for mesh in content["meshes"] if mesh["name"] == "face")


def test_a_character_is_under_four_megabytes_and_keeps_all_130_names(written: tuple[str, Path]) -> None:
    content, _ = read_glb(written[1])
    assert written[1].stat().st_size < 4_000_000
    assert tuple(face_of(content)["extras"]["targetNames"]) == NAMES
    assert all(len(primitive["targets"]) == len(NAMES) for primitive in face_of(content)["primitives"])


def test_displacements_read_back_are_those_of_the_character_within_a_step_of_storage(written: tuple[str, Path]) -> None:
    character = load_character(written[0])
    content, binary = read_glb(written[1])
    rest = character.vertices(torch.zeros(1, len(NAMES)))[0].numpy()
    kinds = {"skin": (0,), "mouth": (1, 2, 3), "teeth": (4,)}
    for primitive in face_of(content)["primitives"]:
        name = content["materials"][primitive["material"]]["name"]
        if name not in kinds:
            continue
        used = np.unique(character.triangles[torch.isin(character.materials, torch.tensor(kinds[name]))].numpy())
        base = read_values(content, binary, primitive["attributes"]["POSITION"]) * UNIT_METRES
        assert np.abs(base - rest[used]).max() < 1e-6
        for controller in ("jaw_open", "mouth_smile_left", "eye_blink_right", "tongue_out"):
            pose = torch.zeros(1, len(NAMES))
            pose[0, INDEX[controller]] = 1.0
            true = character.vertices(pose)[0].numpy()[used] - rest[used]
            held = read_values(content, binary, primitive["targets"][INDEX[controller]]["POSITION"]) * UNIT_METRES
            assert np.abs(held - true).max() < max(SMALLEST_METRES, UNIT_METRES / 32767)


def test_no_controller_is_empty_in_the_file(written: tuple[str, Path]) -> None:
    content, _ = read_glb(written[1])
    for place, name in enumerate(NAMES):
        targets = [primitive["targets"][place]["POSITION"] for primitive in face_of(content)["primitives"]]
        assert any("sparse" in content["accessors"][number] for number in targets), name


def validate(path: Path) -> dict[str, Any]:
    program = (
        "const v=require(process.argv[1]),fs=require('fs');"
        "v.validateBytes(new Uint8Array(fs.readFileSync(process.argv[2]))).then(r=>console.log(JSON.stringify(r)))"
    )
    found = web_packages.find("gltf-validator")
    command = [str(web_packages.node()), "-e", program, str(found), str(path)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)


@needs_validator
def test_khronos_validator_finds_nothing_to_say_of_characters_animations_and_meshes(
    written: tuple[str, Path], tmp_path: Path
) -> None:
    track, turns = character_moments(range(12))
    moving, still = tmp_path / "track.glb", tmp_path / "still.glb"
    write_animation(load_character(written[0]), track, 30.0, moving, turns)
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float64)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    write_mesh(still, corners, faces, colours=np.abs(corners), normals=corners - 0.25)
    for path in (written[1], moving, still):
        issues = validate(path)["issues"]
        assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), issues["messages"][:5]


def test_an_animation_plays_the_track_and_the_turns(tmp_path: Path) -> None:
    track, turns = character_moments(range(900_000_000, 900_000_009))
    path = tmp_path / "track.glb"
    write_animation(load_character("juno"), track, 25.0, path, turns)
    content, binary = read_glb(path)
    animation = content["animations"][0]
    weights, spin = (read_values(content, binary, sampler["output"]) for sampler in animation["samplers"])
    times = read_values(content, binary, animation["samplers"][0]["input"])[:, 0]
    assert np.abs(weights.reshape(9, -1) - track.numpy()).max() < 1e-4
    assert np.allclose(times, np.arange(9) / 25.0)
    assert np.abs(spin - quaternions(turns.numpy())).max() < 1e-6


def test_quaternions_are_the_turns_of_the_head() -> None:
    turns = torch.tensor([[20.0, 0, 0], [0, 15, 0], [0, 0, -12], [-30, 12, 9]])
    x, y, z, w = quaternions(turns.numpy().astype(np.float64)).T
    made = np.stack(
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w),
         2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
         2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)), -1
    )  # fmt: skip
    assert np.abs(made.reshape(-1, 3, 3) - rotation(*torch.deg2rad(turns).unbind(1)).numpy()).max() < 1e-6


def test_a_track_of_another_width_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frames x 130"):
        write_animation(load_character("juno"), np.zeros((4, 52)), 30, tmp_path / "no.glb")
    (tmp_path / "no.glb").write_bytes(b"x" * 40)
    with pytest.raises(NotGlb, match="no binary glTF"):
        read_glb(tmp_path / "no.glb")


PAGE = """<!doctype html><meta charset="utf-8"><style>body{margin:0}#rig{width:480px;height:480px}</style><div id="rig"></div>
<script type="importmap">{"imports": {"three": "/packages/three/build/three.module.js",
"three/addons/": "/packages/three/examples/jsm/"}}</script>
<script type="module">
import { Rig } from "/web/rig.js";
window.rig = new Rig(document.getElementById("rig"));
await window.rig.open("/character.glb");
document.title = "ready";
</script>"""


MORPHS_APART = """async weights => {
  const plain = new rig.constructor(document.createElement("div"), "", { software: false });
  const added = new rig.constructor(document.createElement("div"), "", { software: true });
  let most = 0, moved = 0;
  for (const one of [plain, added]) {
    await one.open("/character.glb");
    one.setWeights([1, 1, 1]);
    one.draw();
    one.setWeights(one.names.map((_, at) => weights[at % weights.length]));
    one.draw();
  }
  plain.meshes.forEach((mesh, which) => {
    const place = mesh.position.clone(), shown = added.meshes[which].geometry.attributes.position;
    const rest = mesh.geometry.attributes.position;
    for (let at = 0; at < rest.count; at += 1) {
      mesh.getVertexPosition(at, place);
      const span = (all) => Math.hypot(place.x - all.getX(at), place.y - all.getY(at), place.z - all.getZ(at));
      most = Math.max(most, span(shown));
      moved = Math.max(moved, span(rest));
    }
  });
  plain.close(); added.close();
  return { most, moved };
}"""
"""How far a script's morphs are from those that three.js adds up for itself, and how far the face moved."""


class Files(http.server.SimpleHTTPRequestHandler):
    """The page, the viewer, the packages and one character."""

    def __init__(self, character: Path, *words: Any) -> None:
        self.character = character
        super().__init__(*words)

    def translate_path(self, path: str) -> str:
        plain = path.split("?", maxsplit=1)[0]
        for start, place in (("/web/", WEB), ("/packages/", web_packages.folder())):
            if plain.startswith(start):
                return str(place / plain.removeprefix(start))
        return str(self.character if plain == "/character.glb" else self.character.parent / "page.html")

    def log_message(self, format: str, *words: Any) -> None:  # noqa: A002
        pass


@contextmanager
def served(character: Path) -> Iterator[str]:
    (character.parent / "page.html").write_text(PAGE, encoding="utf-8")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, character))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.mark.browser
@pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine (Debian: apt install chromium)")
@pytest.mark.skipif(web_packages.find("three") is None, reason=web_packages.HINT)
def test_three_js_shows_the_character_and_three_controllers_move_it_each_elsewhere(
    written: tuple[str, Path], tmp_path: Path
) -> None:
    from PIL import Image

    def shot(page: Any, name: str) -> np.ndarray:
        shots = Path(os.environ.get("LIKENESS_SCREENSHOTS") or tmp_path)
        path = shots / f"rig-{written[0]}-{name}.png"
        # what the browser last put on the screen may be a frame old: the canvas itself is asked, in the breath it is drawn in
        picture = page.evaluate("(() => { rig.draw(); return rig.renderer.domElement.toDataURL('image/png'); })()")
        path.write_bytes(base64.b64decode(picture.split(",", maxsplit=1)[1]))
        return np.asarray(Image.open(path).convert("RGB"), dtype=np.float32)

    with served(written[1]) as address, browser_page(viewport={"width": 480, "height": 480}) as (page, outside):
        said: list[str] = []
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(address)
        wait_until(lambda: page.title() == "ready" or said, 60, "the character is drawn")
        assert said == []
        assert page.evaluate("window.rig.names") == list(NAMES)
        rest = shot(page, "rest")
        assert rest.std() > 30, "nothing but the ground is drawn"
        middle = {}
        for name in ("jaw_open", "brow_outer_up_left", "mouth_smile_right"):
            page.evaluate("name => { rig.setWeights([]); rig.set(name, 1); }", name)
            moved = np.abs(shot(page, name) - rest).max(2) > 24
            assert 300 < moved.sum() < 60_000, f"{name} changed {moved.sum()} pixels"
            middle[name] = np.argwhere(moved).mean(0)
        assert middle["jaw_open"][0] > middle["mouth_smile_right"][0] > middle["brow_outer_up_left"][0]
        assert middle["brow_outer_up_left"][1] > 240 > middle["mouth_smile_right"][1], "its left is on the right"
        page.evaluate("rig.setWeights([])")
        assert np.abs(shot(page, "rest again") - rest).max() < 3, "the face does not come back to rest"
        page.evaluate("rig.turn(25, 0, 0)")
        turned = shot(page, "turned")
        assert (np.abs(turned - rest).max(2) > 24).sum() > 5000
        apart = page.evaluate(MORPHS_APART, [0.3, 1.0, 0.005])
        assert apart["moved"] > 0.02, "nothing moved"
        assert apart["most"] < 1e-4 * apart["moved"], "a script's morphs are not those that graphics would add"
        assert page.evaluate("(() => { try { rig.set('nonsense', 1) } catch (e) { return e.message } })()") == (
            'This character has no controller "nonsense".'
        )
        assert outside == []
