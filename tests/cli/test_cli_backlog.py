"""`backlog`: what an outage has held back is shown, and let go by a person who says yes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

from cli_clinic import SandboxClinic
from sqlalchemy import update

from followup import backlog
from followup.app import App, build_app
from followup.care.reason import Reason
from followup.replan import PROGRAM
from followup.storage.switches import Switch
from followup.storage.tables import messages


@contextmanager
def house(clinic: SandboxClinic) -> Iterator[App]:
    with closing(build_app(clinic.config)) as app:
        yield app


def after_an_outage(clinic: SandboxClinic) -> int:
    """The daemon was stopped three hours ago; a welcome was due two hours ago and holds for a day."""
    clinic.enroll()
    with house(clinic) as app:
        now = app.clock.utc()
        with app.storage.transaction() as tx:
            tx.switches.set(Switch.TICKED, "", now - timedelta(hours=3), PROGRAM)
            times = {"due_at": now - timedelta(hours=2), "valid_until": now + timedelta(days=3)}
            tx.connection.execute(update(messages).where(messages.c.step == "welcome").values(times))
        return backlog.take_stock(app.storage, app.owner, now)


def test_without_an_outage_there_is_none(sandbox_clinic: SandboxClinic) -> None:
    assert "There is no backlog." in sandbox_clinic.run("backlog").stdout
    told = sandbox_clinic.told("backlog")
    assert (told["held"], told["away_since"], told["expired"]) == ([], None, 0)


def test_it_tells_what_is_held_and_since_when(sandbox_clinic: SandboxClinic) -> None:
    assert after_an_outage(sandbox_clinic) == 1
    told = sandbox_clinic.told("backlog")
    assert [one["step"] for one in told["held"]] == ["welcome"]
    assert told["away_since"] < told["held_since"]
    said = sandbox_clinic.run("backlog").stdout
    assert "1 held back, 0 of them until what is in doubt is settled" in said
    assert "Not running from" in said
    assert "Ruth" not in said


def test_nothing_is_let_go_without_a_yes(sandbox_clinic: SandboxClinic) -> None:
    after_an_outage(sandbox_clinic)
    assert "Nothing was let go." in sandbox_clinic.run("backlog", "--release", typed="n\n").stdout
    assert len(sandbox_clinic.told("backlog")["held"]) == 1


def test_a_yes_lets_it_go_and_the_trail_says_who(sandbox_clinic: SandboxClinic) -> None:
    after_an_outage(sandbox_clinic)
    result = sandbox_clinic.run("backlog", "--release", typed="y\n")
    assert "Let go: 1; outlasted, with a task: 0." in result.stdout
    told = sandbox_clinic.told("backlog")
    assert (told["held"], told["away_since"]) == ([], None)
    with house(sandbox_clinic) as app, app.storage.reading() as tx:
        (entry,) = tx.backlog.in_turn()
        assert entry.reason is Reason.CATCH_UP


def test_a_script_says_yes_beforehand(sandbox_clinic: SandboxClinic) -> None:
    after_an_outage(sandbox_clinic)
    assert sandbox_clinic.told("backlog", "--release", "--yes") == {"let_go": 1, "expired": 0}
    assert sandbox_clinic.run("backlog", "--release", "--yes").stdout == "Nothing can be let go.\n"


def test_what_was_outlasted_stands_on_one_list_with_its_steps(sandbox_clinic: SandboxClinic) -> None:
    after_an_outage(sandbox_clinic)
    with house(sandbox_clinic) as app:
        with app.storage.transaction() as tx:
            past = {"valid_until": app.clock.utc() - timedelta(minutes=1)}
            tx.connection.execute(update(messages).where(messages.c.step == "welcome").values(past))
        backlog.let_go(app.storage, app.clinic, app.owner, app.clock.utc())
    assert sandbox_clinic.told("backlog")["expired"] == 1
    (task,) = [task for task in sandbox_clinic.told("tasks") if task["kind"] == "outage"]
    assert "welcome by sms" in sandbox_clinic.run("tasks", str(task["task"])).stdout
