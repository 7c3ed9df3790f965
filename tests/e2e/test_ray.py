"""Ray's workers, as many as there are and whatever becomes of them, end with the bits of this process."""

import contextlib
import dataclasses
import multiprocessing
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

import senet_viz as sv
from senet_viz.analysis.freezing_files import stored_freezing, to_json
from senet_viz.errors import EngineError, ImageError, SourceError
from senet_viz.images.source import ImageSource
from senet_viz.models.zoo import Model
from senet_viz.recording.options import RecordOptions
from senet_viz.workflows.engine import LOCAL
from senet_viz.workflows.experiments import ExperimentRequest, run_experiment
from senet_viz.workflows.freezing.request import FreezeOptions
from senet_viz.workflows.interventions.request import InterventionOptions
from senet_viz.workflows.job import JobProgress
from senet_viz.workflows.ray_engine import RayEngine
from tests.support.experimented import DECLARATION, write_declaration
from tests.support.image_files import open_outputs
from tests.support.tiny import tiny_png, write_tiny_parquet

pytestmark = pytest.mark.slow
ray = pytest.importorskip("ray")
IMAGES = 330
OPTIONS: dict[str, Any] = {"batch_size": 16, "shard_size": 100}


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """One Ray for all tests that do not start their own; as many workers as are asked for find a place."""
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_worker_niceness="0")  # as urgent as the other tests
    ray.init("local", num_cpus=6, include_dashboard=False, log_to_driver=False, object_store_memory=100 * 2**20)
    yield
    ray.shutdown()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As many as the workers have."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ImageSource:
    """Three of the images can not be read."""
    files = [path.read_bytes() for path in _write_images(tmp_path_factory.mktemp("images"))]
    return sv.open_images(write_tiny_parquet(tmp_path_factory.mktemp("data") / "tiny.parquet", IMAGES, files=files))


def _write_images(folder: Path) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for index in range(110):
        data = b"no image" if index == 57 else tiny_png(index)
        (folder / f"{index:03d}.png").write_bytes(data)
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def model() -> Model:
    return odd_model()


def odd_model() -> Model:
    """Gates of functions, a shared one, an unbounded one: what a copy of the network must find again."""
    return sv.load_model("tests.support.odd:odd_network", device="cpu", logits="logits")


@pytest.fixture(scope="module")
def local(model: Model, source: ImageSource, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return sv.record(model, source, tmp_path_factory.mktemp("local") / "x", options=RecordOptions(**OPTIONS)).path


def contents(folder: Path) -> dict[str, bytes]:
    """Every byte that a recording holds beside its manifest, which tells times and machines."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.suffix in (".parquet", ".safetensors", ".jsonl")
    }


def remote(workers: int) -> RecordOptions:
    return RecordOptions(**OPTIONS, workers=workers)


ENGINE = RayEngine(threads_per_worker=1)


def test_no_cluster_is_one_sentence(model: Model, source: ImageSource, tmp_path: Path) -> None:
    if any("gcs_server" in str(process.info["name"]) for process in psutil.process_iter(["name"])):
        pytest.skip("another Ray runs on this machine, which auto would find")
    with pytest.raises(EngineError, match=r"No Ray answers at auto .*`ray start --head`"):
        sv.record(model, source, tmp_path / "x", engine=RayEngine("auto"))


def worker_processes() -> list[psutil.Process]:
    """Processes that do batches for this one."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has just ended
            found += [process] if "BatchWorker" in " ".join(process.cmdline()) else []
    return found


def expect_no_worker() -> None:
    """Workers end with their job."""
    _, alive = psutil.wait_procs(worker_processes(), timeout=30)
    assert not alive


@pytest.mark.usefixtures("cluster")
def test_killed_workers_are_replaced_and_told_and_no_bit_is_lost(
    model: Model, source: ImageSource, local: Path, tmp_path: Path
) -> None:
    seen: list[JobProgress] = []
    dice = random.Random(3)

    def kill(progress: JobProgress) -> None:
        seen.append(progress)
        if len(seen) in (2, 9) and (alive := worker_processes()):
            dice.choice(alive).kill()

    made = sv.record(model, source, tmp_path / "x", options=remote(4), engine=ENGINE, on_progress=kill)
    assert contents(made.path) == contents(local)
    assert len(made.errors) == 3
    assert made.manifest.throughput[-1]["replaced"] == seen[-1].replaced >= 1
    assert [p.consumed for p in seen] == sorted(p.consumed for p in seen)
    assert seen[-1].consumed == IMAGES
    assert set(seen[-1].workers) <= {str(number) for number in range(1, 4 + seen[-1].replaced + 1)}


def record_until_killed(address: str, data: str, folder: Path) -> None:
    """One worker, and a driver that dies on the way."""

    def die(progress: JobProgress) -> None:
        if progress.consumed > 180:
            os.kill(os.getpid(), signal.SIGKILL)

    torch.set_num_threads(1)
    options = dataclasses.replace(remote(1), commit_seconds=0.0)
    engine = RayEngine(address, threads_per_worker=1)
    sv.record(odd_model(), data, folder, options=options, engine=engine, on_progress=die)


@pytest.mark.usefixtures("cluster")
def test_a_run_that_was_stopped_and_killed_is_taken_up_by_another_number_of_workers(
    model: Model, source: ImageSource, local: Path, tmp_path: Path
) -> None:
    def stop(progress: JobProgress) -> None:
        if progress.consumed > 60:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sv.record(model, source, tmp_path / "x", options=remote(1), engine=ENGINE, on_progress=stop)
    expect_no_worker()
    address = ray.get_runtime_context().gcs_address
    # a process of its own, not a fork of one from before Ray's start, which would lack the token that Ray put into the environment
    driver = multiprocessing.get_context("spawn").Process(
        target=record_until_killed, args=(address, source.name, tmp_path / "x")
    )
    driver.start()
    driver.join()
    assert driver.exitcode == -signal.SIGKILL
    done = sv.open_recording(tmp_path / "x")
    assert not done.complete
    assert 60 < done.samples.num_rows < IMAGES - 3
    expect_no_worker()
    made = sv.record(model, source, tmp_path / "x", options=remote(2), engine=ENGINE)
    assert contents(made.path) == contents(local)
    run = made.manifest.throughput[-1]
    assert (run["engine"], run["replaced"]) == ("ray", 0)
    assert sum(kind["count"] for kind in run["workers"]) <= 2
    assert {kind["threads"] for kind in run["workers"]} == {1}


@pytest.mark.usefixtures("cluster")
def test_interventions_and_a_search_end_with_the_same_bits(model: Model, source: ImageSource, tmp_path: Path) -> None:
    data = write_tiny_parquet(tmp_path / "data.parquet", 120)
    data.with_name("classes.csv").unlink()  # labels are output indices then
    readable = open_outputs(data)
    clean, both = sv.record(model, readable, tmp_path / "clean", options=RecordOptions(batch_size=16)), []
    for name, engine in (("here", LOCAL), ("there", ENGINE)):
        options = InterventionOptions(
            ("blocks",), baselines=("one", "mean", "predicted_class_mean", "within"), batch_size=16, shard_size=40
        )
        outcomes = sv.intervene(
            model, readable, tmp_path / name / "outcomes", options=options, baselines_from=clean, engine=engine
        )
        search = FreezeOptions(batch_size=16)
        sv.advise_freezing(
            model,
            readable,
            tmp_path / name / "freezing",
            options=search,
            engine=engine,
            baselines_from=clean,
        )
        path = stored_freezing(tmp_path / name / "freezing")
        assert path is not None
        found = {key: to_json(path)[key] for key in ("images", "clean", "steps")}
        both.append((contents(outcomes.path), found))
    assert both[0] == both[1]


@pytest.mark.usefixtures("cluster")
def test_a_sentence_of_a_worker_is_told_as_it_is(model: Model, tmp_path: Path) -> None:
    """An image that was recorded and is gone when gates are moved."""
    for index in range(40):
        (tmp_path / "images" / str(index % 2)).mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / str(index % 2) / f"{index}.png").write_bytes(tiny_png(index))
    source = sv.open_images(tmp_path / "images")
    clean = sv.record(model, source, tmp_path / "clean", options=RecordOptions(batch_size=16))
    (tmp_path / "images" / "1" / "39.png").unlink()
    options = InterventionOptions(("all",), baselines=("one",), batch_size=16, workers=1)
    with pytest.raises(SourceError, match=r"39\.png was recorded and cannot be read any more"):
        sv.intervene(model, source, tmp_path / "out", options=options, baselines_from=clean, engine=ENGINE)


@pytest.mark.usefixtures("cluster")
def test_workers_that_find_no_place_are_named_with_what_they_wait_for(
    model: Model, source: ImageSource, tmp_path: Path
) -> None:
    engine = RayEngine(threads_per_worker=64, patience=3)
    with pytest.raises(
        EngineError,
        match=r"2 of 2 workers have not begun: each takes 64 CPUs, and of 6 CPUs and 0 GPUs 6 and 0 are free",
    ):
        sv.record(model, source, tmp_path / "x", options=remote(2), engine=engine)


@pytest.mark.usefixtures("cluster")
def test_networks_of_an_experiment_are_trained_at_the_same_time(tmp_path: Path) -> None:
    data = str(write_tiny_parquet(tmp_path / "train.parquet", 120))
    text = DECLARATION.replace("seeds = [0, 1]", "seeds = [3]").replace("[[1, 16]]", "[[1, 8]]").replace("= 64", "= 20")
    found = []
    for name, engine in (("here", LOCAL), ("there", ENGINE)):
        request = ExperimentRequest(
            file=write_declaration(tmp_path / name, text),
            data=data,
            validation=data,
            device="cpu",
            conditions=("r16", "none"),
        )
        said: list[str] = []
        result = run_experiment(request, say=said.append, report=lambda _: None, engine=engine, workers=2)
        cells = [(c.condition, c.predictions.tolist(), c.losses.tolist(), repr(c.blocks)) for c in result.cells]
        found.append((cells, sorted(said)))
        assert not any((tmp_path / name / "cells").iterdir()), "what was trained has been measured and removed"
    assert found[0] == found[1]


@pytest.mark.usefixtures("cluster")
def test_paths_begin_where_the_command_is_called(
    model: Model, local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in the folder where the cluster was started."""
    files = [path.read_bytes() for path in _write_images(tmp_path / "images")]
    write_tiny_parquet(tmp_path / "tiny.parquet", IMAGES, files=files)
    monkeypatch.chdir(tmp_path)
    made = sv.record(model, "tiny.parquet", "x", options=remote(1), engine=ENGINE)
    assert len(made.errors) == 3
    names = {name for name in contents(local) if not name.startswith("errors")}  # which say a path
    assert {name: data for name, data in contents(tmp_path / "x").items() if name in names} == {
        name: contents(local)[name] for name in names
    }


@pytest.mark.usefixtures("cluster")
def test_a_worker_without_the_images_ends_the_job_instead_of_calling_them_unreadable(
    model: Model, source: ImageSource, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match=r"^A worker \(on .*\) cannot read .* on every machine"):
        sv.record(model, _OnlyHere(source), tmp_path / "x", options=remote(1), engine=ENGINE)


class _OnlyHere:
    """Images that no other process has."""

    def __init__(self, source: ImageSource) -> None:
        self._source, self._home = source, os.getpid()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("_source", "_home"):
            raise AttributeError(name)
        return getattr(self._source, name)

    def __len__(self) -> int:
        return len(self._source)

    def load(self, index: int) -> Any:
        if os.getpid() != self._home:
            raise ImageError("no such file")
        return self._source.load(index)
