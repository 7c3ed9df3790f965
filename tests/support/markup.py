"""Text that Markdown, HTML, Plotly's templates and spreadsheets would each take for something else, and who is fooled."""

import json
import re
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message
from streamlit.testing.v1 import AppTest

MARKUP = "=**b** [x](http://e.x) $x$ :red[y] `k` <img src=x onerror=1> <b>z</b> %{zz} &lt;"
_MARKDOWN = ("**b**", "[x](", "$x$", ":red[", "`k`", "<img", "<b>z", " &lt;")
_HTML = ("<img", "<b>z", "%{zz}", "zz} &lt;")
# Fields that browsers show as they are, or do not show: what is picked from, typed, copied, read aloud, or a name of an element.
_PLAIN = {
    "id", "user_key", "options", "default", "raw_values", "raw_value", "value", "values", "code_text", "alt", "file_name", "url", "query_string", "placeholder", "form_id",
    "query_param_key", "data", "json", "config", "columns", "element_id", "key", "marshalled_args", "json_args", "download_filename", "url_path", "caption", "sanitized_html", "mixed_data", "href", "page",
}  # fmt: skip


def find_fooled(app: AppTest) -> list[str]:
    """Where a page would have markup of the recording interpreted: the field and its text."""
    found = []
    for where, text in _texts(app._tree):
        if where.endswith("plotly_chart.spec"):
            found += [f"{where}: {each}" for each in find_fooled_in(json.loads(text))]
        elif any(mark in re.sub(r"\\(.)", "\0", text) for mark in _MARKDOWN):
            found.append(f"{where}: {text[:300]}")
    return found


def find_fooled_in(figure: Any, path: str = "") -> Iterator[str]:
    """Texts of a figure's JSON that Plotly would interpret."""
    if isinstance(figure, dict):
        for name, value in figure.items():
            yield from find_fooled_in(value, f"{path}.{name}")
    elif isinstance(figure, list):
        for value in figure:
            yield from find_fooled_in(value, path)
    elif isinstance(figure, str) and "b**" in figure and any(mark in figure for mark in _HTML):
        yield f"{path}: {figure[:300]}"


def _texts(block: Any) -> Iterator[tuple[str, str]]:
    proto = getattr(block, "proto", None)
    if isinstance(proto, Message):
        kind = getattr(block, "type", "")
        yield from ((f"{kind}.{where}", text) for where, text in _strings(proto))
    for child in getattr(block, "children", {}).values():
        yield from _texts(child)


def _strings(message: Message) -> Iterator[tuple[str, str]]:
    for field, value in message.ListFields():
        many = value if field.is_repeated else [value]
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            continue
        for each in many:
            if isinstance(each, str):
                if field.name not in _PLAIN:
                    yield field.name, each
            elif isinstance(each, Message):
                yield from ((f"{field.name}.{name}", text) for name, text in _strings(each))
