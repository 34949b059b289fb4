"""`send-test`: a test goes to the clinic's own people, by the same way as everything else."""

from __future__ import annotations

import threading

from cli_clinic import Open, SandboxClinic

from followup.app import App, build_app
from followup.care.people import ChannelName
from followup.dispatch import Tally
from followup.going_live import heard


def heard_by(desk: SandboxClinic) -> set[ChannelName]:
    app = build_app(desk.config)
    with app.storage.reading() as tx:
        found = heard(tx)
    app.close()
    return found


def test_a_text_goes_to_the_one_person_of_the_staff_and_its_arrival_is_noted(
    sandbox_clinic: SandboxClinic,
) -> None:
    result = sandbox_clinic.run("send-test", "--sms", typed="y\n")
    assert result.exit_code == 0, result.output
    [text] = sandbox_clinic.twilio.messages
    assert (text.to, text.body) == ("+12145550123", "Lakeside IR: test of followup. Nothing to do.")
    assert "Status: " in result.stdout
    assert heard_by(sandbox_clinic) == {ChannelName.SMS}


def test_a_mail_goes_the_same_way(sandbox_clinic: SandboxClinic) -> None:
    result = sandbox_clinic.run("send-test", "--email", typed="y\n")
    assert result.exit_code == 0, result.output
    [mail] = sandbox_clinic.mail.mails
    assert mail.message["to"] == "pat@clinic.example.org"
    assert heard_by(sandbox_clinic) == {ChannelName.EMAIL}


def test_a_test_that_did_not_arrive_is_not_noted(sandbox_clinic: SandboxClinic) -> None:
    result = sandbox_clinic.run("send-test", "--sms", typed="n\n")
    assert "Not noted." in result.stdout
    assert heard_by(sandbox_clinic) == set()


def test_of_several_ways_one_is_chosen_from_a_list(sandbox_clinic: SandboxClinic) -> None:
    result = sandbox_clinic.run("send-test", typed="2\ny\n")
    assert "Pat Rivera, +12145550123" in result.stdout
    assert len(sandbox_clinic.mail.mails) == 1
    assert not sandbox_clinic.twilio.messages


def test_no_number_can_be_typed(sandbox_clinic: SandboxClinic) -> None:
    assert sandbox_clinic.run("send-test", "+12145550199").exit_code == 2
    assert not sandbox_clinic.twilio.messages


def test_where_nobody_is_named_it_says_where_to_name_somebody(open_clinic: Open) -> None:
    staff = [{"name": "Pat Rivera", "phone": "214-555-0123"}]
    result = open_clinic(staff=staff).run("send-test", "--email")
    assert result.exit_code == 3
    assert "clinic.staff" in result.stderr


def test_a_paused_channel_is_not_tested(sandbox_clinic: SandboxClinic) -> None:
    sandbox_clinic.run("pause", "--channel", "sms")
    result = sandbox_clinic.run("send-test", "--sms")
    assert result.exit_code == 4
    assert "`followup unpause` first" in result.stderr


def test_a_test_never_carries_patients_messages_along(sandbox_clinic: SandboxClinic) -> None:
    sandbox_clinic.enroll()
    app = build_app(sandbox_clinic.config)
    with app.storage.transaction() as tx:
        tx.connection.exec_driver_sql(
            "UPDATE messages SET due_at = '2026-01-01 00:00:00.000000' WHERE channel = 'sms'"
        )
    app.close()
    result = sandbox_clinic.run("send-test", "--sms")
    assert result.exit_code == 4
    assert "start `followup run`" in result.stderr
    assert not sandbox_clinic.twilio.messages


def test_a_refused_test_shows_the_providers_code(sandbox_clinic: SandboxClinic) -> None:
    (sandbox_clinic.folder / "secrets/twilio_auth_token").write_text("wrong")
    result = sandbox_clinic.run("send-test", "--sms", typed="n\n")
    assert "Status: retry wait (the sending account was refused" in " ".join(result.stdout.split())


class _Daemon:
    """Owns the sending, and sends what is due, until it is told to stop."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        assert app.owner.acquire()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._app.close()

    def _run(self) -> None:
        while not self._stop.wait(0.1):
            self._app.dispatcher.drain(ChannelName.SMS, Tally())


def test_where_a_daemon_owns_the_sending_it_sends_the_test(sandbox_clinic: SandboxClinic) -> None:
    with _Daemon(build_app(sandbox_clinic.config)):
        result = sandbox_clinic.run("send-test", "--sms", typed="y\n")
    assert result.exit_code == 0, result.output
    assert "The daemon sends it" in result.stdout
    assert len(sandbox_clinic.twilio.messages) == 1
