"""The notebook runs from top to bottom, and lies in the repository without outputs."""

from __future__ import annotations

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="nbformat is missing: pip install nbformat")
PATH = Path(__file__).resolve().parents[2] / "notebooks" / "first_look.ipynb"


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(PATH, as_version=4)


@pytest.fixture(scope="module")
def outputs(notebook, tmp_path_factory):
    """All cells' outputs, in order, by their kind: printed text, or MIME type."""
    nbclient = pytest.importorskip("nbclient", reason="nbclient is missing: pip install nbclient")
    pytest.importorskip("ipykernel", reason="ipykernel is missing: pip install ipykernel")
    pytest.importorskip("pandas", reason="pandas is missing: pip install pandas")
    folder = str(tmp_path_factory.mktemp("notebook"))
    client = nbclient.NotebookClient(
        notebook.copy(), timeout=300, resources={"metadata": {"path": folder}}
    )
    executed = client.execute()
    found = []
    for cell in executed.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                found.append((output.name, output.text))
            else:
                found += output.data.items()
    return found


def test_it_has_no_outputs_in_the_repository(notebook):
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code and not any(cell.outputs or cell.execution_count for cell in code)


def test_it_finds_tabulates_draws_and_scores(outputs):
    text = "".join(value for kind, value in outputs if kind == "stdout")
    assert "score 0." in text and "Protocol moc" in text and "2 videos" in text
    kinds = {kind for kind, _ in outputs}
    assert {"image/png", "text/html"} <= kinds
    pages = "".join(value for kind, value in outputs if kind == "text/html")
    assert "tube_id" in pages and "data:video/mp4;base64," in pages
    # tqdm wishes for widgets, which nothing here needs.
    assert all("TqdmWarning" in value for kind, value in outputs if kind == "stderr")
