# SPDX-License-Identifier: AGPL-3.0-or-later
"""Luck by name: one generator for each thing that chances, so that no draw shifts another's."""

import hashlib

import numpy as np


def luck(seed: int, *names: object) -> np.random.Generator:
    """The generator of the stream `names` in the world `seed`; the same arguments give the same draws for ever."""
    text = "/".join(str(name) for name in (seed, *names))
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")))
