"""Where the house may connect to: a configuration must not be able to point it at anything else.

An address is read by one strict pattern, since two programs that read an odd URL differently are how such rules
are passed by (RELIABILITY.md §6, SSRF).
"""

from __future__ import annotations

import ipaddress
import re

_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
_URL = re.compile(
    rf"(https?)://({_HOST}|\[[0-9a-fA-F:]+\])(?::(\d{{1,5}}))?(/[A-Za-z0-9/_.~-]*(?:\?[A-Za-z0-9=&_.~%-]*)?)?"
)
_NAME = re.compile(_HOST)


def is_loopback(host: str) -> bool:
    """Whether this host is this machine: 127.0.0.0/8, ::1 or `localhost`."""
    bare = host.strip("[]").lower()
    literal = _literal(bare)
    return bare == "localhost" if literal is None else literal.is_loopback


def host_of(url: str) -> str:
    """The host of an address that passed one of the rules below."""
    match = _URL.fullmatch(url)
    return match[2].strip("[]").lower() if match else ""


def twilio_base_url(url: str) -> str:
    """The API of Twilio: https under twilio.com, or http to this machine (a sandbox); ValueError for all else."""
    match = _URL.fullmatch(url)
    if match is None or match[4] not in (None, "/") or not _allowed(match, ".twilio.com"):
        raise ValueError(
            "must be https://api.twilio.com, another https address under twilio.com, "
            "or, for the sandbox, http:// to this machine (127.0.0.1)"
        )
    return url.removesuffix("/")


def ping_url(url: str) -> str:
    """A watcher: https to a host with a name, or http to this machine; raises ValueError for all else."""
    match = _URL.fullmatch(url)
    if match is None or not _allowed(match, ""):
        raise ValueError(
            "must be an https:// address of a host with a name, or http:// to this machine (127.0.0.1)"
        )
    return url


def mail_host(host: str) -> str:
    """A host name or address, as mail programs take it; raises ValueError for all else."""
    if _NAME.fullmatch(host) is None and _literal(host) is None:
        raise ValueError("must be the bare name of the mail server, for example smtp.example.org")
    literal = _literal(host)
    if literal and (literal.is_link_local or literal.is_multicast or literal.is_unspecified):
        raise ValueError("this address is no mail server's; write its name, for example smtp.example.org")
    return host.lower()


def _allowed(match: re.Match[str], under: str) -> bool:
    scheme, host = match[1], match[2].lower()
    if match[3] and not 0 < int(match[3]) <= 65535:  # noqa: PLR2004  the largest port
        return False
    if scheme == "http":
        return is_loopback(host)
    return _literal(host.strip("[]")) is None and "." in host and f".{host}".endswith(under) and _is_name(host)


def _is_name(host: str) -> bool:
    """A last label of digits is a number to some resolvers: `0x7f.1`, `127.1`."""
    return host.rpartition(".")[2].isalpha()


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
