"""What images are compared with: mean, spread and class profiles of every block of a recording."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from senet_viz.errors import RecordingError
from senet_viz.recording import Recording
from senet_viz.schema import ClassTable, Gate

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BlockProfiles:
    """One block of a recording.

    Attributes:
        block: the gate.
        mean: mean gate over all images, labelled or not, (C,), in units of s.
        sd: sample standard deviation over all images, (C,); NaN where one image was recorded.
        class_means: the class profiles, (K′, C): mean gate of each class that has an image.
    """

    block: Gate
    mean: Floats
    sd: Floats
    class_means: Floats


@dataclass(frozen=True, eq=False)
class RecordedProfiles:
    """All blocks of a recording; may be kept and used for many comparisons.

    Attributes:
        recording_id: of the recording.
        images: that were recorded.
        classes: the data's classes, K of them.
        compared: indices of the K′ classes that have an image, ascending: the rows of `class_means`.
        outputs: output of the network for each of the K classes, None where it has none.
        blocks: in order of depth.
    """

    recording_id: str
    images: int
    classes: ClassTable
    compared: NDArray[np.int64]
    outputs: tuple[int | None, ...]
    blocks: tuple[BlockProfiles, ...]

    def classes_of(self, output: int) -> tuple[int, ...]:
        """Classes that the label mapping gives this output of the network: none, one, or several by a label map."""
        return tuple(k for k, mapped in enumerate(self.outputs) if mapped == output)


def read_profiles(recording: Recording) -> RecordedProfiles:
    """Reads means, spreads and class profiles of every block: 8·K·ΣC bytes are held.

    Raises:
        RecordingError: no image was recorded yet, or a file is missing or damaged.
    """
    if not recording.manifest.progress.get("images", 1):
        raise RecordingError(f"{recording.path} holds no image yet: wait for its first commit, or record again.")
    blocks: list[BlockProfiles] = []
    images, compared = 0, np.zeros(0, dtype=np.int64)
    for gate in recording.blocks:
        moments = recording.moments(gate.name, ranges=False)
        overall = moments.overall()
        images, compared = int(overall.count[0]), np.flatnonzero(moments.count > 0)
        blocks.append(BlockProfiles(gate, overall.mean[0], overall.std()[0], moments.mean[compared]))
    outputs = recording.manifest.mapping.outputs
    return RecordedProfiles(recording.id, images, recording.classes, compared, outputs, tuple(blocks))
