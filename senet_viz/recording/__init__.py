"""The recording on disk: written by the torch wing, read by the numpy wing."""

from senet_viz.recording.batches import RecordedBatch
from senet_viz.recording.controls import Control
from senet_viz.recording.layout import Quantity
from senet_viz.recording.lock import read_lock
from senet_viz.recording.progress import Progress, read_progress, write_progress
from senet_viz.recording.reader import Recording, open_recording
from senet_viz.recording.slimming import slim_recording
from senet_viz.recording.verification import VerifyReport, verify_recording
from senet_viz.recording.writer import RecordingWriter, holds_recording

__all__ = [
    "Control",
    "Progress",
    "Quantity",
    "RecordedBatch",
    "Recording",
    "RecordingWriter",
    "VerifyReport",
    "holds_recording",
    "open_recording",
    "read_lock",
    "read_progress",
    "slim_recording",
    "verify_recording",
    "write_progress",
]
