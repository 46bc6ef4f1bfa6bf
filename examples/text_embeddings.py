# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Whitens text embeddings, so that cosines tell texts apart."""

import importlib
import inspect

import numpy as np
from sklearn import decomposition
from sklearn.feature_extraction import text

import tfnorm

# Docstrings of Python's own functions, and the module that each is from.
MODULES = "argparse ast asyncio collections csv datetime decimal email.message "
MODULES += "fractions http.client json logging math os pathlib pickle random re "
MODULES += "shutil socket sqlite3 ssl statistics subprocess threading urllib.request"
texts, modules = [], []
for name in MODULES.split():
    for _, value in inspect.getmembers(importlib.import_module(name), callable):
        doc = inspect.getdoc(value) or ""
        if len(doc) > 80 and doc not in texts:
            texts.append(doc)
            modules.append(name)
modules = np.array(modules)
counts = text.CountVectorizer(min_df=2).fit_transform(texts)
svd = decomposition.TruncatedSVD(48, random_state=0)
embeddings = svd.fit_transform(counts).astype(np.float32)

whiten = tfnorm.layers.Whitening("zca", shrinkage=1e-3)
whiten.adapt(embeddings)
unit = tfnorm.layers.UnitNorm()
print(f"{len(texts)} docstrings of {len(set(modules))} modules")
for name, vectors in (("raw", embeddings), ("whitened", whiten(embeddings))):
    found = np.asarray(unit(vectors))
    cosines = found @ found.T
    np.fill_diagonal(cosines, -1)
    same = modules[cosines.argmax(1)] == modules
    apart = np.abs(cosines[np.triu_indices(len(texts), 1)])
    print(
        f"{name:9} mean |cosine| of two texts {apart.mean():.2f}, "
        f"nearest is of the same module {same.mean():.0%}"
    )
