# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a training's folder was begun with: going on with anything else would mix two trainings under one manifest."""

import hashlib
import json
from pathlib import Path

from models.errors import WorkshopError
from models.manifest import file_sha256
from models.recipe import Recipe
from models.whole_file import write_whole

INPUTS_NAME = "inputs.json"


def keep_inputs(output: Path, recipe: Recipe, annotations: Path | None, start: Path | None) -> None:
    """Write down what a training is made of, or compare with what its folder was begun with.

    Raises WorkshopError naming what differs; nothing is touched then.
    """
    inputs = {
        "recipe": hashlib.sha256(recipe.model_dump_json().encode()).hexdigest(),
        "annotations": None if annotations is None else file_sha256(annotations),
        "start": None if start is None else file_sha256(start),
    }
    path = output / INPUTS_NAME
    if not path.exists():
        write_whole(path, (json.dumps(inputs, indent=1) + "\n").encode())
        return
    try:
        begun = json.loads(path.read_text(encoding="utf-8"))
        other = [name for name, sha256 in inputs.items() if begun[name] != sha256]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkshopError(f"{path}: cannot be read: {error!r}; take a fresh folder") from error
    if other:
        raise WorkshopError(
            f"{output}: was begun with other content of --{', --'.join(other)}; take a fresh folder, or give the same "
            "files to go on"
        )
