"""What is asked of a network's preprocessing is read once, and refused in one sentence."""

import pytest

from senet_viz.errors import ArgumentError
from senet_viz.models.options import ModelOptions


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"input_size": 0}, "input_size is 0; it is at least 1 px"),
        ({"mean": "0.5,x"}, "mean is '0.5,x'; it is one number per channel"),
        ({"mean": ""}, "mean is ''"),
        ({"mean": "nan"}, "mean is 'nan'"),
        ({"std": "0.2,0"}, "every SD is above 0"),
        ({"std": "inf"}, "std is 'inf'"),
        ({"mean": "123.7,116.3,103.5"}, "divide what is for 0 … 255 by 255"),
        ({"std": "0.2,57.1,0.2"}, "divide what is for 0 … 255 by 255"),
        ({"interpolation": "cubic"}, "it is one of nearest, bilinear, bicubic, lanczos"),
        ({"crop": "0"}, "it is a share above 0 and at most 1"),
        ({"crop": "1.1"}, "or squash"),
        ({"crop": "nan"}, "or squash"),
        ({"crop": "middle"}, "or squash"),
    ],
)
def test_values_that_are_none_are_refused(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        ModelOptions(**given)  # type: ignore[arg-type]


def test_they_are_read_as_the_preprocessing_takes_them() -> None:
    found = ModelOptions(input_size=64, mean="0.5, 0.4,0.3", std="0.2", crop="0.9").preprocessing()
    assert found == {"size": 64, "mean": (0.5, 0.4, 0.3), "std": (0.2,), "interpolation": None, "crop": 0.9}
    assert ModelOptions(crop="squash").preprocessing()["crop"] == "squash"
    assert set(ModelOptions().preprocessing().values()) == {None}
