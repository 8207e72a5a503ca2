# SPDX-License-Identifier: AGPL-3.0-or-later
"""How fast networks run beside each other, on one thread, as a node runs them."""

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np

from edge.model_file import load_model


def median_ratio(
    ours: Path, reference: Path, *, input_wh_px: tuple[int, int], runs_count: int = 41, warm_up_count: int = 3
) -> float:
    """Median processor time of a run of `ours` over that of `reference`, both models with their cards.

    The two take turns within one process, and processor time is counted, so that other work on the machine burdens
    both alike. Raises edge.errors.ModelError.
    """
    sessions = [load_model(path, threads_count=1)[1] for path in (ours, reference)]
    width_px, height_px = input_wh_px
    blob = np.random.default_rng(0).random((1, 3, height_px, width_px), dtype=np.float32)
    spent_s: Sequence[list[float]] = ([], [])
    for turn in range(warm_up_count + runs_count):
        for session, spent in zip(sessions, spent_s, strict=True):
            start_s = time.process_time()
            session.run(None, {session.get_inputs()[0].name: blob})
            if turn >= warm_up_count:
                spent.append(time.process_time() - start_s)
    return median(spent_s[0]) / median(spent_s[1])
