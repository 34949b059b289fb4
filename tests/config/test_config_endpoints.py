"""A configuration cannot point the house at a machine that has no business with patients' numbers."""

from __future__ import annotations

from typing import Any

import pytest

ELSEWHERE = [
    "http://169.254.169.254",
    "https://169.254.169.254",
    "http://169.254.169.254/latest/meta-data",
    "file:///etc/passwd",
    "FILE:///etc/passwd",
    "gopher://127.0.0.1",
    "ftp://127.0.0.1",
    "http://api.twilio.com",
    "http://evil.com",
    "https://evil.com",
    "https://api.twilio.com.evil.com",
    "https://apitwilio.com",
    "https://eviltwilio.com",
    "https://twilio.com.evil.com",
    "https://api.twilio.com@evil.com",
    "https://evil.com#api.twilio.com",
    "https://evil.com?api.twilio.com",
    "https://evil.com/api.twilio.com",
    "https://evil.com\\@api.twilio.com",
    "https://api.twilio.com\\.evil.com",
    "https://api.twilio.com:99999",
    "https://api.twilio.com:0",
    "https://api.twilio.com/2010-04-01",
    "https://api.twilio.com/?next=evil",
    "https://user:password@api.twilio.com",
    " https://api.twilio.com",
    "https://api.twilio.com\n",
    "https://api.tw\tilio.com",
    "https://.twilio.com",
    "https://-.twilio.com",
    "https://\u0430pi.twilio.com",
    "https://api.twilio\u3002com",
    "http://127.0.0.1@evil.com",
    "http://127.0.0.1.evil.com",
    "http://localhost.evil.com",
    "http://evil.com#127.0.0.1",
    "http://2130706433",
    "http://0x7f000001",
    "http://0177.0.0.1",
    "http://127.1",
    "http://0.0.0.0",
    "http://[::]",
    "http://[::ffff:169.254.169.254]",
    "http://[fe80::1]",
    "http://10.0.0.1",
    "//api.twilio.com",
    "api.twilio.com",
    "https://",
    "",
]


@pytest.mark.parametrize("url", ELSEWHERE)
def test_twilio_is_at_twilio_or_on_this_machine_and_nowhere_else(clinic: Any, url: str) -> None:
    clinic.set("twilio.base_url", url)
    faults = clinic.faults()
    assert list(faults) == ["config.toml: twilio.base_url"]
    assert "evil" not in str(faults)


@pytest.mark.parametrize(
    ("url", "used"),
    [
        ("https://api.twilio.com", "https://api.twilio.com"),
        ("https://api.twilio.com/", "https://api.twilio.com"),
        ("https://api.us1.twilio.com", "https://api.us1.twilio.com"),
        ("https://api.dublin.ie1.twilio.com:443", "https://api.dublin.ie1.twilio.com:443"),
        ("http://127.0.0.1:8025", "http://127.0.0.1:8025"),
        ("http://127.8.9.10", "http://127.8.9.10"),
        ("http://[::1]:8025", "http://[::1]:8025"),
        ("http://localhost:8025/", "http://localhost:8025"),
    ],
)
def test_twilios_regions_and_the_sandbox_are_allowed(clinic: Any, url: str, used: str) -> None:
    clinic.set("twilio.base_url", url)
    assert clinic.load().twilio.base_url == used


@pytest.mark.parametrize(
    "url",
    [
        "http://ping.example.org/x",
        "https://169.254.169.254/",
        "https://[::1]/",
        "https://127.0.0.1/",
        "https://intranet/",
        "https://0x7f.1/",
        "https://me@ping.example.org/",
        "https://ping.example.org/\r\nHost: x",
        "file:///etc/passwd",
    ],
)
def test_a_watcher_is_called_by_name_over_https(clinic: Any, url: str) -> None:
    clinic.set("daemon.ping_url", url)
    assert list(clinic.faults()) == ["config.toml: daemon.ping_url"]


@pytest.mark.parametrize(
    "url",
    ["https://ping.example.org/a-b/1", "https://w.example.org:8443/push/x?status=up&ping=", "http://127.0.0.1:9/"],
)
def test_common_watchers_are_allowed(clinic: Any, url: str) -> None:
    clinic.set("daemon.ping_url", url)
    assert clinic.load().daemon.ping_url == url


@pytest.mark.parametrize(
    "host", ["smtp://smtp.example.org", "smtp.example.org:25", "me@smtp.example.org", "a b", "", "169.254.169.254",
             "0.0.0.0", "224.0.0.1", "smtp.example.org\n", "-smtp.example.org"],  # noqa: S104  must be refused
)  # fmt: skip
def test_a_mail_server_is_a_name_or_an_address_of_one(clinic: Any, host: str) -> None:
    clinic.set("smtp.host", host)
    assert list(clinic.faults()) == ["config.toml: smtp.host"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_mail_goes_in_the_clear_only_to_this_machine(clinic: Any, host: str) -> None:
    clinic.set("smtp.security", "plain")
    assert list(clinic.faults()) == ["config.toml: smtp.security"]
    clinic.set("smtp.host", host)
    assert clinic.load().smtp.security == "plain"


def test_a_configuration_is_on_loopback_only_if_everything_is(clinic: Any) -> None:
    here = {
        "twilio.base_url": "http://127.0.0.1:8025",
        "smtp.host": "127.0.0.1",
        "mailbox.host": "127.0.0.1",
        "database.url": "postgresql://f@127.0.0.1/f",
        "daemon.ping_url": "http://localhost:8026/",
    }
    elsewhere = {
        "twilio.base_url": "https://api.twilio.com",
        "smtp.host": "smtp.example.org",
        "mailbox.host": "imap.example.org",
        "database.url": "postgresql://f@db.example.org/f?sslmode=verify-full",
        "daemon.ping_url": "https://ping.example.org/",
    }
    clinic.set("mailbox.username", "nurses@clinic.example.org")
    clinic.secret("mailbox_password", "x")
    for setting, value in here.items():
        clinic.set(setting, value)
    assert clinic.load().on_loopback
    for setting, value in elsewhere.items():
        clinic.set(setting, value)
        assert not clinic.load().on_loopback
        clinic.set(setting, here[setting])


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("sqlite:///followup.db", True),
        ("postgresql:///f?host=/run/postgresql", True),
        ("postgresql:///f", True),
        ("postgresql://f@[::1]/f", True),
        ("postgresql://f@127.0.0.1/f?host=127.0.0.1,db.example.org&sslmode=verify-full", False),
    ],
)
def test_a_local_socket_is_this_machine_and_a_second_host_is_looked_at(clinic: Any, url: str, here: bool) -> None:  # noqa: FBT001  a column of the table
    clinic.set("twilio.base_url", "http://127.0.0.1:8025")
    clinic.set("smtp.host", "127.0.0.1")
    clinic.set("database.url", url)
    assert clinic.load().on_loopback is here
