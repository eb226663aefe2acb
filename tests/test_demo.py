import socket

from glip_pl.demo import main
from tests.conftest import Failing


def test_faults_are_found_before_a_model_is_loaded(failing: Failing) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"cannot listen on port {port}" in failing(main, "ckpt=any", f"port={port}")
    assert "no such checkpoint" in failing(main, "ckpt=absent.ckpt", f"port={port}")
    assert "host=example.org" in failing(main, "host=example.org")
    assert "threshold=2" in failing(main, "threshold=2")
