"""The notebooks run from top to bottom, and are committed without outputs."""

import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9]*.ipynb"))


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A workspace that the notebooks share, and figures that need no screen."""
    folder = tmp_path_factory.mktemp("notebooks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAFECOMMUTE_HOME", str(folder / "workspace"))
        patch.delenv("SAFECOMMUTE_DATABASE_URL", raising=False)
        patch.setenv("MPLCONFIGDIR", str(folder / "matplotlib"))
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        patch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
        yield dict(os.environ)


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


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_figure_says_synthetic(path):
    for cell in read(path).cells:
        if cell.cell_type == "code" and "plt.subplots" in cell.source:
            assert re.search(r"(title|suptitle)(\(|=)f\"\{(label|LABEL)\}", cell.source), (
                cell.source
            )


def test_the_comparison_of_methods_tells_no_result_that_no_cell_computes():
    notebook = read(next(path for path in NOTEBOOKS if path.stem.startswith("03")))
    told = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    for word in ("%", "times as many", "nearly", "lesson", "hardly"):
        assert not [source for source in told if word in source], word
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert code.count("\nassert ") >= 12
    header = notebook.cells[0].source
    assert "jupyter execute" in header
    assert "jupyter nbconvert" in header


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, environment):
    notebook = read(path)
    client = NotebookClient(
        notebook, timeout=500, kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    )  # fmt: skip
    client.execute(env=environment)
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
