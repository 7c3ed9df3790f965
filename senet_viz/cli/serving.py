"""The command `app`: the dashboard, for oneself or for the public."""

import os
from pathlib import Path
from typing import Annotated

import typer

from senet_viz.cli.options import app, takes
from senet_viz.dashboard.mode import PUBLIC, RECORDINGS, PublicOptions
from senet_viz.errors import ArgumentError
from senet_viz.paths import expand_home, repository


@app.command("app")
@takes(PublicOptions, "limits")
def app_command(
    *,
    recordings: Annotated[
        list[Path] | None, typer.Option(help="Folder of recordings, or a recording; may be repeated.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="8501, or the next that is free, by default.")] = None,
    address: Annotated[str, typer.Option(help="Where it listens; 0.0.0.0 for all networks.")] = "localhost",
    host: Annotated[
        list[str] | None,
        typer.Option(help="A name that browsers call it by, beside localhost; *.NAME for all below; may be repeated."),
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser; not in public.")] = True,
    public: Annotated[bool, typer.Option("--public", help="For visitors: no paths, limits, a queue.")] = False,
    limits: PublicOptions,
) -> None:
    """Open the dashboard, for oneself or, with --public, for visitors."""
    script = repository() / "app.py"
    if not script.is_file():
        raise ArgumentError(
            f"{script} is missing: the app runs from a clone of the repository; install with pip install -e ."
        )
    if limits != PublicOptions() and not public:
        raise ArgumentError("Limits, --jobs and --images are of the public app: add --public, or leave them out.")
    folders = [expand_home(folder).absolute() for folder in recordings or ()]
    named = {"recordings": folders, "jobs": [expand_home(limits.jobs)] if limits.jobs else [],
             "images": [expand_home(limits.images)] if limits.images else []}  # fmt: skip
    for option, paths in named.items():
        for path in paths:
            if not path.is_dir():
                raise ArgumentError(f"--{option} {path} is not a folder: name one that exists.")
    if folders or public:  # what is named here is what there is
        os.environ[RECORDINGS] = os.pathsep.join(map(str, folders))
    if public:
        os.environ[PUBLIC] = limits.to_setting()
    flags = ["--server.address", address, "--server.headless", str(public or not browser).lower()]
    flags += [] if port is None else ["--server.port", str(port)]
    for name in ("localhost", "127.0.0.1", "::1", *(host or ())):
        flags += ["--server.allowedHosts", name]
    from senet_viz.dashboard.serving import run_app

    run_app(script, flags)
