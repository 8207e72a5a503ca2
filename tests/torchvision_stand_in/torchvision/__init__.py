# SPDX-License-Identifier: AGPL-3.0-or-later
"""The one function of torchvision that detection calls, for a torch that torchvision's wheels do not fit."""

from torchvision import ops as ops

__version__ = "0.0.0+stand.in"
