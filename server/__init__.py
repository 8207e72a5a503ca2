# SPDX-License-Identifier: AGPL-3.0-or-later
"""The hub: takes reports and books in, keeps the ledger, says why a shelf is wrong, and tells a person."""
