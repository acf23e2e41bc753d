"""The door of the served studio: hosts, origins, sign-in, files of others, the port, and what survives a kill."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from served import ROOT, serve, wait_until

from studio.guard import COOKIE

PASSWORD = "the house password"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory):
    """A studio with a password."""
    home = tmp_path_factory.mktemp("locked") / "home"
    with serve(home, "--no-desk", LIKENESS_PASSWORD=PASSWORD) as served:
        yield served


@contextmanager
def sign_in(address: str, name: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, follow_redirects=False, timeout=30) as client:
        form = {"name": name, "password": f"{name}'s own one", "house": PASSWORD}
        answer = client.post("/sign-in", data=form)
        assert answer.status_code == 303, answer.text
        assert "httponly" in answer.headers["set-cookie"].lower()
        assert "samesite=strict" in answer.headers["set-cookie"].lower()
        yield client


def call(client: httpx.Client, name: str, *values: Any) -> list[Any]:
    """A named endpoint, as the HTTP API has it."""
    asked = client.post(f"/gradio_api/call/{name}", json={"data": list(values)})
    asked.raise_for_status()
    with client.stream("GET", f"/gradio_api/call/{name}/{asked.json()['event_id']}") as answer:
        text = answer.read().decode()
    assert "event: complete" in text, text
    import json

    return json.loads(text.split("event: complete\ndata: ", 1)[1].splitlines()[0])


def test_without_a_session_every_page_leads_to_the_sign_in_and_every_file_is_refused(locked: Any) -> None:
    with httpx.Client(base_url=locked.address) as client:
        answer = client.get("/", headers={"accept": "text/html"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
        for path in ("/config", "/gradio_api/info", "/files/x", "/gradio_api/file=/etc/passwd", "/zh/config", "/desk/"):
            assert client.get(path).status_code == 401, path
        assert client.post("/gradio_api/call/tiny_draw", json={"data": [1]}).status_code == 401
        assert "sign-in" in client.get("/sign-in").text


def test_two_profiles_do_not_see_each_others_pictures(locked: Any) -> None:
    put_weights(locked.home)
    with sign_in(locked.address, "Ada") as ada, sign_in(locked.address, "Bob") as bob:
        picture, said = call(ada, "tiny_draw", 7)
        file = re.search(r"/files/\w+", said)
        assert file is not None
        mine = ada.get(file[0])
        assert mine.status_code == 200
        assert mine.headers["content-type"] == "image/png"
        assert bob.get(file[0]).status_code == 404
        assert picture["path"]
        assert call(bob, "runs_list") == [[]]


def put_weights(home: Path) -> None:
    """What a run would have published."""
    if (home / "weights" / "tiny").exists():
        return
    run = [
        sys.executable,
        str(ROOT / "tests" / "tiny.py"),
        "tiny",
        "shapes",
        "--steps",
        "120",
        "--run",
        str(home.parent / "run"),
    ]
    subprocess.run(
        [*run, "--out", str(home / "weights" / "tiny" / "shapes")], check=True, cwd=ROOT, capture_output=True
    )


def test_another_hosts_name_and_another_pages_form_are_refused(locked: Any) -> None:
    with sign_in(locked.address, "Carl") as client:
        assert client.get("/", headers={"host": "evil.example"}).status_code == 421
        foreign = {"origin": "http://evil.example"}
        assert client.post("/gradio_api/call/runs_list", json={"data": []}, headers=foreign).status_code == 403
        assert client.post("/sign-out", headers=foreign).status_code == 403
        assert client.get("/", headers={"accept": "text/html"}).status_code == 200
        policy = client.get("/").headers["content-security-policy"]
        assert "default-src 'self'" in policy
        client.post("/sign-out")
        client.cookies.delete(COOKIE)
        assert client.get("/config").status_code == 401


def test_files_of_the_machine_are_not_served(locked: Any) -> None:
    with sign_in(locked.address, "Dora") as client:
        for path in (f"{locked.home}/studio.sqlite3", "/etc/passwd", f"{ROOT}/pyproject.toml"):
            assert client.get(f"/gradio_api/file={path}").status_code in (403, 404), path
        assert client.get("/assets-of-likeness/../pyproject.toml").status_code == 404
        assert client.get("/assets-of-likeness/%2e%2e/pyproject.toml").status_code == 404


def test_an_upload_over_the_limit_is_cut_off(tmp_path: Path, locked: Any) -> None:
    with sign_in(locked.address, "Eli") as client:
        large = b"\0" * (201 * 2**20)
        answer = client.post("/gradio_api/upload", files={"files": ("a.png", large)})
        assert answer.status_code == 413


def test_a_taken_port_is_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "studio", "--home", str(tmp_path), "studio", "--port", str(port)]
        answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 2
    assert f"likeness studio --port {port + 1}" in answer.stderr


def test_serving_a_network_without_a_password_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "studio", "--home", str(tmp_path), "studio", "--host", "0.0.0.0"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 2
    assert "password" in answer.stderr


def listening(process: int) -> set[str]:
    """Addresses that a process and its children listen on, from the kernel's own table."""
    import psutil

    family = [psutil.Process(process), *psutil.Process(process).children(recursive=True)]
    return {
        one.laddr.ip for member in family for one in member.net_connections("inet") if one.status == psutil.CONN_LISTEN
    }


def test_every_socket_listens_on_this_machine_only(tmp_path: Path) -> None:
    with serve(tmp_path / "home") as served:
        desk = httpx.Client(base_url=served.address, timeout=30)
        wait_until(lambda: desk.get("/desk/").status_code == 200, 60, "the desk answers")
        assert listening(served.process.pid) == {"127.0.0.1"}
        desk.close()


def test_a_killed_studio_finds_its_run_and_its_job_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serve(home, "--no-desk") as served, httpx.Client(base_url=served.address, timeout=30) as client:
        job = call(client, "tiny_count", 100_000)[0]
        [run] = call(client, "tiny_train", 1_000_000)
        wait_until((home / "runs" / run / "status.json").is_file, 60, "the run is at work")
        served.kill()
    stop = home / "runs" / run / "stop"
    stop.unlink()  # laid down by the end of the block above
    with serve(home, "--no-desk") as served, httpx.Client(base_url=served.address, timeout=30) as client:
        assert call(client, "tiny_job", job) == ["interrupted"]
        [found] = call(client, "runs_list")[0]
        assert (found["run"], found["recipe"]) == (run, "tiny shapes")
        assert found["state"] in ("running", "stopping")
        call(client, "runs_stop", run)
        wait_until(lambda: call(client, "runs_list")[0][0]["state"] == "stopped", 60, "the run ends as asked")
        assert (home / "runs" / run / "result" / "card.json").is_file()


def test_doctor_says_yes_here_and_no_where_nothing_can_be_written(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "studio", "--home", str(tmp_path / "home"), "doctor"]
    good = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert good.returncode == 0, good.stdout
    assert "The studio can start" in good.stdout
    (tmp_path / "file").write_text("in the way")
    command = [sys.executable, "-m", "studio", "--home", str(tmp_path / "file" / "home"), "doctor"]
    bad = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert bad.returncode == 1
    assert "mend home" in bad.stdout


@pytest.mark.parametrize(
    "words", [["--help"], ["studio", "--help"], ["doctor", "--help"], ["runs", "--help"], ["runs", "stop", "--help"]]
)
def test_every_help_has_an_example(words: list[str]) -> None:
    command = [sys.executable, "-m", "studio", *words]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert "example: likeness" in answer.stdout


def test_another_address_is_served_with_https_and_a_sign_in(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serve(home, "--no-desk", "--https", LIKENESS_PASSWORD=PASSWORD, scheme="https") as served:
        with httpx.Client(base_url=served.address, verify=False) as client:
            answer = client.get("/", headers={"accept": "text/html"})
            assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
            form = {"name": "Ada", "password": "ada's own one", "house": PASSWORD}
            assert "secure" in client.post("/sign-in", data=form).headers["set-cookie"].lower()
        key = home / "https" / "key.pem"
        assert key.stat().st_mode & 0o077 == 0, "the key is for its owner alone"
