"""`live`: nobody is written to before the checklist is done, and there is a way back."""

from __future__ import annotations

from cli_clinic import Open, OperatorDesk, SandboxClinic

from followup.app import App, build_app
from followup.care.delivery import Status
from followup.care.people import ChannelName
from followup.going_live import back_to_trial, go_live
from followup.replan import replan
from followup.storage.outbox_rows import Entry
from followup.storage.switches import Switch


def done(desk: OperatorDesk) -> dict[str, bool]:
    return {x["about"]: x["done"] for x in desk.told("live", "--status", "--offline")["checklist"]}


def planned_texts(app: App) -> list[Entry]:
    with app.storage.reading() as tx:
        found = tx.outbox.of_patients(tx.register.all_ids()).values()
    return [e for group in found for e in group if e.status is Status.PLANNED and e.channel is ChannelName.SMS]


def test_a_new_clinic_has_everything_to_do(open_clinic: Open) -> None:
    assert done(open_clinic()) == {
        "agreements": False,
        "registration": False,
        "on call": True,
        "texts of kyphoplasty in en": False,
        "texts of kyphoplasty in es": False,
        "test by sms": False,
        "test by email": False,
        "doctor": True,
    }


def test_it_refuses_and_names_what_is_missing(sandbox_clinic: SandboxClinic) -> None:
    result = sandbox_clinic.run("live", typed="\n\n\n")
    assert result.exit_code == 4
    assert "missing: agreements, registration, texts of kyphoplasty in en" in result.stderr
    assert sandbox_clinic.told("live", "--status", "--offline")["live_since"] is None


def test_an_answer_is_kept_for_the_next_day(sandbox_clinic: SandboxClinic) -> None:
    sandbox_clinic.run("live", typed="2026-01-15\n\n\n")
    sandbox_clinic.run("live", typed="2026-02-01\nCABC123\n")
    assert done(sandbox_clinic)["agreements"]
    assert done(sandbox_clinic)["registration"]


def test_a_date_to_come_or_a_campaign_that_is_none_is_asked_again(sandbox_clinic: SandboxClinic) -> None:
    result = sandbox_clinic.run("live", typed="2126-01-15\n2026-01-15\n\n?\n\n")
    assert "this day is still to come" in result.stderr
    assert "type a campaign id" in result.stderr


def test_one_language_that_nobody_approved_keeps_the_clinic_in_trial(sandbox_clinic: SandboxClinic) -> None:
    sandbox_clinic.make_ready()
    (sandbox_clinic.folder / "messages/approvals.toml").unlink()
    sandbox_clinic.run("plan", "approve", "kyphoplasty", "--language", "en", "--by", "Ann Lee", "--yes")
    result = sandbox_clinic.run("live", typed="2026-01-15\n2026-01-15\n2026-01-20\n")
    assert result.exit_code == 4
    assert "missing: texts of kyphoplasty in es\n" in result.stderr


def test_a_fault_that_the_doctor_finds_keeps_it_in_trial(sandbox_clinic: SandboxClinic) -> None:
    sandbox_clinic.make_ready()
    (sandbox_clinic.folder / "secrets/twilio_auth_token").write_text("wrong")
    result = sandbox_clinic.run("live", typed="2026-01-15\n2026-01-15\n2026-01-20\ny\n")
    assert result.exit_code == 4
    assert "missing: doctor\n" in result.stderr


def test_when_all_is_done_it_shows_what_would_go_and_asks_once(sandbox_clinic: SandboxClinic) -> None:
    sandbox_clinic.make_ready()
    result = sandbox_clinic.run("live", typed="2026-01-15\n2026-01-15\n2026-01-20\nn\n")
    assert result.exit_code == 0, result.output
    assert "Due within the hour:" in result.stdout
    assert sandbox_clinic.told("live", "--status", "--offline")["live_since"] is None
    assert sandbox_clinic.run("live", typed="y\n").exit_code == 0
    assert sandbox_clinic.told("live", "--status", "--offline")["live_since"] is not None
    assert sandbox_clinic.run("live").exit_code == 4


def test_the_way_back_asks_once(sandbox_clinic: SandboxClinic) -> None:
    sandbox_clinic.make_ready()
    sandbox_clinic.run("live", typed="2026-01-15\n2026-01-15\n2026-01-20\ny\n")
    assert "Still live." in sandbox_clinic.run("live", "--back-to-trial", typed="n\n").stdout
    assert "In trial." in sandbox_clinic.run("live", "--back-to-trial", typed="y\n").stdout
    assert sandbox_clinic.run("live", "--back-to-trial").exit_code == 4


def test_going_live_lets_go_what_waited_and_the_way_back_holds_it_again(open_clinic: Open) -> None:
    desk = open_clinic()
    desk.enroll()
    app = build_app(desk.config)
    now = app.clock.utc()
    waiting = planned_texts(app)
    assert waiting
    assert all(entry.trial for entry in waiting)
    with app.storage.transaction() as tx:
        assert go_live(tx, app.clinic, now, "ann").waited == len(waiting)
    assert not any(entry.trial for entry in planned_texts(app))
    with app.storage.transaction() as tx:
        assert back_to_trial(tx, app.clinic, now, "ann") == len(waiting)
        assert tx.switches.get(Switch.LIVE) is None
    assert all(entry.trial for entry in planned_texts(app))
    app.close()


def test_a_patient_on_hold_while_the_clinic_goes_live_is_written_to_after_it(open_clinic: Open) -> None:
    desk = open_clinic()
    desk.enroll()
    app = build_app(desk.config)
    now = app.clock.utc()
    with app.storage.transaction() as tx:
        [patient] = tx.register.all_ids()
        tx.register.set_patient(patient, held_at=now)
        replan(tx, app.clinic, patient, now)
        go_live(tx, app.clinic, now, "ann")
        tx.register.set_patient(patient, held_at=None)
        replan(tx, app.clinic, patient, now)
    assert planned_texts(app)
    assert not any(entry.trial for entry in planned_texts(app))
    app.close()
