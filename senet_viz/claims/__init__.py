"""The paper's claims about gates: declared, judged from plain numbers, told in sentences; numpy and scipy only."""

from senet_viz.claims.agreement import SUBSET_SIZE, SUBSETS, draw_subsets, measure_subsets, wilson_interval
from senet_viz.claims.declarations import CLAIMS
from senet_viz.claims.declaring import READINGS, Claim, Part, Reading, ReadingName, Unit
from senet_viz.claims.evidence import Beside, ClaimReport, Evidence, JudgedClaim, PartEvidence
from senet_viz.claims.inputs import (
    BlockIntervals,
    BlockSeries,
    ClaimInputs,
    ClassSubsets,
    Effect,
    Series,
    SeriesName,
    gather_series,
)
from senet_viz.claims.judging import NO_INTERVENTIONS, judge
from senet_viz.claims.roles import ROLE_WORDS, ROLES, Layout, Role, find_roles
from senet_viz.claims.sentences import (
    PAPER_SAYS,
    describe_claim_disagreement,
    describe_disagreement,
    describe_scope,
    explain_controls,
    list_nulls,
    say_controls,
    say_estimate,
    summarize_reading,
    tabulate_report,
)
from senet_viz.claims.verdicts import VERDICTS, Side, Verdict
from senet_viz.claims.words import SIDE_WORDS, say_bound, say_interval, say_number

__all__ = [
    "CLAIMS",
    "NO_INTERVENTIONS",
    "PAPER_SAYS",
    "READINGS",
    "ROLES",
    "ROLE_WORDS",
    "SIDE_WORDS",
    "SUBSETS",
    "SUBSET_SIZE",
    "VERDICTS",
    "Beside",
    "BlockIntervals",
    "BlockSeries",
    "Claim",
    "ClaimInputs",
    "ClaimReport",
    "ClassSubsets",
    "Effect",
    "Evidence",
    "JudgedClaim",
    "Layout",
    "Part",
    "PartEvidence",
    "Reading",
    "ReadingName",
    "Role",
    "Series",
    "SeriesName",
    "Side",
    "Unit",
    "Verdict",
    "describe_claim_disagreement",
    "describe_disagreement",
    "describe_scope",
    "draw_subsets",
    "explain_controls",
    "find_roles",
    "gather_series",
    "judge",
    "list_nulls",
    "measure_subsets",
    "say_bound",
    "say_controls",
    "say_estimate",
    "say_interval",
    "say_number",
    "summarize_reading",
    "tabulate_report",
    "wilson_interval",
]
