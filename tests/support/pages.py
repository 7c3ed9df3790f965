"""Pages without a browser: opened on a recording, and what they say."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from senet_viz.recording.reader import open_recording

APP = str(Path(__file__).parents[2] / "app.py")
Opener = Callable[..., AppTest]


def page_opener(monkeypatch: pytest.MonkeyPatch) -> Opener:
    """Opens a page on a recording that its picker knows (the bundled one without), with what a link says.

    `model` names the network to run, as a reader would; None leaves that to the page.
    """

    def opened(
        page: str, recording: Path | None = None, *, model: str | None = "", **query: str | list[str]
    ) -> AppTest:
        monkeypatch.setenv("SENET_VIZ_RECORDINGS", str(recording or ""))
        app = AppTest.from_file(APP, default_timeout=120)
        app.query_params["recording"] = str(recording or "bundled")
        for key, value in query.items():
            app.query_params[key] = value
        if recording is not None and model is not None:
            sha256 = str(open_recording(recording).manifest.model.get("sha256"))
            app.session_state[f"network_model_{sha256[:16]}"] = model
        return app.switch_page(f"senet_viz/dashboard/pages/{page}.py").run()

    return opened


def said(app: AppTest) -> str:
    """All sentences of a page, without the strokes that keep names from being read as markup."""
    parts = [*app.markdown, *app.caption, *app.info, *app.warning, *app.error, *app.title, *app.header, *app.code]
    return "\n".join(str(part.value) for part in parts).replace("\\", "")


def figures(app: AppTest) -> int:
    """How many figures it shows."""
    return len(app.get("plotly_chart"))
