# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a run of the virtual store was worth: true events held against alerts, counts and reports."""
