"""What the network says of a batch."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from senet_viz.recording.outcomes import Outcome

FIRST = 5


def judge(logits: Tensor, outputs: NDArray[np.int32]) -> Outcome:
    """Prediction, loss, top-1 and top-5 of a batch.

    Args:
        logits: (n, outputs) float32.
        outputs: (n,) output of each image's class, −1 where it has none: its loss is NaN, and it is never correct.
    """
    target = torch.from_numpy(outputs).to(logits.device).long()
    known = outputs >= 0
    losses = F.cross_entropy(logits, target, reduction="none", ignore_index=-1)
    predictions = logits.softmax(dim=1).argmax(dim=1).cpu().numpy().astype(np.int32)  # as a recording has them
    own = logits.gather(1, target.clamp(min=0)[:, None])
    before = (logits > own).sum(dim=1).cpu().numpy()
    return Outcome(
        prediction=predictions,
        loss=np.where(known, losses.cpu().numpy(), np.nan).astype(np.float32),
        correct=(predictions == outputs) & known,
        correct5=(before < FIRST) & known,
    )


def join(parts: Sequence[Outcome]) -> Outcome:
    """Batches one after the other."""
    return Outcome(
        np.concatenate([p.prediction for p in parts]),
        np.concatenate([p.loss for p in parts]),
        np.concatenate([p.correct for p in parts]),
        np.concatenate([p.correct5 for p in parts]),
    )
