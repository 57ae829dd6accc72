"""How much is done at once: the sizes of tiles, blocks and temporaries, and slices of them.

Each size is that of a store: what stays in a cache, what is streamed from memory once, what may be
held beside the result. They were measured; half or twice of each makes little difference.
"""

from __future__ import annotations

Tile = tuple[slice, slice]

# Rows and columns of a tile: 512 KiB in float64, so that it and the buffers of the arithmetic stay
# in the second-level cache.
TILE = 256

# Rows and columns of a block, which is one product: from here on it is near its best rate.
BLOCK = (512, 2048)

# Numbers in an array among some dozen temporaries: 128 KiB each, of which those in use stay in the
# caches.
CACHED = 1 << 14

# Numbers in rows that are read once, and once done with are not read again: 2 MiB, so that memory
# sets the pace, and not the call.
STREAMED = 1 << 18

# Numbers in an array that is held beside the result: 32 MiB, enough work for one call, even on a
# GPU.
HELD = 1 << 22


def entries(tile: Tile) -> int:
    """How many numbers are in a tile."""
    rows, columns = tile
    return int((rows.stop - rows.start) * (columns.stop - columns.start))


def slices(start: int, stop: int, step: int) -> list[slice]:
    """Consecutive slices of at most `step`, and at least one, that cover the range."""
    step = max(1, step)
    return [slice(k, min(stop, k + step)) for k in range(start, stop, step)]


def lower_tiles(n: int, step: int) -> list[Tile]:
    """Pairs of slices that cover the lower triangle of a matrix, row by row."""
    ranges = slices(0, n, step)
    return [(rows, columns) for i, rows in enumerate(ranges) for columns in ranges[: i + 1]]
