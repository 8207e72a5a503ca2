# SPDX-License-Identifier: AGPL-3.0-or-later
"""The node: looks at a camera, counts facings per zone, and reports until the hub has it on disk."""
