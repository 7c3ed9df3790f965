"""How SE works: one's own photo through one block, step by step, and what the paper says of it."""

import streamlit as st

from senet_viz.dashboard import glossary, links
from senet_viz.dashboard.frame import open_page
from senet_viz.dashboard.links import escape
from senet_viz.dashboard.waiting import load_networks, networks_can_wait, wait_for
from senet_viz.dashboard.walkthrough import show_costs, show_live, show_paper
from senet_viz.errors import SenetVizError

opened = open_page("How SE works", "What does a squeeze-and-excitation block do to a photo?")
st.markdown(glossary.HOW)
notices = st.container()
live = st.container(key="live")
network = None
if not (later := networks_can_wait(opened.recording)):
    with live:
        network = show_live(opened)
try:
    show_paper(opened)
    if network is not None:
        show_costs(network)
except SenetVizError as error:
    st.error(escape(str(error)), icon=":material/error:")
if later:  # after the reading part, which it would slow down
    with live:
        wait_for(
            load_networks(),
            "Loading PyTorch, once after the app has been started: the steps of a photo appear here in some seconds…",
        )
with notices:
    links.show_notices()
