"""What every page shows in the same way: a figure, the table under it, a sentence that answers."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from senet_viz.figures import chart_config


def show_answer(sentence: str, *, explained: str | None = None) -> None:
    """The page's answer, above the figure that carries it; how it was computed is in its tooltip."""
    with st.container(border=True):
        st.markdown(sentence, help=explained)


def show_figure(figure: go.Figure, *, name: str, alt: str) -> None:
    """A figure over the whole width; `name` is that of the picture that its mode bar saves."""
    st.plotly_chart(figure, theme=None, config=chart_config(name), key=f"figure_{name}", alt=alt)


def show_downloads(table: pd.DataFrame, figure: go.Figure, *, key: str, name: str, digits: int = 4) -> None:
    """The figure's numbers in a fold, to read and to download, and the figure as a page of its own."""
    fold = st.expander("Table and downloads", icon=":material/table:", key=f"fold_{key}", on_change="rerun")
    if not fold.open:
        return
    with fold:
        st.dataframe(
            table, hide_index=True, height=320, column_config=_number_columns(table, digits), alt=f"Table: {name}"
        )
        with st.container(horizontal=True):
            st.download_button(
                "Table (CSV)", lambda: table.to_csv(index=False).encode(), file_name=f"{name}.csv", mime="text/csv",
                key=f"csv_{key}", on_click="ignore", icon=":material/download:",
            )  # fmt: skip
            st.download_button(
                "Figure (HTML)", lambda: _page(figure, name), file_name=f"{name}.html", mime="text/html",
                key=f"html_{key}", on_click="ignore", icon=":material/download:",
            )  # fmt: skip
        st.caption("A picture (PNG): the camera above the figure.")


def _page(figure: go.Figure, name: str) -> bytes:
    html: str = figure.to_html(include_plotlyjs=True, full_html=True, config=chart_config(name))
    return html.encode()


def _number_columns(table: pd.DataFrame, digits: int) -> dict[str, Any]:
    kinds = table.dtypes.items()
    return {str(c): st.column_config.NumberColumn(format=f"%.{digits}f") for c, kind in kinds if kind.kind == "f"}
