# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Which layers of a model see the outputs of which others."""

import collections.abc
import typing

import keras

Layers = collections.abc.Sequence[keras.layers.Layer]


def levels(
    model: keras.layers.Layer, layers: Layers
) -> tuple[list[list[keras.layers.Layer]], bool]:
    """Sorts layers so that each comes after all whose outputs it sees.

    The graphs of functional and sequential models are followed, nested ones too.
    What is no graph is opaque: there, every layer counts as seeing all that were
    called before it.

    Args:
        model: The model.
        layers: The layers in question, in the order of their first calls.

    Returns:
        Groups of layers that do not see each other, and whether all of the model is
        a graph.

    Raises:
        ValueError: If a layer sees its own output.
    """
    walk = _Walk(layers)
    walk.through(model, frozenset())
    done: set = set()
    found = []
    while len(done) < len(layers):
        ready = [x for x in layers if x not in done and walk.seen[x] <= done]
        if not ready:
            raise sees_itself([x for x in layers if x not in done])
        found.append(ready)
        done.update(ready)
    return found, walk.whole


def sees_itself(layers: Layers) -> ValueError:
    """Returns the error for layers that see their own outputs."""
    names = ", ".join(repr(layer.name) for layer in layers)
    return ValueError(
        f"The inputs of {names} depend on the layers' own statistics: they are "
        "called again on what came from them. Only `normalize_by='batch'` can tell "
        "those statistics."
    )


class _Walk:
    """Follows outputs of layers through the graphs of a model.

    Args:
        layers: The layers in question.
    """

    def __init__(self, layers: Layers):
        self.layers = layers
        self.seen: dict[typing.Any, frozenset] = {x: frozenset() for x in layers}
        self.whole = True

    def through(self, operation: typing.Any, given: frozenset) -> list[frozenset]:
        """Returns, for each output of a call, the layers that it depends on.

        Args:
            operation: A layer or an operation of a graph.
            given: Layers that its inputs depend on.
        """
        graph = _graph_of(operation)
        if graph is not None:
            outputs = graph._run_through_graph(
                [given] * len(graph.inputs), call_fn=self._call
            )
            return keras.tree.flatten(outputs)
        inside = self._inside(operation)
        if inside != [operation]:
            self.whole = self.whole and not inside
        for layer in inside:
            self.seen[layer] |= given
            given |= {layer}
        nodes = getattr(operation, "_inbound_nodes", None)
        return [given] * (len(keras.tree.flatten(operation.output)) if nodes else 1)

    def _call(self, operation, *args, **kwargs) -> list[frozenset]:
        leaves = keras.tree.flatten((args, kwargs))
        known = [leaf for leaf in leaves if isinstance(leaf, frozenset)]
        return self.through(operation, frozenset().union(*known))

    def _inside(self, operation) -> list:
        if not isinstance(operation, keras.layers.Layer):
            return []
        own = set(operation._flatten_layers())
        return [layer for layer in self.layers if layer in own]


def _graph_of(operation):
    """The graph that a model runs, `None` if what it does is not known."""
    if not type(operation).call.__module__.startswith("keras."):
        return None
    # A sequential model wraps a functional one.
    graph = getattr(operation, "_functional", None) or operation
    return graph if hasattr(graph, "_run_through_graph") else None
