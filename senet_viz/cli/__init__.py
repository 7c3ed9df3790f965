"""The command line: parse, call, print. Results go to stdout, progress and sentences for people to stderr."""

import signal
import sys

from senet_viz.cli import analysis, images, interventions, models, recordings, serving
from senet_viz.cli.options import app
from senet_viz.errors import SenetVizError

__all__ = ["analysis", "app", "images", "interventions", "main", "models", "recordings", "serving"]
_INTERRUPTED = 130  # what typer makes of a KeyboardInterrupt


def main() -> None:
    """Entry point: ends with 0 done, 1 the work failed, 2 unusable arguments."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a cancelled job commits, as after Ctrl-C
    try:
        app()
    except SenetVizError as error:
        print(f"senet-viz: {error}", file=sys.stderr)  # noqa: T201 - the command line prints
        sys.exit(error.exit_code)
    except SystemExit as ending:
        if ending.code != _INTERRUPTED:
            raise
        print("senet-viz: stopped; what was committed is kept.", file=sys.stderr)  # noqa: T201 - as above
        sys.exit(1)
