"""Sample images can be read by the one decoder and are always the same."""

from senet_viz.images.builtin import sample_images
from senet_viz.images.decoding import decode_image


def test_samples_decode_and_do_not_change() -> None:
    first, again = sample_images(), sample_images()
    assert first == again
    assert len({name for name, _ in first}) == 4
    for name, data in first:
        image = decode_image(data, name=name)
        assert image.mode == "RGB"
        assert min(image.size) >= 256
