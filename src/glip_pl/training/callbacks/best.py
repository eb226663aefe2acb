"""The checkpoint with the best validation."""

from typing import Any

from pytorch_lightning.callbacks import ModelCheckpoint


class BestCheckpoint(ModelCheckpoint):
    """Lightning's, but a resumed run, which has a folder of its own, still knows what to beat."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the score over; the older run's file stays where it is until a better one."""
        super().load_state_dict({**state_dict, "dirpath": self.dirpath})
