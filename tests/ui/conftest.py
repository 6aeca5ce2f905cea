from __future__ import annotations

import pytest

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
