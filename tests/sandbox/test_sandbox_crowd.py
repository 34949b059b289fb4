"""Many clients at once, over TLS as well."""

from __future__ import annotations

import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPSConnection
from typing import Any

import pytest
import trustme

from followup.sandbox import TwilioSandbox

CLINIC = "+15005550006"


def test_64_clients_are_served_at_once_and_each_message_counts_once(
    client: Any, twilio: TwilioSandbox, connect: Any
) -> None:
    clients = [client, *(connect(twilio) for _ in range(63))]

    def burst(index: int) -> list[str]:
        to = f"+1312555{index:04}"
        return [clients[index].messages.create(to=to, from_=CLINIC, body=f"{n}").sid for n in range(5)]

    with ThreadPoolExecutor(64) as pool:
        sids = [sid for burst_of in pool.map(burst, range(64)) for sid in burst_of]
    assert sorted(sids) == sorted(sms.sid for sms in twilio.messages)
    assert (len(set(sids)), twilio.duplicates()) == (320, {})


def test_over_tls_the_address_is_https_and_who_does_not_trust_it_hangs_up_unheard() -> None:
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with TwilioSandbox(tls=context) as twilio:
        assert twilio.base_url == f"https://127.0.0.1:{twilio.port}"
        assert status_of(twilio, trusting) == 401
        with pytest.raises(ssl.SSLCertVerificationError):
            status_of(twilio, ssl.create_default_context())


def status_of(twilio: TwilioSandbox, trust: ssl.SSLContext) -> int:
    with closing(HTTPSConnection("127.0.0.1", twilio.port, timeout=10, context=trust)) as line:
        line.request("GET", f"/2010-04-01/Accounts/{twilio.account_sid}.json")
        return line.getresponse().status
