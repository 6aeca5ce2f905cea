"""Shared by all tests: the repository's root, the real data beside it, closed sockets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings
from pytest_socket import socket_allow_hosts

ROOT = Path(__file__).resolve().parents[1]

# Tests that state no number of examples of their own draw so many; code that is compiled at its
# first call, or a busy machine, is no failure.
EXAMPLES = int(os.environ.get("SAFECOMMUTE_EXAMPLES", "40"))
settings.register_profile("safecommute", max_examples=EXAMPLES, deadline=None)
settings.load_profile("safecommute")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let a test reach this machine only, unless it is marked `network`."""
    if item.get_closest_marker("network") is None:
        socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real data beside the checkout, or skip with the reason."""
    folder = Path(os.environ.get("SAFECOMMUTE_SHARED", ROOT.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip("the real data sets are not on this machine (SAFECOMMUTE_SHARED unset)")
    return folder
