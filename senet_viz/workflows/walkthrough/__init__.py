"""One image step by step through one SE block of a network: the torch half."""

from senet_viz.workflows.walkthrough.costs import summarize_costs
from senet_viz.workflows.walkthrough.running import step_block

__all__ = ["step_block", "summarize_costs"]
