from glip_pl.training.step_memory import StepMemory
from scripts.memory import GPUS, row


def test_a_batch_fits_where_its_state_and_results_leave_room() -> None:
    memory = StepMemory(4_000_000_000, 1_000_000_000, 3_500_000_000)
    assert row("glip_t", 4, memory) == "| glip_t | 4 | 4.0 | 15.0 | yes | yes | yes | yes |"
    assert row("glip_t", 8, memory).split(" | ")[4] == "no"
    assert list(GPUS.values()) == sorted(GPUS.values())
