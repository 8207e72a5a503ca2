# SPDX-License-Identifier: AGPL-3.0-or-later
"""Everything that can go wrong on a node, as one tree.

EdgeError
+-- ConfigError           node.toml cannot be used
+-- PictureError          a picture file cannot be used
+-- CameraError           no frame this time; the camera is asked again later
|   +-- CameraLost        nothing arrives
|   +-- BrokenFrame       something arrived that is no whole picture
+-- ModelError            an ONNX file or its card cannot be used
|   +-- CardMismatch      the card describes another file
+-- OutboxError           a report cannot be put on the node's disk
|   +-- OutboxDamaged     nor ever again: the node must start afresh, which puts the file aside
+-- ReferencesError       a file of reference crops cannot be used
|   +-- ReferencesMismatch  nor with this calibration, as it was taken with another
+-- DesiredRefused        a desired configuration cannot be taken whole
"""


class EdgeError(Exception):
    """Root of every error a node raises on purpose. Its text says what, which id and what to do."""


class ConfigError(EdgeError):
    """node.toml cannot be used; the text names the file and every wrong field."""


class PictureError(EdgeError):
    """A picture file cannot be used; one line, the path first."""


class CameraError(EdgeError):
    """No frame this time."""


class CameraLost(CameraError):  # noqa: N818 - it reads as the state it is
    """Nothing arrives from the camera."""


class BrokenFrame(CameraError):  # noqa: N818 - it reads as the state it is
    """Something arrived from the camera that is no whole picture."""


class ModelError(EdgeError):
    """An ONNX file or its card cannot be used."""


class CardMismatch(ModelError):  # noqa: N818 - it reads as the state it is
    """The card beside an ONNX file describes another file."""


class OutboxError(EdgeError):
    """A report cannot be put on the node's disk."""


class OutboxDamaged(OutboxError):  # noqa: N818 - it reads as the state it is
    """The outbox file is damaged; the next start of the node puts it aside and begins a new one."""


class ReferencesError(EdgeError):
    """A file of reference crops cannot be used; the text names the file and the field."""


class ReferencesMismatch(ReferencesError):  # noqa: N818 - it reads as the state it is
    """Reference crops were taken with another calibration than the one in force."""


class DesiredRefused(EdgeError):  # noqa: N818 - it reads as the event it is
    """A desired configuration cannot be taken whole, so nothing of it is taken."""
