"""The page Design without a browser: its answer follows the controls, and the link carries them."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

PAGE = str(Path(__file__).parents[3] / "senet_viz" / "dashboard" / "pages" / "design.py")


@pytest.fixture
def app() -> AppTest:
    return AppTest.from_file(PAGE, default_timeout=60)


def said(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.info, *app.warning, *app.error, *app.title, *app.header, *app.code]
    return "\n".join(str(part.value) for part in parts).replace("\\", "")


def test_it_opens_on_the_papers_network(app: AppTest) -> None:
    app.run()
    assert not app.exception
    text = said(app)
    assert "16 SE units add 9.90% to the parameters of SE-ResNet-50" in text
    assert "equal eq 5 exactly" in text
    assert "the note's sum lacks the factor N" in text
    assert "nothing here was trained" in text
    assert "senet-viz inspect senet_viz:se_resnet50 --weights random" in text
    assert len(app.get("plotly_chart")) == 3


def test_controls_change_what_is_counted(app: AppTest) -> None:
    app.run()
    app.selectbox(key="design_network").set_value("SE-ResNet-18").run()
    app.selectbox(key="design_place").set_value("after every convolution").run()
    app.slider(key="design_layers").set_value(3)
    app.toggle(key="design_bias").set_value(False)
    app.select_slider(key="design_r").set_value(8).run()
    assert not app.exception
    text = said(app)
    assert "16 SE units add" in text
    assert " and 0 biases" in text
    assert "se_resnet18,placement=per_conv,reduction=8,depth=3,bias=false" in text
    app.selectbox(key="design_network").set_value("SE-BN-Inception").run()
    assert not app.exception, "a place that the next network has not gives way to its first"
    assert "10 SE units add" in said(app)
    assert "differ in width" in said(app)


def test_a_link_carries_the_design_and_names_what_it_does_not_know(app: AppTest) -> None:
    app.query_params["design_network"] = "SENet-154"
    app.query_params["design_place"] = "nowhere"
    app.run()
    assert not app.exception
    text = said(app)
    assert "50 SE units add" in text
    assert "timm:legacy_senet154" in text
    app.select_slider(key="design_r").set_value(8).run()
    assert not app.exception
    assert "builds it with r = 16, two layers and biases only" in said(app)
    assert "timm:legacy_senet154" not in said(app)
    assert "nowhere" in "\n".join(str(w.value) for w in app.warning)
