# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Whitening: no correlation is left, and every variance is 1."""

import dataclasses
import math
import typing

import numpy as np

from tfnorm import bijectors
from tfnorm import config
from tfnorm import errors
from tfnorm.schemes import base

KINDS = ("zca", "pca", "cholesky", "zca-cor", "pca-cor")


@config.register
@dataclasses.dataclass(frozen=True)
class Whitening(base.Scheme):
    """Makes elements uncorrelated, with variance 1: `y = W (x - mean)`.

    `W' W` is the inverse of the covariance S of the kept elements; which root it is
    makes the kind. With `S = U diag(l) U'`, V the variances and `R = G diag(t) G'`
    the correlations:

    * "zca": `U diag(l)**-1/2 U'`; each result stays as close to its element as it
      can, in the unit of the data;
    * "pca": `diag(l)**-1/2 U'`; results are the principal components, the
      greatest variance first;
    * "cholesky": `L'` of `inv(S) = L L'`, upper triangular; result i depends on
      element i and later ones;
    * "zca-cor": `G diag(t)**-1/2 G' V**-1/2`; as "zca", of standardized elements;
    * "pca-cor": `diag(t)**-1/2 G' V**-1/2`; as "pca", of standardized elements.

    Components have the sign that makes their largest coefficient positive. Only rows
    in which all elements are finite enter the statistics; NaN in one element makes
    the whole result NaN.

    A direction without variance (an eigenvalue of at most `c * 2**-52` times the
    greatest, of c elements) is centered but not scaled. Where units differ by more
    than that, a small one looks like no variance to "zca" and "pca"; the other
    kinds do not mind.

    Args:
        kind: "zca", "pca", "cholesky", "zca-cor" or "pca-cor".
        epsilon: What is added to the eigenvalues, inside the root. It counts as
            variance of every direction, constants included.
        shrinkage: Share of the way from S (of R, for "zca-cor" and "pca-cor") to the
            identity times its mean variance, from 0 to 1.
        ddof: What is subtracted from the number of rows for S.
        zero_scale_policy: "one", or "raise" to refuse a direction without variance.

    Example:

    >>> from tfnorm import statistics
    >>> x = np.array([[2.0, 2.0], [-2.0, -2.0], [1.0, -1.0], [-1.0, 1.0]])
    >>> statistic = statistics.FeatureStatistics.of(x, comoments=True)
    >>> y = Whitening().fit(statistic).forward(x)
    >>> (y.T @ y / 4).round(6)
    array([[1., 0.],
           [0., 1.]])

    Reference:
        Kessy, Lewin and Strimmer, Optimal whitening and decorrelation, 2018. Ledoit
        and Wolf, A well-conditioned estimator for large-dimensional covariance
        matrices, 2004 (what is shrunk to).
    """

    kind: str = "zca"
    _: dataclasses.KW_ONLY
    epsilon: float = 0.0
    shrinkage: float = 0.0
    ddof: int = 0
    zero_scale_policy: str = "one"

    requires: typing.ClassVar[tuple[str, ...]] = ("moments", "comoments")
    fitted_on_data: typing.ClassVar[bool] = True
    monotone: typing.ClassVar[bool] = False
    view: typing.ClassVar[None] = None

    def __post_init__(self):
        base.check_choice("kind", self.kind, KINDS)
        if not 0 <= self.epsilon < math.inf:
            raise errors.RecipeError(f"`epsilon={self.epsilon!r}` must be 0 or more.")
        if not 0 <= self.shrinkage <= 1:
            raise errors.RecipeError(
                f"`shrinkage={self.shrinkage!r}` must lie within 0 and 1."
            )
        base.check_choice("ddof", self.ddof, (0, 1))
        base.check_choice(
            "zero_scale_policy", self.zero_scale_policy, base.ZERO_SCALE_POLICIES
        )

    def fit(self, statistic):
        base.known(statistic.mean, "mean")
        found = statistic.comoments
        if found.count <= self.ddof:
            raise errors.EmptyDataError(
                f"{found.count} rows are complete, and whitening with "
                f"`ddof={self.ddof}` needs more: in each of the others an element "
                "is NaN or infinite."
            )
        covariance = found.covariance_with(self.ddof)
        deviation = np.sqrt(np.diag(covariance))
        constant = base.never_varies(statistic, deviation, found.mean)
        deviation = np.where(constant, 1.0, deviation)
        # For what it refuses: data that cannot be centered, or do not fit float32.
        base.affine(statistic, found.mean, deviation)
        covariance[constant] = covariance[:, constant] = 0.0
        rounded = np.asarray(self._root(covariance, deviation), np.float32)
        matrix = rounded.astype(np.float64)
        return bijectors.Matrix(
            found.mean.reshape(statistic.shape), matrix, np.linalg.inv(matrix)
        )

    def _root(self, covariance: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        """The whitening matrix, in float64."""
        units = deviation if self.kind.endswith("-cor") else np.ones_like(deviation)
        spread = covariance / np.outer(units, units)
        target = np.diag(spread).mean() * np.eye(len(spread))
        spread = (1 - self.shrinkage) * spread + self.shrinkage * target
        spread = spread + self.epsilon * np.eye(len(spread))
        if self.kind == "cholesky":
            # Of standardized elements, whose units cannot differ.
            own = np.sqrt(np.diag(spread))
            units = np.where(own == 0, 1.0, own)
            spread = spread / np.outer(units, units)
        variances, directions = np.linalg.eigh(spread)
        flat = variances <= len(spread) * 2.0**-52 * variances[-1]
        variances = np.where(flat, 1.0, variances)
        self._check(flat)
        if self.kind == "cholesky":
            if flat.any():
                spread = (directions * variances) @ directions.T
            # From the last element backwards, for the triangle of the inverse.
            root = np.linalg.inv(np.linalg.cholesky(spread[::-1, ::-1]))[::-1, ::-1]
            return np.triu(root) / units
        scaled = directions / np.sqrt(variances)
        if self.kind.startswith("zca"):
            return scaled @ directions.T / units
        index = np.arange(len(spread)), np.abs(directions).argmax(axis=0)
        signs = np.sign(directions.T[index])
        return (scaled * signs).T[::-1] / units

    def _check(self, flat: np.ndarray) -> None:
        if self.zero_scale_policy == "raise" and flat.any():
            raise errors.DataError(
                f"{int(flat.sum())} of {len(flat)} directions have no variance, and "
                "`zero_scale_policy='raise'`: some elements are constant, or sums of "
                "others. Leave them out, give `epsilon` or `shrinkage`, or use "
                "`zero_scale_policy='one'`."
            )
