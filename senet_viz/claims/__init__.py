"""The paper's claims about gates: declared, judged from plain numbers, told in sentences, stored as an assessment; never torch."""

from senet_viz.claims.declaring import READINGS
from senet_viz.claims.sentences import summarize_reading, tabulate_report

__all__ = ["READINGS", "summarize_reading", "tabulate_report"]
