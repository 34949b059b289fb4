"""What a stand-in proves itself with over TLS."""

from __future__ import annotations

import ssl
from pathlib import Path


def context_of(certificate: ssl.SSLContext | Path | str) -> ssl.SSLContext:
    """A server's context: as it is, or made from a PEM file with key and chain."""
    if isinstance(certificate, ssl.SSLContext):
        return certificate
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context
