# SPDX-License-Identifier: AGPL-3.0-or-later
"""Everything that crosses a process boundary: messages, topics, model card, ids and units."""
