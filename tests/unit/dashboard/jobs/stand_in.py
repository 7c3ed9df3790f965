"""A command that behaves as `senet-viz record` does, in a tenth of the time: run as a job in its place."""

import json
import os
import signal
import sys
import time
from pathlib import Path


def tell(out: Path, state: str, consumed: int, message: str = "") -> None:
    """Replace progress.json."""
    tree = {"state": state, "consumed": consumed, "total": 100, "errors": 0, "rate": 10.0, "seconds_left": 1.0,
            "updated": "2026-01-01T00:00:00+00:00", "pid": os.getpid(), "message": message}  # fmt: skip
    temporary = out / "progress.json.tmp"
    temporary.write_text(json.dumps(tree), encoding="utf-8")
    temporary.replace(out / "progress.json")


def main(arguments: list[str]) -> None:
    """`--model` says what to do: "hang", "silent" (hangs before any progress), "fail" or "refuse"."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    model, out = (arguments[arguments.index(option) + 1] for option in ("--model", "--out"))
    sys.stderr.write(" ".join(arguments) + "\n")
    if model == "refuse":
        sys.exit("senet-viz: No model is called 'refuse': give another.")
    if model == "silent":
        time.sleep(60)
    Path(out).mkdir(exist_ok=True)
    tell(Path(out), "running", 40)
    try:
        if model == "fail":
            raise RuntimeError("the disk is full")
        time.sleep(60)
    except KeyboardInterrupt:
        tell(Path(out), "cancelled", 42)
        sys.exit(1)
    except RuntimeError as error:
        tell(Path(out), "failed", 41, str(error))
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
