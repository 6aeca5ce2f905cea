"""The command line: `safecommute COMMAND`.

Results go to standard output, one JSON object with `--json`; everything else goes to
standard error. Exit 0 done, 1 could not be done (one `error:` line), 2 wrong usage.
The commands live in `pipeline.commands`; only the one that is called is loaded, since
the geographic libraries take seconds to load on a plain laptop.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import traceback
from pathlib import Path

import click

from core.errors import SafeCommuteError
from pipeline.cli_output import one_line
from pipeline.commands.shared import Context, existing_file

__all__ = ["cli", "main"]

COMMANDS = {
    "demo": ("app", "demo"),
    "serve": ("app", "serve"),
    "doctor": ("app", "doctor"),
    "area": ("area", "area"),
    "fetch": ("fetch", "fetch"),
    "import": ("records", "import_command"),
    "imports": ("imports", "imports"),
    "duplicates": ("duplicates", "duplicates"),
    "form": ("forms", "form"),
    "run": ("runs", "run_command"),
    "runs": ("runs", "runs"),
    "evaluate": ("results", "evaluate"),
    "what-if": ("results", "what_if"),
    "report": ("report", "report"),
    "export": ("results", "export"),
    "tools": ("tools", "tools"),
}
SUMMARIES = {
    "demo": "Build the synthetic sample area, publish it, and open the app.",
    "serve": "Serve the app from this workspace until Ctrl-C.",
    "doctor": "Say what is installed, what is missing, what to do.",
    "area": "Study areas: a road source and the network built from it.",
    "fetch": "Fetch public data: roads, relief, night lights, people.",
    "import": "Take the records of a file in.",
    "imports": "Files that were taken in; take one back as a whole.",
    "duplicates": "Say which crash reports tell of one crash; take it back.",
    "form": "Write a form for KoboToolbox or ODK Collect, in English and Khmer.",
    "run": "Score a study area and keep the result as a new run.",
    "runs": "Finished runs, and which of them is served.",
    "evaluate": "Say what the crashes before and after an intervention can tell.",
    "what-if": "Say what would change if riders changed vehicle.",
    "report": "Write a report of an area, as a file to share.",
    "export": "Write the published run for QGIS, notebooks or a spreadsheet.",
    "tools": "Use one method on plain files, without a workspace.",
}


class LazyGroup(click.Group):
    """A group that loads a command's module when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order a newcomer needs them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name]
        loaded = importlib.import_module(f"pipeline.commands.{module}")
        command: click.Command = getattr(loaded, attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview without loading anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, SUMMARIES[name]) for name in self.list_commands(ctx)])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="SAFECOMMUTE_HOME",
    default=Path("workspace"),
    show_default=True,
    help="Folder of the workspace (else SAFECOMMUTE_HOME).",
)
@click.option(
    "--settings",
    "settings_path",
    type=existing_file,
    envvar="SAFECOMMUTE_SETTINGS",
    help="A YAML file like config/default.yaml with what you want changed.",
)
@click.version_option(package_name="safecommute")
@click.pass_context
def cli(context: click.Context, home: Path, settings_path: Path | None) -> None:
    """Find where workers are hurt on their way to work, and say how sure that is."""
    context.obj = Context(home, os.environ.get("SAFECOMMUTE_DATABASE_URL"), settings_path)


def main() -> None:
    """Run the command line and end with its exit code; never with a traceback."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    logging.captureWarnings(capture=True)  # those of libraries are no answer to a person
    logging.getLogger("py.warnings").setLevel(logging.ERROR)
    try:
        code = cli.main(standalone_mode=False)
    except click.UsageError as error:
        error.show()
        code = 2
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("error: stopped by the keyboard; nothing half-done was kept.", err=True)
        code = 1
    except click.ClickException as error:
        click.echo(f"error: {error.format_message()}", err=True)
        code = 1
    except (SafeCommuteError, OSError) as error:
        click.echo(f"error: {one_line(error)}", err=True)
        code = 1
    except Exception as error:
        click.echo(f"error: {report_defect(error)}", err=True)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def report_defect(error: Exception) -> str:
    """Keep the traceback in a file and say in one line where it is."""
    path = Path(f"safecommute-defect-{os.getpid()}.txt").absolute()
    try:
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except OSError:
        return f"a defect of the software: {one_line(error)}; please report it."
    return f"a defect of the software: {one_line(error)}; please report it with {path}."


if __name__ == "__main__":
    main()
