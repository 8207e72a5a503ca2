# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which network a recipe builds: one that ultralytics names, made narrower, shallower or of fewer outputs.

Needs the `train` extra, whose files describe the networks.
"""

import math
from typing import Any

from models.errors import RecipeError
from models.recipe import Network

CHANNELS_MULTIPLE = 16
"""Other counts of channels leave lanes of wide vector instructions idle, so that a narrower layer costs the same."""
WITHOUT_CHANNELS = {"Concat", "nn.Upsample", "Detect"}


def network_plan(network: Network) -> dict[str, Any]:
    """The network in ultralytics' own words, as its YAML files hold it.

    Raises RecipeError when ultralytics knows no such network, or it has no such output.
    """
    from ultralytics.nn.tasks import yaml_model_load  # noqa: PLC0415 - loads torch

    try:
        plan: dict[str, Any] = yaml_model_load(f"{network.architecture}.yaml")
    except FileNotFoundError as error:
        raise RecipeError(f"network.architecture: ultralytics has no network {network.architecture}") from error
    if plan.get("scale") not in plan.get("scales", {}) or plan["head"][-1][2] != "Detect":
        raise RecipeError(f"network.architecture: {network.architecture} is no detection network of a size, as yolo26n")
    plan["end2end"] = network.nms_free
    depth, width, most_channels = plan["scales"][plan["scale"]]
    if network.depth_multiple is not None:
        depth = network.depth_multiple
    if network.width_multiple is not None:
        for layer in (*plan["backbone"], *plan["head"]):
            if layer[2] not in WITHOUT_CHANNELS:
                wanted = min(layer[3][0], most_channels) * network.width_multiple
                layer[3][0] = max(1, math.ceil(wanted / CHANNELS_MULTIPLE)) * CHANNELS_MULTIPLE
        width, most_channels = 1.0, max(layer[3][0] for layer in plan["backbone"])
    plan["scales"] = {plan["scale"]: [depth, width, most_channels]}
    if network.heads is not None:
        _keep_heads(plan, network.heads)
    return plan


def stride_px(plan: dict[str, Any]) -> int:
    """Of what the sides of an input must be multiples: pixels per cell of the coarsest layer.

    That may be coarser than every output: without a P5 output the network still looks at its P5 layers, and joins them
    with finer ones, which fits only when every halving came out even.
    """
    return int(max(_strides_px(plan)))


def _keep_heads(plan: dict[str, Any], heads: tuple[str, ...]) -> None:
    """Keep some outputs, and drop the layers behind the last of them, which nothing would read."""
    strides_px = _strides_px(plan)
    detect = plan["head"][-1]
    layer_by_head = {f"p{round(math.log2(strides_px[layer]))}": layer for layer in detect[0]}
    missing = [head for head in heads if head not in layer_by_head]
    if missing:
        raise RecipeError(f"network.heads: no output {', '.join(missing)}; there are {', '.join(layer_by_head)}")
    detect[0] = sorted(layer_by_head[head] for head in set(heads))
    plan["head"] = [*plan["head"][: max(detect[0]) + 1 - len(plan["backbone"])], detect]


def _strides_px(plan: dict[str, Any]) -> list[float]:
    """Pixels per cell of every layer but the last."""
    strides_px: list[float] = []
    for source, _, module, arguments in (*plan["backbone"], *plan["head"][:-1]):
        first = source[0] if isinstance(source, list) else source
        stride = strides_px[first] if strides_px else 1.0
        if module == "nn.Upsample":
            stride /= arguments[1]
        elif module == "Conv" and len(arguments) > 2:  # noqa: PLR2004 - channels, kernel, stride
            stride *= arguments[2]
        strides_px.append(stride)
    return strides_px
