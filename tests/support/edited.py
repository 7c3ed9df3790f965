"""JSON files that somebody has edited."""

import json
from pathlib import Path
from typing import Any

from senet_viz.recording.files import SEAL


def edit_json(path: Path, **changes: Any) -> None:
    """Replace fields on purpose: the checksum is left out, as a person is told to."""
    tree = json.loads(path.read_text("utf-8"))
    tree.pop(SEAL, None)
    path.write_text(json.dumps({**tree, **changes}), "utf-8")
