"""What tests of all floors share."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("steady", deadline=None, derandomize=True)  # no test depends on the clock, nor on chance
settings.load_profile("steady")
gc.disable()  # until all is imported: millions of objects that stay, looked through again and again
if "PYTEST_XDIST_WORKER" in os.environ:  # each worker has one core; before torch is imported
    os.environ.setdefault("OMP_NUM_THREADS", "1")

_FOLDER = os.environ.get("SENET_VIZ_TINY_IMAGENET", "")
tiny_imagenet = pytest.mark.skipif(
    not (Path(_FOLDER) / "val.parquet").is_file(), reason="SENET_VIZ_TINY_IMAGENET names no folder with val.parquet"
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where nothing else is said, workers begin with stretches of the suite: what a file shares is made by one of them."""
    if config.getoption("dist") != "load":
        return None
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)


def pytest_collection_finish() -> None:
    """What has been imported stays: only what tests make is looked through for garbage."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Indexes of shards are kept where the tests' files are, not in the cache of who runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENET_VIZ_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny_imagenet_folder() -> Path:
    """Folder of Tiny ImageNet's Parquet files; for tests that carry `tiny_imagenet`."""
    return Path(_FOLDER)
