# SPDX-License-Identifier: AGPL-3.0-or-later
"""Errors of the virtual store.

SimulatorError
├── StorePlanError    a store file is wrong
├── ScenarioError     a scenario file is wrong, or names what its store has not
├── CameraError       a simulated camera cannot be served
├── DemoError         the demo cannot go on: its page has no port, or the hub refuses its books
└── ProcessError      a process of the true system did not start or died
"""


class SimulatorError(Exception):
    """Anything that keeps the virtual store from running."""


class StorePlanError(SimulatorError):
    """A store file is wrong; the message names the file and each field."""


class ScenarioError(SimulatorError):
    """A scenario file is wrong or names what its store has not; the message names the file and each field."""


class CameraError(SimulatorError):
    """A simulated camera cannot be served; the message says what is missing and how to get it."""


class DemoError(SimulatorError):
    """The demo cannot go on; the message says what is in its way and what to do."""


class ProcessError(SimulatorError):
    """A process of the true system did not start or died; the message holds the end of its log."""
