# SPDX-License-Identifier: AGPL-3.0-or-later
"""The workshop: data sets, training, export, evaluation, model cards and the shipped weights.

Nothing here runs on a node. Torch and ultralytics are loaded only inside the steps that need them, so that
evaluation works from the `simulator` extra alone.
"""
