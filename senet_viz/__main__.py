"""`python -m senet_viz` is `senet-viz`."""

from senet_viz.cli import main

if __name__ == "__main__":
    main()
