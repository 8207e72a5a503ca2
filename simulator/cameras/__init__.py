# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the store's cameras see, and how they send it."""
