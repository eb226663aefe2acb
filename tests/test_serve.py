import socket
from pathlib import Path

from glip_pl.serve import main
from tests.conftest import Failing


def test_a_port_that_is_taken_is_one_line(failing: Failing, tmp_path: Path) -> None:
    checkpoint = tmp_path / "any.ckpt"
    checkpoint.write_bytes(b"")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = failing(main, f"ckpt={checkpoint}", f"port={port}")
    assert f"cannot listen on port {port} of 127.0.0.1" in said
    assert said.count("\n") == 1


def test_faults_are_found_before_a_model_is_loaded(failing: Failing, tmp_path: Path) -> None:
    assert "no such checkpoint" in failing(main, "ckpt=absent.ckpt", "port=48123")
    assert "host=example.org" in failing(main, "ckpt=absent.ckpt", "host=example.org")
    assert "port=80" in failing(main, "ckpt=absent.ckpt", "port=80")
    assert "limits.names=0" in failing(main, "ckpt=absent.ckpt", "limits.names=0")
