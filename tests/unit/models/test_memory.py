"""What a process takes from the system and gives back."""

import resource
from pathlib import Path

import pytest

from senet_viz.models.memory import give_back_memory

_PIECE, _PIECES = 64 * 1024, 4000  # each too small to be mapped by itself


def held() -> int:
    """Bytes of this process that lie in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc")
def test_what_lies_free_below_a_last_piece_goes_back() -> None:
    pieces = [bytearray(_PIECE) for _ in range(_PIECES)]
    del pieces[:-1]  # the last one lies above the others, so that these stay in the heap
    before = held()
    if not give_back_memory():
        pytest.skip("another C library than glibc")
    assert held() < before - _PIECE * _PIECES / 2
    assert len(pieces) == 1
