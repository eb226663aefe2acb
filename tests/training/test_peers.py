"""What processes tell one another through their store."""

from pathlib import Path

from glip_pl.training.peers import GONE, Peers, Stop
from tests.training.processes import together


def conversation() -> dict[str, object]:
    peers, other = Peers(0), Peers(1)
    found: dict[str, object] = {"before": (peers.stop(), peers.failure(), peers.sign_of(0))}
    found["agreed"] = peers.agreed("folder", f"of {peers.rank}")
    peers.request_stop(15 + peers.rank, 7)
    peers.report_failure(f"out of memory: {peers.rank}")
    peers.live(GONE)
    while not peers.all_gone():
        pass
    found["after"] = (peers.stop(), peers.failure(), peers.sign_of(0))
    found["next run"] = (other.stop(), other.failure(), other.sign_of(0))
    return found


def test_processes_find_what_one_of_them_says_first(tmp_path: Path) -> None:
    one, two = together(conversation, tmp_path)
    assert one["agreed"] == two["agreed"] == "of 0"
    assert one["before"][2] is None
    assert one["after"] == two["after"]
    assert one["after"][0] in (Stop(15, 7), Stop(16, 7))
    assert one["after"][1] in ((0, "out of memory: 0"), (1, "out of memory: 1"))
    assert one["next run"] == two["next run"] == (None, None, None)
