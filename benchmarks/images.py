# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Times statistics of image files beside decoding them alone.

`python -m benchmarks.images --copies 100`: the photographs that scikit-learn comes
with, in parts of the usual size, are decoded in this process in turns with
`tfnorm.analyze` of the same files, and each is timed some times, in seconds of the
CPU, since both keep one busy. Decoding alone is Pillow's
`numpy.asarray(Image.open(file))`, or TensorFlow's op and `.numpy()`.
"""

import argparse
import io
import json
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from PIL import Image
from sklearn import datasets

import tfnorm
from tfnorm import schemes
from tfnorm import sources

SIZE = (375, 500)  # Of the average photograph of ImageNet, about.
RECIPES = {
    "pooled": tfnorm.Recipe({"image": schemes.ZScore()}),
    "pooled and per_image": tfnorm.Recipe(
        {"image": schemes.ZScore(deviation="per_image")}
    ),
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


def measure(paths: list[str], decoder: str, repeats: int) -> dict:
    """Returns the best and the median seconds of each contender, and ratios."""
    images = sources.Images(decoder=decoder)
    contenders: dict[str, Callable[[], object]] = {
        "decoding alone": lambda: decode_all(paths, decoder)
    }
    for name, recipe in RECIPES.items():
        contenders[name] = lambda recipe=recipe: tfnorm.analyze(
            paths, recipe, images=images
        )
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for repeat in range(repeats + 1):
        for name, run in contenders.items():
            took = seconds(run)
            if repeat:  # The first time warms up.
                times[name].append(took)
    alone = times["decoding alone"]
    return {
        name: {
            "images_per_second": round(len(paths) / min(taken)),
            "best": round(min(taken) / min(alone), 3),
            "median": round(statistics.median(taken) / statistics.median(alone), 3),
        }
        for name, taken in times.items()
    }


def main() -> None:
    """Prints a line of JSON for each decoder and quality."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--copies", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quality", type=int, nargs="*", default=[75, 90, 95])
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    for quality in options.quality:
        with tempfile.TemporaryDirectory() as folder:
            paths = write(pathlib.Path(folder), options.copies, quality)
            size = sum(pathlib.Path(path).stat().st_size for path in paths)
            for decoder in ("pillow", *DCT_METHODS):
                found = measure(paths, decoder, options.repeats)
                kib = size // len(paths) // 1024
                said = {"decoder": decoder, "quality": quality, "KiB": kib}
                print(json.dumps(said | found), flush=True)


if __name__ == "__main__":
    main()
