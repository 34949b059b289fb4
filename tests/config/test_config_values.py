"""What a right config.toml means."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from followup.care.practice import Caps
from followup.config import load_config


def test_a_short_configuration_is_enough_and_the_rest_has_defaults(clinic: Any) -> None:
    config = clinic.load()
    assert (config.daemon.tick_seconds, config.daemon.poll_seconds, config.daemon.in_flight) == (15, 20, 64)
    assert (config.pain.urgent_score, config.pain.urgent_rise) == (7, 2)
    assert config.caps == Caps(2, 6)
    assert config.window.hours[0] == (time(9), time(20))
    assert config.window.hours[6] == (time(12), time(20))
    assert config.twilio.base_url == "https://api.twilio.com"
    assert (config.smtp.port, config.smtp.security) == (587, "starttls")


def test_patients_see_the_office_phone_as_typed_and_senders_are_normalised(clinic: Any) -> None:
    config = clinic.load()
    assert config.clinic.phone == "214-555-0100"
    assert config.twilio.sender_number == "+12145550142"


def test_mail_goes_out_in_the_clinics_name_unless_another_is_written(clinic: Any) -> None:
    smtp = clinic.load().smtp
    assert smtp.sender_name == "Lakeside IR"
    assert smtp.reply_to == smtp.unsubscribe_address == "followup@clinic.example.org"
    clinic.set("smtp.reply_to", "nurses@clinic.example.org")
    clinic.set("smtp.sender_name", "Lakeside Nurses")
    smtp = clinic.load().smtp
    assert (smtp.sender_name, smtp.unsubscribe_address) == ("Lakeside Nurses", "nurses@clinic.example.org")


def test_the_practice_has_the_clinics_hours_holidays_and_caps(clinic: Any) -> None:
    clinic.set("caps.per_day", 1)
    practice = clinic.load().practice({})
    assert practice.zone == ZoneInfo("America/Chicago")
    assert practice.caps == Caps(1, 6)
    assert practice.staffed.hours[0] == ((time(8), time(12)), (time(13), time(17)))
    assert practice.staffed.hours[1] == ()
    assert practice.staffed.holidays == {date(2026, 11, 26)}
    assert practice.plans == {}


def test_hours_are_wall_times_so_sunday_noon_is_right_on_the_day_the_clocks_go_back(clinic: Any) -> None:
    """2026-11-01, Chicago: 12:00 is 18:00Z, a week earlier it was 17:00Z."""
    practice = clinic.load().practice({})
    for asked, noon in (
        (datetime(2026, 11, 1, 15, tzinfo=UTC), datetime(2026, 11, 1, 18, tzinfo=UTC)),
        (datetime(2026, 10, 25, 14, tzinfo=UTC), datetime(2026, 10, 25, 17, tzinfo=UTC)),
    ):
        assert practice.staffed.defer(asked) == noon
        assert practice.window.defer(asked, practice.zone) == noon


def test_exemption_mode_allows_one_text_a_day_and_three_a_week_without_recorded_consent(clinic: Any) -> None:
    clinic.set("caps.mode", "exemption")
    assert clinic.load().caps == Caps(1, 3, consent_needed=False)


def test_a_day_can_be_closed_for_messages(clinic: Any) -> None:
    clinic.set("send_window.saturday", [])
    clinic.set("send_window.sunday", "14:00-18:00")
    assert 5 not in clinic.load().window.hours
    assert clinic.load().window.hours[6] == (time(14), time(18))


def test_the_trial_reaches_staff_and_the_listed_people_only(clinic: Any) -> None:
    clinic.set("clinic.staff", [{"name": "Pat", "phone": "2145550123", "email": "pat@Clinic.Example.ORG"}])
    clinic.set("trial.allow", ["+1 214 555 0125", "volunteer@example.org"])
    assert clinic.load().trial_allowed == {
        "+12145550123",
        "pat@clinic.example.org",
        "+12145550125",
        "volunteer@example.org",
    }


def test_numbers_without_a_plus_are_read_as_the_clinics_country(clinic: Any) -> None:
    clinic.set("clinic.country", "GB")
    clinic.set("clinic.phone", "020 7946 0958")
    clinic.set("clinic.after_hours_phone", "020 7946 0959")
    clinic.set("trial.allow", ["020 7946 0960"])
    clinic.set("twilio.sender_number", "+12145550142")
    config = clinic.load()
    assert config.trial_allowed == {"+442079460960"}
    assert config.clinic.phone == "020 7946 0958"
    clinic.set("clinic.country", "US")
    assert "config.toml: clinic.phone" in clinic.faults()


def test_the_database_is_a_file_beside_the_configuration_unless_another_is_named(clinic: Any) -> None:
    assert clinic.load().database_url == f"sqlite:///{clinic.path.parent}/followup.db"
    clinic.set("database.url", "sqlite:////var/lib/followup/followup.db")
    assert clinic.load().database_url == "sqlite:////var/lib/followup/followup.db"


@pytest.mark.parametrize(
    ("typed", "used"),
    [
        ("postgresql://nurse@127.0.0.1:5432/f", "postgresql+psycopg://nurse:p%40ss%2F@127.0.0.1:5432/f"),
        (
            "postgresql+psycopg://nurse:@/f?host=/run/pg",
            "postgresql+psycopg://nurse:p%40ss%2F@/f?host=/run/pg",
        ),
        (
            "postgresql+psycopg://n@db.example.org/f?sslmode=verify-full",
            "postgresql+psycopg://n:p%40ss%2F@db.example.org/f?sslmode=verify-full",
        ),
    ],
)
def test_the_databases_password_comes_from_the_secret(clinic: Any, typed: str, used: str) -> None:
    clinic.set("database.url", typed)
    assert clinic.load().database_url == typed.replace("postgresql://", "postgresql+psycopg://")
    clinic.secret("database_password", "p@ss/\n")
    assert clinic.load().database_url == used


def test_the_clinics_own_texts_are_used_when_they_lie_beside_the_configuration(clinic: Any) -> None:
    assert clinic.load().messages is None
    folder: Path = clinic.path.parent / "messages"
    folder.mkdir()
    assert clinic.load().messages == folder
    clinic.set("messages.folder", "our-texts")
    (clinic.path.parent / "our-texts").mkdir()
    assert clinic.load().messages == clinic.path.parent / "our-texts"


def test_the_clinics_own_words_are_kept_by_plan_and_language(clinic: Any) -> None:
    clinic.set("parameters", {"kyphoplasty": {"en": {"driving": "24 hours"}, "es": {"driving": "24 horas"}}})
    assert clinic.load().parameters["kyphoplasty"]["es"]["driving"] == "24 horas"


def test_a_relative_path_to_the_configuration_gives_absolute_places(clinic: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(clinic.path.parent)
    config = load_config(Path("config.toml"), {})
    assert config.path == clinic.path
    assert config.database_url == f"sqlite:///{clinic.path.parent}/followup.db"


def test_the_configuration_cannot_be_changed_once_it_is_read(clinic: Any) -> None:
    config = clinic.load()
    with pytest.raises(AttributeError):
        config.path = Path("elsewhere")
    with pytest.raises(ValidationError):
        config.clinic.name = "Another"
