# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Shows what per-image statistics take away, and what they add to crops."""

import numpy as np
from sklearn import datasets

import tfnorm

photo = datasets.load_sample_image("china.jpg").astype(np.float32)
layer = tfnorm.layers.PerImage()

# A darker, flatter picture of the same scene is the same picture.
darker = 0.5 * photo + 20
difference = np.abs(np.asarray(layer(photo[None]) - layer(darker[None]))).max()
print(f"a darker photo differs by {difference:.0e} behind the layer")

# A crop is normalized by its own mean and deviation, so the same pixel comes out
# otherwise in each crop: by a gain (contrast) and a shift (brightness) of the crop.
fixed = tfnorm.layers.ZScore(axis=None)
fixed.adapt(photo[None])
rng = np.random.default_rng(0)
gains, shifts = [], []
for top, left in zip(rng.integers(0, 200, 100), rng.integers(0, 400, 100), strict=True):
    crop = photo[None, top : top + 224, left : left + 224]
    slope, offset = np.polyfit(np.ravel(fixed(crop)), np.ravel(layer(crop)), 1)
    gains.append(slope)
    shifts.append(offset)
for name, values in (("contrast gain", gains), ("brightness shift", shifts)):
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    print(f"{name} of 100 crops: {low:.2f} to {high:.2f}, median {middle:.2f}")
print("random crops under per-image statistics are that much augmentation")
