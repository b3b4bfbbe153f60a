"""The command `symgd`: its subcommands by name, each imported when it is called, and what every one of them does with errors and signals."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import IO, Any

import click

from symgd import __version__
from symgd.errors import InputError

__all__ = ["main"]

COMMANDS = ("derive", "explain", "verify", "train", "generate")
REFUSED, INTERRUPTED, NO_READER = 2, 130, 141


class Interrupts:
    """Ctrl-C: a KeyboardInterrupt as ever, and kept in mind, since it is lost or becomes another error where a callback of an import was running."""

    came = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        raise KeyboardInterrupt

    def check(self) -> None:
        """Raise again what has been lost."""
        if self.came:
            raise KeyboardInterrupt


class Commands(click.Group):
    """Subcommands of which only the called one is imported, so that `symgd derive` does not wait for what trains."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"symgd.command.{cmd_name}"), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand: an input error is its sentence and exit 2, Ctrl-C exit 130; a reader that has left (`| head`) is not worth a word."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without Greek letters still gets its gradient
        with warnings.catch_warnings(), _listening() as interrupts:
            warnings.showwarning = _note
            ctx.obj = interrupts
            try:
                done = super().invoke(ctx)
                sys.stdout.flush()
                return done
            except InputError as refused:
                click.echo(str(refused), err=True)
                ctx.exit(REFUSED)
            except BrokenPipeError:
                _let_go_of_stdout()
                ctx.exit(NO_READER)
            except OSError as refused:
                if refused.strerror is None:
                    raise
                where = f": {refused.filename}" if refused.filename else ""
                click.echo(f"{refused.strerror}{where}.", err=True)
                ctx.exit(REFUSED)
            except KeyboardInterrupt:
                ctx.exit(INTERRUPTED)
            finally:
                if interrupts.came:  # whatever has become of it on its way here
                    ctx.exit(INTERRUPTED)


@contextmanager
def _listening() -> Iterator[Interrupts]:
    """Keep Ctrl-C in mind, unless it is ignored, as in the background (`&`), or others listen to it."""
    interrupts = Interrupts()
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    signal.signal(signal.SIGINT, interrupts)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _note(message: Warning | str, category: type[Warning], filename: str, lineno: int, file: IO[str] | None = None, line: str | None = None) -> None:
    """A warning as the user of a command reads it: no file, no line of Python."""
    click.echo(f"note: {message}", err=True)


def _let_go_of_stdout() -> None:
    """Send what is still in the buffer nowhere; the interpreter would fail at it on its way out."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="symgd", message="%(prog)s %(version)s")
def main() -> None:
    """Write a cost; get its exact gradient, the story of one update, and a compiled trainer.

    Every command takes a formula, a problem file (TOML), or - to read either from standard input.
    """
