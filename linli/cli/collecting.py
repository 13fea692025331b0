"""Work that makes millions of objects, none of them in a ring: looking for rings as often as usual takes a fifth of its time."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Within the block garbage is collected seldom; what nobody refers to goes at once, as ever."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
