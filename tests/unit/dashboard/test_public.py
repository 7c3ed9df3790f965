"""The app in public: what a visitor sees names no folder of this machine and opens none."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from PIL import Image
from streamlit.testing.v1 import AppTest

from senet_viz.dashboard import mode, uploads, writing
from senet_viz.dashboard.jobs.queue import JobQueue
from senet_viz.dashboard.mode import PUBLIC, PublicOptions, hide_paths, mask_paths, read_public
from senet_viz.dashboard.record.public import check_zoo_name, list_images
from senet_viz.dashboard.recordings import find_recordings, name_of, resolve
from senet_viz.dashboard.uploads import _as_public
from senet_viz.errors import ArgumentError, RecordingError
from senet_viz.images.opening import find_spec
from tests.support.pages import said
from tests.support.synthetic import synthetic_recording

ROOT = Path(__file__).parents[3]
PAGES = sorted(path.stem for path in (ROOT / "senet_viz" / "dashboard" / "pages").glob("[a-z]*.py"))


@pytest.fixture
def recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    synthetic_recording(tmp_path / "shown" / "mine", classes=3, per_class=8)
    synthetic_recording(tmp_path / "hidden", classes=3, per_class=8, seed=1)
    monkeypatch.setenv(PUBLIC, "1")
    monkeypatch.setenv("SENET_VIZ_RECORDINGS", str(tmp_path / "shown"))
    return tmp_path


def visit(page: str, **query: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    for key, value in query.items():
        app.query_params[key] = value
    return app.switch_page(f"senet_viz/dashboard/pages/{page}.py").run()


def sent(block: Any) -> Iterator[bytes]:
    """All that elements send to a browser."""
    proto = getattr(block, "proto", None)
    if isinstance(proto, Message):
        yield proto.SerializeToString()
    for child in getattr(block, "children", {}).values():
        yield from sent(child)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_no_page_tells_a_folder_or_asks_for_one(page: str, recordings: Path) -> None:
    app = visit(page, recording="mine")
    assert not app.exception
    told = b"\n".join(sent(app._tree))
    for folder in (ROOT, recordings, Path.home()):
        assert str(folder).encode() not in told
    assert {field.label for field in app.text_input} <= {"Search", "Channels"}
    assert page in ("design", "experiments", "record") or app.selectbox(key="recording").value == "mine"


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["hidden", "../hidden", "/etc", "{root}/hidden", "{root}/shown/mine"])
def test_a_link_opens_nothing_that_was_not_named(asked: str, recordings: Path) -> None:
    app = visit("distributions", recording=asked.format(root=recordings))
    assert not app.exception
    assert app.selectbox(key="recording").value == "bundled"
    assert "is no" in said(app)
    assert "of this server" in said(app)
    assert str(recordings) not in said(app)


@pytest.mark.slow
def test_a_damaged_recording_is_told_without_its_folder(recordings: Path) -> None:
    (recordings / "shown" / "mine" / "manifest.json").write_text("{", encoding="utf-8")
    app = visit("distributions", recording="mine")
    assert not app.exception
    assert app.error
    assert str(recordings) not in said(app)
    assert not app.code


def test_recordings_are_known_by_their_folders_names(recordings: Path) -> None:
    found = find_recordings()
    assert found["mine"] == recordings / "shown" / "mine"
    assert not any("/" in name for name in found)
    assert name_of(recordings / "hidden", found) == "hidden"
    with pytest.raises(RecordingError, match="no recording '/etc'"):
        resolve("/etc", found)


def test_two_folders_of_one_name_have_two_names(recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synthetic_recording(recordings / "more" / "mine", classes=3, per_class=8)
    monkeypatch.setenv("SENET_VIZ_RECORDINGS", f"{recordings / 'shown'}:{recordings / 'more'}")
    found = find_recordings()
    assert (found["mine"], found["mine (2)"]) == (recordings / "shown" / "mine", recordings / "more" / "mine")


def test_folders_of_this_machine_are_left_out_of_words_and_masked_in_bytes(recordings: Path) -> None:
    shown = recordings / "shown"
    assert hide_paths(f"{shown}/mine/manifest.json is damaged.") == "mine/manifest.json is damaged."
    assert hide_paths(f"in {shown}: no") == "in shown: no"
    assert hide_paths(f"{ROOT}/app.py") == "app.py"
    masked = mask_paths(f'"{shown}/mine"'.encode())
    assert len(masked) == len(f'"{shown}/mine"')
    assert str(recordings).encode() not in masked
    assert mask_paths(b"/media/0a1b.png /static/js /_stcore/health") == b"/media/0a1b.png /static/js /_stcore/health"


def test_words_of_the_owner_s_own_app_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PUBLIC, raising=False)
    assert hide_paths(f"{ROOT}/app.py") == f"{ROOT}/app.py"
    assert read_public() is None


def test_a_setting_that_is_none_opens_nothing() -> None:
    for setting, sentence in (
        ("yes", "which is not JSON"),
        ("[1]", "Expected `object`"),
        ('{"sesions": 3}', "unknown field `sesions`"),
        ('{"sessions": "3"}', "sessions: Expected `int`"),
        ('{"sessions": 0}', "sessions is 0; it is at least 1"),
    ):
        with pytest.raises(ArgumentError, match=sentence.replace("[", r"\[")):
            read_public({PUBLIC: setting})
    assert read_public({PUBLIC: "1"}) == PublicOptions()
    assert read_public({PUBLIC: json.dumps({"sessions": 3})}) == PublicOptions(sessions=3)
    assert read_public({PUBLIC: PublicOptions(kept=7).to_setting()}) == PublicOptions(kept=7)


@pytest.mark.parametrize("name", ["", "../x", "hf-hub:a/b", "local-dir:/etc", "a b", "os:system", "/etc/passwd"])
def test_a_visitor_s_model_is_a_name_of_a_zoo(name: str) -> None:
    with pytest.raises(ArgumentError, match="not a model's name"):
        check_zoo_name(name)
    assert check_zoo_name("legacy_seresnet50.in1k") == "legacy_seresnet50.in1k"


def test_a_visitor_s_images_lie_in_the_named_folder(tmp_path: Path) -> None:
    (tmp_path / "sets" / "val").mkdir(parents=True)
    (tmp_path / "sets" / "out").symlink_to(tmp_path)
    (tmp_path / "sets" / ".git").mkdir()
    assert list_images(PublicOptions(images=str(tmp_path / "sets"))) == {"val": str(tmp_path / "sets" / "val")}
    assert list_images(PublicOptions()) == {}


def test_recorded_images_are_shown_from_the_named_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "sets" / "val").mkdir(parents=True)
    (tmp_path / "sets" / "out").symlink_to(tmp_path)
    (tmp_path / "secret").mkdir()
    options = PublicOptions(images=str(tmp_path / "sets"))

    def place(name: str, kind: str = "folder", options: PublicOptions = options) -> str | None:
        return find_spec(_as_public({"name": name, "kind": kind}, options))

    inside = str(tmp_path / "sets" / "val")
    assert place("val") == place("/elsewhere/val") == place(inside) == inside
    for name in (str(tmp_path / "secret"), "../secret", "secret", "out", "..", ".", "", "/", "val/..", "none"):
        assert place(name) is None, name
    assert place("val", options=PublicOptions()) is None
    assert place("digits", "digits") == "digits"


def test_what_stands_before_the_roots_is_no_path() -> None:
    assert mode._expression(("/srv",)).endswith(r"(?:/|(?![\w.-]))")
    assert mode._pattern("/srv").sub("", "a/srv /srv/x /srvx") == "a/srv x /srvx"


def test_an_upload_beyond_the_limits_is_named(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (300, 200)).save(file, "PNG")
    limits = PublicOptions(upload_pixels=59_999)
    assert "60,000 pixels; this server takes 59,999" in uploads._explain_too_large("a.png", file.getvalue(), limits)
    assert uploads._explain_too_large("a.png", file.getvalue(), PublicOptions()) == ""
    assert "takes 1 MB" in uploads._explain_too_large("a.txt", bytes(1_100_000), PublicOptions(upload_megabytes=1))


@pytest.mark.slow
def test_a_visitor_records_by_name_and_sees_the_queue(recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setenv(PUBLIC, PublicOptions(jobs=str(recordings / "shown"), job_images=50).to_setting())
    monkeypatch.setattr(JobQueue, "go_on", lambda self: None)  # nothing runs: it waits
    monkeypatch.setattr(JobQueue, "submit", lambda self, job: (asked.append(job), self._waiting.append(job)))
    app = visit("record")
    assert not app.exception
    assert app.selectbox(key="public_images").options == ["scikit-learn's digits"]
    assert not any(
        "factory" in option or "file" in option or "Folder" in option
        for option in app.selectbox(key="public_model").options
    )
    app.selectbox(key="public_model").select("timm").run()
    app.text_input(key="public_timm").input("local-dir:/etc").run()
    app.button(key="public_start").click().run()
    assert "is not a model's name" in app.error[0].value
    app.text_input(key="public_timm").input("seresnet50").run()
    app.button(key="public_start").click().run()
    assert [(job.request.model, job.request.data, job.request.limit) for job in asked] == [
        ("timm:seresnet50", "digits", 50)
    ]
    assert "Number 1 in the queue" in said(app)
    assert str(recordings) not in said(app)


@pytest.mark.slow
def test_a_large_export_is_not_made_in_public(recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "most_download", lambda: 10)
    app = visit("export", recording="mine")
    assert "is not made on this server" in said(app)
    assert not app.text_input
