"""The losses of the last steps, which stay on their device until they are logged or checked."""

from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor

from glip_pl.errors import UserError
from glip_pl.training.joint_mean import begin_joint_mean
from glip_pl.types import LossTerms

EXIT_CODE = 2
"""With which processes end that leave the message to the first one."""


Culprit = tuple[int, float, list[int]]
"""The step, loss and image ids of a batch whose loss was not finite."""


class NotFiniteError(UserError):
    """The loss is NaN or infinite: the state of this moment is of no use."""


@dataclass(frozen=True)
class BatchLoss:
    """What one batch of one process cost."""

    step: int  # optimizer steps before it
    image_ids: list[int]
    terms: Tensor  # (3,)


@dataclass
class LossRecord:
    """Loss terms of batches and gradient norms of steps since the last check.

    The norm belongs to the joint gradient, so that all processes find the same without asking each
    other: a loss that is not finite in one of them makes the norm of all not finite.
    """

    batches: list[BatchLoss] = field(default_factory=list)
    norms: list[tuple[int, Tensor]] = field(default_factory=list)  # with their steps

    def add_batch(self, step: int, image_ids: list[int], terms: LossTerms) -> None:
        """Remember the loss of a batch."""
        self.batches.append(BatchLoss(step, image_ids, torch.stack(terms).detach()))

    def joint_terms(self, step: int, accumulated: int) -> Tensor:
        """Loss terms (3,) of the joint batch of one step: `accumulated` batches in each process."""
        own = torch.stack([batch.terms for batch in self.batches if batch.step == step]).sum(0)
        return begin_joint_mean(own / accumulated)()

    def check(self) -> None:
        """Forget all steps that are finished.

        Raises NotFiniteError if a loss or gradient of them was not finite, in any process. The
        first process has the message; the others exit.
        """
        if not self.norms:
            return
        last, _ = self.norms[-1]
        batches = [batch for batch in self.batches if batch.step <= last]
        steps, norms = zip(*self.norms, strict=True)
        self.batches, self.norms = self.batches[len(batches) :], []
        wrong = ~torch.stack(norms).isfinite()
        if not bool(wrong.any()):
            return
        own = [
            (batch.step, float(batch.terms.sum()), batch.image_ids)
            for batch in batches
            if not bool(batch.terms.sum().isfinite())
        ]
        raise NotFiniteError(_message(_of_all_processes(own), steps[int(wrong.int().argmax())]))


def _of_all_processes(culprits: list[Culprit]) -> list[Culprit]:
    """The batches of all processes whose loss was not finite; only the first process goes on."""
    if not (dist.is_available() and dist.is_initialized()):
        return culprits
    by_rank: list[list[Culprit]] = [[] for _ in range(dist.get_world_size())]
    dist.all_gather_object(by_rank, culprits)
    if dist.get_rank() > 0:
        raise SystemExit(EXIT_CODE)
    return [culprit for found in by_rank for culprit in found]


def _message(culprits: list[Culprit], step: int) -> str:
    """What was not finite first, at a step."""
    what = f"the gradient is not finite at step {step}"
    for culprit_step, loss, image_ids in sorted(culprits)[:1]:
        what = f"the loss is {loss} at step {culprit_step} (images {image_ids})"
    return (
        f"{what}. Lower optimizer.lr, lengthen schedule.warm_up, or use "
        "trainer.precision=32-true, and continue from the last checkpoint with resume=last"
    )
