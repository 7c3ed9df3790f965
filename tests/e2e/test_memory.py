"""Memory does not grow with the number of images."""

import os
import resource
import sys
from pathlib import Path

import pytest

from tests.e2e.command import finish, invoke
from tests.support.tiny import write_tiny_parquet


def peak_megabytes(data: Path, out: Path, images: int) -> float:
    """Highest resident memory of one `record --keep none` over `images` images (it starts no other process)."""
    arguments = [
        "record", "--model", "tests.support.tiny:tiny_se", "--data", str(data), "--out", str(out),
        "--device", "cpu", "--keep", "none", "--batch-size", "256", "--limit", str(images),
    ]  # fmt: skip
    done = finish(invoke_and_tell_peak, arguments, Path.cwd())
    assert done.returncode == 0, done.stderr
    return int(done.stdout.splitlines()[-1]) / 1024


def invoke_and_tell_peak(arguments: list[str], out: str, err: str, folder: str) -> None:
    """The command, and last on stdout the peak of its process, in kilobytes; what it had loaded before counts both times."""
    try:
        invoke(arguments, out, err, folder)
    finally:
        os.write(1, f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}\n".encode())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux only")
def test_ten_times_the_images_take_at_most_a_kilobyte_an_image_more(tmp_path: Path) -> None:
    data = write_tiny_parquet(tmp_path / "tiny.parquet", 20_000)
    few = peak_megabytes(data, tmp_path / "few", 2_000)
    many = peak_megabytes(data, tmp_path / "many", 20_000)
    assert many - few <= 18, f"{few:.0f} MB for 2,000 images, {many:.0f} MB for 20,000"
