"""Where a program listens."""

import socket
from dataclasses import dataclass

from glip_pl.errors import UserError


@dataclass(frozen=True)
class Address:
    """A host, of which 0.0.0.0 and :: mean all addresses of this machine, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        """The address as a browser on this machine takes it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
        return f"http://{host}:{self.port}"

    def check(self) -> None:
        """Raise UserError if a program cannot listen here: the port is taken or not allowed."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError as error:
                reason = error.strerror or str(error)
                raise UserError(
                    f"cannot listen on port {self.port} of {self.host}: {reason}. Set another: "
                    f"port={self.port + 1}"
                ) from error
