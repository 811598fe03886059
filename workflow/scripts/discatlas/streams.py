"""One seed in the config, one independent random stream for each rule, sample and step."""

import hashlib

import numpy as np


def stream_seed(seed: int, *names: str) -> int:
    """Return the 64-bit seed of the stream of `names` (rule, sample, step ...), the same on every machine.

    The names are hashed whole and in order, so adding a sample leaves the numbers of the others as they are.
    """
    text = "\0".join((str(int(seed)), *names))
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "little")


def stream_generator(seed: int, *names: str) -> np.random.Generator:
    """Return numpy's generator (PCG64) of the stream of `names`."""
    return np.random.Generator(np.random.PCG64(stream_seed(seed, *names)))
