"""URLs: what is shown of them, what is said where they lead nowhere."""

import pickle
from pathlib import Path

import fsspec
import pytest

from senet_viz.errors import SourceError
from senet_viz.images import storage
from senet_viz.images.opening import find_spec, open_images, open_recorded
from senet_viz.images.storage import connect, describe_failure, find_local, hide_credentials, is_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:pass@host:8/a/x.tar?token=abc&x=1#y", "https://host:8/a/x.tar"),
        ("s3://key:secret@bucket/x-*.tar", "s3://bucket/x-*.tar"),
        ("hf://datasets/o/n@v1/data/x.parquet", "hf://datasets/o/n@v1/data/x.parquet"),
        ("https://host/{a,b}.tar?sig=z", "https://host/{a,b}.tar"),
        ("data/what?.tar", "data/what?.tar"),
        ("s3://b/val-0?.tar", "s3://b/val-0?.tar"),
        ("s3://b/val-0?.tar?token=a", "s3://b/val-0"),
        ("C://x?y", "C://x?y"),
        ("see https://a:b@h/x?k=1 and https://h/y?k=2", "see https://h/x and https://h/y"),
    ],
)
def test_credentials_are_not_shown(url: str, shown: str) -> None:
    assert hide_credentials(url) == shown


def test_a_failure_is_told_without_what_its_url_keeps_secret() -> None:
    url = "https://me:pa%24sword@host/x.tar?token=abcdef"
    error = ValueError(
        "GET https://me:pa$sword@host/x.tar?token=abcdef: pa$sword and abcdef were refused <x at 0x7f00>"
    )
    told = describe_failure(error, url)
    assert not any(secret in told for secret in ("abcdef", "pa$sword", "pa%24sword", "0x7f00"))
    assert "were refused" in told
    assert describe_failure(OSError("no x.tar"), "s3://b/?x.tar") == "no x.tar"


@pytest.mark.parametrize(("spec", "url"), [("s3://a/b", True), ("C:/x", False), ("c://x", False), (Path("a"), False)])
def test_what_a_url_is(spec: object, url: bool) -> None:
    assert is_url(spec) == url


def test_a_protocol_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "url_to_fs", refuse)
    for url, package in {"s3://b/x.tar": "s3fs", "gs://b/*.parquet": "gcsfs"}.items():
        with pytest.raises(SourceError, match=rf"needs a package that is not installed: pip install {package}\."):
            open_images(url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nothing://x/y.tar", "nothing:// is not known"),
        ("memory://nowhere/x.tar", r"memory://nowhere/x\.tar does not exist: correct the URL"),
        ("http://me:secret@127.0.0.1:9/x.tar?token=secret", r"http://127\.0\.0\.1:9/x\.tar could not be reached"),
        ("memory://x::http://h/y.tar", "chains several protocols"),
    ],
)
def test_urls_that_lead_nowhere(url: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "PAUSES", ())
    with pytest.raises(SourceError, match=said) as caught:
        open_images(url)
    assert "secret" not in str(caught.value)


def test_a_recordings_url_is_never_opened_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "connect", lambda url: pytest.fail(f"{url} was opened"))
    for kind in ("parquet", "webdataset", "folder", "csv", "torchvision", "digits"):
        for name in ("https://h/x.tar", "memory://x.parquet", "file:///etc/hosts", "s3://b/{0..9}.tar"):
            assert find_spec({"kind": kind, "name": name}) is None
            with pytest.raises(SourceError, match="is a URL, which is opened only where a person gives it"):
                open_recorded(name, {"kind": kind, "name": name}, fetch=False)


def test_a_stored_file_knows_when_it_is_another(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(b"abc")
    file = pickle.loads(pickle.dumps(find_local(path, tmp_path)))
    file.check()
    path.write_bytes(b"abcd")
    with pytest.raises(OSError, match="it had 3 bytes and has 4"):
        file.check()
    path.unlink()
    with pytest.raises(FileNotFoundError):
        file.check()


def test_a_file_systems_secrets_are_not_in_a_repr() -> None:
    files, place = connect("memory://a.tar")
    files.pipe_file(place, b"x")
    file = storage.find_remote("memory://a.tar?token=secret", place, "")
    assert "secret" not in f"{file!r}{file}"
    files.rm(place)
