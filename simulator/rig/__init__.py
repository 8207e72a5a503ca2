# SPDX-License-Identifier: AGPL-3.0-or-later
"""The true system in processes of its own, and what can be done to it."""
