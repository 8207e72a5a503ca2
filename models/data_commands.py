# SPDX-License-Identifier: AGPL-3.0-or-later
"""`facings model import`, `duplicates`, `split` and `pseudo-label`: from somebody's photographs to data sets."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from models.foreign import ForeignFormat
from models.plain_errors import PlainErrors
from models.turning import BoxFrame

TABLE_WIDTH = 120

OutputOption = Annotated[Path, typer.Option("--output", help="Folder of the new data set; must not exist yet.")]
SourceNameOption = Annotated[str, typer.Option("--source", help="Short name of where the pictures are from.")]
LicenceOption = Annotated[str, typer.Option("--licence", help="Who may do what with them, and whom to credit.")]
MayTrainOption = Annotated[
    bool,
    typer.Option("--may-train/--may-not-train", help="Whether weights that are passed on may learn from them."),
]
GroupByOption = Annotated[
    str,
    typer.Option(
        "--group-by",
        help="What pictures of one fixture share: folder, picture (each by itself), all, name:REGEX or field:NAME.",
    ),
]
LinkOption = Annotated[bool, typer.Option("--link", help="Hard links in place of copies, where the disk can.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AnnotationsArgument = Annotated[list[Path], typer.Argument(help="COCO files of annotated photographs.")]


def add_data_commands(app: typer.Typer) -> None:
    """Put the commands of this module onto `facings model`."""
    app.command("import")(import_command)
    app.command("duplicates")(duplicates_command)
    app.command("split")(split_command)
    app.command("pseudo-label")(pseudo_label_command)


def import_command(
    labelled: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="COCO or Label Studio JSON file; data.yaml of YOLO, or its folder.")
    ],
    *,
    output: OutputOption,
    source: SourceNameOption,
    licence: LicenceOption,
    may_train: MayTrainOption,
    group_by: GroupByOption,
    complete_for: Annotated[
        str,
        typer.Option(
            "--complete-for",
            help="Labels that every picture was searched for, e.g. product,gap; choices: as annotators chose in Label "
            "Studio. What was not searched for costs nothing.",
        ),
    ],
    images: Annotated[
        Path | None, typer.Option("--images", help="Folder of the pictures; YOLO may name its own.")
    ] = None,
    file_format: Annotated[
        ForeignFormat | None, typer.Option("--format", help="Format of SOURCE; told by its shape when absent.")
    ] = None,
    mapped: Annotated[
        list[str] | None,
        typer.Option("--map", help="CLASS=LABEL, CLASS=product+damaged, CLASS=crowd:LABEL or CLASS=ignore; repeat."),
    ] = None,
    boxes_in: Annotated[
        BoxFrame | None,
        typer.Option(
            "--boxes-in", help="On which picture boxes were drawn, where EXIF turns it and sizes do not tell."
        ),
    ] = None,
    keep_empty: Annotated[
        bool | None,
        typer.Option("--keep-empty/--leave-out-empty", help="Whether pictures without any box were searched."),
    ] = None,
    rescale: Annotated[bool, typer.Option("--rescale", help="Take boxes of resized pictures in proportion.")] = False,
    skip_faulty: Annotated[bool, typer.Option("--skip-faulty", help="Leave out faulty boxes and pictures.")] = False,
    link: LinkOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take over photographs labelled with another tool; all of them, or none and a list of what is wrong."""
    from models.class_map import parse_map  # noqa: PLC0415 - help must not wait for OpenCV
    from models.dataset_folder import Provenance  # noqa: PLC0415
    from models.grouping import GroupRule  # noqa: PLC0415
    from models.import_plan import ImportPlan  # noqa: PLC0415
    from models.importing import import_photographs  # noqa: PLC0415

    with PlainErrors():
        summary = import_photographs(
            ImportPlan(
                source=labelled,
                output=output,
                provenance=Provenance(source, licence, may_train),
                group_by=GroupRule.parse(group_by),
                complete_for=complete_for,
                images=images,
                file_format=file_format,
                class_map=parse_map(mapped or ()),
                boxes_in=boxes_in,
                keep_empty=keep_empty,
                rescale=rescale,
                skip_faulty=skip_faulty,
                link=link,
            ),
        )
    if as_json:
        typer.echo(json.dumps(summary.as_row(), indent=1))
        return
    _say_dataset(summary.as_row())
    _say_counts("changed", summary.changed)
    _say_counts("left out", summary.left_out)
    for fault in summary.faults_passed_over:
        typer.echo(f"passed over: {fault}")
    copies_count = sum(len(names) for names in summary.duplicate_sets.values())
    if copies_count:
        typer.echo(f"alike: {copies_count} photographs in {len(summary.duplicate_sets)} sets, each set in one group")


def duplicates_command(annotations: AnnotationsArgument, *, as_json: JsonOption = False) -> None:
    """List photographs that show the same: bursts, copies, mirrored or trimmed variants."""
    from models.split_files import read_members  # noqa: PLC0415

    with PlainErrors():
        members = read_members(annotations)
    sets: dict[str, list[dict[str, str]]] = {}
    for member in members:
        if member.duplicate_set is not None:
            photograph = member.photograph
            sets.setdefault(member.duplicate_set, []).append({"file": photograph.path.name, "group": photograph.group})
    if as_json:
        typer.echo(json.dumps(list(sets.values()), indent=1))
        return
    for those in sets.values():
        groups = sorted({one["group"] for one in those})
        typer.echo(f"{len(groups)} group(s) {', '.join(groups)}: {', '.join(one['file'] for one in those)}")
    typer.echo(
        f"{len(members)} photographs, {sum(map(len, sets.values()))} of them in {len(sets)} sets that show the same"
    )


def split_command(
    annotations: AnnotationsArgument,
    *,
    output: Annotated[
        Path | None, typer.Option("--output", help="Folder of the new files; that of the first COCO file when absent.")
    ] = None,
    holdout_fraction: Annotated[
        float | None, typer.Option("--holdout-fraction", help="Share of the boxes to examine with; 0.2 when absent.")
    ] = None,
    holdout_group: Annotated[
        list[str] | None, typer.Option("--holdout-group", help="Group to examine with; repeat.")
    ] = None,
    folds: Annotated[int | None, typer.Option("--folds", help="So many splits; each group examines once.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Equal seeds give equal splits.")] = 0,
    replace: Annotated[bool, typer.Option("--replace", help="Write over an earlier split.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Split by group into files that train and files that examine; what may not train examines always."""
    from models.errors import WorkshopError  # noqa: PLC0415
    from models.split_files import fold, hold_out, read_members, write_split  # noqa: PLC0415

    with PlainErrors():
        if sum(choice is not None for choice in (holdout_fraction, holdout_group or None, folds)) > 1:
            raise WorkshopError("choose one of --holdout-fraction, --holdout-group and --folds")
        members = read_members(annotations)
        if folds is not None:
            split = fold(members, folds, seed=seed)
        else:
            split = hold_out(members, fraction=holdout_fraction, groups=holdout_group or (), seed=seed)
        folder = output or annotations[0].parent
        files = write_split(split, folder, seed=seed, replace=replace, keep=annotations)
    rows = [part.as_row() for part in split.parts]
    if as_json:
        left_out = {reason: list(names) for reason, names in split.left_out.items()}
        typer.echo(json.dumps({"files": [str(path) for path in files], "parts": rows, "left_out": left_out}, indent=1))
        return
    _print_rows(rows)
    _say_counts("left out", {reason: len(names) for reason, names in split.left_out.items()})
    if split.duplicate_sets:
        copies_count = sum(map(len, split.duplicate_sets.values()))
        typer.echo(f"alike: {copies_count} photographs in {len(split.duplicate_sets)} sets, none of them parted")
    typer.echo(f"written: {', '.join(path.name for path in files)} in {folder}")


def pseudo_label_command(
    pictures: Annotated[Path, typer.Argument(help="Folder of pictures that nobody labelled.")],
    *,
    output: OutputOption,
    source: SourceNameOption,
    licence: LicenceOption,
    may_train: MayTrainOption,
    group_by: GroupByOption,
    card: Annotated[Path | None, typer.Option("--card", help="Card of the model; the shipped one if absent.")] = None,
    high: Annotated[float, typer.Option("--high", help="Confidence from which a box is taken for true.")] = 0.6,
    low: Annotated[float, typer.Option("--low", help="Confidence from which a place is in doubt and ignored.")] = 0.1,
    labels: Annotated[
        str | None, typer.Option("--labels", help="Labels to take; all of the card but defects when absent.")
    ] = None,
    link: LinkOption = False,
    as_json: JsonOption = False,
) -> None:
    """Let a model label photographs, for training alone: every picture, and every manifest after it, says so."""
    from models.class_map import parse_labels  # noqa: PLC0415
    from models.dataset_folder import Provenance  # noqa: PLC0415
    from models.detecting import shipped_card_path  # noqa: PLC0415
    from models.grouping import GroupRule  # noqa: PLC0415
    from models.pseudo_labels import PseudoLabelPlan, pseudo_label  # noqa: PLC0415

    with PlainErrors():
        summary = pseudo_label(
            PseudoLabelPlan(
                pictures=pictures,
                output=output,
                card=card or shipped_card_path(),
                provenance=Provenance(source, licence, may_train),
                group_by=GroupRule.parse(group_by),
                low=low,
                high=high,
                labels=parse_labels(labels, "--labels") if labels else None,
                link=link,
            )
        )
    if as_json:
        typer.echo(json.dumps(summary.as_row(), indent=1))
        return
    _say_dataset(summary.as_row())
    typer.echo(f"labelled by {summary.labelled_by['model_id']} ({summary.labelled_by['onnx_sha256'][:12]})")


def _say_dataset(row: Mapping[str, Any]) -> None:
    groups = "1 group" if row["groups_count"] == 1 else f"{row['groups_count']} groups"
    typer.echo(f"{row['annotations']}: {row['photographs_count']} photographs in {groups}")
    if row["groups_count"] == 1 < row["photographs_count"]:
        typer.echo(
            "one group cannot be split into training and evaluation: --group-by says which show the same fixture"
        )
    _say_counts("boxes", row["boxes_count"])
    _say_counts("regions to ignore", row["regions_count"])


def _say_counts(heading: str, counts: Mapping[str, int]) -> None:
    if counts:
        typer.echo(f"{heading}: " + ", ".join(f"{count} {words}" for words, count in counts.items()))


def _print_rows(rows: Iterable[Mapping[str, Any]]) -> None:
    gathered = list(rows)
    names = [name for name in gathered[0] if isinstance(gathered[0][name], str) or any(row[name] for row in gathered)]
    table = Table(*names, box=SIMPLE_HEAD, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in gathered:
        table.add_row(*(str(row[name]) for name in names))
    Console(width=max(Console().width, TABLE_WIDTH)).print(table)
