# SPDX-License-Identifier: AGPL-3.0-or-later
"""From a shipped ONNX file back to weights that can be trained on. Needs the `train` extra.

An exported network has its batch normalisations folded into its convolutions (Jacob et al. 2018, section 3.2). A few
pictures tell the mean and the spread that each convolution has now; a normalisation with these, scaled by the same
spread and shifted by the same mean, changes nothing, and training can go on.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from contract.model_card import DetectorLabel, ModelCard
from models.errors import ExportError
from models.letterboxed import letterboxed_blob
from models.network import network_plan
from models.recipe import Recipe
from models.train import require_train_extra

PICTURES_COUNT = 48


def restore(onnx_path: Path, card: ModelCard, recipe: Recipe, pictures: Iterable[Path], checkpoint: Path) -> Path:
    """Write a checkpoint that starts a training of `recipe` where `onnx_path` ended.

    `pictures` are such as the network will train on. Labels that the card knows keep their outputs; others begin as
    an untrained network's. Raises ExportError when the file is not of the recipe's architecture.
    """
    require_train_extra(checkpoint.parent)
    import torch  # noqa: PLC0415 - torch loads only when training
    from ultralytics.nn.tasks import DetectionModel  # noqa: PLC0415

    folded = _initializers(onnx_path)
    network = DetectionModel(network_plan(recipe.network), nc=len(recipe.labels), verbose=False).eval()
    modules = dict(network.named_modules())
    with torch.no_grad():
        for name, module in modules.items():
            if isinstance(module, torch.nn.Conv2d):
                _unfold(name, module, modules, folded, labels=(card.labels, recipe.labels))
        blobs = (letterboxed_blob(path, recipe.train_input_px) for path, _ in zip(pictures, range(PICTURES_COUNT)))  # noqa: B905 - as many as there are
        _normalise(network, [torch.from_numpy(blob) for blob in blobs])
    network.names = {index: label.value for index, label in enumerate(recipe.labels)}
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    part = checkpoint.with_suffix(".part")
    torch.save({"model": network.train(), "train_args": {"task": "detect"}, "epoch": -1}, part)
    part.replace(checkpoint)
    return checkpoint


def _initializers(onnx_path: Path) -> dict[str, Any]:
    import onnx  # noqa: PLC0415 - part of the train extra

    graph = onnx.load(str(onnx_path)).graph
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    # The export keeps one of tensors that are alike, as untrained biases are: what a convolution adds, its node knows.
    for node in graph.node:
        if node.op_type == "Conv" and len(node.input) == 3 and node.input[2] in tensors:  # noqa: PLR2004 - with a bias
            tensors[f"{node.input[1].removesuffix('.weight')}.bias"] = tensors[node.input[2]]
    return tensors


def _unfold(
    name: str,
    convolution: Any,
    modules: dict[str, Any],
    folded: dict[str, Any],
    *,
    labels: tuple[tuple[DetectorLabel, ...], tuple[DetectorLabel, ...]],
) -> None:
    """Copy one convolution; its folded bias becomes the shift of the normalisation behind it, if there is one."""
    import torch  # noqa: PLC0415

    if f"{name}.weight" not in folded or f"{name}.bias" not in folded:
        raise ExportError(f"the network has no convolution {name}; it is of another architecture than the recipe's")
    weight, bias = folded[f"{name}.weight"], folded[f"{name}.bias"]
    norm = modules.get(f"{name.rpartition('.')[0]}.bn") if name.endswith(".conv") else None
    if weight.shape != tuple(convolution.weight.shape):
        known, wanted = labels
        if norm is not None or weight.shape[0] != len(known) or convolution.weight.shape[0] != len(wanted):
            raise ExportError(f"{name} of the network is {weight.shape}, expected {tuple(convolution.weight.shape)}")
        for row, label in enumerate(wanted):
            if label in known:
                convolution.weight[row] = torch.from_numpy(weight[known.index(label)].copy())
                convolution.bias[row] = float(bias[known.index(label)])
        return
    convolution.weight.copy_(torch.from_numpy(weight.copy()))
    if norm is None:
        convolution.bias.copy_(torch.from_numpy(bias.copy()))
        return
    norm.running_mean.zero_()
    norm.running_var.fill_(1.0 - norm.eps)
    norm.weight.fill_(1.0)
    norm.bias.copy_(torch.from_numpy(bias.copy()))


def _normalise(network: Any, blobs: list[Any]) -> None:
    """Give every normalisation the statistics of what it sees, without changing what it lets through."""
    import torch  # noqa: PLC0415

    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    sums = {norm: [torch.zeros_like(norm.bias), torch.zeros_like(norm.bias), 0] for norm in norms}

    def note(norm: Any, inputs: tuple[Any, ...], _output: Any) -> None:
        values = inputs[0].transpose(0, 1).flatten(1)
        sums[norm][0] += values.sum(dim=1)
        sums[norm][1] += (values**2).sum(dim=1)
        sums[norm][2] += values.shape[1]

    hooks = [norm.register_forward_hook(note) for norm in norms]
    for blob in blobs:
        network(blob)
    for hook in hooks:
        hook.remove()
    for norm, (total, squares, count) in sums.items():
        if not count:
            continue
        mean = total / count
        variance = (squares / count - mean**2).clamp(min=1e-6)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_(torch.sqrt(variance + norm.eps))
        norm.bias.add_(mean)


def output_difference(network: Any, onnx_path: Path, blob: np.ndarray) -> float:
    """Largest difference between the raw outputs of a restored network and of its ONNX file on one input."""
    import onnxruntime  # noqa: PLC0415
    import torch  # noqa: PLC0415

    session = onnxruntime.InferenceSession(str(onnx_path), providers=["CPUExecutionProvider"])
    (wanted,) = session.run(None, {session.get_inputs()[0].name: blob})
    with torch.no_grad():
        have = network.eval()(torch.from_numpy(blob))[0].numpy()
    return float(np.abs(have[:, : wanted.shape[1]] - wanted).max())
