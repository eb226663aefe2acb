"""What a request may ask for at most."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits of a server.

    There are ten arguments because each bounds something else that costs memory or time; the
    file of settings gives their defaults.
    """

    megabytes: float  # of the body of a request
    megapixels: float  # of a picture, and of all example pictures together
    names: int  # in a list of names, with those of example boxes; each costs time
    name_characters: int  # of each name
    text_characters: int  # of a text
    boxes: int  # largest `max_boxes`
    example_pictures: int  # in a request; each costs as much time as the picture itself
    example_boxes: int  # in all example pictures of a request
    waiting: int  # requests that are read, wait or are computed; further ones are refused
    seconds: float  # until a request must have arrived, and then be answered

    @property
    def bytes(self) -> int:
        """Largest body of a request."""
        return int(self.megabytes * 1e6)

    @property
    def pixels(self) -> int:
        """Largest picture."""
        return int(self.megapixels * 1e6)
