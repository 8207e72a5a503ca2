# SPDX-License-Identifier: AGPL-3.0-or-later
"""Evidence pictures: kept apart from counts, the newest few of each camera and those an open alert points at."""

from sqlalchemy import Connection, delete, insert, select

from server import tables
from server.camera_nodes import nodes_of
from server.letters import PictureLetter


def store_pictures(connection: Connection, letters: list[PictureLetter], *, per_camera_count: int) -> None:
    """Append the pictures and drop each camera's oldest beyond `per_camera_count`.

    A picture of a camera that another node speaks for is not shown: it is left aside.
    """
    letters = _of_own_cameras(connection, letters)
    if not letters:
        return
    picture = tables.evidence_picture
    connection.execute(
        insert(picture),
        [
            {
                "camera_id": letter.camera_id,
                "node_id": letter.node_id,
                "received_at": letter.received_at,
                "jpeg": letter.jpeg,
            }
            for letter in letters
        ],
    )
    wanted = select(tables.alert.c.picture_id).where(
        tables.alert.c.state == "open", tables.alert.c.picture_id.is_not(None)
    )
    for camera_id in {letter.camera_id for letter in letters}:
        newest = (
            select(picture.c.picture_id)
            .where(picture.c.camera_id == camera_id)
            .order_by(picture.c.picture_id.desc())
            .limit(per_camera_count)
        )
        connection.execute(
            delete(picture).where(
                picture.c.camera_id == camera_id,
                picture.c.picture_id.not_in(newest),
                picture.c.picture_id.not_in(wanted),
            )
        )


def _of_own_cameras(connection: Connection, letters: list[PictureLetter]) -> list[PictureLetter]:
    if not letters:
        return []
    nodes = nodes_of(connection, {letter.camera_id for letter in letters})
    return [letter for letter in letters if nodes.get(letter.camera_id, letter.node_id) == letter.node_id]
