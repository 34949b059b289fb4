"""Enroll patients in bulk and print one JSON line: reminders planned and written a second.

    python benchmarks/planning.py DATABASE_URL PATIENTS

Beside it, in the same run, the rules alone: the same timelines and differences worked out, and nothing written.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import house

from followup.app import App
from followup.care.combine import patient_timeline
from followup.care.facts import Facts
from followup.care.people import ChannelName
from followup.care.reconcile import reconcile
from followup.enroll import enroll_in_chunks

PLAN = "kyphoplasty"


def enroll(app: App, patients: int) -> tuple[int, float]:
    """Reminders written and the seconds it took."""
    count, began = 0, time.perf_counter()
    entries = house.people(ChannelName.SMS, patients, plan=PLAN)
    for chunk in enroll_in_chunks(app.storage, app.clinic, entries, lambda: house.BEFORE, "benchmark"):
        count += sum(len(one.replanned.changes.add) for one in chunk)
    return count, time.perf_counter() - began


def plan_only(app: App, patients: int) -> tuple[int, float]:
    """Reminders worked out and the seconds it took; the patients are read before the clock runs."""
    with app.storage.reading() as tx:
        known = list(tx.register.patients(tx.register.all_ids()[:patients]).values())
    practice, count, began = app.clinic.practice, 0, time.perf_counter()
    for patient in known:
        count += len(reconcile(patient_timeline(Facts(patient), practice), (), house.BEFORE).add)
    return count, time.perf_counter() - began


def run(database_url: str, patients: int) -> dict[str, Any]:
    """Both, on a database made anew."""
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(house.open_house(Path(folder) / "clinic", database_url, 1, 1)) as app,
    ):
        app.clinic  # noqa: B018  read before the clock runs
        written, seconds = enroll(app, patients)
        planned, alone = plan_only(app, min(patients, 2000))
        return {
            "database": app.storage.engine.dialect.name,
            "patients": patients,
            "reminders": written,
            "seconds": round(seconds, 3),
            "rate": round(written / seconds),
            "plan_only_rate": round(planned / alone),
            "share_of_plan_only": round(written / seconds / (planned / alone), 3),
            "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        }


def main() -> None:
    """Read the command line; print the line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("database_url")
    parser.add_argument("patients", type=int)
    options = parser.parse_args()
    print(json.dumps(run(options.database_url, options.patients)))


if __name__ == "__main__":
    main()
