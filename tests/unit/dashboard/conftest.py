"""What must hold of every page that a test here opens."""

import functools
from collections.abc import Iterator

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.testing.v1 import AppTest, app_test, local_script_runner
from streamlit.testing.v1.element_tree import Block

_run = AppTest.run
_COMPILED = ScriptCache()
_scan_components = functools.cache(manifest_scanner.scan_component_manifests)


@pytest.fixture(autouse=True)
def once_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server compiles a page and looks for components among all packages once; AppTest would for each run, and each app."""
    for module in (app_test, local_script_runner):
        monkeypatch.setattr(module, "ScriptCache", lambda: _COMPILED)
    monkeypatch.setattr(manifest_scanner, "scan_component_manifests", _scan_components)


@pytest.fixture(autouse=True)
def selections_keep_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run of a page ends with a look at where its widgets lie (see `movable`)."""

    def run(app: AppTest, *, timeout: float | None = None) -> AppTest:
        _run(app, timeout=timeout)
        assert (found := list(movable(app._tree))) == [], (
            f"{found} lie in containers without a key, which a message above them would move"
        )
        return app

    monkeypatch.setattr(AppTest, "run", run)


def movable(block: Block, *, moves: bool = False) -> Iterator[str]:
    """Names of the selections kept in the link that lie in a container which another element can push to another place.

    Streamlit's page knows a container without a key by its place among its siblings. When something appears or vanishes before
    it, the page builds the container anew while the old one still stands, and when that goes it takes the selection's
    tie to the link with it: the selection holds, but the link no longer says it.

    The first of its siblings is taken as fixed: that is where columns and fragments lie within a container that has a key.
    """
    for place, child in block.children.items():
        keyed = bool(getattr(getattr(child, "proto", None), "id", ""))
        if isinstance(child, Block):
            fixed = place == 0 or child.type in ("column", "tab", "sidebar", "main", "event", "bottom")
            yield from movable(child, moves=moves or not (keyed or fixed))
        elif moves and getattr(child.proto, "query_param_key", ""):
            yield str(child.proto.query_param_key)
