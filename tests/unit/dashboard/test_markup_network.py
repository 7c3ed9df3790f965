"""The pages that run a network, on the bundled recording with every class renamed."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support.markup import MARKUP, find_fooled
from tests.support.pages import figures, page_opener

BUNDLED = Path(__file__).parents[3] / "checkpoints" / "seresnet50-w050-64px" / "recording"


@pytest.fixture(scope="module")
def renamed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = shutil.copytree(BUNDLED, tmp_path_factory.mktemp("renamed") / "r")
    tree = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    tree["classes"]["names"] = [f"{MARKUP} {at}" for at in range(len(tree["classes"]["names"]))]
    tree["data"]["name"] = MARKUP
    (folder / "manifest.json").write_text(json.dumps(tree), encoding="utf-8")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("page", "query"), [("compare", {}), ("lab", {"try_dose": "true"}), ("how", {})])
def test_no_page_with_a_network_interprets_a_name(
    page: str, query: dict[str, str], renamed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = page_opener(monkeypatch)(page, renamed, model="bundled", images="Samples", **query)
    assert not app.exception
    assert figures(app)
    assert find_fooled(app) == []
