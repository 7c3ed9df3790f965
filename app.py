"""The dashboard: `streamlit run app.py`."""

from pathlib import Path

import streamlit as st

from senet_viz.dashboard.screen import style_page
from senet_viz.dashboard.selections import carry_selections

PACKAGE = Path(__file__).parent / "senet_viz" / "dashboard"

st.set_page_config(page_title="senet_viz", page_icon=str(PACKAGE / "icon.png"), layout="wide")
page = st.navigation(
    [
        st.Page(
            PACKAGE / "pages" / "claim.py",
            title="Claim",
            icon=":material/balance:",
            url_path="claim",
            help="Does what the paper says of gates hold for this network on these images?",
            default=True,
        ),
        st.Page(
            PACKAGE / "pages" / "distributions.py",
            title="Distributions",
            icon=":material/ssid_chart:",
            url_path="distributions",
            help="How the gates of chosen classes are distributed, block by block.",
        ),
        st.Page(
            PACKAGE / "pages" / "blocks.py",
            title="Blocks",
            icon=":material/view_column:",
            url_path="blocks",
            help="What the gates of each block do: health, measures, similarity.",
        ),
        st.Page(
            PACKAGE / "pages" / "pair.py",
            title="Two recordings",
            icon=":material/difference:",
            url_path="two",
            help="Two networks, two sets of images or two precisions side by side.",
        ),
        st.Page(
            PACKAGE / "pages" / "compare.py",
            title="Compare images",
            icon=":material/compare:",
            url_path="compare",
            help="How the gates of a few images of your own differ, block by block.",
        ),
        st.Page(
            PACKAGE / "pages" / "record.py",
            title="Record",
            icon=":material/fiber_manual_record:",
            url_path="record",
            help="Record the gates of a network on images of your own.",
        ),
        st.Page(
            PACKAGE / "pages" / "export.py",
            title="Export",
            icon=":material/download:",
            url_path="export",
            help="Statistics of every channel and class as a file, and figures as pages and pictures.",
        ),
    ]
)
carry_selections(page.url_path)
style_page()
page.run()
