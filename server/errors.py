# SPDX-License-Identifier: AGPL-3.0-or-later
"""What can go wrong in the hub.

HubError
├── SettingsError        the configuration cannot be used; names the field
├── BooksError           a book inventory file or request; lists every fault at once
├── PlanogramError       a calibration that contradicts another camera's
├── DesiredConfigError   a configuration for a node that the node would refuse
├── NotFoundError        an id that the hub does not know
└── ConflictError        the request is sound but the present state forbids it
"""


class HubError(Exception):
    """Root of the hub's errors. The message says what, which id, and what to do."""


class SettingsError(HubError):
    """The hub's configuration cannot be used as it stands."""


class PlanogramError(HubError):
    """A calibration whose zones cannot be taken into this hub's planogram."""


class DesiredConfigError(HubError):
    """A desired configuration that its node would refuse."""


class NotFoundError(HubError):
    """No row with that id."""


class ConflictError(HubError):
    """The request is sound, but what is stored already forbids it."""
