"""GET Messages.json: Twilio's filters and its paging, for the messages of one ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from urllib.parse import urlencode

from followup.sandbox.refusals import Refused
from followup.sandbox.sms import Sms

_DEFAULT_PAGE, _LARGEST_PAGE = 50, 1000


def sent_within(messages: Sequence[Sms], query: Mapping[str, str], now: datetime) -> list[Sms]:
    """Those whose `DateSent`, a GMT date, fits; both bounds are inclusive, and a message not yet sent has none.

    A time of day in the filter is ignored, since Twilio's filter is a date.
    """
    exact, upto, since = (_bound(query, sign) for sign in ("", "<", ">"))
    if exact is upto is since is None:
        return list(messages)
    return [
        sms
        for sms in messages
        if (sent := sms.sent_at(sms.standing(now))) is not None
        and _fits(sent.astimezone(UTC).date(), exact, upto, since)
    ]


def _bound(query: Mapping[str, str], sign: str) -> date | None:
    text = query.get(f"DateSent{sign}") or query.get(f"DateSent{sign}=")
    if not text:
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise Refused(20001) from None


def _fits(sent: date, exact: date | None, upto: date | None, since: date | None) -> bool:
    if exact is not None and sent != exact:
        return False
    return (upto is None or sent <= upto) and (since is None or sent >= since)


def page_of(messages: Sequence[Sms], query: Mapping[str, str], uri: str) -> tuple[list[Sms], dict[str, object]]:
    """One page, and the paging fields around it.

    `PageToken` names the last message of the page before, so new messages do not shift later pages.
    """
    size = min(max(_number(query, "PageSize", _DEFAULT_PAGE), 1), _LARGEST_PAGE)
    page = max(_number(query, "Page", 0), 0)
    start = _start(messages, query, page * size)
    shown = list(messages[start : start + size])
    more = start + size < len(messages)
    first = {**query, "PageSize": str(size), "Page": "0"}
    first.pop("PageToken", None)
    following = {**first, "Page": str(page + 1), "PageToken": "PA" + shown[-1].sid} if more else None
    return shown, {
        "end": max(page * size + len(shown) - 1, 0),
        "first_page_uri": _link(uri, first),
        "next_page_uri": following and _link(uri, following),
        "page": page,
        "page_size": size,
        "previous_page_uri": _link(uri, {**first, "Page": str(page - 1)}) if page else None,
        "start": page * size,
        "uri": _link(uri, dict(query)),
    }


def _start(messages: Sequence[Sms], query: Mapping[str, str], counted: int) -> int:
    token = query.get("PageToken", "")[2:]
    for index, sms in enumerate(messages):
        if token and sms.sid == token:
            return index + 1
    return counted


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    return int(text) if text.isdecimal() else default


def _link(uri: str, query: Mapping[str, str]) -> str:
    return f"{uri}?{urlencode(query)}" if query else uri
