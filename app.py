"""The dashboard: `streamlit run app.py`."""

import streamlit as st

st.set_page_config(page_title="senet_viz", page_icon=":material/equalizer:", layout="wide")
page = st.navigation(
    [
        st.Page(
            "senet_viz/dashboard/pages/distributions.py",
            title="Distributions",
            icon=":material/ssid_chart:",
            url_path="distributions",
            help="How the gates of chosen classes are distributed, block by block.",
            default=True,
        ),
    ]
)
page.run()
