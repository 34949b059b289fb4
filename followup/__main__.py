"""`followup`, and `python -m followup`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; whatever it writes is for its owner alone."""
    os.umask(0o077)
    # No plugin of another package is to look at settings while they are read; looking for one costs time besides.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    from followup.cli import followup  # noqa: PLC0415  after the umask, and as late as can be

    sys.exit(followup())


if __name__ == "__main__":
    main()
