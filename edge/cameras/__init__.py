# SPDX-License-Identifier: AGPL-3.0-or-later
"""Everything a node can look through. `choose.open_camera` picks the kind by the form of the source."""
