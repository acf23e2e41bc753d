"""The shell without a browser: settings, store, people, jobs, models, languages."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
import torch
from served import wait_until

from core import checkpoints
from core.checkpoints import Card
from studio.jobs import Progress
from studio.models import Models
from studio.people import SignInRefused
from studio.services import Services
from studio.settings import BadSettings, Settings
from studio.store import MIGRATIONS, Store, StoreTooNew


@pytest.fixture
def services(tmp_path: Path):
    opened = Services.open(Settings(home=tmp_path / "home", password="house password"))
    yield opened
    opened.close()


# --- settings


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "studio.local"])
def test_another_address_than_this_machine_wants_a_password(host: str) -> None:
    with pytest.raises(BadSettings, match="password"):
        Settings(host=host)
    assert Settings(host=host, password="long enough").host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_this_machine_needs_no_password(host: str) -> None:
    assert Settings(host=host).password is None


def test_what_the_command_line_says_wins_over_the_environment(tmp_path: Path) -> None:
    environment = {"LIKENESS_HOME": str(tmp_path), "LIKENESS_PORT": "7001", "LIKENESS_LANGUAGE": "zh"}
    settings = Settings.read(environment, port=7002, language=None)
    assert (settings.home, settings.port, settings.language) == (tmp_path, 7002, "zh")
    with pytest.raises(BadSettings, match="LIKENESS_PORT"):
        Settings.read({"LIKENESS_PORT": "many"})
    with pytest.raises(BadSettings, match="8 characters"):
        Settings(password="short")


# --- store


def test_a_change_that_fails_changes_nothing(services: Services) -> None:
    def fail() -> None:
        with services.store.change() as session:
            from studio.store import ProfileRow

            session.add(ProfileRow(name="somebody"))
            session.flush()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert services.people.names() == ["local"]


def test_a_database_of_a_later_version_is_refused_with_its_name(tmp_path: Path) -> None:
    Store(tmp_path / "a.sqlite3").close()
    with sqlite3.connect(tmp_path / "a.sqlite3") as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(StoreTooNew, match=r"a\.sqlite3"):
        Store(tmp_path / "a.sqlite3")


# --- people


def test_a_new_name_needs_the_house_password_and_then_only_its_own(services: Services) -> None:
    people = services.people
    with pytest.raises(SignInRefused, match="studio's password"):
        people.sign_in("Ada", "ada's own one", "wrong")
    first = people.sign_in("Ada", "ada's own one", "house password")
    assert people.who(first) == "Ada"
    assert people.who(people.sign_in("Ada", "ada's own one")) == "Ada"
    with pytest.raises(SignInRefused, match="belong together"):
        people.sign_in("Ada", "house password", "house password")
    people.sign_out(first)
    assert people.who(first) is None
    assert people.who("made up") is None
    assert people.who(None) is None


@pytest.mark.parametrize("name", ["", "../up", "a/b", "local", "x" * 41, "<b>"])
def test_names_that_are_no_names_are_refused(services: Services, name: str) -> None:
    with pytest.raises(SignInRefused):
        services.people.sign_in(name, "a long password", "house password")


def test_guessing_is_slowed_down(services: Services) -> None:
    for _ in range(8):
        with pytest.raises(SignInRefused):
            services.people.sign_in("Eve", "guess guess", "guess", address="10.0.0.9")
    with pytest.raises(SignInRefused, match="Too many"):
        services.people.sign_in("Eve", "guess guess", "house password", address="10.0.0.9")
    assert services.people.sign_in("Bob", "bobs password", "house password", address="10.0.0.8")


def test_passwords_and_cookies_are_not_in_the_database(services: Services) -> None:
    cookie = services.people.sign_in("Ada", "ada's own one", "house password")
    services.store.close()
    content = b"".join(path.read_bytes() for path in services.settings.home.glob("studio.sqlite3*"))
    assert b"ada's own one" not in content
    assert cookie.encode() not in content
    assert b"Ada" in content


# --- jobs


def test_a_job_says_how_far_it_is_and_what_came_of_it(services: Services) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def work(progress: Progress) -> dict[str, int]:
        progress.say(0.5, "half")
        reached.set()
        go_on.wait(10)
        return {"answer": 42}

    job = services.jobs.start("local", "think", {"about": "it"}, work)
    assert reached.wait(10)
    seen = services.jobs.get(job.id, "local")
    assert (seen.state, seen.share, seen.message) == ("running", 0.5, "half")
    go_on.set()
    wait_until(lambda: services.jobs.get(job.id, "local").ended, 10, "the job ends")
    done = services.jobs.get(job.id, "local")
    assert (done.state, done.result, done.request) == ("done", {"answer": 42}, {"about": "it"})


def test_a_cancelled_job_ends_at_its_next_word_and_a_queued_one_never_starts(services: Services) -> None:
    running = threading.Event()
    started = []

    def long(progress: Progress) -> dict[str, int]:
        running.set()
        while True:
            progress.say(0.1)
            threading.Event().wait(0.01)

    def later(progress: Progress) -> dict[str, int]:
        started.append(1)
        return {}

    first = services.jobs.start("local", "a", {}, long)
    second = services.jobs.start("local", "b", {}, later)
    assert running.wait(10)
    services.jobs.cancel(second.id, "local")
    services.jobs.cancel(first.id, "local")
    wait_until(lambda: all(job.ended for job in services.jobs.of("local")), 10, "both end")
    assert {job.state for job in services.jobs.of("local")} == {"cancelled"}
    assert started == []


def test_a_failed_job_keeps_its_sentence_and_the_next_one_runs(services: Services) -> None:
    def fail(progress: Progress) -> dict[str, int]:
        raise ValueError("The clip has no pictures.")

    failed = services.jobs.start("local", "a", {}, fail)
    after = services.jobs.start("local", "a", {}, lambda progress: {"fine": 1})
    wait_until(lambda: services.jobs.get(after.id, "local").ended, 10, "the second ends")
    assert services.jobs.get(failed.id, "local").message == "The clip has no pictures."
    assert services.jobs.get(after.id, "local").state == "done"


def test_nobody_sees_or_cancels_anothers_job(services: Services) -> None:
    services.people.sign_in("Ada", "ada's own one", "house password")
    job = services.jobs.start("Ada", "a", {}, lambda progress: {})
    with pytest.raises(LookupError):
        services.jobs.get(job.id, "local")
    with pytest.raises(LookupError):
        services.jobs.cancel(job.id, "local")
    assert services.jobs.of("local") == []


def test_what_a_killed_server_left_at_work_is_found_as_interrupted(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    first = Services.open(settings)
    hold = threading.Event()

    def work(progress: Progress) -> dict[str, int]:
        hold.wait(20)
        return {}

    job = first.jobs.start("local", "a", {"clip": "x"}, work)
    wait_until(lambda: first.jobs.get(job.id, "local").state == "running", 10, "it runs")
    second = Services.open(settings)
    assert second.jobs.get(job.id, "local").state == "running", "a command beside the server leaves its jobs alone"
    second.jobs.recover()
    found = second.jobs.get(job.id, "local")
    assert found.state == "interrupted"
    assert found.request == {"clip": "x"}
    hold.set()
    second.close()
    first.close()


# --- models


def put(root: Path, value: float, version_step: int) -> None:
    card = Card("tiny", "net", step=version_step, validation={"validation": 1.0 / version_step}, protocol="p")
    result = root.parent / f"result-{version_step}"
    checkpoints.save(result, card, {"net": {"w": torch.tensor([value])}}, "fp32")
    checkpoints.publish(result, root, [root])


def test_a_published_checkpoint_is_picked_up_and_a_broken_one_leaves_the_old_in_service(tmp_path: Path) -> None:
    root = tmp_path / "root"
    models = Models()

    def value() -> float:
        return models.get("tiny", "net", (root,), lambda found: float(checkpoints.load(found)["net"]["w"]))

    put(root, 1.0, 1)
    assert value() == 1.0
    put(root, 2.0, 2)
    assert value() == 2.0
    put(root, 3.0, 3)
    serving = checkpoints.find("tiny", "net", [root]).folder
    shard = serving / "weights-00.safetensors"
    shard.write_bytes(shard.read_bytes()[:-1])
    assert value() == 2.0
    assert "weights-00.safetensors" in models.trouble["tiny", "net"]
    models.forget()
    assert value() == 2.0, "an older version serves even when nothing is in memory"


def test_predictors_unused_for_longest_give_their_memory_back(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name in "abc":
        checkpoints.save(root / "tiny" / name, Card("tiny", name), {"net": {"w": torch.zeros(1)}})
    made = []
    models = Models(kept=2)
    for name in "abac":
        models.get("tiny", name, (root,), lambda found: made.append(found.card.name))
    models.get("tiny", "b", (root,), lambda found: made.append(found.card.name))
    assert made == ["a", "b", "c", "b"]
