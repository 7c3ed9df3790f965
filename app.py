"""The dashboard: `streamlit run app.py`."""

from pathlib import Path

import streamlit as st

PACKAGE = Path(__file__).parent / "senet_viz" / "dashboard"

st.set_page_config(page_title="senet_viz", page_icon=str(PACKAGE / "icon.png"), layout="wide")
page = st.navigation(
    [
        st.Page(
            PACKAGE / "pages" / "distributions.py",
            title="Distributions",
            icon=":material/ssid_chart:",
            url_path="distributions",
            help="How the gates of chosen classes are distributed, block by block.",
            default=True,
        ),
    ]
)
page.run()
