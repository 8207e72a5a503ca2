# SPDX-License-Identifier: AGPL-3.0-or-later
"""A virtual store with ground truth: what its cameras would see, drawn from a scene description."""
