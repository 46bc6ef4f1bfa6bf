# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""The calls in a model and in the models within it, and who uses what they return."""

import collections
import dataclasses
import typing

import keras

from tfnorm import errors

# A tensor of a model: the path of the model, and the id of Keras' tensor.
Value = tuple[str, int]


@dataclasses.dataclass(frozen=True, eq=False)
class Step:
    """One call of a layer, or of an operation.

    Args:
        node: What Keras knows of the call.
        path: Names of the models that it is within, each with a slash behind it.
        training: What it is called with, or the models that it is within.
    """

    node: typing.Any
    path: str
    training: bool | None

    @property
    def layer(self) -> typing.Any:
        """The layer or operation."""
        return self.node.operation

    @property
    def name(self) -> str:
        """Its name, with those of the models that it is within."""
        return self.path + self.layer.name

    @property
    def kind(self) -> str:
        """The class of the layer."""
        return type(self.layer).__name__

    @property
    def inputs(self) -> list[Value]:
        """The tensors that it is called with."""
        return [(self.path, id(tensor)) for tensor in self.node.input_tensors]

    @property
    def outputs(self) -> list[Value]:
        """The tensors that it returns."""
        return [(self.path, id(tensor)) for tensor in self.node.outputs]

    @property
    def shapes(self) -> list[tuple]:
        """The shapes of what it is called with."""
        return [tuple(tensor.shape) for tensor in self.node.input_tensors]

    @property
    def shape(self) -> tuple:
        """The first of them."""
        return self.shapes[0]

    @property
    def output_shape(self) -> tuple:
        """The shape of the first tensor that it returns."""
        return tuple(self.node.outputs[0].shape)

    def __str__(self) -> str:
        return f"`{self.name}` ({self.kind})"


class Graph:
    """The calls in a model, in an order in which they can run.

    A model that is called once within another is looked into, across its border; in
    one that is called several times, nothing beyond its border is known.

    Args:
        model: A functional or sequential model.

    Raises:
        RecipeError: If it is another.
    """

    def __init__(self, model: keras.Model):
        check(model)
        self.steps: list[Step] = []
        self.calls: collections.Counter[int] = collections.Counter()
        self._read_once: set[int] = set()
        self._same: dict[Value, Value] = {}
        self._makers: dict[Value, Step] = {}
        self._users: dict[Value, list[Step | None]] = collections.defaultdict(list)
        self._count(model, set())
        self._read(model, "", None)
        self._use(_values("", model.outputs), None)

    def maker(self, value: Value) -> Step | None:
        """What returns a tensor; `None` for an input."""
        return self._makers.get(self.resolved(value))

    def users(self, value: Value) -> list[Step | None]:
        """What is called with a tensor; `None` where it is an output of a model."""
        return self._users[self.resolved(value)]

    def remove(self, step: Step) -> None:
        """Takes out a call, whose users then use what it was called with."""
        before, behind = step.inputs[0], step.outputs[0]
        users = self.users(before)
        users.remove(step)
        users.extend(self.users(behind))
        self._same[behind] = before

    def resolved(self, value: Value) -> Value:
        """The tensor where it is made, rather than where models hand it on."""
        while value in self._same:
            value = self._same[value]
        return value

    def _count(self, model, counted: set[int]) -> None:
        counted.add(id(model))
        for node in nodes_of(model):
            layer = node.operation
            self.calls[id(layer)] += 1
            if is_graph(layer) and id(layer) not in counted:
                self._count(layer, counted)

    def _use(self, values: list[Value], step: Step | None) -> None:
        for value in values:
            self._users[self.resolved(value)].append(step)

    def _read(self, model, path: str, training: bool | None) -> None:
        for node in nodes_of(model):
            layer = node.operation
            own = node.arguments.kwargs.get("training")
            step = Step(node, path, training if own is None else own)
            if not is_graph(layer):
                self.steps.append(step)
                self._add(step)
                continue
            inner = f"{path}{layer.name}/"
            known = len(layer.inputs) == len(step.inputs)
            if known and self.calls[id(layer)] == 1:
                self._link(_values(inner, layer.inputs), step.inputs)
                self._read(layer, inner, step.training)
                self._link(step.outputs, _values(inner, layer.outputs))
                continue
            self._add(step)
            if id(layer) not in self._read_once:
                self._read_once.add(id(layer))
                self._read(layer, inner, step.training)
                self._use(_values(inner, layer.outputs), None)

    def _add(self, step: Step) -> None:
        self._use(step.inputs, step)
        self._makers.update(dict.fromkeys(step.outputs, step))

    def _link(self, values: list[Value], others: list[Value]) -> None:
        self._same.update(zip(values, others, strict=True))


def _values(path: str, tensors: list) -> list[Value]:
    return [(path, id(tensor)) for tensor in tensors]


def check(model: typing.Any) -> None:
    """Raises RecipeError if a model's calls are not known."""
    if is_graph(model):
        return
    if isinstance(model, keras.Sequential):
        raise errors.RecipeError(
            f"Model {model.name!r} is not built. Call `model.build(input_shape)` first."
        )
    raise errors.RecipeError(
        f"Only functional and sequential models can be folded, for in the code of "
        f"{type(model).__name__!r} it cannot be seen which layer is behind which. Make "
        "`keras.Model(inputs, outputs)` of it, or fold the models that it holds."
    )


def is_graph(model: typing.Any) -> bool:
    """Whether a layer is a model that consists of calls that Keras knows."""
    if isinstance(model, keras.Sequential):
        own = type(model).call is keras.Sequential.call
        return own and bool(getattr(model, "_functional", None))
    if not (isinstance(model, keras.Model) and isinstance(model, keras.Function)):
        return False
    return type(model).call.__module__.startswith("keras.")


def nodes_of(model: typing.Any) -> list:
    """Returns the calls in a model, but inputs, in an order in which they can run."""
    inputs = {id(tensor) for tensor in model.inputs}
    done: set[int] = set()
    nodes = []
    pending = [(tensor, False) for tensor in reversed(model.outputs)]
    while pending:
        tensor, ready = pending.pop()
        if id(tensor) in inputs:
            continue
        history = tensor._keras_history
        node = history.operation._inbound_nodes[history.node_index]
        if id(node) in done:
            continue
        if ready:
            done.add(id(node))
            nodes.append(node)
        else:
            pending.append((tensor, True))
            pending.extend((one, False) for one in reversed(node.input_tensors))
    return nodes
