"""The command line and composition root: it alone knows pages, measures, benches and the engine, each when asked for."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from studio import engine_command, measure_command
from studio.page import Command, Page
from studio.settings import LANGUAGES, BadSettings, Settings

if TYPE_CHECKING:
    from studio.services import Services

Commands: TypeAlias = "argparse._SubParsersAction[CommandParser]"
DESCRIPTION = "Likeness: an open studio for driving, sculpting and dressing digital people."


class CommandParser(argparse.ArgumentParser):
    """A word's parser. A word that is a command itself and has actions besides (``garment``, ``garment wear``) is parsed
    by ``plain`` unless an action follows."""

    plain: argparse.ArgumentParser | None = None
    actions: Container[str] = ()

    def parse_known_args(self, *given: Any, **named: Any) -> Any:
        """Namespace and what was not understood."""
        words = given[0] if given else named.get("args")
        if self.plain is not None and not (words and words[0] in self.actions):
            return self.plain.parse_known_args(*given, **named)
        return super().parse_known_args(*given, **named)


def main(words: Sequence[str] | None = None, pages: Sequence[Page] | None = None) -> int:
    """Carry out the command; 0 when it went well, 2 when it was asked wrongly."""
    arguments = list(sys.argv[1:] if words is None else words)
    shown = _pages() if pages is None else pages
    parser = _parser(shown)
    if not arguments:
        parser.print_help()
        return 0
    asked = parser.parse_args(arguments)
    try:
        settings = _settings(asked)
        if asked.command == "studio":
            return serve(settings, shown, open_browser=asked.open)
        if asked.command == "doctor":
            from studio.doctor import examine

            return examine(settings)
        return _carry_out(asked.chosen, settings, shown, asked)
    except BrokenPipeError:  # whoever read our output has gone, as "| head" does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except _spoken() as error:
        print(f"likeness: {error.args[0] if error.args else error}", file=sys.stderr)
        return 2


def _spoken() -> tuple[type[Exception], ...]:
    """Errors whose message is for the person; anything else is our mistake and shows its trace."""
    from core.pickles import PickleRefused
    from studio.panels import SPOKEN
    from studio.store import StoreTooNew

    return (BadSettings, PickleRefused, StoreTooNew, OSError, *SPOKEN)


def _pages() -> Sequence[Page]:
    from pages import PAGES

    return PAGES


def _commands_to_come() -> Sequence[Command]:
    from pages import COMMANDS

    return COMMANDS


def _parser(pages: Sequence[Page]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="likeness", description=DESCRIPTION, epilog="example: likeness studio --port 7870"
    )
    parser.add_argument("--home", type=Path, help="folder for uploads, results, runs and weights (LIKENESS_HOME)")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=CommandParser)
    studio = _add(commands, "studio", "start the studio and print its address", "likeness studio --port 7870 --open")
    studio.add_argument("--host", help="address to serve; another than 127.0.0.1 wants a password")
    studio.add_argument("--port", type=int)
    studio.add_argument("--password-file", type=Path, help="file with the studio's password (or LIKENESS_PASSWORD)")
    studio.add_argument("--certificate", type=Path, help="PEM certificate for HTTPS")
    studio.add_argument("--key", type=Path, help="PEM key for HTTPS")
    studio.add_argument("--https", action="store_true", help="HTTPS with a certificate made for this machine")
    studio.add_argument("--language", choices=LANGUAGES)
    studio.add_argument("--mark", choices=("corner", "top", "metadata"), help="where generated pictures say so")
    studio.add_argument(
        "--no-desk", dest="desk", action="store_false", default=None, help="without the annotation desk"
    )
    studio.add_argument("--open", action="store_true", help="open the browser")
    _add(commands, "doctor", "say what this machine can do and what is missing", "likeness doctor")
    _add_commands(commands, [*OWN, *_commands_to_come(), *(command for page in pages for command in page.commands)])
    return parser


def _add_commands(commands: Commands, wanted: Sequence[Command]) -> None:
    """Commands of one word, and of two: those share a parser of the first word."""
    groups: dict[str, Commands] = {}
    for command in sorted(wanted, key=lambda one: one.name.count(" ")):
        name, _, second = command.name.partition(" ")
        if second and name not in groups:
            group = _add(commands, name, f"{name}: see likeness {name} --help", command.example)
            groups[name] = group.add_subparsers(metavar="ACTION", required=True)
        action = _add(groups[name] if second else commands, second or name, command.help, command.example)
        others = [other.name for other in wanted if other.name.startswith(f"{name} ")]
        if not second and others:
            group, action = action, CommandParser(prog=action.prog, description=action.description)
            action.epilog = f"{group.epilog}; see also {', '.join(f'likeness {other} --help' for other in others)}"
            groups[name] = group.add_subparsers(metavar="ACTION")
            group.plain, group.actions = action, groups[name].choices
        command.configure(action)
        action.set_defaults(chosen=command)


def _add(commands: Commands, name: str, purpose: str, example: str) -> CommandParser:
    return commands.add_parser(
        name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.", epilog=f"example: {example}"
    )


def _settings(asked: argparse.Namespace) -> Settings:
    chosen = {
        name: getattr(asked, name, None)
        for name in ("home", "host", "port", "certificate", "key", "language", "mark", "desk")
    }
    if getattr(asked, "password_file", None) is not None:
        chosen["password"] = asked.password_file.read_text(encoding="utf-8").strip()
    if chosen["home"] is not None:
        chosen["home"] = chosen["home"].expanduser().absolute()
    if getattr(asked, "https", False):
        from studio.https import make_certificate

        home = chosen["home"] or Settings.read(os.environ).home
        chosen["certificate"], chosen["key"] = make_certificate(home, asked.host or "127.0.0.1")
    return Settings.read(os.environ, **chosen)


def _carry_out(command: Command, settings: Settings, pages: Sequence[Page], asked: argparse.Namespace) -> int:
    from studio.services import Services

    services = Services.open(settings, pages)
    try:
        return command.run(services, asked)
    finally:
        services.close()


def serve(settings: Settings, pages: Sequence[Page], open_browser: bool = False) -> int:
    """Start the studio and answer until it is ended."""
    import socket

    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise BadSettings(
                f"Port {settings.port} of {settings.host} cannot be used ({error.strerror}); another studio may be running "
                f"there. Choose another one: likeness studio --port {settings.port + 1}"
            ) from error
    began = time.monotonic()
    print("Starting Likeness ...", flush=True)
    import uvicorn

    from core.ops import build
    from studio.app import create
    from studio.services import Services

    build.set_cache(settings.home / "ops")
    app = create(Services.open(settings, pages), pages)
    secure = settings.certificate is not None
    address = f"{'https' if secure else 'http'}://{settings.host}:{settings.port}"

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            seconds = time.monotonic() - began
            print(f"Likeness is at {address}  (ready after {seconds:.1f} s, files in {settings.home})", flush=True)
            if open_browser:
                import webbrowser

                webbrowser.open(address)

    Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_level="warning",
            ssl_certfile=settings.certificate,
            ssl_keyfile=settings.key,
            timeout_graceful_shutdown=5,
        )
    ).run()
    return 0


def _configure_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="a StyleGAN2-ADA network in its published .pkl layout")
    parser.add_argument("--name", help="what to call it (default: the file's name)")


def _import(services: Services, asked: argparse.Namespace) -> int:
    from dataclasses import asdict

    from core import checkpoints
    from core.stylegan2_pickle import read_stylegan2_pickle

    name = asked.name or asked.file.stem
    if not name.replace("-", "").replace("_", "").isalnum():
        raise BadSettings(f"{name!r} is no name for weights; use letters, digits, dashes: --name my-faces")
    config, weights = read_stylegan2_pickle(asked.file)  # rebuilt from data alone: nothing in the file is executed
    card = checkpoints.Card("textedit", name, config=asdict(config), data={asked.file.name: "imported by its owner"})
    folder = services.settings.home / "weights" / "textedit" / name
    saved = checkpoints.save(folder, card, {"generator": weights})
    print(
        f"{asked.file.name} is now textedit {name}: {len(saved.shards)} shards in {folder}. Nothing in it was executed."
    )
    return 0


OWN = (
    *engine_command.commands(),
    *measure_command.COMMANDS,
    Command(
        "textedit import",
        "read a StyleGAN2-ADA .pkl safely",
        "likeness textedit import FILE.pkl",
        _configure_import,
        _import,
    ),
)
"""Commands of no page."""

if __name__ == "__main__":
    sys.exit(main())
