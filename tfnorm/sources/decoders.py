# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Decoders of images, each loaded when it is asked for.

Decoders differ: the fast DCT of TensorFlow's default shifts the mean of red by more
than one grey level against the accurate one. So statistics are to be taken with the
decoder that serves.
"""

import io
import typing
from collections.abc import Callable

import numpy as np

from tfnorm import arrays
from tfnorm import errors

# What gives the pixels, (height, width, channels), and how often each value occurs.
Decoded = tuple[Callable[[], np.ndarray], np.ndarray]
Size = tuple[int, int] | None
# Bytes at a time that Pillow counts, four tables in turn.
_QUAD = 4


class Decoder(typing.Protocol):
    """Turns encoded images into pixels of 8 bits."""

    version: str
    dct_method: str

    def __call__(self, data: bytes, kind: str) -> Decoded:
        """Decodes one image, of which the kind is known.

        Raises:
            ValueError: It cannot be decoded.
        """


class Pillow:
    """Pillow: libjpeg's accurate integer DCT; colours are converted by Pillow."""

    dct_method = "INTEGER_ACCURATE"

    def __init__(self, channels: int, resize: Size, crop: Size, offset: Size):
        try:
            import PIL
            from PIL import Image
            from PIL import features
        except ImportError as error:
            raise errors.OptionsError(
                "Pillow, which decodes images unless another decoder is named, is not "
                "installed. `pip install 'tfnorm[images]'`, or choose "
                "`decoder='tensorflow'`."
            ) from error
        self.version = f"Pillow {PIL.__version__}, libjpeg {features.version('jpg')}"
        self._image = Image
        self._mode = "RGB" if channels == 3 else "L"
        self._resize = resize
        self._crop = crop
        self._offset = offset
        # A damaged PNG is a SyntaxError to Pillow.
        self._failures = (
            OSError,
            SyntaxError,
            EOFError,
            MemoryError,
            Image.DecompressionBombError,
        )

    def __call__(self, data: bytes, kind: str) -> Decoded:
        try:
            image = self._image.open(io.BytesIO(data), formats=(kind,))
            if image.mode == self._mode:
                image.load()
            else:
                image = image.convert(self._mode)
        except self._failures as error:
            raise ValueError(str(error)) from error
        if self._resize is not None:
            height, width = self._resize
            image = image.resize((width, height), self._image.Resampling.BILINEAR)
        if self._crop is not None:
            (top, bottom), (left, right) = crop_ends(
                image.size[::-1], self._crop, self._offset
            )
            image = image.crop((left, top, right, bottom))
        # Counted by Pillow, twice as fast as from an array, and that only if wanted.
        counts = np.fromiter(image.histogram(), np.int64).reshape(-1, 256)
        return lambda: np.asarray(image).reshape(*image.size[::-1], -1), counts


class TensorFlow:
    """TensorFlow's ops, run eagerly, with a DCT of their own choice."""

    def __init__(
        self, channels: int, resize: Size, crop: Size, offset: Size, dct_method: str
    ):
        try:
            import tensorflow as tf
        except ImportError as error:
            raise errors.OptionsError(
                "TensorFlow, the decoder asked for, is not installed. `pip install "
                "tensorflow`, or choose `decoder='pillow'`."
            ) from error
        self.version = f"TensorFlow {tf.__version__}"
        self.dct_method = dct_method
        self._tf = tf
        self._count = _counter()
        self._channels = channels
        self._resize = resize
        self._crop = crop
        self._offset = offset

    def __call__(self, data: bytes, kind: str) -> Decoded:
        tf = self._tf
        try:
            # The op of `tf.io.decode_jpeg`, which takes a tensor at once; and a tensor
            # is made of an array of one object without copies of the bytes.
            contents = tf.constant(np.array(data, object))
            if kind == "JPEG":
                image = tf.raw_ops.DecodeJpeg(
                    contents=contents,
                    channels=self._channels,
                    dct_method=self.dct_method,
                )
            else:
                image = tf.raw_ops.DecodePng(contents=contents, channels=self._channels)
        except tf.errors.OpError as error:
            raise ValueError(error.message.split(" [Op:")[0]) from error
        if self._resize is not None:
            image = tf.image.resize(image, self._resize, antialias=True)
            image = tf.saturate_cast(tf.round(image), tf.uint8)
        pixels = np.asarray(image)  # Of the same memory; `.numpy()` copies.
        if self._crop is not None:
            (top, bottom), (left, right) = crop_ends(
                pixels.shape[:2], self._crop, self._offset
            )
            pixels = pixels[top:bottom, left:right]
        return lambda: pixels, self._count(pixels)


def _counter() -> Callable[[np.ndarray], np.ndarray]:
    """Returns what counts values: Pillow if it is installed, in half the time."""
    try:
        from PIL import Image
    except ImportError:
        return arrays.byte_counts

    def count(pixels: np.ndarray) -> np.ndarray:
        # Pillow counts quads of bytes where they lie, as if they were of four colours,
        # which is as fast as single bytes can be counted. The channels of a quad's
        # bytes are known from its place; so quads of like places are put together.
        channels = pixels.shape[-1]
        flat = np.ascontiguousarray(pixels).reshape(-1)
        groups = len(flat) // (_QUAD * channels)
        end = groups * _QUAD * channels
        if not groups:
            return arrays.byte_counts(flat.reshape(-1, channels))
        quads = flat[:end].view(np.uint32).reshape(groups, channels)
        counts: list[int] = []
        for part in quads.T.copy():
            image = Image.frombuffer("CMYK", (groups, 1), part, "raw", "CMYK", 0, 1)
            counts += image.histogram()
        found = np.fromiter(counts, np.int64, len(counts))
        found = found.reshape(_QUAD, channels, 256).sum(0)
        if end < len(flat):
            found += arrays.byte_counts(flat[end:].reshape(-1, channels))
        return found

    return count


def crop_ends(size: tuple[int, int], crop: tuple[int, int], offset: Size) -> tuple:
    """Returns the ends of a region along each axis: without offset, of the middle.

    Raises:
        ValueError: The image is smaller.
    """
    starts = offset
    if offset is None:
        starts = ((size[0] - crop[0]) // 2, (size[1] - crop[1]) // 2)
    ends = (starts[0] + crop[0], starts[1] + crop[1])
    if min(starts) < 0 or size[0] < ends[0] or size[1] < ends[1]:
        at = "" if offset is None else f" at `crop_offset={offset}`"
        raise ValueError(
            f"its {size[0]} x {size[1]} pixels are fewer than `crop={crop}`{at}"
        )
    return tuple(zip(starts, ends, strict=True))


DECODERS: dict[str, Callable[..., Decoder]] = {
    "pillow": Pillow,
    "tensorflow": lambda *options: TensorFlow(*options, "INTEGER_ACCURATE"),
    "tensorflow-fast": lambda *options: TensorFlow(*options, "INTEGER_FAST"),
}
