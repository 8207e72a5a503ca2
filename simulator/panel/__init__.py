# SPDX-License-Identifier: AGPL-3.0-or-later
"""The visitor's page of the virtual store: what is really there, what the system says, and buttons to fool it."""
