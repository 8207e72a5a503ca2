# SPDX-License-Identifier: AGPL-3.0-or-later
"""The store itself: what stands where, who takes it, what the books say."""
