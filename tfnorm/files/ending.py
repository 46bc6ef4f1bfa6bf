# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What a process does that is told to end: it clears away what is half written."""

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def orderly() -> Iterator[None]:
    """Turns SIGTERM into `SystemExit(143)`; a second one ends at once.

    Without effect where the program heeds SIGTERM itself, and in other threads than
    the main one, whose signals are.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    told: list[SystemExit] = []

    def end(number: int, frame) -> None:
        signal.signal(number, signal.SIG_DFL)
        told.append(SystemExit(128 + number))
        raise told[0]

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    except BaseException:
        if told:  # Beam makes a RuntimeError of it.
            raise told[0] from None
        raise
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
