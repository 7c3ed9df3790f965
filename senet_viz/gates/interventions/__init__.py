"""Interventions on gates while a network runs: s′ = lerp(s, b, t)."""

from senet_viz.gates.interventions.moving import WORDS, Move, find_block, intervened, moving
from senet_viz.gates.interventions.reuse import Prefix, PrefixMemory, learn_prefixes

__all__ = ["WORDS", "Move", "Prefix", "PrefixMemory", "find_block", "intervened", "learn_prefixes", "moving"]
