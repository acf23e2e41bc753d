"""A frame put right: kept with the numbers before and after, with consent, found by the desk, gone with its picture."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, text
from tiny_expression import draw_person, put_weights

from core.engine.controllers import NAMES
from core.image import read_picture
from pages.expression import PAGE
from pages.expression.addresses import ROOT, attach
from pages.expression.corrections import CONSENT
from pages.expression.live import read_frame
from pages.expression.takes import pack
from studio.guard import Guard
from studio.media import Media
from studio.people import People
from studio.services import Services
from studio.settings import ROOT as PROJECT
from studio.settings import Settings
from studio.store import Store

READ = np.linspace(0, 1, len(NAMES)).round(4)
RIGHT = np.where(np.arange(len(NAMES)) == 7, 0.25, READ)


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    put_weights(tmp_path / "home")
    opened = Services.open(Settings(home=tmp_path / "home"), (PAGE,))
    yield opened
    opened.close()


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    app = FastAPI()
    app.add_middleware(Guard, settings=services.settings, people=services.people)
    attach(app, services)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture(scope="module")
def frame() -> bytes:
    return pack(draw_person())


def asked(picture: bytes, **changed: Any) -> str:
    body = {
        "frame": base64.b64encode(picture).decode(), "read": READ.tolist(), "right": RIGHT.tolist(), "turn": [1, 2, 3],
        "agreed": True,
    }  # fmt: skip
    return json.dumps(body | changed)


def test_a_corrected_frame_is_kept_whole_with_both_sets_of_numbers_and_consent(
    services: Services, client: TestClient, frame: bytes
) -> None:
    said = client.post(ROOT + "/corrections", content=asked(frame)).json()
    (kept,) = services.annotations.of("local", "controllers")
    assert (kept.id, kept.medium) == (said["annotation"], said["medium"])
    assert kept.label == {"controllers": dict(zip(NAMES, RIGHT.tolist(), strict=True)), "turn_degrees": [1, 2, 3]}
    changed = {name for name in NAMES if kept.label["controllers"][name] != kept.suggestion["controllers"][name]}
    assert changed == {NAMES[7]}
    assert kept.suggested_by.startswith("expression/reader ")
    medium = services.media.get("local", kept.medium)
    assert (medium.kind, medium.room) == ("upload", "expression")
    assert np.array_equal(read_picture(medium.path), read_frame(frame))
    assert [(one.media, one.purpose) for one in services.people.consents("local")] == [(kept.medium, CONSENT)]


def test_without_consent_or_with_anything_missing_nothing_is_kept(
    services: Services, client: TestClient, frame: bytes
) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"agreed": False}, "agree"), ({"right": RIGHT[:-1].tolist()}, "130 numbers"), ({"read": None}, "130 numbers"),
        ({"read": [None] * 130}, "number"), ({"turn": [0]}, "three numbers"), ({"frame": "no base64!"}, "whole"),
        ({"frame": base64.b64encode(b"no picture").decode()}, "JPEG"), ({"character": "nobody"}, "no character"),
    ]  # fmt: skip
    for changed, said in wrong:
        answer = client.post(ROOT + "/corrections", content=asked(frame, **changed))
        assert answer.status_code == 400, changed
        assert said in answer.json()["detail"], changed
    assert services.annotations.of("local") == []
    assert services.media.of("local") == []


def test_a_label_belongs_to_its_profile_and_goes_with_its_picture(
    services: Services, client: TestClient, frame: bytes
) -> None:
    first, second = (client.post(ROOT + "/corrections", content=asked(frame)).json() for _ in range(2))
    assert services.annotations.count("local") == {first["medium"]: 1, second["medium"]: 1}
    assert services.annotations.of("somebody") == []
    with pytest.raises(LookupError):
        services.annotations.delete("somebody", first["annotation"])
    with pytest.raises(LookupError, match="no such picture of yours"):
        services.annotations.keep("somebody", first["medium"], "controllers", {})
    with pytest.raises(ValueError, match="kind of label 'mood'"):
        services.annotations.keep("local", first["medium"], "mood", {})
    services.media.delete("local", first["medium"])
    assert [one.id for one in services.annotations.of("local")] == [second["annotation"]]
    services.annotations.delete("local", second["annotation"])
    assert services.annotations.of("local", medium=second["medium"]) == []
    client.post(ROOT + "/corrections", content=asked(frame))
    services.people.delete_everything("local")
    assert services.annotations.of("local") == []


def test_a_database_from_before_labels_keeps_its_pictures_and_gains_them(tmp_path: Path, frame: bytes) -> None:
    settings = Settings(home=tmp_path)
    path = tmp_path / "studio.sqlite3"
    (tmp_path / "frame.jpg").write_bytes(frame)
    store = Store(path)
    kept = Media(settings, store, People(settings, store)).keep_upload("local", "expression", tmp_path / "frame.jpg")
    store.close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE annotations"))
        connection.execute(text("PRAGMA user_version = 1"))
    engine.dispose()
    opened = Services.open(settings, (PAGE,))
    try:
        assert opened.annotations.keep("local", kept.id, "controllers", {"controllers": {}}).medium == kept.id
    finally:
        opened.close()


def test_the_desk_counts_and_marks_what_was_corrected(
    services: Services, client: TestClient, frame: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from streamlit.testing.v1 import AppTest

    from studio.desk import PROFILE_HEADER, TOKEN_HEADER, TOKEN_VARIABLE

    client.post(ROOT + "/corrections", content=asked(frame))
    monkeypatch.setenv(TOKEN_VARIABLE, "token")
    monkeypatch.setenv("LIKENESS_HOME", str(services.settings.home))
    headers = {TOKEN_HEADER: "token", PROFILE_HEADER: b"local".hex()}
    monkeypatch.setattr("streamlit.runtime.context.ContextProxy.headers", headers)
    shown = AppTest.from_file(str(PROJECT / "pages" / "annotation" / "desk.py"), default_timeout=60).run()
    assert not shown.exception
    assert [(one.label, one.value) for one in shown.metric] == [("Pictures of yours", "1"), ("Corrected by you", "1")]
