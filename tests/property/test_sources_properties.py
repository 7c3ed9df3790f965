"""What must hold of the same images in whatever form: labels, pixels, and which of them a limit chooses."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from senet_viz.errors import SourceError
from senet_viz.images.opening import open_images
from senet_viz.images.source import choose_indices
from tests.support import image_files as draw
from tests.support.shards import build_tar

WORDS = ["ant", "bee", "cat", "n01443537", "7", "12", "ä"]
label_sets = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4, unique=True).filter(
    lambda words: len({word.isdigit() for word in words}) == 1  # digits in a tar are numbers
)


@pytest.mark.slow
@settings(max_examples=25)
@given(
    label_sets,
    st.lists(st.integers(0, 3), min_size=1, max_size=14),
    st.integers(1, 4),
    st.integers(1, 15),
    st.integers(0, 3),
)
def test_a_folder_parquet_and_tars_of_the_same_images_are_one_source(
    words: list[str], draws: list[int], per_shard: int, limit: int, seed: int
) -> None:
    given_labels = sorted(
        (words[at % len(words)] for at in draws), key=lambda word: word.zfill(9) if word.isdigit() else word
    )
    images = [draw.draw_plain((at, 7 * at % 256, 0), size=(3, 2), kind="PNG") for at in range(len(given_labels))]
    names = sorted(set(given_labels), key=lambda word: word.zfill(9) if word.isdigit() else word)
    files = fsspec.filesystem("memory")
    folder = Path(tempfile.mkdtemp())
    try:
        for at, (label, image) in enumerate(zip(given_labels, images)):
            draw.write_file(folder / "f" / label / f"{at:03}.png", image)
        for shard, start in enumerate(range(0, len(images), per_shard)):
            part = slice(start, start + per_shard)
            numbers: list[object] = [names.index(label) for label in given_labels[part]]
            members = [
                member
                for at, image in enumerate(images[part])
                for member in ((f"{at}.cls", str(numbers[at]).encode()), (f"{at}.png", image))
            ]
            tar = build_tar(members)
            draw.write_file(folder / "t" / f"{shard:02}.tar", tar)
            files.pipe_file(f"/same/{shard:02}.tar", tar)
            draw.write_parquet(folder / "p" / f"{shard:02}.parquet", images[part], numbers, class_names=names)
        rows = "".join(f"{at},,{name}\n" for at, name in enumerate(names)).encode()
        draw.write_file(folder / "t/classes.csv", b"label,wnid,name\n" + rows)
        files.pipe_file("/same/classes.csv", b"label,wnid,name\n" + rows)
        sources = [
            open_images(folder / "f"),
            open_images(folder / "p"),
            open_images(folder / "t"),
            open_images("memory://same"),
        ]
        for source in sources[1:]:
            assert source.labels.tolist() == sources[0].labels.tolist()
            assert source.classes.names == sources[0].classes.names == tuple(names)
            chosen = choose_indices(source.labels, limit=limit, seed=seed)
            assert chosen.tolist() == choose_indices(sources[0].labels, limit=limit, seed=seed).tolist()
            for index in chosen.tolist():
                np.testing.assert_array_equal(np.asarray(source.load(index)), np.asarray(sources[0].load(index)))
        assert sources[2].digest == sources[3].digest
    finally:
        shutil.rmtree(folder)
        files.rm("/same", recursive=True)


WHOLE = build_tar(
    [("d/a.jpg", b"x" * 700), ("d/a.cls", b"1"), (f"{'n' * 150}.jpg", b"y" * 90), ("b.json", b'{"label": 2}')]
)


@pytest.mark.slow
@settings(max_examples=150)
@given(st.data())
def test_any_bytes_are_a_tar_or_a_source_error(data: Any) -> None:
    content = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(content[: data.draw(st.integers(0, len(content)))])
    files = fsspec.filesystem("memory")
    files.pipe_file("/odd/x.tar", cut)
    said = ""
    try:
        assert len(open_images("memory://odd/x.tar")) >= 1
    except SourceError as error:
        said = str(error)
    finally:
        files.rm("/odd", recursive=True)
    assert not said or "x.tar" in said
    assert "\n" not in said
