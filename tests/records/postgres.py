"""A PostgreSQL server of the tests' own: started in a new folder, gone when they end."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOST = "127.0.0.1"
FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=60"


def find_programs() -> Path | None:
    """Return the folder of `initdb` and `pg_ctl`: on the path, or where Debian puts them."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def running_server(programs: Path) -> Iterator[str]:
    """Yield the URL of a new server's database, without the database's name."""
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    folder = Path(tempfile.mkdtemp(prefix="safecommute-pg-"))
    shutil.chown(folder, user)
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    try:
        call(user, programs / "initdb", "-D", folder / "data", "-A", "trust", "-E", "UTF8",
             "--locale=C.UTF-8", "-U", "tester")  # fmt: skip
        options = f"-p {port} -h {HOST} -k {folder} {FAST}"
        call(user, programs / "pg_ctl", "-D", folder / "data", "-l", folder / "log", "-w",
             "-o", options, "start")  # fmt: skip
        yield f"postgresql://tester@{HOST}:{port}"
    finally:
        stop = [programs / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop"]
        call(user, *stop, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def call(user: str, *command: object, check: bool = True) -> None:
    """Run a program as a user; PostgreSQL refuses to run as root."""
    prefix = ["runuser", "-u", user, "--"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*prefix, *map(str, command)],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    if check and done.returncode:
        raise RuntimeError(done.stdout)
