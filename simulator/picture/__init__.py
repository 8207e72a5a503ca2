# SPDX-License-Identifier: AGPL-3.0-or-later
"""How a shelf looks: a scene, the packs and furniture printed on it, and the picture with its true boxes."""
