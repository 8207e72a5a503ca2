# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where things are: bay plane, lens, homography, zones and planogram of one camera."""
