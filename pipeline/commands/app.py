"""demo, serve, doctor."""

from __future__ import annotations

import click

from core.errors import SafeCommuteError
from pipeline.cli_output import echo_json, echo_table, make_progress
from pipeline.commands.shared import Context, json_option, port_option
from pipeline.demo import build_demo
from pipeline.doctor import examine
from pipeline.serve import serve_app

__all__ = ["demo", "doctor", "serve"]


@click.command()
@click.option("--no-serve", is_flag=True, help="Build and publish only.")
@port_option
@click.pass_obj
def demo(context: Context, *, no_serve: bool, port: int) -> None:
    """Build the synthetic sample area, publish it, and open the app."""
    workspace = context.open()
    manifest = build_demo(
        workspace, settings=context.settings(), progress=make_progress(), tell=click.echo
    )
    click.echo(f"Published: {manifest['n_hotspots']} hotspots on {manifest['network_km']:.0f} km.")
    if not no_serve:
        serve_app(workspace, port=port, tell=click.echo)


@click.command()
@port_option
@click.pass_obj
def serve(context: Context, *, port: int) -> None:
    """Serve the app from this workspace until Ctrl-C."""
    serve_app(context.open(), port=port, tell=click.echo)


@click.command()
@json_option
@click.pass_obj
def doctor(context: Context, *, as_json: bool) -> None:
    """Say what is installed, what is missing, what to do."""
    checks = examine(context.home, context.database_url)
    is_ok = all(check.is_ok for check in checks)
    if as_json:
        echo_json({"ok": is_ok, "checks": [check.to_dict() for check in checks]})
    else:
        rows = [[c.name, "ok" if c.is_ok else "MISSING", c.found, c.to_do] for c in checks]
        echo_table(["what", "state", "found", "what to do"], rows)
    if not is_ok:
        message = "doctor: something is missing; see 'what to do'."
        raise SafeCommuteError(message)
