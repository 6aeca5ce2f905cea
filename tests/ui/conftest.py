from __future__ import annotations

import functools

import pytest
from streamlit.components.v2 import manifest_scanner

from tests.ui.fixture_run import build_home


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
