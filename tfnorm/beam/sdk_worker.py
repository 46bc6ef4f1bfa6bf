# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The process of one worker: Beam's own, but it does not outlive who started it.

python -m tfnorm.beam.sdk_worker PID
"""

import os
import sys
import threading
import time

from apache_beam.runners.worker import sdk_worker_main

_LOOK_SECONDS = 0.5


def main() -> None:
    """Works for the runner that the environment names."""
    arguments = (int(sys.argv[1]),)
    threading.Thread(target=_end_with, args=arguments, daemon=True).start()
    sdk_worker_main.main(sys.argv[:1])


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
