# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""What statistics of images are compared with, by decoder and quality."""

from benchmarks import goals

ALONE, TFT = "decoding alone", "tft, mean and variance"
POOLED, BOTH = "tfnorm.analyze", "tfnorm.analyze, both deviations"
DECODERS = {
    "pillow": "Pillow",
    "tensorflow": "TensorFlow, accurate DCT",
    "tensorflow-fast": "TensorFlow, fast DCT",
}
# At 97 these photographs take 100 kB each, as those of ImageNet do; at 75 only 33 kB,
# which are decoded in half the time, and counting takes as long.
QUALITIES = (75, 95, 97)
SUITES = {
    f"{decoder} {quality}": f"JPEG of quality {quality}, {title}"
    for quality in QUALITIES
    for decoder, title in DECODERS.items()
}


def comparisons() -> list[goals.Comparison]:
    """Returns every comparison, those of a suite together."""
    found = []
    for suite in SUITES:
        found += [
            goals.Comparison(suite, POOLED, ALONE, goals.TIME, 1.3),
            goals.Comparison(suite, BOTH, ALONE, goals.TIME),
            goals.Comparison(suite, POOLED, TFT, goals.SPEED, 6),
        ]
    return found
