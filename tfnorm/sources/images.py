# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""How encoded images become pixels."""

import dataclasses
import functools
import json
import typing

import numpy as np

from tfnorm import arrays
from tfnorm import errors
from tfnorm.sources import decoders
from tfnorm.sources import encoded
from tfnorm.sources import image_headers
from tfnorm.sources import shards


@dataclasses.dataclass(frozen=True)
class Images:
    """How encoded JPEG and PNG become pixels of 8 bits; the artifact records it.

    Take statistics with the decoder that serves the model: TensorFlow's
    `tf.io.decode_jpeg` uses a fast DCT unless told otherwise, whose red is darker by
    more than one grey level than that of the accurate one, which Pillow uses.

    Args:
        feature: Name of the feature: the column of encoded bytes in other files.
        decoder: "pillow"; "tensorflow" for `dct_method="INTEGER_ACCURATE"`; or
            "tensorflow-fast" for "INTEGER_FAST", the default of its ops.
        channels: 3, or 1 for grey.
        convert: Whether an image of other channels is converted, as the decoder
            does it (grey repeated, colours weighted, alpha dropped), or is an error.
        resize: Height and width to resize to first: bilinear with antialiasing, in
            the library of the decoder, rounded to 8 bits.
        crop: Height and width of the region to take, after resizing.
        crop_offset: Rows above and columns left of that region; by default it is in
            the middle.

    Example:

    >>> Images(decoder="tensorflow", resize=(256, 256), crop=(224, 224)).channels
    3
    """

    feature: str = "image"
    _: dataclasses.KW_ONLY
    decoder: str = "pillow"
    channels: int = 3
    convert: bool = False
    resize: tuple[int, int] | None = None
    crop: tuple[int, int] | None = None
    crop_offset: tuple[int, int] | None = None

    kind: typing.ClassVar[str] = "images"
    files: typing.ClassVar[int] = 64

    def __post_init__(self):
        if self.decoder not in decoders.DECODERS:
            raise errors.OptionsError(
                f"`decoder={self.decoder!r}` is not among "
                f"{', '.join(map(repr, decoders.DECODERS))}."
            )
        if self.channels not in (1, 3):
            raise errors.OptionsError(f"`channels={self.channels}` must be 1 or 3.")
        for name, least in (("resize", 1), ("crop", 1), ("crop_offset", 0)):
            size = getattr(self, name)
            if size is None:
                continue
            if len(size) != 2 or min(size) < least:
                raise errors.OptionsError(
                    f"`{name}={size!r}` must be two numbers, of rows and of columns, "
                    f"of {least} or more."
                )
            object.__setattr__(self, name, tuple(map(int, size)))
        if self.crop_offset is not None and self.crop is None:
            raise errors.OptionsError("`crop_offset` is of a region: set `crop`, too.")

    @property
    def provenance(self) -> str:
        """The options, the library and its DCT, as JSON."""
        decoder = decoder_of(self)
        described = dataclasses.asdict(self) | {
            "dct_method": decoder.dct_method,
            "version": decoder.version,
        }
        return json.dumps(described, sort_keys=True)

    def load(self) -> decoders.Decoder:
        """Returns the decoder; raises an OptionsError if it is not installed."""
        return decoder_of(self)

    def pile(self, tally: shards.Tally) -> "Pile":
        """Returns what collects decoded images."""
        return Pile(self, tally)

    def pixels(self, data: bytes) -> np.ndarray:
        """Returns pixels of shape (height, width, channels); raises as `decode`."""
        return self.decode(data)[0]()

    def decode(self, data: bytes) -> decoders.Decoded:
        """Returns a function that gives the pixels, and counts of their values.

        Raises:
            FormatError: The bytes are no image that can be decoded.
            FeatureError: It has other channels, or 16 bits.
            OptionsError: The decoder is not installed.
        """
        decoder = decoder_of(self)
        try:
            header = image_headers.read(data)
            if header.bits > 8:
                raise errors.FeatureError(
                    f"The {header.kind} has {header.bits} bits a channel; 8 are read. "
                    "Convert it first."
                )
            if header.channels != self.channels and not self.convert:
                raise errors.FeatureError(
                    f"The {header.kind} has {header.channels} channels, where "
                    f"{self.channels} are expected. Say `convert=True` to have it "
                    "converted as the decoder does, or set `channels`."
                )
            return decoder(data, header.kind)
        except ValueError as error:
            raise errors.FormatError(
                f"The image cannot be decoded: {error}. Write it again, or leave it "
                "out."
            ) from error


class Pile(encoded.Pile):
    """Images that wait until there are enough for a batch."""

    def __init__(self, images: Images, tally: shards.Tally):
        self._images = images
        super().__init__(images.feature, tally)

    def clear(self) -> None:
        super().clear()
        self._encoded: list[bytes | None] = []
        self._counts: list[np.ndarray] = []

    def take(self, data: bytes | None) -> int:
        if data is None:
            counts = np.zeros((self._images.channels, 256), np.int64)
        else:
            _, counts = self._images.decode(data)
        self._encoded.append(data)
        self._counts.append(counts)
        return counts.nbytes + len(data or b"")

    @property
    def column(self) -> arrays.ImageColumn:
        values = np.empty(len(self._encoded), object)
        values[:] = self._encoded
        missing = np.array([data is None for data in self._encoded], bool)
        none = np.zeros((0, self._images.channels, 256), np.int64)
        return arrays.ImageColumn(
            values,
            missing if missing.any() else None,
            counts=np.stack(self._counts) if self._counts else none,
            decode=self._images.pixels,
        )


@functools.lru_cache(maxsize=8)
def decoder_of(images: Images) -> decoders.Decoder:
    """Returns the decoder, loaded; raises an OptionsError if it is not installed."""
    make = decoders.DECODERS[images.decoder]
    return make(images.channels, images.resize, images.crop, images.crop_offset)
