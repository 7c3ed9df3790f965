"""What is selected on one page is selected on the next."""

from pathlib import Path
from urllib.parse import urlencode

import pytest
from streamlit.testing.v1 import AppTest

from senet_viz.dashboard.links import SAYS, read_link, say_keys
from tests.support.synthetic import synthetic_recording

ROOT = Path(__file__).parents[3]
PAGES = "senet_viz/dashboard/pages"


@pytest.mark.slow
def test_shared_selections_survive_page_changes_there_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(synthetic_recording(tmp_path / "run", classes=5).path)
    monkeypatch.setenv("SENET_VIZ_RECORDINGS", path)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    app.switch_page(f"{PAGES}/distributions.py").run()
    app.selectbox(key="recording").set_value(path).run()
    app.multiselect(key="class").set_value(["class 3"]).run()
    app.number_input(key="seed").set_value(7).run()
    app.switch_page(f"{PAGES}/export.py").run()
    assert app.selectbox(key="recording").value == path
    assert (app.multiselect(key="class").value, app.number_input(key="seed").value) == (["class 3"], 7)
    app.multiselect(key="class").set_value(["class 1", "class 2"]).run()
    app.switch_page(f"{PAGES}/distributions.py").run()
    assert app.selectbox(key="recording").value == path
    assert (app.multiselect(key="class").value, app.number_input(key="seed").value) == (["class 1", "class 2"], 7)
    app.multiselect(key="class").set_value([]).run()
    assert app.multiselect(key="class").value == []
    assert not app.exception


def test_a_link_says_its_own_values_behind_those_of_the_page_that_is_left() -> None:
    link = {"class": ["a", "b"], "map_block": "SE_4_2", "sample": []}
    says = say_keys(link)
    assert says == "class.2,map_block,sample.0"
    sent = urlencode([("class", "x"), ("map_block", "SE_5_1"), ("sample", "s"), ("seed", "3"), ("class", "a"), ("class", "b"),
                      ("map_block", "SE_4_2"), (SAYS, says)])  # fmt: skip
    assert read_link(sent, step_back=False) == {"class": ["a", "b"], "map_block": ["SE_4_2"]}


def test_a_step_back_says_all_of_its_address_and_another_link_nothing() -> None:
    assert read_link("class=x&class=y&seed=3", step_back=True) == {"class": ["x", "y"], "seed": ["3"]}
    assert read_link("", step_back=True) == {}
    assert read_link("class=x&seed=3", step_back=False) is None


def _page(key: str | None) -> None:
    import streamlit as st

    st.caption("A message.")
    with st.container(key=key):
        st.selectbox("Block", ["SE_2_1"], key="block", bind="query-params")


def test_a_selection_that_a_message_would_move_is_found() -> None:
    assert AppTest.from_function(_page, kwargs={"key": "row"}).run().selectbox(key="block").value == "SE_2_1"
    with pytest.raises(AssertionError, match=r"\['block'\] lie in containers without a key"):
        AppTest.from_function(_page, kwargs={"key": None}).run()
