# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The options that say how audio becomes features."""

import click

_NUMBER = click.IntRange(min=1)
# The name in `sources.Audio` to the option.
_OPTIONS = {
    "feature": click.option(
        "--audio", "audio_feature", help="Feature of encoded audio in other files."
    ),
    "features": click.option(
        "--audio-features",
        "audio_features",
        type=click.Choice(["log_mel", "mfcc", "waveform"]),
        help="What is made of audio. Default: log_mel.",
    ),
    "sample_rate": click.option(
        "--sample-rate",
        "audio_sample_rate",
        type=_NUMBER,
        help="In Hz. Default: 16000.",
    ),
    "resample": click.option(
        "--resample",
        "audio_resample",
        is_flag=True,
        help="Resample audio of other rates.",
    ),
    "channels": click.option(
        "--audio-channels",
        "audio_channels",
        type=click.Choice(["one", "mix", "each"]),
        help="What becomes of several channels. Default: one, an error.",
    ),
    "n_fft": click.option(
        "--n-fft", "audio_n_fft", type=_NUMBER, help="Samples in a window."
    ),
    "hop_length": click.option(
        "--hop-length",
        "audio_hop_length",
        type=_NUMBER,
        help="Samples from one window to the next.",
    ),
    "n_mels": click.option(
        "--n-mels", "audio_n_mels", type=_NUMBER, help="Mel bands. Default: 80."
    ),
    "n_mfcc": click.option(
        "--n-mfcc", "audio_n_mfcc", type=_NUMBER, help="Coefficients. Default: 13."
    ),
}


def options(command):
    """Adds the options to a command."""
    for option in reversed(_OPTIONS.values()):
        command = option(command)
    return command


def chosen(given: dict):
    """Returns `sources.Audio` of the options, or `None` if none is given."""
    from tfnorm import sources

    said = {name: given[f"audio_{name}"] for name in _OPTIONS}
    said = {name: value for name, value in said.items() if value}
    return sources.Audio(**said) if said else None
