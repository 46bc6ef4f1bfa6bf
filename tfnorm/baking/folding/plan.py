# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Which maps of a model are folded into which of its layers."""

import collections
import collections.abc
import dataclasses

import keras
import numpy as np

from tfnorm.baking.folding import constants
from tfnorm.baking.folding import graph as graphs
from tfnorm.baking.folding import linear
from tfnorm.baking.folding import maps
from tfnorm.baking.folding import report
from tfnorm.baking.folding import ways

# What is to happen if a map is folded: it alone knows how.
Change = collections.abc.Callable[[], None]
# A call: the path of the model that it is in, and the id of Keras' node.
Key = tuple[str, int]


_WITHIN = "it is called by the code of another layer"


def key(step: graphs.Step) -> Key:
    """Returns what names a call in a plan."""
    return step.path, id(step.node)


@dataclasses.dataclass
class Found:
    """Where a map may go.

    Args:
        into: The layers that it is folded into.
        changes: What to do for it.
    """

    into: list[str] = dataclasses.field(default_factory=list)
    changes: list[Change] = dataclasses.field(default_factory=list)


class Plan:
    """What is folded into what.

    Maps are folded into what is in front of them where they can be, and then into what
    is behind them. A map is folded as a whole or not at all.

    Args:
        model: The model.
    """

    def __init__(self, model: keras.Model):
        self.graph = graphs.Graph(model)
        # The linear layers, by the id of the layer.
        self.linear: dict[int, linear.Linear] = {}
        # What layers that pad with zeros are to pad with.
        self.pads: dict[Key, np.ndarray] = {}
        self.removed: set[Key] = set()
        self._into_of: dict[Key, tuple[str, ...]] = {}
        self._reasons: dict[Key, list[str]] = collections.defaultdict(list)
        steps = [
            step for step in self.graph.steps if constants.is_normalization(step.layer)
        ]
        known = [(step, self._map_of(step)) for step in steps]
        for step, own in known:
            self._try(step, own, self._before)
        for step, own in reversed(known):
            self._try(step, own, self._behind)
        seen = {id(step.layer) for step in self.graph.steps}
        within = [
            report.Row(layer.name, type(layer).__name__, reason=_WITHIN)
            for layer in model._flatten_layers()
            if constants.is_normalization(layer) and id(layer) not in seen
        ]
        self.report = report.FoldReport((*map(self._row, steps), *within))

    def _map_of(self, step: graphs.Step) -> maps.Map | None:
        try:
            return constants.of(step.layer, step.shape, step.training)
        except report.NotFoldable as no:
            self._reasons[key(step)].append(str(no))
            return None

    def _try(self, step: graphs.Step, own: maps.Map | None, look) -> None:
        if own is None or key(step) in self.removed:
            return
        try:
            target = look(step, own)
        except report.NotFoldable as no:
            self._reasons[key(step)].append(str(no))
            return
        for change in target.changes:
            change()
        self.graph.remove(step)
        self.removed.add(key(step))
        self._into_of[key(step)] = tuple(dict.fromkeys(target.into))

    def _row(self, step: graphs.Step) -> report.Row:
        into = self._into_of.get(key(step))
        if into is not None:
            return report.Row(step.name, step.kind, into)
        return report.Row(
            step.name, step.kind, reason="; ".join(self._reasons[key(step)])
        )

    def _before(self, step: graphs.Step, own: maps.Map) -> Found:
        """Looks for the layers that make what a map is of."""
        target = Found()
        pending = [(step.inputs[0], own)]
        while pending:
            value, found = pending.pop()
            maker = self.graph.maker(value)
            if maker is None:
                raise report.NotFoldable("nothing in front but an input")
            count = len(self.graph.users(value))
            if count > 1:
                raise report.NotFoldable(f"in front, {maker} has {count} users")
            layer = maker.layer
            into = self._linear(maker)
            try:
                if into is not None:
                    into.check_gives(found, len(maker.output_shape))
                    target.into.append(maker.name)
                    target.changes.append(_giving(into, found))
                elif type(layer) is keras.layers.Concatenate:
                    several = ways.separated(maker, found)
                    pending.extend(zip(maker.inputs, several, strict=True))
                elif type(layer) is keras.layers.Add:
                    several = ways.summands(maker, found)
                    pending.extend(zip(maker.inputs, several, strict=True))
                elif ways.is_padding(layer):
                    self._pad(maker, found, target, back=True)
                    pending.append((maker.inputs[0], found))
                else:
                    moved = ways.through(maker, found, back=True)
                    pending.append((maker.inputs[0], moved))
            except report.NotFoldable as no:
                raise report.NotFoldable(f"in front, {no}") from no
        return target

    def _behind(self, step: graphs.Step, own: maps.Map) -> Found:
        """Looks for the layers that use what a map makes."""
        target = Found()
        pending = [(step.outputs[0], own)]
        while pending:
            value, found = pending.pop()
            users = self.graph.users(value)
            if not users:
                raise report.NotFoldable("behind, nothing uses it")
            for user in dict.fromkeys(users):
                if user is None:
                    raise report.NotFoldable("behind, it is an output of the model")
                try:
                    moved = self._into(user, value, found, target)
                except report.NotFoldable as no:
                    raise report.NotFoldable(f"behind, {no}") from no
                if moved is not None:
                    pending.append((user.outputs[0], moved))
        return target

    def _into(self, user: graphs.Step, value, found: maps.Map, target: Found):
        """The map behind a user of what it makes; `None` if it ends there."""
        own = self.graph.resolved(value)
        indices = [
            index
            for index, one in enumerate(user.inputs)
            if self.graph.resolved(one) == own
        ]
        if type(user.layer) is keras.layers.Concatenate and len(indices) == 1:
            return ways.concatenated(user, found, indices[0])
        if len(user.inputs) > 1:
            raise report.NotFoldable(f"{user} takes something else, too")
        into = self._linear(user)
        if into is not None:
            into.check_takes(found)
            target.into.append(user.name)
            target.changes.append(_taking(into, found))
            return None
        if ways.is_padding(user.layer):
            self._pad(user, found, target)
            return found
        return ways.through(user, found)

    def _linear(self, step: graphs.Step) -> linear.Linear | None:
        known = self.linear.get(id(step.layer))
        if known is None:
            calls = self.graph.calls[id(step.layer)]
            known = linear.of(step.layer, step.shape, calls)
        if known is not None:
            self.linear[id(step.layer)] = known
        return known

    def _pad(self, step, found: maps.Map, target: Found, *, back: bool = False) -> None:
        """Plans what a layer that pads is to pad with."""

        def pads():
            now = self.pads.get(key(step), np.zeros(1))
            return ways.padded(step, found, now, back=back)

        def change():
            self.pads[key(step)] = pads()

        pads()
        target.changes.append(change)


def _giving(into: linear.Linear, found: maps.Map) -> Change:
    return lambda: into.give(found)


def _taking(into: linear.Linear, found: maps.Map) -> Change:
    return lambda: into.take(found)
