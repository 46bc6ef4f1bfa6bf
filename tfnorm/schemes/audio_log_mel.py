# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The logarithm of mel energies, then another scheme."""

import dataclasses
import math
import typing

from tfnorm import bijectors
from tfnorm import config
from tfnorm import errors
from tfnorm.schemes import base

# The unit of each kind, and the decades that it keeps below the loudest point.
_KINDS = {
    "whisper": ("log10", 8.0),
    "log": ("log", math.inf),
    "log10": ("log10", math.inf),
    "db": ("db", 8.0),
}


@config.register
@dataclasses.dataclass(frozen=True)
class LogMel(base.Scheme):
    """Takes the logarithm of energies above a floor, then applies a scheme.

    `z = max(log(max(x, least)), max(log(x)) - span)`, with the maximum of the whole
    sample (a row). "log" is natural, "log10" decimal, "db" `10 * log10(x)`; "whisper"
    is `(log10(x) + 4) / 4`, what Whisper was trained with. Quiet parts are cut at the
    floor, so there is no inverse. NaN stays NaN.

    Args:
        kind: "whisper", "log", "log10" or "db".
        span: Decades kept below the loudest point of a sample: 8, which is 80 dB, for
            "whisper" and "db", and all (`inf`) for the others, unless given.
        least: Smaller energies count as this one.
        relative: Whether the loudest point becomes 0; not of "whisper".
        then: Scheme of the logarithms: one of single samples, such as `CMVN`, or one
            that is fitted to a data set, such as `ZScore`, which has its statistics of
            the logarithms.

    Example:

    >>> LogMel().fit(None).forward([[1.0, 1e-4, 1e-12]])
    array([[ 1.,  0., -1.]])
    >>> LogMel("db", relative=True).fit(None).forward([[100.0, 1e-4, 1e-12]])
    array([[  0., -60., -80.]])

    Reference: `power_to_db` of https://librosa.org/doc, and `WhisperAudioConverter` of
        https://keras.io/keras_hub.
    """

    kind: str = "whisper"
    _: dataclasses.KW_ONLY
    span: float | None = None
    least: float = 1e-10
    relative: bool = False
    then: base.Scheme | None = None

    monotone: typing.ClassVar[bool] = False

    def __post_init__(self):
        base.check_choice("kind", self.kind, tuple(_KINDS))
        if self.relative and self.kind == "whisper":
            raise errors.RecipeError(
                "`LogMel('whisper', relative=True)` is not what Whisper was trained "
                "with. Use 'log10'."
            )
        if self.then is not None and not isinstance(self.then, base.Scheme):
            raise errors.RecipeError(f"`then={self.then!r}` must be a scheme, or None.")
        if self.then is not None and self.then.view is not None:
            raise errors.RecipeError(
                f"`then={self.then}` has a function of its own. One is enough: `then` "
                "takes the others, such as `CMVN` or `ZScore`."
            )
        self._logarithm()

    @property
    def requires(self) -> tuple[str, ...]:
        return () if self.then is None else self.then.requires

    @property
    def fitted_on_data(self) -> bool:
        return self.then is not None and self.then.fitted_on_data

    @property
    def view(self) -> bijectors.Bijector | None:
        return self._logarithm() if self.fitted_on_data else None

    def fit(self, statistic):
        logarithm = self._logarithm()
        if self.then is None:
            return logarithm
        parts = getattr(logarithm, "parts", (logarithm,))
        return bijectors.Chain((*parts, self.then.fit(statistic)))

    def _logarithm(self) -> bijectors.Bijector:
        unit, span = _KINDS[self.kind]
        floor = bijectors.LogFloor(
            span if self.span is None else self.span,
            self.least,
            unit=unit,
            relative=self.relative,
        )
        if self.kind != "whisper":
            return floor
        return bijectors.Chain((floor, bijectors.Affine(-4.0, 4.0)))
