# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Puts the layers of this package into a model, in the place of Keras' own."""

import collections.abc
import contextlib
import tempfile
import typing

import keras

from tfnorm import errors
from tfnorm.layers.network import batch_normalization
from tfnorm.layers.network import group
from tfnorm.layers.network import layer as layer_lib
from tfnorm.layers.network import rms
from tfnorm.layers.network import weights

_INSTEAD: dict[str, type[keras.layers.Layer]] = {
    "BatchNormalization": batch_normalization.BatchNormalization,
    "GroupNormalization": group.GroupNormalization,
    "LayerNormalization": layer_lib.LayerNormalization,
    "RMSNormalization": rms.RMSNormalization,
    "SpectralNormalization": weights.SpectralNormalization,
}


def replace(
    model: keras.Model, *, only: collections.abc.Collection[str] | None = None
) -> keras.Model:
    """Returns a model with tfnorm's layers in the place of Keras' normalizations.

    These are `BatchNormalization`, `GroupNormalization`, `LayerNormalization`,
    `RMSNormalization` and `SpectralNormalization`, each replaced by the layer of the
    same name; also in models within the model, in wrappers, and where one layer is
    called several times. Others stay as they are: subclasses of these; what has
    `rms_scaling=True`; and `UnitNormalization`, since `UnitNorm` treats vectors
    shorter than 1e-12, and masks, in another way.

    The given model is left alone. The new one has weights of its own with the same
    numbers, the same names, types and `trainable` flags, and loads weights that were
    saved from the old one. It is not compiled. A class of your own that is built from
    `keras.Input`s comes back as a plain functional model; `Lambda` layers, which have
    no weights, are shared.

    Results differ where those of Keras are not meant: padding that a mask leaves out
    enters no statistic, and the mask goes on; Keras' `SpectralNormalization` has
    overwritten its kernel at the last step, and is not normalized before the first.

    Args:
        model: Sequential or functional, or one that `get_config` describes wholly.
        only: What to replace, by name of the class or of the layer; `None` for all.

    Raises:
        OptionsError: If nothing has a name that `only` says, or if a normalization is
            made by the code of another layer, where none can be put in its place.

    Example:

    >>> model = keras.Sequential([
    ...     keras.Input((3,)),
    ...     keras.layers.Dense(2),
    ...     keras.layers.BatchNormalization(),
    ... ])
    >>> [type(layer).__module__.split(".")[0] for layer in replace(model).layers]
    ['keras', 'tfnorm']

    Reference:
        `clone_model` of https://keras.io/api/models/model.
    """
    if not isinstance(model, keras.Model):
        raise errors.OptionsError(
            f"`replace` takes a Keras model, not {type(model).__name__!r}. Instead of "
            "a single layer, make the one of the same name in `tfnorm.layers`."
        )
    wanted = _Wanted(model, only)
    with _not_compiled(model), _classes_of(model):
        replaced = _cloned(model, wanted)
    for old, new in _pairs(model, replaced):
        if wanted(new):
            raise errors.OptionsError(
                f"Layer {new.path or new.name!r} is made by the code of another, where "
                f"none can be put in its place. Use `tfnorm.layers.{_name_of(new)}` in "
                "that code, or say in `only` what else to replace."
            )
        _copy_state(old, new)
    return replaced


class _Wanted:
    """Tells which layers are to be replaced, and does so in configs."""

    def __init__(self, model, only):
        self.only = only if only is None else {*only}
        there = [layer for layer in model._flatten_layers() if _name_of(layer)]
        names = {name for layer in there for name in (layer.name, _name_of(layer))}
        if unknown := (self.only or set()) - names:
            raise errors.OptionsError(
                f"`only` says {', '.join(map(repr, sorted(unknown)))}, but Keras' "
                f"normalizations in the model are {', '.join(sorted(names)) or 'none'}."
            )

    def __call__(self, layer) -> bool:
        return self._is(_name_of(layer), layer.name)

    def in_config(self, config: typing.Any) -> typing.Any:
        """Returns a config with other classes in it, however deep."""
        if isinstance(config, list | tuple):
            return type(config)(map(self.in_config, config))
        if not isinstance(config, dict):
            return config
        config = {key: self.in_config(value) for key, value in config.items()}
        arguments = config.get("config")
        if config.get("module") == "keras.layers" and isinstance(arguments, dict):
            name = config["class_name"]
            known = name in _INSTEAD and not arguments.get("rms_scaling")
            if self._is(name if known else None, arguments.get("name")):
                config["registered_name"] = f"tfnorm>{name}"
            # Built with what it is in, and named after it.
            config.pop("build_config", None)
        return config

    def _is(self, kind: str | None, name: str | None) -> bool:
        return kind is not None and (
            self.only is None or kind in self.only or name in self.only
        )


def _name_of(layer) -> str | None:
    """The name of a normalization of Keras that has a better one."""
    name = type(layer).__name__
    if name not in _INSTEAD or type(layer) is not getattr(keras.layers, name):
        return None
    return None if getattr(layer, "rms_scaling", False) else name


def _cloned(model, wanted: _Wanted) -> keras.Model:
    """A model of the same layers, made again from their configs but for some."""
    made: dict[int, typing.Any] = {}

    def again(layer):
        # One that several models call stays one.
        if id(layer) not in made:
            made[id(layer)] = remade(layer)
        return made[id(layer)]

    def remade(layer):
        if not isinstance(layer, keras.layers.Layer):
            return layer  # A function of `keras.ops`, which has no state.
        if isinstance(layer, keras.layers.Lambda):
            return layer  # What it calls may not be in its config.
        if isinstance(layer, keras.Sequential | keras.Function):
            return keras.models.clone_model(
                layer, input_tensors=_inputs(layer), clone_function=again
            )
        kind = _INSTEAD[_name_of(layer)] if wanted(layer) else type(layer)
        return kind.from_config(wanted.in_config(layer.get_config()))

    try:
        clone = again(model)
    except NotImplementedError as error:
        raise errors.OptionsError(
            f"Model {model.name!r} cannot be made again with other layers, since not "
            "all of its classes have a `get_config`. Use the layers of `tfnorm.layers` "
            f"in their code. Keras says: {error}"
        ) from error
    if model.built and not clone.built:
        clone.build_from_config(model.get_build_config())
    return clone


def _inputs(model):
    """New inputs for a functional model; `clone_model` would forget their names."""
    if isinstance(model, keras.Sequential):
        return None
    there = {
        id(layer.output): layer
        for layer in model.layers
        if isinstance(layer, keras.layers.InputLayer)
    }

    def again(x):
        config = there[id(x)].get_config()
        return keras.layers.InputLayer.from_config(config).output

    return keras.tree.map_structure(again, model.input)


def _pairs(model, replaced) -> list[tuple]:
    """Each layer of a model, and what is there instead."""
    old, new = model._flatten_layers(), replaced._flatten_layers()
    kinds = [[type(layer).__name__ for layer in each[1:]] for each in (old, new)]
    if kinds[0] != kinds[1]:
        raise errors.OptionsError(
            f"Model {model.name!r} does not come back with the same layers from its "
            "config: one is in several wrappers, or was put there later. Use the "
            "layers of `tfnorm.layers` in its code."
        )
    return list(zip(old, new, strict=True))


def _copy_state(old, new) -> None:
    """Gives one layer what another has, without that of the layers in it."""
    if new.trainable != old.trainable:
        # The layers in it come later.
        new.trainable = old.trainable
    kept: dict[str, typing.Any] = {}
    old.save_own_variables(kept)
    # Copies, for JAX takes the memory of a model that is trained.
    new.load_own_variables(
        {key: keras.ops.convert_to_numpy(value) for key, value in kept.items()}
    )
    if hasattr(old, "save_assets"):  # Vocabularies.
        with tempfile.TemporaryDirectory() as folder:
            old.save_assets(folder)
            new.load_assets(folder)


@contextlib.contextmanager
def _not_compiled(model):
    """Keeps `clone_model` from compiling, which not every loss survives."""
    models = [one for one in model._flatten_layers() if getattr(one, "compiled", False)]
    try:
        for one in models:
            one.compiled = False
        yield
    finally:
        for one in models:
            one.compiled = True


def _classes_of(model):
    """Lets Keras find classes of the caller's own where wrappers name them."""
    kinds = {type(layer) for layer in model._flatten_layers()}
    names = {keras.saving.get_registered_name(kind): kind for kind in kinds}
    own = {
        name: kind
        for name, kind in names.items()
        if name == kind.__name__ and kind.__module__.partition(".")[0] != "keras"
    }
    return keras.saving.custom_object_scope(own)
