"""How SE works: one's own photo through one block, step by step, and what the paper says of it."""

import streamlit as st

from senet_viz.dashboard import glossary, links
from senet_viz.dashboard.frame import open_page
from senet_viz.dashboard.parts import telling_problems
from senet_viz.dashboard.waiting import networks_can_wait, wait_for_networks
from senet_viz.dashboard.walkthrough import show_paper_figure, show_steps, show_unit_costs

opened = open_page("How SE works", "What does a squeeze-and-excitation block do to a photo?")
st.markdown(glossary.HOW)
notices = st.container()
live = st.container(key="live")
network = None
if not (later := networks_can_wait(opened.recording)):
    with live:
        network = show_steps(opened)
with telling_problems():
    show_paper_figure(opened)
    if network is not None:
        show_unit_costs(network)
if later:  # after the reading part, which it would slow down
    with live:
        if not wait_for_networks(opened.recording, "the steps of a photo appear here"):
            st.rerun()
with notices:
    links.show_notices()
