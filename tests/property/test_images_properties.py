"""What must hold of any bytes, labels and names."""

from random import Random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from senet_viz.errors import ImageError
from senet_viz.images.decoding import decode_image
from senet_viz.images.labels import map_labels
from senet_viz.images.source import choose_indices, choose_kept
from senet_viz.schema import ClassTable
from tests.support import image_files as draw

FILES = [
    *(draw.draw_noise(size=(9, 7), kind=kind) for kind in ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "ICO")),
    draw.draw_16_bit(),
    draw.draw_16_bit(kind="TIFF"),
    draw.draw_cmyk_jpeg(),
    draw.draw_animation(),
    draw.draw_animation("WEBP"),
    draw.draw_alpha_png(),
    draw.draw_palette_png(),
    draw.draw_rotated_photo(),
]
label_lists = st.lists(st.integers(-1, 6), max_size=80).map(lambda values: np.array(values, np.int32))


def expect_image_or_error(data: bytes) -> None:
    sentence, image = "x ", None
    try:
        image = decode_image(data, name="x")
    except ImageError as error:
        sentence = str(error)
    assert sentence.startswith("x ")
    assert "\n" not in sentence
    if image is not None:
        assert image.mode == "RGB"
        assert image.width * image.height == len(image.tobytes()) // 3 > 0


@given(st.binary(max_size=300))
@example(b"")
@example(b"P6 999999999 999999999 255\n")
@example(b"P5 2 1 65535\n\x00")
def test_any_bytes_give_an_image_or_an_image_error(data: bytes) -> None:
    expect_image_or_error(data)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.data())
def test_damaged_files_give_an_image_or_an_image_error(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(FILES)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, min(len(content), 400) - 1))
        content[at] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(1, len(content)))
    expect_image_or_error(bytes(content[:end]))


@given(label_lists, st.integers(1, 100), st.integers(0, 5))
def test_chosen_images_are_stratified(labels: NDArray[np.int32], limit: int, seed: int) -> None:
    chosen = choose_indices(labels, limit=limit, seed=seed)
    assert len(chosen) == min(limit, len(labels))
    assert np.all(np.diff(chosen) > 0)
    assert np.array_equal(chosen, choose_indices(labels, limit=limit, seed=seed))
    classes, have = np.unique(labels, return_counts=True)
    got = np.array([(labels[chosen] == c).sum() for c in classes])
    unfilled = got[got < have]
    assert unfilled.max(initial=0) - unfilled.min(initial=10**9) <= 1
    assert got.max(initial=0) <= unfilled.min(initial=10**9) + 1
    assert set(chosen) <= set(choose_indices(labels, limit=limit + 7, seed=seed))


@given(label_lists, st.integers(1, 20), st.integers(0, 5))
def test_kept_images_are_at_most_n_of_every_class(labels: NDArray[np.int32], most: int, seed: int) -> None:
    kept = choose_kept(labels, keep=str(most), seed=seed)
    for c in np.unique(labels):
        assert kept[labels == c].sum() == min(most, (labels == c).sum())
    assert np.array_equal(kept, choose_kept(labels, keep=str(most), seed=seed))
    assert choose_kept(labels, keep="all", seed=seed).all()
    assert not choose_kept(labels, keep="none", seed=seed).any()


def test_the_seed_matters() -> None:
    labels = np.repeat(np.arange(5), 40).astype(np.int32)
    choices = {choose_indices(labels, limit=50, seed=seed).tobytes() for seed in range(20)}
    kept = {choose_kept(labels, keep="10", seed=seed).tobytes() for seed in range(20)}
    assert len(choices) == len(kept) == 20


words = st.text(alphabet="aAb, ", max_size=4).map(lambda word: f"x{word}")


@given(st.lists(words, min_size=1, max_size=6), st.lists(words, min_size=1, max_size=6), st.randoms())
def test_mapping_never_depends_on_the_order_of_classes_or_outputs(
    names: list[str], outputs: list[str], random: Random
) -> None:
    first = map_labels(ClassTable(tuple(names)), "classes", ClassTable(tuple(outputs)), len(outputs))
    order, shuffled = list(range(len(names))), list(range(len(outputs)))
    random.shuffle(order)
    random.shuffle(shuffled)
    second = map_labels(
        ClassTable(tuple(names[i] for i in order)),
        "classes",
        ClassTable(tuple(outputs[i] for i in shuffled)),
        len(outputs),
    )
    for at, original in enumerate(order):
        output = second.outputs[at]
        assert first.outputs[original] == (None if output is None else shuffled[output])
    for index, output in enumerate(first.outputs):
        if output is not None:
            assert names[index].split(",")[0].strip().casefold() == outputs[output].split(",")[0].strip().casefold()
