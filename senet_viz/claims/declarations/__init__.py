"""The paper's claims C1 to C12 (Hu et al., arXiv 1709.01507 v4, section 7.2), declared before any data was read.

Nothing here may be changed to fit what was found: a bound that turns out badly chosen is said so beside its verdict.
"""

from senet_viz.claims.declarations.depth import C1, C2, C3, C12
from senet_viz.claims.declarations.images import C9, C10, C11
from senet_viz.claims.declarations.last_stage import C4, C5, C6, C7, C8
from senet_viz.claims.declaring import Claim

CLAIMS: tuple[Claim, ...] = (C1, C2, C3, C4, C5, C6, C7, C8, C9, C10, C11, C12)

__all__ = ["CLAIMS"]
