"""The rooms' doors, reached as a person reaches them: by the command line's own words."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.__main__ import main


def test_a_word_that_has_actions_is_a_command_itself_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = ("--home", str(tmp_path))
    asked = {
        "templates are tee": ("garment", "poncho", "cloth.png", "-o", "x.png"),
        "no template": ("garment", "dress", "me.png", "--cut", "poncho", "-o", "x.png"),
        "no file": ("garment", "wear", "gone.png", "-o", "x.png"),
        "Not understood: blorp": ("textedit", "me.png", "blorp", "-o", "x.png"),
        "no file me.png": ("textedit", "describe", "me.png"),
        "no file said.wav": ("textedit", "listen", "said.wav"),
        "gone.pkl": ("textedit", "import", "gone.pkl"),
    }
    for sentence, words in asked.items():
        assert main([*home, *words]) == 2
        assert sentence in capsys.readouterr().err, words


@pytest.mark.parametrize("word", ["garment", "textedit"])
def test_help_of_a_word_names_its_own_words_and_its_actions(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([word, "--help"])
    assert ended.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "--output OUT" in said
    assert f"likeness {word} {'wear' if word == 'garment' else 'listen'} --help" in said
    with pytest.raises(SystemExit):
        main([word])
    assert "required" in capsys.readouterr().err
