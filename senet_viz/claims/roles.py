"""Which block of a network plays the part of each block that the paper's claims speak of."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from senet_viz.schema import Gate

Role = Literal["SE_2_3", "SE_3_4", "SE_4_6", "SE_5_1", "SE_5_2", "SE_5_3"]
ROLES: tuple[Role, ...] = ("SE_2_3", "SE_3_4", "SE_4_6", "SE_5_1", "SE_5_2", "SE_5_3")
ROLE_WORDS: Mapping[Role, str] = {
    "SE_2_3": "the last block of the first stage",
    "SE_3_4": "the last block of the second stage",
    "SE_4_6": "the last block of the last stage but one",
    "SE_5_1": "the first block of the last stage",
    "SE_5_2": "the second block of the last stage",
    "SE_5_3": "the last block of the last stage",
}


@dataclass(frozen=True, eq=False)
class Layout:
    """The blocks of a network and the roles they play.

    Attributes:
        blocks: in order of depth, B of them.
        roles: position in `blocks` of each role that exists.
    """

    blocks: tuple[Gate, ...]
    roles: Mapping[Role, int]

    @property
    def first_stage(self) -> tuple[int, ...]:
        """Positions of the first stage's blocks; none in a network of one stage."""
        return self._stage(0) if len(self._stages) > 1 else ()

    @property
    def last_stage(self) -> tuple[int, ...]:
        """Positions of the last stage's blocks."""
        return self._stage(-1)

    def name(self, role: Role, ending: str = "") -> str:
        """The role, with the block's own label where it is another: "SE_5_2 (here SE_7_2)"; an ending goes with the role."""
        label = self.blocks[self.roles[role]].label
        return f"{role}{ending}" if label == role else f"{role}{ending} (here {label})"

    def tell(self, words: str) -> str:
        """Words that speak of roles, with the block's own label behind each where it is another."""

        def name(found: re.Match[str]) -> str:
            return self.name(cast("Role", found[1]), found[2] or "")

        return re.sub(rf"(?<!here )({'|'.join(self.roles)})('s)?", name, words) if self.roles else words

    @property
    def _stages(self) -> list[int]:
        return sorted({gate.stage for gate in self.blocks})

    def _stage(self, index: int) -> tuple[int, ...]:
        stages = self._stages
        return tuple(i for i, gate in enumerate(self.blocks) if stages and gate.stage == stages[index])


def find_roles(blocks: Sequence[Gate]) -> Layout:
    """Give the roles to blocks by their place; "stage" means a stage that has gates.

    A block plays one part at most in the last stage: with two blocks there is no SE_5_2, with one neither SE_5_2 nor
    SE_5_3. A network of one stage has no early block, so no SE_2_3 and no SE_4_6; SE_3_4 needs four stages, with fewer
    the second stage is the last but one. Where a residual unit has several gates (SE_5_2.1, SE_5_2.2), its last one stands
    for it, since the paper's gate too comes after the last convolution.

    Args:
        blocks: all blocks of a network, in any order.
    """
    ordered = tuple(sorted(blocks, key=lambda gate: gate.depth))
    last = {(g.stage, g.label.partition(".")[0] if "." in g.label else i): i for i, g in enumerate(ordered)}
    standing = sorted(last.values())
    stages = [[i for i in standing if ordered[i].stage == s] for s in sorted({g.stage for g in ordered})]
    roles: dict[Role, int] = {}
    if len(stages) > 1:
        roles |= {"SE_2_3": stages[0][-1], "SE_4_6": stages[-2][-1]}
    if len(stages) > 3:
        roles["SE_3_4"] = stages[1][-1]
    if stages:
        roles["SE_5_1"] = stages[-1][0]
        if len(stages[-1]) > 1:
            roles["SE_5_3"] = stages[-1][-1]
        if len(stages[-1]) > 2:
            roles["SE_5_2"] = stages[-1][1]
    return Layout(ordered, {role: roles[role] for role in ROLES if role in roles})
