"""The notebooks run from top to bottom, and are committed without outputs."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A workspace of its own, and figures that need no screen."""
    monkeypatch.setenv("SAFECOMMUTE_HOME", str(tmp_path / "workspace"))
    monkeypatch.delenv("SAFECOMMUTE_DATABASE_URL", raising=False)
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "matplotlib"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    return tmp_path / "workspace"


def read(path):
    return nbformat.read(path, as_version=4)


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_output_is_committed_and_the_header_says_what_it_is(path):
    notebook = read(path)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
    header = notebook.cells[0].source
    for word in ("# Question:", "# Inputs:", "Outputs:", "Runtime:", "Status:", "Owner:"):
        assert word in header
    assert "SYNTHETIC" in header


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, workspace):
    notebook = read(path)
    client = NotebookClient(
        notebook, timeout=500, kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    )  # fmt: skip
    client.execute(env=dict(os.environ))
    outputs = [
        output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs
    ]
    assert not [o for o in outputs if o.output_type == "stream" and o.name == "stderr"], (
        "a notebook shows warnings; mend what causes them"
    )
    assert sum("image/png" in o.get("data", {}) for o in outputs) >= 2
    text = " ".join(o.get("data", {}).get("text/markdown", "") for o in outputs)
    if path.stem.startswith("01"):
        for forecast in ("The Poisson model", "History and model together"):
            assert f"**{forecast}**" in text
        assert "least deviance" in text
