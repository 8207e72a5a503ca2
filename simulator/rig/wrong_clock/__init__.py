# SPDX-License-Identifier: AGPL-3.0-or-later
"""A folder to be put on PYTHONPATH: Python runs the `sitecustomize` in it before any program."""
