import socket

import pytest

from glip_pl.errors import UserError
from glip_pl.serving.address import Address


def test_a_port_must_be_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = Address("127.0.0.1", taken.getsockname()[1])
        taken.listen()
        with pytest.raises(UserError, match=f"Set another: port={address.port + 1}"):
            address.check()
    address.check()


def test_a_browser_opens_the_address_of_this_machine() -> None:
    assert str(Address("0.0.0.0", 8000)) == "http://127.0.0.1:8000"
    assert str(Address("::", 8000)) == "http://[::1]:8000"
    assert str(Address("127.0.0.1", 8000)) == "http://127.0.0.1:8000"
