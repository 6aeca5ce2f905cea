from __future__ import annotations

import os

import pytest

from pipeline.steps import KEPT_PER_STEP, keep_step
from pipeline.workspace import open_workspace


def leave_empty(folder):
    assert folder.is_dir()


@pytest.fixture
def workspace(tmp_path):
    return open_workspace(tmp_path)


def test_the_same_inputs_are_worked_through_once(workspace):
    calls = []

    def build(folder):
        calls.append(folder)
        (folder / "x").write_text("built")

    first = keep_step(workspace, "a", "network", ["sha", {"b": 1, "a": 2}], build)
    again = keep_step(workspace, "a", "network", ["sha", {"a": 2, "b": 1}], build)
    other = keep_step(workspace, "a", "network", ["sha2", {"a": 2, "b": 1}], build)
    assert len(calls) == 2
    assert (first.is_cached, again.is_cached, other.is_cached) == (False, True, False)
    assert again.path == first.path != other.path
    assert (again.path / "x").read_text() == "built"


def test_a_step_that_fails_is_worked_through_again(workspace):
    def fail(folder):
        (folder / "x").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        keep_step(workspace, "a", "network", ["sha"], fail)
    step = keep_step(workspace, "a", "network", ["sha"], leave_empty)
    assert not step.is_cached
    assert list(step.path.iterdir()) == []


def test_only_the_latest_results_are_kept(workspace):
    for number in range(KEPT_PER_STEP + 2):
        step = keep_step(workspace, "a", "network", [number], leave_empty)
        os.utime(step.path, (number, number))
    keep_step(workspace, "a", "network", ["last"], leave_empty)
    kept = list(workspace.cache_folder("a").iterdir())
    assert len(kept) == KEPT_PER_STEP
