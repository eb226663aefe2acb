"""More categories than one prompt holds, as LVIS is evaluated: a prompt for each run of them."""

from collections.abc import Iterator, Sequence

from glip_pl.prompts.building import names_prompt
from glip_pl.types import Prompt

LVIS_CHUNK = 40
"""Names per prompt in the published LVIS figures: 31 prompts for 1203 categories."""


def chunked_prompts(names: Sequence[str], size: int = LVIS_CHUNK) -> Iterator[tuple[range, Prompt]]:
    """Indices of each run of up to `size` names, and its prompt.

    A phrase id of a prompt, added to the first index, is the index of the name. The last prompt
    may be short, as officially.
    """
    for start in range(0, len(names), size):
        chosen = range(start, min(start + size, len(names)))
        yield chosen, names_prompt([names[index] for index in chosen])
