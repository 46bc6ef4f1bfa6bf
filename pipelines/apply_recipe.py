# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Normalizes files with a fitted recipe, on whatever runner the flags name.

    python -m pipelines.apply_recipe --input 'data/*.parquet' \
        --fitted fitted.json --out normalized

Each file is written under its name; `--inverse` turns such files back. All other
flags are Beam's own: see `pipelines.compute_statistics`.
"""

import argparse
from collections.abc import Sequence

import tfnorm


def main(arguments: Sequence[str] | None = None):
    """Runs the job; returns the summary of what it wrote."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], allow_abbrev=False
    )
    parser.add_argument(
        "--input",
        action="append",
        required=True,
        help="Path or pattern of TFRecord or Parquet files; may come again.",
    )
    parser.add_argument("--fitted", required=True, help="Fitted recipe (JSON).")
    parser.add_argument("--out", required=True, help="Folder of the files.")
    parser.add_argument("--inverse", action="store_true", help="Turn them back.")
    parser.add_argument(
        "--feature", action="append", help="Apply to this one alone; may come again."
    )
    parser.add_argument("--max_bad_records", type=int, default=0)
    options, beam_args = parser.parse_known_args(arguments)

    fitted = tfnorm.load_fitted(options.fitted)
    if options.feature:
        fitted = fitted.select(options.feature)
    found = tfnorm.beam.apply_recipe(
        options.input,
        fitted,
        options.out,
        inverse=options.inverse,
        max_bad_records=options.max_bad_records,
        beam_args=beam_args,
    )
    print(f"{found.rows:,} rows in {len(found.files)} files in {options.out}")
    return found


if __name__ == "__main__":
    main()
