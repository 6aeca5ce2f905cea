"""The app, served from a workspace."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable

from core.errors import ConfigError, SafeCommuteError
from pipeline.paths import APP_PATH, ROOT
from pipeline.workspace import Workspace

__all__ = ["serve_app"]


def serve_app(workspace: Workspace, *, port: int, tell: Callable[[str], object]) -> None:
    """Serve the app until it is stopped with Ctrl-C.

    Raises
    ------
    ConfigError
        If the port is taken.
    SafeCommuteError
        If the app ends with an error.
    """
    require_free_port(port)
    address = os.environ.get("SAFECOMMUTE_ADDRESS", "127.0.0.1")
    command = [
        *(sys.executable, "-m", "streamlit", "run", str(APP_PATH)),
        *("--server.port", str(port), "--server.address", address),
        *("--server.headless", "true"),
    ]
    environment = {
        **os.environ,
        "SAFECOMMUTE_HOME": str(workspace.home),
        "SAFECOMMUTE_DATABASE_URL": workspace.database_url,
    }
    signal.signal(signal.SIGTERM, stop_like_keyboard)
    tell(f"Open http://localhost:{port} in a browser; stop with Ctrl-C.")
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        code = process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        return
    if code:
        message = f"app: ended with code {code}; see the lines above, then `safecommute doctor`."
        raise SafeCommuteError(message)


def stop_like_keyboard(number: int, frame: object) -> None:
    """Let a service manager's stop end the app too, not only this process."""
    del number, frame
    raise KeyboardInterrupt


def require_free_port(port: int) -> None:
    """Refuse a port that something else listens on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            message = f"port {port}: is in use; choose another with --port."
            raise ConfigError(message) from error
