"""Command lines: parsing and printing only; the work is done in the other rooms."""

import sys
from collections.abc import Callable


def run(main: Callable[[], int | None]) -> None:
    """Runs a command; bad input becomes one sentence on stderr and exit status 2, an interrupt 130."""
    try:
        status = main() or 0
    except (ValueError, OSError, ArithmeticError) as error:
        print(f"error: {error}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = 130
    sys.exit(status)
