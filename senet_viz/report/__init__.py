"""What was found in a recording as one self-contained web page that asks no host for anything."""

from senet_viz.report.writing import make_report, write_report

__all__ = ["make_report", "write_report"]
