"""The verbs of whoever keeps copies of an installation: back up, restore, replay."""

from __future__ import annotations

from sinkwatch.safekeeping.copies import JOB, KEPT, N_DAILY, N_WEEKLY, BackUp, back_up, kept
from sinkwatch.safekeeping.restoring import Replayed, replay, restore

__all__ = [
    "JOB",
    "KEPT",
    "N_DAILY",
    "N_WEEKLY",
    "BackUp",
    "Replayed",
    "back_up",
    "kept",
    "replay",
    "restore",
]
