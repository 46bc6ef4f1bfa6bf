# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Merges statistics of parts, exactly as if they had been computed at once.

    python -m pipelines.merge_statistics --part 'days/*' --out statistics

`--subtract` takes parts away again, such as a day or a user's rows. All other flags
are Beam's own: see `pipelines.compute_statistics`.
"""

import argparse
from collections.abc import Sequence

import tfnorm


def main(arguments: Sequence[str] | None = None) -> tfnorm.Statistics:
    """Runs the job; returns the statistics that it wrote."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], allow_abbrev=False
    )
    parser.add_argument(
        "--part",
        action="append",
        required=True,
        help="Folder of an artifact, or a pattern of them; may come again.",
    )
    parser.add_argument(
        "--subtract", action="append", default=[], help="Folder to take away."
    )
    parser.add_argument("--out", required=True, help="Folder of the artifact.")
    options, beam_args = parser.parse_known_args(arguments)

    parts = [path for part in options.part for path in tfnorm.artifact.folders(part)]
    found = tfnorm.beam.merge_statistics(
        parts, options.out, subtract=options.subtract, beam_args=beam_args
    )
    print(f"{len(parts)} parts, {found.rows:,} rows, digest {found.digest}")
    return found


if __name__ == "__main__":
    main()
