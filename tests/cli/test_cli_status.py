"""`pause`, `unpause` and `status`: the emergency stop, and one look that tells green from red."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from cli_clinic import OperatorDesk, SandboxClinic
from sqlalchemy import insert, select, update

from followup.app import build_app
from followup.care.breaker import Breaker, BreakerState
from followup.care.people import ChannelName
from followup.care.task import TaskKind, new_task
from followup.clock import SystemClock
from followup.storage.breakers import Sender
from followup.storage.switches import Switch
from followup.storage.tables import attempts, messages


def tick(desk: OperatorDesk) -> None:
    """As a daemon's tick leaves it."""
    app = build_app(desk.config)
    with app.storage.transaction() as tx:
        tx.switches.set(Switch.TICKED, "", app.clock.utc(), "followup")
    app.close()


def test_a_clinic_whose_daemon_never_ran_is_red(sandbox_clinic: SandboxClinic) -> None:
    result = sandbox_clinic.run("status")
    assert result.exit_code == 1
    assert result.stdout.startswith("RED")
    assert "`followup run`" in result.stdout


def test_while_a_daemon_owns_the_sending_and_ticks_it_is_green(sandbox_clinic: SandboxClinic) -> None:
    tick(sandbox_clinic)
    app = build_app(sandbox_clinic.config)
    assert app.owner.acquire()
    result = sandbox_clinic.run("status")
    app.close()
    assert result.exit_code == 0
    assert result.stdout.startswith("GREEN")


def test_a_daemon_that_is_gone_is_red_though_it_ticked_a_moment_ago(sandbox_clinic: SandboxClinic) -> None:
    tick(sandbox_clinic)
    told = sandbox_clinic.told("status")
    assert told["daemon"]["alive"] is False
    assert told["green"] is False


def test_it_counts_messages_and_names_the_next(sandbox_clinic: SandboxClinic) -> None:
    sandbox_clinic.enroll()
    told = sandbox_clinic.told("status")
    assert told["messages"]["planned"] > 0
    assert told["next_due"] is not None
    assert told["overdue"] == 0


def test_an_overdue_message_is_red(sandbox_clinic: SandboxClinic) -> None:
    sandbox_clinic.enroll()
    app = build_app(sandbox_clinic.config)
    with app.storage.transaction() as tx:
        tx.connection.exec_driver_sql(
            "UPDATE messages SET due_at = '2026-01-01 00:00:00.000000' WHERE step = 'six-weeks'"
        )
    app.close()
    assert "1 messages are overdue" in sandbox_clinic.told("status")["red"]


def test_what_is_late_while_its_sender_goes_on_at_its_pace_waits_for_its_turn(
    sandbox_clinic: SandboxClinic,
) -> None:
    sandbox_clinic.enroll()
    config = sandbox_clinic.config
    config.write_text(config.read_text().replace("# segments_per_second = 1", "segments_per_second = 1"))
    app = build_app(config)
    with app.storage.transaction() as tx:
        connection = tx.connection
        late = "UPDATE messages SET due_at = '2026-01-01 00:00:00.000000' WHERE step = 'six-weeks'"
        connection.exec_driver_sql(late + " AND channel = 'sms'")
        begun = {
            "id": 1,
            "number": 1,
            "owner": "x",
            "words": b"x",
            "words_hash": b"x",
            "version": "v",
            "segments": 1,
        }
        one = connection.scalar(select(messages.c.id).where(messages.c.channel == "sms").limit(1))
        connection.execute(insert(attempts), begun | {"message_id": one, "began_at": app.clock.utc()})
    app.close()
    told = sandbox_clinic.told("status")
    assert (told["overdue"], told["wait_for_their_turn"]) == (0, 1)
    assert "1 segment a second by sms; 1 wait for their turn" in sandbox_clinic.run("status").stdout
    app = build_app(config)
    with app.storage.transaction() as tx:
        tx.connection.execute(update(attempts).values(began_at=app.clock.utc() - timedelta(minutes=11)))
    app.close()
    assert "1 messages are overdue" in sandbox_clinic.told("status")["red"]


def test_a_pause_stops_one_channel_and_says_what_waits(sandbox_clinic: SandboxClinic) -> None:
    sandbox_clinic.enroll()
    result = sandbox_clinic.run("pause", "--channel", "sms")
    assert result.exit_code == 0
    assert "Paused: sms." in result.stdout
    assert "by this time tomorrow; they wait" in result.stdout
    assert sandbox_clinic.told("status")["paused"] == ["sms"]


def test_pausing_twice_is_pausing_once(sandbox_clinic: SandboxClinic) -> None:
    sandbox_clinic.run("pause")
    assert "It is paused already" in sandbox_clinic.run("pause").stdout
    assert sandbox_clinic.told("status")["paused"] == ["sms", "email", "phone"]


def test_unpausing_asks_and_says_how_many_go_at_once(sandbox_clinic: SandboxClinic) -> None:
    sandbox_clinic.run("pause")
    refused = sandbox_clinic.run("unpause", typed="n\n")
    assert "0 messages are due now and go at once" in refused.stdout
    assert "It stays paused." in refused.stdout
    assert sandbox_clinic.told("status")["paused"]
    sandbox_clinic.run("unpause", typed="y\n")
    assert sandbox_clinic.told("status")["paused"] == []


def test_one_channel_is_not_unpaused_while_all_are_paused(sandbox_clinic: SandboxClinic) -> None:
    sandbox_clinic.run("pause")
    assert sandbox_clinic.run("unpause", "--channel", "sms").exit_code == 4
    assert sandbox_clinic.told("status")["paused"] == ["sms", "email", "phone"]


def test_what_is_not_paused_needs_no_unpausing(sandbox_clinic: SandboxClinic) -> None:
    assert "Nothing is paused." in sandbox_clinic.run("unpause").stdout


def test_unpausing_closes_the_task_about_the_sender_and_says_who_did_it(sandbox_clinic: SandboxClinic) -> None:
    app = build_app(sandbox_clinic.config)
    now = SystemClock().utc()
    with app.storage.transaction() as tx:
        tx.switches.set(Switch.SMS_PAUSED, "20003", now, "followup")
        tx.tasks.open(new_task(TaskKind.SENDER_PAUSED, now, app.clinic.practice.staffed, channel="sms"), now)
    assert sandbox_clinic.run("unpause", "--channel", "sms", "--yes").exit_code == 0
    with app.storage.reading() as tx:
        assert tx.tasks.open_tasks() == []
        assert tx.tasks.get(1).closed_by == "ann"
    app.close()


def set_switch(desk: OperatorDesk, switch: Switch, value: str = "") -> None:
    """As a daemon or a migration leaves it."""
    app = build_app(desk.config)
    with app.storage.transaction() as tx:
        tx.switches.set(switch, value, app.clock.utc(), "followup")
    app.close()


def database(desk: OperatorDesk) -> Path:
    return desk.folder / "followup.db"


@pytest.mark.parametrize(
    ("switch", "value", "said"),
    [
        (Switch.MAINTENANCE, "9999", "being migrated"),
        (Switch.CLOCK, "stepped", "the clock was set"),
        (Switch.BACKLOG, "", "held back"),
        (Switch.TICKED, "other_schema", "of another version than the daemon"),
        (Switch.TICKED, "no_space", "nearly full"),
    ],
)
def test_it_says_what_the_daemon_waits_for(
    sandbox_clinic: SandboxClinic, switch: Switch, value: str, said: str
) -> None:
    set_switch(sandbox_clinic, switch, value)
    result = sandbox_clinic.run("status")
    assert result.exit_code == 1
    assert sum(said in line for line in result.stdout.splitlines()) == 1


def test_a_sender_that_failed_turns_it_red_with_its_code_and_since_when(sandbox_clinic: SandboxClinic) -> None:
    app = build_app(sandbox_clinic.config)
    now = app.clock.utc().replace(microsecond=0)
    open_since = Breaker(64, BreakerState.OPEN, "20003", now, now)
    with app.storage.transaction() as tx:
        tx.breakers.write(Sender(ChannelName.SMS, "AC1@localhost"), open_since, now)
    app.close()
    told = sandbox_clinic.told("status")
    (sender,) = told["senders"]
    assert (sender["channel"], sender["code"], sender["since"]) == ("sms", "20003", now.isoformat())
    assert [line for line in told["red"] if "20003" in line]


@pytest.mark.parametrize(
    ("spoil", "code", "said"),
    [
        ("UPDATE alembic_version SET version_num = '0001'", "other_schema", "followup migrate"),
        ("DROP TABLE alembic_version", "other_schema", "empty"),
    ],
)
def test_a_database_of_another_version_is_red_in_one_line(
    sandbox_clinic: SandboxClinic, spoil: str, code: str, said: str
) -> None:
    with closing(sqlite3.connect(database(sandbox_clinic), isolation_level=None)) as outsider:
        outsider.execute(spoil)
    told = sandbox_clinic.told("status")
    assert [one["code"] for one in told["database"]] == [code]
    assert said in told["red"][0]
    assert told["readable"] is False
    assert sandbox_clinic.run("status").exit_code == 1


def test_a_database_that_is_not_there_is_red(sandbox_clinic: SandboxClinic) -> None:
    database(sandbox_clinic).unlink()
    result = sandbox_clinic.run("status")
    assert result.exit_code == 1
    assert "followup migrate" in result.stdout


def test_a_file_that_is_no_database_is_red_and_is_left_as_it_is(sandbox_clinic: SandboxClinic) -> None:
    for beside in ("-wal", "-shm"):
        (sandbox_clinic.folder / f"followup.db{beside}").unlink(missing_ok=True)
    database(sandbox_clinic).write_bytes(b"not a database" * 1000)
    told = sandbox_clinic.told("status")
    assert [one["code"] for one in told["database"]] == ["corrupt"]
    assert "restore a backup" in told["red"][0]
    assert database(sandbox_clinic).read_bytes() == b"not a database" * 1000


def test_a_daemon_that_holds_the_sending_and_does_not_tick_is_told_from_one_that_is_gone(
    sandbox_clinic: SandboxClinic,
) -> None:
    app = build_app(sandbox_clinic.config)
    assert app.owner.acquire()
    held = sandbox_clinic.told("status")["red"]
    app.close()
    gone = sandbox_clinic.told("status")["red"]
    assert "its rounds are not done" in held[0]
    assert "does not run" in gone[0]
