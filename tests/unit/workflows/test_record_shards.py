"""A recording of tars behind a URL, stopped and resumed, is that of a Parquet of the same images, and holds no secret."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

import senet_viz as sv
from senet_viz.images import webdataset
from senet_viz.recording.options import RecordOptions
from senet_viz.workflows.job import JobProgress
from senet_viz.workflows.record import record
from tests.support.shards import label_images, serve, write_tar
from tests.support.tiny import tiny_png, write_tiny_parquet

OPTIONS = RecordOptions(batch_size=8, commit_seconds=0.0, squeeze=True, limit=50, workers=1)


class StoppedError(Exception):
    pass


def stop(progress: JobProgress) -> None:
    if progress.consumed >= 24:
        raise StoppedError


@pytest.mark.slow
def test_a_recording_of_remote_tars_is_that_of_a_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENET_VIZ_CACHE", str(tmp_path / "cache"))
    data = tmp_path / "data"
    data.mkdir()
    table = write_tiny_parquet(data / "x.parquet", 60)
    for shard in range(3):
        rows = range(20 * shard, 20 * shard + 20)
        members = label_images([tiny_png(row) for row in rows], [row % 10 for row in rows])
        write_tar(data / f"{shard:02}.tar", members)
    model = sv.load_model("tests.support.tiny:tiny_se", device="cpu")
    expected = record(model, sv.open_images(table), tmp_path / "of-parquet", options=OPTIONS)
    with serve(data, ranges=True) as (url, *_):
        spec = f"http://me:secret@{url.removeprefix('http://')}/{{00..02}}.tar?token=secret"
        with pytest.raises(StoppedError):
            record(model, sv.open_images(spec), tmp_path / "of-tars", options=OPTIONS, on_progress=stop)
        monkeypatch.setattr(webdataset, "index_tar", lambda *_: pytest.fail("an index was made again"))
        found = record(
            model, sv.open_images(spec.replace("token=secret", "token=other")), tmp_path / "of-tars", options=OPTIONS
        )
    assert (found.manifest.data["name"], found.manifest.data["kind"]) == ("{00..02}.tar", "webdataset")
    assert found.manifest.progress == expected.manifest.progress
    for role in ("samples", "gates"):
        mine, theirs = (pq.read_table(files) for files in _files(tmp_path, role))
        named = [name for name in ("sample_id", "path") if name in mine.column_names]
        assert mine.num_rows == 50
        assert mine.drop_columns(named).equals(theirs.drop_columns(named))
    moments = [file.name for file in (tmp_path / "of-tars").glob("moments-*")]
    assert moments
    for name in moments:
        assert (tmp_path / "of-tars" / name).read_bytes() == (tmp_path / "of-parquet" / name).read_bytes()
    for place in (tmp_path / "of-tars", tmp_path / "cache"):
        assert not any(b"secret" in file.read_bytes() for file in place.rglob("*") if file.is_file())


def _files(folder: Path, role: str) -> list[list[str]]:
    return [sorted(map(str, (folder / of).glob(f"{role}-*.parquet"))) for of in ("of-tars", "of-parquet")]
