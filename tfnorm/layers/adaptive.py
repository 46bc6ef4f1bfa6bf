# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The layer that normalizes by domain, which is given or recognized."""

import math
import typing

import keras

from tfnorm import arrays
from tfnorm import errors
from tfnorm import schemes
from tfnorm.bijectors import per_sample
from tfnorm.layers import live
from tfnorm.layers import per_key

# No domain: rows that no domain is known of are mapped as fitted to all rows.
_NONE = -1


@keras.saving.register_keras_serializable("tfnorm")
class Adaptive(per_key.PerKey):
    """Normalizes by the constants of a domain, which is given or recognized.

    With `router="id"` it is called with the values and the domain of each row, an
    integer from 0. With `router="gate"` it is called with the values alone: a
    trained gate looks at the sample, normalized by the constants of all domains and
    averaged over all axes but the kept ones (without what a mask hides), and weighs the
    maps of the domains.

    Args:
        scheme: What is fitted to each domain.
        domains: How many there are.
        router: "id" or "gate".
        axis: Axis or axes of the batched input to *keep*, `None` to pool all.
        **kwargs: As in `SchemeLayer`.

    Example:

    >>> import numpy as np
    >>> layer = Adaptive(domains=2)
    >>> layer.adapt(np.array([1.0, 3.0, 10.0, 30.0]), np.array([0, 0, 1, 1]))
    >>> np.asarray(layer(np.array([3.0, 30.0]), np.array([0, 1])))
    array([1., 1.], dtype=float32)

    Reference:
        Chang et al., Domain-Specific Batch Normalization for Unsupervised
        Domain Adaptation, 2019 (statistics by domain); Shazeer et al., Outrageously
        Large Neural Networks, 2017 (the softmax gate).
    """

    def __init__(
        self,
        scheme: schemes.Scheme = schemes.ZScore(),  # noqa: B008
        *,
        domains: int,
        router: str = "id",
        axis: int | tuple[int, ...] | None = -1,
        **kwargs,
    ):
        schemes.base.check_choice("router", router, ("id", "gate"))
        if not isinstance(domains, int) or domains < 1:
            raise errors.RecipeError(f"`domains={domains!r}` must be 1 or more.")
        super().__init__(scheme, axis=axis, **kwargs)
        self.domains = domains
        self.router = router
        self.kernel = self.bias = None

    @property
    def invertible(self) -> bool:
        """Whether what it did can be undone: a mixture of domains cannot."""
        return self.router == "id"

    def build(self, inputs_shape, keys_shape=None):
        if self.live is None:
            kept = self._kept(tuple(inputs_shape))
            self.live = self._of_keys(range(self.domains), kept)
        self._make_gate(self.live.shape)

    def build_from_config(self, config):
        super().build_from_config(config)
        self._make_gate(config["kept_shape"])

    def _make_gate(self, kept_shape) -> None:
        if self.router == "gate" and self.kernel is None:
            width = math.prod(kept_shape)
            shapes = {"kernel": (width, self.domains), "bias": (self.domains,)}
            # From zeros: at first, each domain has the same weight.
            self.kernel, self.bias = (
                self.add_weight(
                    name=name,
                    shape=shape,
                    initializer="zeros",
                    dtype="float32",
                    autocast=False,
                )
                for name, shape in shapes.items()
            )

    def call(self, inputs, keys=None, mask=None):
        if self.router == "id":
            return super().call(inputs, keys, mask)
        rows = arrays.namespace(inputs).reshape(arrays.positions(inputs, 0), (-1,))
        weights = self._weights(self._normalize(inputs, keys=rows * 0 + _NONE), mask)
        outputs = 0.0
        for domain in range(self.domains):
            mapped = self.live.forward(inputs, keys=rows * 0 + domain)
            weight = arrays.cast(weights[:, domain], arrays.dtype_name(mapped))
            shape = (-1, *(1,) * (arrays.rank(inputs) - 1))
            weight = arrays.namespace(weight).reshape(weight, shape)
            outputs = outputs + weight * mapped
        return arrays.cast(outputs, self.compute_dtype)

    def get_config(self):
        config = super().get_config()
        del config["unseen_key_policy"], config["shrinkage"], config["keys"]
        return {**config, "domains": self.domains, "router": self.router}

    def _weights(self, normalized, mask):
        """The weight of each domain, of shape (rows, domains)."""
        xp = arrays.namespace(normalized)
        x = arrays.cast(normalized, "float32")
        rank = arrays.rank(x)
        kept = arrays.kept_axes(() if self.axis is None else self.axis, rank)
        pooled = tuple(axis for axis in range(1, rank) if axis not in kept)
        mean = per_sample.Part(x, pooled, mask).mean(x)
        x = xp.reshape(mean, (-1, math.prod(self.live.shape)))
        kernel, bias = (live.tensor(weight, x) for weight in (self.kernel, self.bias))
        logits = arrays.matmul(x, kernel) + bias
        odds = xp.exp(logits - arrays.reduce("max", logits, (1,)))
        return odds / arrays.reduce("sum", odds, (1,))

    def _fit(self, found) -> None:
        fitted: typing.Any = self.scheme.fit(found)
        odd = sorted(set(range(self.domains)) ^ set(fitted.keys))
        if odd:
            what = "no valid value" if odd[0] in range(self.domains) else "a value"
            raise errors.DataError(
                f"There is {what} of domain {odd[0]}, where domains are 0 to "
                f"{self.domains - 1}."
            )
        super()._fit(found)
