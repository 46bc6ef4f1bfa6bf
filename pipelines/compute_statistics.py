# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Computes exact statistics of files, on whatever runner the flags name.

    python -m pipelines.compute_statistics --input 'data/*.parquet' \
        --recipe recipe.json --out statistics

Files are of any kind that `tfnorm.sources.open` knows. How images and audio become
numbers is JSON: --images '{"decoder": "tensorflow", "resize": [256, 256]}'.

All other flags are Beam's own: `--direct_running_mode=multi_processing
--direct_num_workers=2` for two processes of this machine, `--worker_pools=host:port`
(more with commas) for several hosts, `--runner=...` for a cluster: see docs/runners.md.
"""

import argparse
import json
from collections.abc import Callable
from collections.abc import Sequence

import tfnorm


def main(arguments: Sequence[str] | None = None):
    """Runs the job; returns the statistics that it wrote, by split if asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], allow_abbrev=False
    )
    parser.add_argument(
        "--input",
        action="append",
        required=True,
        help="Path or pattern of files, or a folder; may come again.",
    )
    parser.add_argument("--recipe", help="Recipe (JSON); by default, all numbers.")
    parser.add_argument("--out", required=True, help="Folder of the artifact.")
    parser.add_argument("--fitted", help="Where to write the fitted recipe, too.")
    parser.add_argument("--update", help="Statistics of other files to add to.")
    parser.add_argument("--cache", help="Folder that keeps each file's statistics.")
    parser.add_argument("--weight", help="Column that says how much a row counts.")
    parser.add_argument(
        "--where", action="append", help="Which rows count, as 'age > 3'; all must."
    )
    parser.add_argument(
        "--slice", action="append", help="COLUMN[,COLUMN]: of each value, too."
    )
    parser.add_argument("--max_slices", type=int, help="Most slices. Default: 10,000.")
    parser.add_argument(
        "--split_by", help="Column of splits: an artifact of each, in --out."
    )
    parser.add_argument(
        "--images",
        type=_of_json(tfnorm.sources.Images),
        metavar="JSON",
        help="Options of tfnorm.sources.Images.",
    )
    parser.add_argument(
        "--audio",
        type=_of_json(tfnorm.sources.Audio),
        metavar="JSON",
        help="Options of tfnorm.sources.Audio.",
    )
    parser.add_argument("--max_bad_records", type=int, default=0)
    options, beam_args = parser.parse_known_args(arguments)
    if options.fitted and not options.recipe:
        parser.error("--fitted needs --recipe.")
    if options.split_by and (options.fitted or options.update or options.cache):
        parser.error("--split_by goes with neither --fitted, --update nor --cache.")

    recipe = tfnorm.load_recipe(options.recipe) if options.recipe else None
    asked = {
        "max_bad_records": options.max_bad_records,
        "weight": options.weight,
        "filters": [tfnorm.arrays.parse_filter(c) for c in options.where or ()],
        "slices": [tuple(columns.split(",")) for columns in options.slice or ()],
        "images": options.images,
        "audio": options.audio,
        "beam_args": beam_args,
    }
    if options.max_slices is not None:
        asked["max_slices"] = options.max_slices
    if options.split_by:
        parts = tfnorm.beam.compute_splits(
            options.input, recipe, options.out, by=options.split_by, **asked
        )
        for name, part in parts.items():
            print(f"{name}: {part.rows:,} rows, digest {part.digest}")
        return parts
    found = tfnorm.beam.compute_statistics(
        options.input,
        recipe,
        options.out,
        update=options.update,
        cache=options.cache,
        **asked,
    )
    if options.fitted:
        recipe.fit(found).save(options.fitted)
    print(f"{found.rows:,} rows, digest {found.digest}")
    return found


def _of_json(kind: Callable) -> Callable:
    """Returns what makes one of the kind from JSON, or says why it cannot."""

    def made(text: str):
        try:
            return kind(**json.loads(text))
        except (TypeError, ValueError, tfnorm.errors.OptionsError) as error:
            raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error

    return made


if __name__ == "__main__":
    main()
