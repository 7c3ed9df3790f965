"""Decoding in another process: the same pixels and sentences, limits that hold, and a death that stays there."""

import io
import os
import signal
import struct
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, features

from senet_viz.errors import ImageError
from senet_viz.images import apart
from senet_viz.images.decoding import decode_here, decode_image
from tests.support import image_files as draw

needs_avif = pytest.mark.skipif("avif" not in features.get_supported(), reason="this Pillow has no AVIF")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux")


@pytest.fixture(autouse=True, scope="module")
def no_process_is_left() -> Iterator[None]:
    yield
    apart._end_all()


def test_pixels_and_sentences_are_the_same() -> None:
    data, idle = draw.draw_rotated_photo(), max(1, len(apart._IDLE))
    assert decode_image(data, name="x.jpg", apart=True).tobytes() == decode_image(data, name="x.jpg").tobytes()
    said = []
    for away in (True, False):
        with pytest.raises(ImageError) as caught:
            decode_image(draw.draw_truncated_jpeg(), name="ü\udc80.jpg", apart=away)
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert len(apart._IDLE) == idle, "one process serves one image after the other"


def test_a_process_that_died_is_replaced() -> None:
    decode_image(draw.draw_plain(), apart=True)
    process = apart._IDLE[-1]._process
    process.kill()
    process.wait()
    assert decode_image(draw.draw_plain(), apart=True).size == (16, 12)
    assert apart._IDLE[-1]._process.pid != process.pid


def test_an_image_outlives_a_process_that_is_killed_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system kills where memory is short; one that kills whatever decodes it is refused at the second time."""
    sent, kills = apart._Worker._send, iter((True, False, True, True))

    def send(self: apart._Worker, data: bytes, name: str) -> None:
        if next(kills):
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        sent(self, data, name)

    monkeypatch.setattr(apart._Worker, "_send", send)
    assert decode_image(draw.draw_plain(), apart=True).size == (16, 12)
    with pytest.raises(ImageError, match="could not be decoded within its limits"):
        decode_image(draw.draw_plain(), apart=True)


def test_no_more_processes_wait_than_there_are_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    apart._end_all()
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    workers = [apart._Worker() for _ in range(3)]
    for worker in workers:
        apart._keep(worker)
    assert workers[:2] == apart._IDLE
    assert [worker.alive for worker in workers] == [True, True, False]
    apart._end_all()


def test_one_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    decode_image(draw.draw_plain(), apart=True)
    process = apart._IDLE[-1]._process
    monkeypatch.setattr(apart, "WALL_SECONDS", 0)
    with pytest.raises(ImageError, match=r"^slow\.png could not be decoded within its limits of memory and time"):
        decode_image(draw.draw_noise(size=(1_500, 1_000), kind="PNG"), name="slow.png", apart=True)
    assert process.poll() is not None
    assert apart._IDLE == []
    monkeypatch.undo()
    assert decode_image(draw.draw_plain(), apart=True).size == (16, 12)


@needs_avif
@on_linux
def test_an_avif_that_is_larger_than_its_header_says_gets_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((2_000, 2_000))
    out = io.BytesIO()
    image.save(out, "AVIF", speed=10)
    data = bytearray(out.getvalue())
    assert decode_image(bytes(data)).size == (2_000, 2_000), "it never is decoded here"
    at = data.index(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", 8, 8)
    assert decode_here(bytes(data), "x").size == (8, 8), "the library believes the picture, and takes room for it"
    monkeypatch.setattr(apart, "ROOM", 4 * 2**20)
    with pytest.raises(ImageError, match=r"^x\.avif (is damaged|would take|could not be decoded)"):
        decode_image(bytes(data), name="x.avif")
    assert decode_image(draw.draw_plain(kind="AVIF"), name="x.avif").size == (16, 12)
