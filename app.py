"""The dashboard: `streamlit run app.py`.

Streamlit reads this file twice: the server imports it and finds `app`; every session runs it as a script.
"""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from senet_viz.dashboard.guard import KnownHosts, LimitedUploads, NoCommands, NoPaths, SafeHeaders
from senet_viz.dashboard.links import carry_selections, escape
from senet_viz.dashboard.screen import style_page
from senet_viz.dashboard.serving import FirstPage, ServerAddress, lifespan
from senet_viz.dashboard.visitors import let_in
from senet_viz.errors import SenetVizError

PACKAGE = Path(__file__).parent / "senet_viz" / "dashboard"

PAGES = (  # file, title, icon, address, help; the first is the first page
    ("claim", "Claim", "balance", "claim", "Does what the paper says of gates hold for this network on these images?"),
    ("distributions", "Distributions", "ssid_chart", "distributions", "How the gates of chosen classes are distributed, block by block."),
    ("blocks", "Blocks", "view_column", "blocks", "What the gates of each block do: health, measures, similarity."),
    ("classes", "Classes", "category", "classes", "Which classes the gates tell apart, where along the depth, and which are confused."),
    ("pair", "Two recordings", "difference", "two", "Two networks, two sets of images or two precisions side by side."),
    ("compare", "Compare images", "compare", "compare", "How the gates of a few images of your own differ, block by block."),
    ("lab", "Gate lab", "science", "lab", "What it costs to freeze, exchange or remove gates, overall and for an image of your own."),
    ("how", "How SE works", "school", "how", "One photo through one SE block, step by step, with the network's own numbers."),
    ("design", "Design", "architecture", "design", "What SE units cost in a network, by where they sit and how they are made."),
    ("experiments", "Experiments", "experiment", "experiments", "What trained networks say of how SE units should be made."),
    ("record", "Record", "fiber_manual_record", "record", "Record the gates of a network on images of your own."),
    ("export", "Export", "download", "export", "Statistics of every channel and class as a file, and figures as pages and pictures."),
)  # fmt: skip


MIDDLEWARE = (  # the first is the outermost
    *(Middleware(each) for each in (KnownHosts, SafeHeaders, NoPaths, NoCommands, LimitedUploads)),
    Middleware(FirstPage, name=PAGES[0][3]),
    Middleware(ServerAddress),
)


def show_page() -> None:
    """The page that the address names, within the navigation."""
    icon = str(PACKAGE / "icon.png")
    st.set_page_config(page_icon=icon, layout="wide")  # before the navigation, whose own icons another host has
    page = st.navigation(
        [
            st.Page(
                PACKAGE / "pages" / f"{file}.py", title=title, icon=f":material/{icon}:", url_path=address, help=about,
                default=at == 0,
            )
            for at, (file, title, icon, address, about) in enumerate(PAGES)
        ]
    )  # fmt: skip
    st.set_page_config(page_title=f"{page.title} · senet_viz")
    carry_selections(page.url_path)
    style_page()
    try:
        if let_in():
            page.run()
    except SenetVizError as error:  # a file that was damaged or changed since the page was opened
        st.error(escape(str(error)), icon=":material/error:")


if __name__ == "__main__":
    show_page()
else:
    app = st.App(__file__, lifespan=lifespan, middleware=MIDDLEWARE)
