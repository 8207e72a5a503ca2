# SPDX-License-Identifier: AGPL-3.0-or-later
"""The table that `facings bench vision` prints: one column per network."""

from rich.table import Table

from simulator.rig.vision_bench import VisionSpeed
from simulator.rig.vision_speed import STAGES, ModelSpeed, Spent


def vision_table(speed: VisionSpeed) -> Table:
    """Milliseconds are medians of the clock, with the thread's processor time behind it."""
    table = Table("what", *(model.onnx_file for model in speed.models), title="One look, one thread: ms (of processor)")
    columns = [_figures(model) for model in speed.models]
    for what in columns[0] if columns else ():
        table.add_row(what, *(column.get(what, "-") for column in columns))
    for name, share in speed.int8_share.items():
        table.add_row(f"bare run of {name} over the float one", f"{share:.3f}")
    table.add_row("ultralytics + supervision", speed.peer)
    return table


def _figures(model: ModelSpeed) -> dict[str, str]:
    figures = {
        "input, px": "x".join(map(str, model.input_wh_px)),
        "boxes (facings) found": f"{model.boxes_count} ({model.products_count} of {model.facings_count})",
        "zones counted right": f"{model.zones_right_count} of {model.zones_count}",
        "bare onnxruntime": _spent(model.bare),
        "frame to zone counts": _spent(model.full),
        "ratio by the clock": f"{model.ratio_wall:.3f}",
        "ratio by processor time": f"{model.ratio_cpu:.3f}",
        "ratio of the least": f"{model.ratio_least:.3f}",
    }
    figures |= {f"  {name}": _spent(model.stages[name]) for name in STAGES if name in model.stages}
    if model.start is not None:
        start = model.start
        figures |= {
            "import to first count, ms": f"{start.start_ms:.0f}, best {start.start_best_ms:.0f}",
            "  of processor": f"{start.start_cpu_ms:.0f}, best {start.start_cpu_best_ms:.0f}",
            "peak memory, first count, MB": f"{start.first_peak_mb:.0f}",
            f"peak memory, {start.frames_count} frames, MB": f"{start.peak_mb:.0f}",
        }
    if model.peer is not None:
        peer = model.peer
        figures |= {
            "ultralytics + PolygonZone": f"{peer.wall_ms:.2f} ({peer.cpu_ms:.2f})",
            "  its zones counted right": f"{peer.zones_right_count} of {model.zones_count}",
        }
    return figures


def _spent(spent: Spent) -> str:
    return f"{spent.wall_ms:.2f} ({spent.cpu_ms:.2f})"
