# Copyright 2026 The tfnorm authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes registered dataclasses as JSON and reads them back."""

import collections.abc
import dataclasses
import functools
import importlib.metadata
import json
import types
import typing

from tfnorm import errors

_CLASSES: dict[str, type] = {}
_NAMES: dict[type, str] = {}
_MAPPING = "mapping"
_NON_FINITE = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


def version() -> str:
    """Returns the version of tfnorm, as setup.py gives it."""
    try:
        return importlib.metadata.version("tfnorm")
    except importlib.metadata.PackageNotFoundError:
        return "0+unknown"  # Run from a source tree that nobody installed.


def register(target: type | str) -> typing.Any:
    """Registers a frozen dataclass, so that `decode` finds it by its name.

    Args:
        target: The class; or, as `@register("name")`, the name to use in place
            of the class's own where two rooms use the same word.

    Example:

    >>> @register
    ... @dataclasses.dataclass(frozen=True)
    ... class Circle:
    ...     radius: float
    >>> encode(Circle(2.0))
    {'type': 'Circle', 'radius': 2.0}
    >>> decode({"type": "Circle", "radius": 2.0})
    Circle(radius=2.0)
    """
    if isinstance(target, str):
        return lambda cls: _register(cls, target)
    return _register(target, target.__name__)


def _register(cls: type, name: str) -> type:
    if not dataclasses.is_dataclass(cls):
        raise TypeError(f"`{cls.__name__}` is not a dataclass: decorate it first.")
    if any(field.name == "type" for field in dataclasses.fields(cls)):
        raise TypeError(f"`{cls.__name__}.type` would hide the name of the class.")
    known = _CLASSES.get(name)
    # A reloaded module registers the same class again.
    if known is not None and known.__qualname__ != cls.__qualname__:
        raise TypeError(f"{name!r} is registered for {known} already.")
    _CLASSES[name] = cls
    _NAMES[cls] = name
    return cls


def registered() -> tuple[str, ...]:
    """Returns the names that `decode` knows, sorted."""
    return tuple(sorted(_CLASSES))


def encode(value: typing.Any) -> typing.Any:
    """Turns a value into dicts, lists, strings and Python numbers.

    Numbers that JSON lacks are written as "nan", "inf" and "-inf".

    Args:
        value: Registered dataclass, mapping with string keys, list, tuple,
            NumPy array or scalar, number, string, boolean or `None`.

    Raises:
        TypeError: If there is anything else in it.
    """
    if isinstance(value, bool | int | str | types.NoneType):
        return value
    if isinstance(value, float):
        return _finite_or_name(float(value))
    if dataclasses.is_dataclass(value) and type(value) in _NAMES:
        fields = {
            field.name: encode(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if field.init
        }
        return {"type": _NAMES[type(value)], **fields}
    if isinstance(value, collections.abc.Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"A mapping needs string keys: {value!r}.")
        if isinstance(value.get("type"), str):
            # It would look like a class.
            return {"type": _MAPPING, "items": encode(list(value.items()))}
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if hasattr(value, "tolist"):
        return encode(value.tolist())
    raise TypeError(
        f"Cannot write {type(value).__name__} as JSON: register its class with "
        "`tfnorm.config.register`, or turn it into numbers."
    )


def _finite_or_name(value: float) -> float | str:
    for name, number in _NON_FINITE.items():
        if value == number or (value != value and number != number):
            return name
    return value


def decode(data: typing.Any) -> typing.Any:
    """Turns the result of `encode` back into the value.

    Lists come back as tuples, "nan", "inf" and "-inf" as numbers where the
    field's annotation allows no string. A field may be left out where the class
    has a default for it.

    Raises:
        RecipeError: If a class or field is unknown, a field is missing, or the
            class rejects its fields.
    """
    return _decode(data, None)


def _decode(data: typing.Any, hint: typing.Any) -> typing.Any:
    if isinstance(data, collections.abc.Mapping):
        inner = _inner(hint)
        if data.get("type") == _MAPPING and "items" in data:
            return {key: _decode(item, inner) for key, item in data["items"]}
        if isinstance(data.get("type"), str):
            return _decode_object(data)
        return {key: _decode(item, inner) for key, item in data.items()}
    if isinstance(data, list | tuple):
        inner = _inner(hint)
        return tuple(_decode(item, inner) for item in data)
    if isinstance(data, str) and hint is not None and not _allows_string(hint):
        return _NON_FINITE.get(data, data)
    return data


def _inner(hint: typing.Any) -> typing.Any:
    """Returns the annotation of the items of a container."""
    arguments = [item for item in typing.get_args(hint) if item is not Ellipsis]
    if _is_union(hint):
        return next((item for item in arguments if typing.get_args(item)), hint)
    return arguments[-1] if arguments else hint


def _is_union(hint: typing.Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def _allows_string(hint: typing.Any) -> bool:
    return hint is str or (_is_union(hint) and str in typing.get_args(hint))


def _decode_object(data: collections.abc.Mapping[str, typing.Any]) -> typing.Any:
    name = data["type"]
    cls = _CLASSES.get(name)
    if cls is None:
        raise errors.RecipeError(
            f"Unknown type {name!r}. Known types: {', '.join(registered())}."
        )
    fields = {field.name: field for field in dataclasses.fields(cls) if field.init}
    unknown = sorted(set(data) - set(fields) - {"type"})
    if unknown:
        raise errors.RecipeError(
            f"{name!r} has no field {unknown[0]!r}. Its fields: {', '.join(fields)}."
        )
    missing = [key for key in fields if key not in data and _required(fields[key])]
    if missing:
        raise errors.RecipeError(f"{name!r} needs the field {missing[0]!r}.")
    hints = _hints(cls)
    arguments = {
        key: _decode(data[key], hints.get(key)) for key in fields if key in data
    }
    try:
        return cls(**arguments)
    except (TypeError, ValueError) as error:
        raise errors.RecipeError(f"{name!r}: {error}") from error


@functools.cache
def _hints(cls: type) -> dict[str, typing.Any]:
    return typing.get_type_hints(cls)


def _required(field: dataclasses.Field) -> bool:
    return (
        field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    )


def dumps(value: typing.Any) -> str:
    """Writes a value as JSON text; equal values give equal text.

    Example:

    >>> print(dumps({"b": float("inf"), "a": (1, 2.5)}), end="")
    {
      "a": [
        1,
        2.5
      ],
      "b": "inf"
    }
    """
    return json.dumps(encode(value), sort_keys=True, indent=2, allow_nan=False) + "\n"


def loads(text: str) -> typing.Any:
    """Reads what `dumps` wrote.

    Raises:
        RecipeError: If the text is not JSON, or `decode` rejects it.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise errors.RecipeError(f"Not JSON: {error}.") from error
    return decode(data)
