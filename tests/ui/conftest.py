from __future__ import annotations

import asyncio
import functools

import pytest
from starlette.applications import Starlette
from streamlit.components.v2 import manifest_scanner

from tests.ui.fixture_run import build_home
from ui.routes import build_routes


@pytest.fixture(scope="session")
def tiny_home(tmp_path_factory):
    """A workspace with one published, synthetic run."""
    home = tmp_path_factory.mktemp("home")
    build_home(home)
    return home


@pytest.fixture
def home(tiny_home, monkeypatch):
    monkeypatch.setenv("SAFECOMMUTE_HOME", str(tiny_home))
    monkeypatch.delenv("SAFECOMMUTE_DATABASE_URL", raising=False)
    return tiny_home


@pytest.fixture(scope="session", autouse=True)
def _packages_scanned_once():
    """Look through the installed packages for Streamlit's components once, not per page."""
    found = functools.cache(manifest_scanner.scan_component_manifests)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(manifest_scanner, "scan_component_manifests", found)
        yield


@pytest.fixture
def ask():
    """Ask the app's routes for an address, without a server."""
    app = Starlette(routes=build_routes())

    def asked(path, query="", headers=(), host=b"maps.example:8501"):
        sent = []

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "scheme": "http",
            "server": ("127.0.0.1", 1),
            "headers": [(b"host", host), *headers],
        }
        asyncio.run(app(scope, receive, send))
        body = b"".join(part.get("body", b"") for part in sent[1:])
        return sent[0]["status"], dict(sent[0]["headers"]), body

    return asked
