"""What every command shares: where it works, and the options that look alike."""

from __future__ import annotations

from pathlib import Path

import click

from core.settings import Settings, load_settings
from pipeline.workspace import Workspace, open_workspace

__all__ = ["DEFAULT_PORT", "Context", "existing_file", "json_option", "port_option"]

DEFAULT_PORT = 8501
existing_file = click.Path(path_type=Path, dir_okay=False)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
port_option = click.option(
    "--port", type=click.IntRange(1, 65535), default=DEFAULT_PORT, show_default=True
)


class Context:
    """What every command gets: where to work and with which settings."""

    def __init__(self, home: Path, database_url: str | None, settings_path: Path | None) -> None:
        self.home = home
        self.database_url = database_url
        self.settings_path = settings_path

    def open(self) -> Workspace:
        """Return the workspace, made when it is not there."""
        return open_workspace(self.home, self.database_url)

    def settings(self) -> Settings:
        """Return the settings of this call."""
        return load_settings(self.settings_path)
