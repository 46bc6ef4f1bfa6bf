# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The options that say how encoded images become pixels."""

import click

_SIZE = (click.IntRange(min=1), click.IntRange(min=1))
_OPTIONS = {
    "image": click.option("--image", help="Feature of encoded images in other files."),
    "decoder": click.option(
        "--decoder",
        type=click.Choice(["pillow", "tensorflow", "tensorflow-fast"]),
        help="Decoder of images: the one that serves. Default: pillow.",
    ),
    "channels": click.option(
        "--channels",
        type=click.Choice(["1", "3"]),
        help="Channels of images. Default: 3.",
    ),
    "convert": click.option(
        "--convert", is_flag=True, help="Convert images of other channels."
    ),
    "resize": click.option(
        "--resize", type=_SIZE, metavar="HEIGHT WIDTH", help="Resize images first."
    ),
    "crop": click.option(
        "--crop", type=_SIZE, metavar="HEIGHT WIDTH", help="Take their middle."
    ),
    "crop_offset": click.option(
        "--crop-offset",
        type=(click.IntRange(min=0), click.IntRange(min=0)),
        metavar="TOP LEFT",
        help="Take that region not from the middle, but from here.",
    ),
}


def options(command):
    """Adds the options to a command."""
    for option in reversed(_OPTIONS.values()):
        command = option(command)
    return command


def chosen(given: dict):
    """Returns `sources.Images` of the options, or `None` if none is given."""
    from tfnorm import sources

    said = {name: given[name] for name in _OPTIONS if given[name]}
    if not said:
        return None
    if "channels" in said:
        said["channels"] = int(said["channels"])
    return sources.Images(said.pop("image", "image"), **said)
