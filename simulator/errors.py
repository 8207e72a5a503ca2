# SPDX-License-Identifier: AGPL-3.0-or-later
"""Errors of the virtual store.

SimulatorError
├── StorePlanError    a store file is wrong
└── ProcessError      a process of the demo did not start or died
"""


class SimulatorError(Exception):
    """Anything that keeps the virtual store from running."""


class StorePlanError(SimulatorError):
    """A store file is wrong; the message names the file and each field."""


class ProcessError(SimulatorError):
    """A process of the demo did not start or died; the message holds the end of its log."""
