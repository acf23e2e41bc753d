"""The map of the house, held against the house."""

from __future__ import annotations

import ast
import importlib
import json
import re
import string
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("expression", "facefield", "textedit", "depth", "garment")
CODE = sorted(path for folder in ("core", "studio", "pages", "training") for path in (ROOT / folder).rglob("*.py"))
ALLOWED = {
    "pyproject.toml", "README.md", "studio", "core", "pages", "training", "tests", "assets", "Makefile", "LICENSE",
    "NOTICE", "CONTRIBUTING.md", "constraints.txt", ".ci", ".gitignore",
}  # fmt: skip


def tracked() -> list[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    answer = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in answer.stdout.split("\0") if name]


def test_the_import_rules_hold() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout


def test_the_top_level_is_exactly_what_the_readme_draws() -> None:
    assert {name.split("/")[0] for name in tracked()} == ALLOWED


def test_no_tracked_file_is_over_fifteen_mebibytes() -> None:
    large = [name for name in tracked() if (ROOT / name).is_file() and (ROOT / name).stat().st_size > 15 * 2**20]
    assert large == []


def test_every_room_has_its_recipes_and_every_systems_page_its_room() -> None:
    from pages import PAGES
    from training.recipes import RECIPES

    for room in ROOMS:
        predictor = ROOT / "core" / room / "predict.py"
        if predictor.is_file():
            assert room in RECIPES, f"core/{room} can predict but has no recipe"
            assert importlib.import_module(f"core.{room}.predict").Predictor.system == room
    for page in PAGES:
        if page.system is not None:
            assert page.slug == page.system
            assert (ROOT / "core" / page.system / "predict.py").is_file()
    assert len({page.slug for page in PAGES}) == len(PAGES)


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_stays_under_four_hundred_lines_and_opens_by_saying_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400
    said = ast.get_docstring(ast.parse(text))
    assert said
    assert len(said.splitlines()) <= 10


def test_no_function_is_over_sixty_lines() -> None:
    long = []
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = (node.end_lineno or 0) - node.lineno + 1
                nested = sum(
                    (inner.end_lineno or 0) - inner.lineno + 1
                    for inner in ast.walk(node)
                    if inner is not node and isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
                )
                if body - nested > 60:
                    long.append(f"{path.relative_to(ROOT)}:{node.name} ({body - nested} lines)")
    assert long == []


def test_core_reads_no_environment_and_nothing_is_ever_unpickled() -> None:
    for path in CODE:
        text = path.read_text(encoding="utf-8")
        where = str(path.relative_to(ROOT))
        if where.startswith("core/") and where != "core/ops/build.py":
            assert "os.environ" not in text, where
            assert "getenv" not in text, where
        assert "torch.load(" not in text, where
        assert not re.search(r"\bpickle\.loads?\(", text), where
        assert "allow_pickle=True" not in text, where


def test_the_request_of_a_run_is_importable_without_torch() -> None:
    command = "import sys; import training.spec; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], cwd=ROOT, check=False).returncode == 0


def test_the_command_line_answers_without_the_slow_libraries() -> None:
    command = (
        "import sys; from studio.__main__ import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
        "slow = {'gradio', 'torch', 'streamlit', 'open3d'} & set(sys.modules); sys.exit(f'imported {slow}' if slow else 0)"
    )
    answer = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


def tables() -> tuple[dict[str, str], dict[str, str]]:
    words = ROOT / "assets" / "words"
    one, other = (json.loads((words / f"interface.{code}.json").read_text(encoding="utf-8")) for code in ("en", "zh"))
    return one, other


def test_both_languages_say_the_same_things() -> None:
    english, chinese = tables()
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        names = {name for _, name, _, _ in string.Formatter().parse(text) if name}
        assert names == {name for _, name, _, _ in string.Formatter().parse(chinese[key]) if name}, key
        if key not in ("header.switch",) and re.search("[a-z]{3}", text):
            assert re.search("[\u4e00-\u9fff]", chinese[key]), f"{key} is not translated"


def test_every_word_that_code_asks_for_is_in_the_tables_and_none_is_left_over() -> None:
    from pages import PAGES

    english, _ = tables()
    asked = set()
    for path in CODE:
        text = path.read_text(encoding="utf-8")
        asked |= set(re.findall(r'\bsay\(\s*"([a-z_]+(?:\.[a-z_]+)+)"', text))
        for pattern in re.findall(r'\bsay\(\s*f"([^"]+)"', text):
            shape = re.escape(re.sub(r"\{[^}]*\}", "\0", pattern)).replace("\0", "[a-z_]+")
            matching = {key for key in english if re.fullmatch(shape, key)}
            assert matching, f"nothing in the tables is like {pattern}"
            asked |= matching
    asked |= {f"{page.slug}.title" for page in PAGES if page.slug}
    assert asked - english.keys() == set()
    assert english.keys() - asked == set()


def test_every_visible_text_of_a_page_comes_from_the_tables() -> None:
    shown = {"label", "placeholder", "info", "title"}
    for path in (*(ROOT / "pages").rglob("*.py"), ROOT / "studio" / "panels.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            named = [word.value for word in node.keywords if word.arg in shown]
            is_button = isinstance(node.func, ast.Attribute) and node.func.attr in (
                "Button",
                "Markdown",
                "Info",
                "Warning",
            )
            for value in [*named, *(node.args[:1] if is_button else [])]:
                text = value.value if isinstance(value, ast.Constant) else ""
                assert not (isinstance(text, str) and re.search("[A-Za-z]{3}", text)), (
                    f"{path.name}:{value.lineno}: {text!r}"
                )
