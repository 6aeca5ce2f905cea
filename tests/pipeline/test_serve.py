from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from core.errors import ConfigError
from pipeline.serve import require_free_port


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_port_in_use_is_refused(free_port):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port))
        taken.listen()
        with pytest.raises(ConfigError, match="choose another with --port"):
            require_free_port(free_port)


@pytest.mark.slow
def test_the_app_answers_and_stops_when_it_is_told_to(root, tmp_path, free_port):
    command = [sys.executable, "-m", "pipeline.cli", "--home", str(tmp_path), "serve"]
    process = subprocess.Popen(
        [*command, "--port", str(free_port)],
        cwd=root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{free_port}/health"
    try:
        assert wait_for(lambda: is_answering(address), seconds=90)
    finally:
        process.terminate()
    assert process.wait(timeout=30) == 0
    assert wait_for(lambda: not is_answering(address), seconds=30)


def is_answering(address):
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def wait_for(condition, *, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.5)
    return False
