"""Gate lab: what do the gates do?"""

import streamlit as st

from senet_viz.dashboard import links
from senet_viz.dashboard.frame import open_page
from senet_viz.dashboard.lab.effects import explain_missing, find_effects, show_all_effects, show_freezing
from senet_viz.dashboard.lab.live import show_trial
from senet_viz.dashboard.screen import scroll_to_section

opened = open_page("Gate lab", "What do the gates do: what does it cost to freeze, exchange or remove them?")
st.caption("First what it costs on all recorded images; [one image of your own](#try) is tried at the end of the page.")
notices = st.container()
if opened.recording.has_class_outputs:
    effects = find_effects(opened)
    if effects is None:
        explain_missing(opened.recording)
    else:
        show_all_effects(opened, effects)
    with st.container(key="freezing"):
        show_freezing(opened)
    with st.container(key="try_it"):
        show_trial(opened)
else:
    st.info(
        "This network returns no class outputs, so what its gates do to an answer cannot be measured: record the network with its "
        "classifier. All other pages show its gates.",
        icon=":material/label_off:",
    )
with notices:
    links.show_notices()
scroll_to_section()
