# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Times statistics of image files beside decoding them alone, and beside tft.

`python -m benchmarks.images`: the photographs that scikit-learn comes with, in parts of
the usual size, are decoded in this process in turns with `tfnorm.analyze` of the same
files, and with tft's mean and variance of what the same decoder gives. Each is timed
some times, in seconds of the CPU, since each keeps one busy.

Decoding alone is Pillow's `numpy.asarray(Image.open(file))`, or TensorFlow's op and
`.numpy()`. Of tft, whose graphs take seconds to build, the time is what all files take
more than one of them.
"""

import argparse
import io
import json
import os
import pathlib
import tempfile
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from PIL import Image
from sklearn import datasets

import tfnorm
from benchmarks import image_suites
from benchmarks import table
from tfnorm import schemes
from tfnorm import sources

SIZE = (375, 500)  # Of the average photograph of ImageNet, about.
RECIPES = {
    image_suites.POOLED: tfnorm.Recipe({"image": schemes.ZScore()}),
    image_suites.BOTH: tfnorm.Recipe({"image": schemes.ZScore(deviation="per_image")}),
}
DCT_METHODS = {"tensorflow": "INTEGER_ACCURATE", "tensorflow-fast": "INTEGER_FAST"}


def write(folder: pathlib.Path, copies: int, quality: int) -> list[str]:
    """Writes copies of two photographs, each shifted and mirrored by turns."""
    paths = []
    for i in range(copies):
        for k, photo in enumerate(datasets.load_sample_images().images):
            top, left = 7 * i % (427 - SIZE[0]), 11 * i % (640 - SIZE[1])
            part = photo[top : top + SIZE[0], left : left + SIZE[1]]
            path = folder / f"{i}-{k}.jpg"
            part = np.ascontiguousarray(part[:, :: 1 - 2 * (i % 2)])
            Image.fromarray(part).save(path, quality=quality)
            paths.append(str(path))
    return paths


def decode(data: bytes, decoder: str) -> np.ndarray:
    """Decodes one image, and does no more."""
    if decoder == "pillow":
        return np.asarray(Image.open(io.BytesIO(data)))
    method = DCT_METHODS[decoder]
    return tf.io.decode_jpeg(data, channels=3, dct_method=method).numpy()


def decode_all(paths: list[str], decoder: str) -> None:
    """Decodes all files alone."""
    for path in paths:
        decode(pathlib.Path(path).read_bytes(), decoder)


def seconds(run: Callable[[], object]) -> float:
    """Returns the seconds of the CPU that one call takes."""
    start = time.process_time()
    run()
    return time.process_time() - start


def contenders(paths: list[str], decoder: str) -> dict[str, Callable[[], float]]:
    """Returns what times each contender once."""
    images = sources.Images(decoder=decoder)
    found = {image_suites.ALONE: lambda: seconds(lambda: decode_all(paths, decoder))}
    for label, recipe in RECIPES.items():
        found[label] = lambda recipe=recipe: seconds(
            lambda: tfnorm.analyze(paths, recipe, images=images)
        )
    if decoder not in DCT_METHODS:
        return found

    from benchmarks.contenders import tft_images

    def tft(paths: list[str]) -> float:
        return seconds(lambda: tft_images.analyze(paths, DCT_METHODS[decoder], SIZE))

    found[image_suites.TFT] = lambda: tft(paths) - tft(paths[:1])
    return found


def measure(
    paths: list[str], decoder: str, repeats: int, tft_repeats: int
) -> dict[str, list[float]]:
    """Returns the seconds of each contender, which are timed in turns."""
    timed = contenders(paths, decoder)
    found: dict[str, list[float]] = {label: [] for label in timed}
    for repeat in range(-1, repeats):
        for label, run in timed.items():
            if label == image_suites.TFT and repeat >= tft_repeats:
                continue
            taken = run()
            if repeat >= 0:  # The first time warms up.
                found[label].append(taken)
    return found


def runs(suite: str, images: int, found: dict[str, list[float]]) -> list[dict]:
    """Returns what was measured, as `benchmarks.table` takes it."""
    return [
        {"suite": suite, "label": label, "rows": images, "seconds": taken}
        for label, times in found.items()
        for taken in times
    ]


def main() -> None:
    """Measures every suite, writes the results and prints the ratios."""
    from benchmarks import machine

    suites = image_suites.SUITES
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--copies", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--tft-repeats", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=suites, default=list(suites))
    parser.add_argument("--out", default=os.fspath(table.IMAGES))
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    results = {
        "machine": machine.describe(),
        "versions": machine.versions(
            ("numpy", "pillow", "tensorflow", "tensorflow-transform", "tfnorm")
        ),
        "suites": {name: suites[name] for name in options.only},
        "runs": [],
        "failures": [],
    }
    for name in options.only:
        decoder, _, quality = name.rpartition(" ")
        with tempfile.TemporaryDirectory() as folder:
            paths = write(pathlib.Path(folder), options.copies, int(quality))
            found = measure(paths, decoder, options.repeats, options.tft_repeats)
        results["runs"] += runs(name, len(paths), found)
        table.write(results, pathlib.Path(options.out))
        best = {label: round(min(times), 3) for label, times in found.items()}
        print(json.dumps({"suite": name, **best}), flush=True)
    print(table.ratios(results, image_suites.comparisons()))


if __name__ == "__main__":
    main()
