"""Prints docs/states.md from the rules of care/: `python docs/make_states.py > docs/states.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from followup.care.delivery import MOVES, SET_ASIDE, STATUS_SENTENCES, Move, Mover, Status
from followup.care.reason import Reason
from followup.care.task import TaskKind

MOVERS = {
    Mover.PLANNER: "plans anew whenever a fact changes (`followup/replan.py`)",
    Mover.DISPATCHER: "asks every gate, claims, sends, records (`followup/dispatch.py`)",
    Mover.RESCUER: "takes up what a dead process had in hand (`followup/settle.py`)",
    Mover.SETTLER: "looks for evidence of what is in doubt, and ends it (`followup/settle.py`)",
    Mover.RESTORER: "takes stock after an outage or an old backup (`followup/backlog.py`)",
    Mover.RECEIPTS: "asks the provider what became of it (`followup/receipts.py`)",
    Mover.WORKLIST: "carries out what a person said when closing a task (`followup/worklist.py`)",
}


def page() -> str:
    """The whole page."""
    return "\n".join(
        [
            "# What can become of a message",
            "",
            "Made by `docs/make_states.py` from `care/delivery.py` and `care/reason.py`; not edited by hand.",
            "",
            *_diagram(),
            "",
            "## Statuses",
            "",
            "| Status | What it means, and who moves it on | It can go no further |",
            "|---|---|---|",
            *(f"| `{status}` | {STATUS_SENTENCES[status]} | {_end(status)} |" for status in Status),
            "",
            "## Who moves",
            "",
            "| Mover | What it does |",
            "|---|---|",
            *(f"| {mover} | {MOVERS[mover]} |" for mover in Mover),
            "",
            "## Moves",
            "",
            "Nothing else is allowed: a move that is not in this table is refused by the outbox.",
            "",
            "| From | To | Mover | When | Event in the trail | Task |",
            "|---|---|---|---|---|---|",
            *(_row(move) for move in MOVES),
            "",
            "## Reasons",
            "",
            "`followup why` says these sentences. A reason set by facts can be undone: when the facts change",
            "back, a message that was never attempted is planned again. All other reasons are final.",
            "",
            "| Reason | Sentence | Leads to | Set by facts | Task where it stops a message that was due |",
            "|---|---|---|---|---|",
            *(
                f"| `{r}` | {r.sentence} | `{r.status}` | {'yes' if r.by_facts else ''} | {_code(r.task)} |"
                for r in Reason
            ),
            "",
        ]
    )


def _diagram() -> Iterator[str]:
    """One arrow for each pair of statuses; what facts set aside is one box, or nobody could read it."""
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield "    [*] --> planned"
    yield "    state set_aside {"
    yield from (f"        {status}" for status in sorted(SET_ASIDE))
    yield "    }"
    arrows = ((_box(move.source), _box(move.target)) for move in MOVES)
    yield from (f"    {source} --> {target}" for source, target in dict.fromkeys(arrows) if source != target)
    yield from (f"    {status} --> [*]" for status in Status if _end(status))
    yield "```"


def _row(move: Move) -> str:
    task = _code(move.task)
    return f"| `{move.source}` | `{move.target}` | {move.mover} | {move.guard} | {move.event} | {task} |"


def _code(task: TaskKind | None) -> str:
    return f"`{task}`" if task else ""


def _box(status: Status) -> str:
    return "set_aside" if status in SET_ASIDE else str(status)


def _end(status: Status) -> str:
    return "" if any(move.source is status for move in MOVES) else "yes"


if __name__ == "__main__":
    sys.stdout.write(page())
