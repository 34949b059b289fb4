"""`followup`, and `python -m followup`."""

from __future__ import annotations

import os
import sys
import threading
import warnings


def main() -> None:
    """Run the command line; whatever it writes is for its owner alone, and no error is told with its values."""
    os.umask(0o077)
    # No plugin of another package is to look at settings while they are read; looking for one costs time besides.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    sys.excepthook = lambda _kind, error, _trace: _unexpected(error)
    sys.unraisablehook = lambda args: _unexpected(args.exc_value)
    threading.excepthook = lambda args: _unexpected(args.exc_value)
    warnings.showwarning = _warned
    from followup.cli import followup  # noqa: PLC0415  after the umask, and as late as can be

    sys.exit(followup())


def _unexpected(error: BaseException | None) -> None:
    from followup import log  # noqa: PLC0415  logging takes 12 ms, and is needed only here

    if error is not None:
        log.unexpected(error)


def _warned(
    message: Warning | str,  # noqa: ARG001  it may name a patient
    category: type[Warning],
    filename: str,
    lineno: int,
    file: object = None,  # noqa: ARG001  same signature
    line: str | None = None,  # noqa: ARG001  same signature
) -> None:
    from followup import log  # noqa: PLC0415  as above

    log.warned(category, filename, lineno)


if __name__ == "__main__":
    main()
