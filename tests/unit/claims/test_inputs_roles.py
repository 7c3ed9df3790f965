"""Roles in the paper's network and in other layouts."""

from dataclasses import replace

import pytest

from senet_viz.claims.inputs import find_roles
from tests.support.synthetic import make_gates


def layout_of(*stages: int) -> dict[str, str]:
    labels = {f"SE_{2 + s}_{b + 1}": 8 for s, blocks in enumerate(stages) for b in range(blocks)}
    layout = find_roles(make_gates(labels))
    return {role: layout.blocks[place].label for role, place in layout.roles.items()}


def test_the_papers_network_has_its_own_blocks() -> None:
    roles = layout_of(3, 4, 6, 3)
    assert roles == {role: role for role in ("SE_2_3", "SE_3_4", "SE_4_6", "SE_5_1", "SE_5_2", "SE_5_3")}


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ((2, 2, 2, 2), {"SE_2_3": "SE_2_2", "SE_3_4": "SE_3_2", "SE_4_6": "SE_4_2", "SE_5_1": "SE_5_1", "SE_5_3": "SE_5_2"}),
        ((1, 2, 3, 4, 5), {"SE_2_3": "SE_2_1", "SE_3_4": "SE_3_2", "SE_4_6": "SE_5_4", "SE_5_1": "SE_6_1",
                           "SE_5_2": "SE_6_2", "SE_5_3": "SE_6_5"}),
        ((3, 2, 1), {"SE_2_3": "SE_2_3", "SE_4_6": "SE_3_2", "SE_5_1": "SE_4_1"}),
        ((2, 3), {"SE_2_3": "SE_2_2", "SE_4_6": "SE_2_2", "SE_5_1": "SE_3_1", "SE_5_2": "SE_3_2", "SE_5_3": "SE_3_3"}),
        ((4,), {"SE_5_1": "SE_2_1", "SE_5_2": "SE_2_2", "SE_5_3": "SE_2_4"}),
    ],
)  # fmt: skip
def test_other_layouts_get_the_roles_that_exist(stages: tuple[int, ...], expected: dict[str, str]) -> None:
    assert layout_of(*stages) == expected


def test_the_last_gate_of_a_unit_stands_for_it() -> None:
    labels = [f"SE_{stage}_{unit}.{gate}" for stage in (2, 3, 4, 5) for unit in (1, 2, 3) for gate in (1, 2)]
    gates = make_gates([8] * len(labels))
    layout = find_roles(
        [replace(g, label=name, stage=int(name[3]), name=name) for g, name in zip(gates, labels, strict=True)]
    )
    assert {role: layout.blocks[place].label for role, place in layout.roles.items()} == {
        "SE_2_3": "SE_2_3.2", "SE_3_4": "SE_3_3.2", "SE_4_6": "SE_4_3.2", "SE_5_1": "SE_5_1.2", "SE_5_2": "SE_5_2.2",
        "SE_5_3": "SE_5_3.2",
    }  # fmt: skip
    assert len(layout.first_stage) == 6, "a stage is all of its gates"


def test_no_block_has_no_role_and_order_does_not_matter() -> None:
    assert find_roles(()).roles == {}
    blocks = make_gates({"SE_2_1": 4, "SE_3_1": 4, "SE_3_2": 4})
    assert find_roles(blocks[::-1]).roles == find_roles(blocks).roles


def test_a_role_is_told_with_the_blocks_own_label() -> None:
    layout = find_roles(make_gates({"SE_2_1": 4, "SE_5_1": 4, "SE_5_2": 4}))
    assert layout.name("SE_2_3") == "SE_2_3 (here SE_2_1)"
    assert layout.name("SE_5_1") == "SE_5_1"
    assert layout.first_stage == (0,)
    assert layout.last_stage == (1, 2)
    assert layout.tell("at SE_2_3 less a third of SE_2_3's, up to SE_5_1") == (
        "at SE_2_3 (here SE_2_1) less a third of SE_2_3's (here SE_2_1), up to SE_5_1"
    )


def test_a_label_that_is_another_blocks_role_is_not_told_again() -> None:
    layout = find_roles(make_gates({"SE_1_1": 4, "SE_2_1": 4, "SE_2_3": 4, "SE_3_1": 4}))
    assert layout.name("SE_4_6") == "SE_4_6 (here SE_2_3)"
    assert layout.tell("SE_4_6 less SE_2_3") == "SE_4_6 (here SE_2_3) less SE_2_3 (here SE_1_1)"
