"""The official client finds the Messages API it knows."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException

from followup.sandbox import TwilioSandbox
from followup.sandbox.segments import segments

CLINIC, PATIENT, OTHER = "+15005550006", "+13125550101", "+13125550102"
SERVICE = "MG" + "a" * 32


def send(client: Any, body: str = "You may rest.", to: str = PATIENT, **more: Any) -> Any:
    sender = {} if "messaging_service_sid" in more else {"from_": CLINIC}
    return client.messages.create(to=to, body=body, **sender, **more)


def test_a_message_is_accepted_and_can_be_fetched(client: Any, twilio: TwilioSandbox, clock: Any) -> None:
    made = send(client, validity_period=600, status_callback="https://clinic.example/cb/1")
    assert re.fullmatch(r"SM[0-9a-f]{32}", made.sid)
    assert (made.status, made.direction, made.num_segments) == ("queued", "outbound-api", "1")
    assert made.date_created == clock.moment
    assert made.date_sent is None
    fetched = client.messages(made.sid).fetch()
    assert (fetched.to, fetched.from_, fetched.body) == (PATIENT, CLINIC, "You may rest.")
    (kept,) = twilio.messages
    assert (kept.sid, kept.validity, kept.status_callback) == (made.sid, 600, "https://clinic.example/cb/1")


def test_a_resource_has_every_field_of_the_published_one_in_its_type(
    client: Any, twilio: TwilioSandbox, clock: Any
) -> None:
    twilio.fate(PATIENT, "undelivered", 30003)
    send(client)
    clock.forward(seconds=5)
    resource = twilio.resource(twilio.messages[0])
    texts = {"body", "num_segments", "direction", "from", "to", "uri", "account_sid", "num_media", "status", "sid"}
    dates = {"date_created", "date_updated", "date_sent"}
    rest = {"price", "price_unit", "error_code", "error_message", "messaging_service_sid", "api_version"}
    assert set(resource) == texts | dates | rest | {"subresource_uris"}
    assert all(isinstance(resource[name], str) for name in texts | dates)
    assert all(str(resource[name]).endswith("+0000") for name in dates)
    assert parsedate_to_datetime(str(resource["date_updated"])) == clock.moment.replace(second=3)
    assert resource["error_code"] == 30003
    assert resource["error_message"] == "Unreachable destination handset"
    assert resource["price"] is None
    assert resource["uri"] == f"/2010-04-01/Accounts/{twilio.account_sid}/Messages/{resource['sid']}.json"


def test_a_messaging_service_accepts_first_and_picks_its_sender_later(client: Any, clock: Any) -> None:
    made = send(client, messaging_service_sid=SERVICE)
    assert (made.status, made.num_segments, made.from_) == ("accepted", "0", None)
    clock.forward(seconds=0.3)
    later = client.messages(made.sid).fetch()
    assert (later.status, later.num_segments, later.from_) == ("queued", "1", CLINIC)
    assert later.messaging_service_sid == SERVICE


def test_the_list_shows_the_newest_first_and_leads_from_page_to_page(client: Any) -> None:
    for number in range(7):
        send(client, f"text {number}")
    send(client, "for somebody else", to=OTHER)
    listed = client.messages.list(to=PATIENT, page_size=3)
    assert [one.body for one in listed] == [f"text {number}" for number in range(6, -1, -1)]


def test_a_message_that_comes_between_two_pages_does_not_shift_the_second(client: Any) -> None:
    for number in range(4):
        send(client, f"text {number}")
    first = client.messages.page(page_size=2)
    send(client, "came between")
    second = first.next_page()
    assert second is not None
    assert [one.body for one in second] == ["text 1", "text 0"]


def test_the_last_page_says_that_it_is_the_last(client: Any) -> None:
    for number in range(4):
        send(client, f"text {number}")
    first = client.messages.page(page_size=2)
    second = first.next_page()
    assert second is not None
    assert second.next_page() is None
    back = second.previous_page()
    assert back is not None
    assert [one.body for one in back] == ["text 3", "text 2"]


def test_the_list_is_filtered_by_both_ends(client: Any, twilio: TwilioSandbox) -> None:
    send(client, "to the patient")
    twilio.receive(PATIENT, "8")
    assert [one.body for one in client.messages.list(to=CLINIC, from_=PATIENT)] == ["8"]
    assert [one.body for one in client.messages.list(from_=CLINIC)] == ["to the patient"]


def test_the_date_filters_are_days_in_gmt_and_include_their_own_day(client: Any, clock: Any) -> None:
    for day in ("first", "second", "third"):
        send(client, day)
        clock.forward(days=1)
    second = clock.moment.date().replace(day=2)

    def bodies(**bounds: Any) -> list[str]:
        return [one.body for one in client.messages.list(**bounds)]

    assert bodies(date_sent=second) == ["second"]
    assert bodies(date_sent_after=second) == ["third", "second"]
    assert bodies(date_sent_before=second) == ["second", "first"]


def test_a_message_still_queued_is_in_the_list_but_has_no_date_to_filter_by(client: Any, clock: Any) -> None:
    send(client)
    assert len(client.messages.list()) == 1
    assert client.messages.list(date_sent=clock.moment.date()) == []


def test_what_a_patient_writes_is_in_the_list(client: Any, twilio: TwilioSandbox, clock: Any) -> None:
    twilio.receive(PATIENT, "8", num_media=1)
    (inbound,) = client.messages.list(to=CLINIC, date_sent_after=clock.moment)
    assert (inbound.body, inbound.from_, inbound.status) == ("8", PATIENT, "received")
    assert (inbound.direction, inbound.num_media, inbound.sid[:2]) == ("inbound", "1", "MM")


def test_a_delivered_message_can_be_redacted_and_deleted(client: Any, twilio: TwilioSandbox, clock: Any) -> None:
    made = send(client)
    clock.forward(seconds=5)
    assert client.messages(made.sid).update(body="").body == ""
    assert client.messages(made.sid).delete()
    with pytest.raises(TwilioRestException) as gone:
        client.messages(made.sid).fetch()
    assert (gone.value.status, gone.value.code) == (404, 20404)
    assert client.messages.list() == []
    assert twilio.accepted(PATIENT) == 1


def test_a_message_still_under_way_cannot_be_redacted_but_can_be_canceled(client: Any, clock: Any) -> None:
    made = send(client)
    with pytest.raises(TwilioRestException) as early:
        client.messages(made.sid).update(body="")
    assert early.value.code == 20009
    assert client.messages(made.sid).update(status="canceled").status == "canceled"
    clock.forward(hours=1)
    assert client.messages(made.sid).fetch().status == "canceled"


def test_a_delivered_message_cannot_be_canceled(client: Any, clock: Any) -> None:
    made = send(client)
    clock.forward(seconds=5)
    with pytest.raises(TwilioRestException) as late:
        client.messages(made.sid).update(status="canceled")
    assert late.value.code == 30409


def test_the_account_answers_a_check_of_credentials(client: Any, twilio: TwilioSandbox) -> None:
    assert client.api.accounts(twilio.account_sid).fetch().status == "active"


def test_the_account_says_which_numbers_are_its_own(client: Any) -> None:
    assert [one.phone_number for one in client.incoming_phone_numbers.list(phone_number=CLINIC)] == [CLINIC]
    assert client.incoming_phone_numbers.list(phone_number="+15005550007") == []


def test_an_account_with_numbers_of_its_own_sends_from_no_other(connect: Any) -> None:
    with TwilioSandbox(own=[OTHER]) as twilio:
        official = connect(twilio)
        assert [one.phone_number for one in official.incoming_phone_numbers.list()] == [OTHER]
        with pytest.raises(TwilioRestException) as foreign:
            send(official)
        assert foreign.value.code == 21606


def test_the_lists_can_lag_behind_the_truth(client: Any, twilio: TwilioSandbox, clock: Any) -> None:
    twilio.settings.ledger_lag = clock.moment - clock.moment.replace(hour=12)
    made = send(client)
    assert client.messages.list() == []
    assert client.messages(made.sid).fetch().sid == made.sid
    clock.forward(hours=6)
    assert len(client.messages.list()) == 1


def test_a_redacting_account_shows_neither_text_nor_number(client: Any, twilio: TwilioSandbox) -> None:
    twilio.settings.redacted = True
    send(client)
    (listed,) = client.messages.list(to=PATIENT)
    assert (listed.body, listed.to) == ("", "+1312555XXXX")


def test_what_was_sent_twice_is_counted(client: Any, twilio: TwilioSandbox) -> None:
    for body in ("once", "twice", "twice"):
        send(client, body)
    assert twilio.accepted() == 3
    assert twilio.accepted(OTHER) == 0
    assert twilio.duplicates() == {(PATIENT, "twice"): 2}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("a" * 152 + "€" + "a" * 152, 3),
        ("á" * 70, 1),
        ("á" * 71, 2),
        ("\N{GRINNING FACE}" * 35, 1),
        ("\N{GRINNING FACE}" * 36, 2),
        ("\N{GRINNING FACE}" * 67, 3),
        ("ñ" * 160, 1),
    ],
)
def test_a_text_costs_the_segments_the_carrier_counts(text: str, parts: int) -> None:
    assert segments(text) == parts
