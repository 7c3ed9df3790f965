"""Some classes of a source are a source: the same images, labels numbered anew, another digest."""

import numpy as np
import pytest

from senet_viz.errors import ArgumentError
from senet_viz.images.opening import open_images
from senet_viz.images.source import take_classes


def test_evenly_spaced_classes_are_taken_with_their_images() -> None:
    whole = open_images("digits")
    part = take_classes(whole, 4)
    assert part.classes.names == ("0", "2", "5", "7")
    assert len(part) == int(np.isin(whole.labels, [0, 2, 5, 7]).sum())
    kept = [i for i, label in enumerate(whole.labels) if label in (0, 2, 5, 7)]
    assert [part.sample_id(i) for i in range(20)] == [whole.sample_id(i) for i in kept[:20]]
    assert [part.classes.names[label] for label in part.labels] == [str(whole.labels[i]) for i in kept]
    assert np.array_equal(np.asarray(part.load(7)), np.asarray(whole.load(kept[7])))
    assert part.digest not in (whole.digest, take_classes(whole, 5).digest)
    assert not part.labels.flags.writeable


def test_all_classes_are_the_source_itself() -> None:
    whole = open_images("digits")
    assert take_classes(whole, None) is whole
    assert take_classes(whole, 10).classes == whole.classes


@pytest.mark.parametrize("count", [0, 11])
def test_classes_that_are_not_there_are_refused(count: int) -> None:
    with pytest.raises(ArgumentError, match=f"{count} classes are wanted, but digits has 10"):
        take_classes(open_images("digits"), count)
