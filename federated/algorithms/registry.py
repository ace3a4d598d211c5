"""The registry of personalization methods.

A method of this repository is a module in `federated.algorithms` with a `METHOD`. A method of another package is an
entry point of the group `thumbprint.methods` that refers to a `Method`:

    [project.entry-points."thumbprint.methods"]
    own_method = "own_method:METHOD"

Both are loaded when the registry is first read, not when this module is imported. `register` adds a method to the
running process.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points

import federated.algorithms
from federated.job import JobError
from federated.personalization.method import Method

ENTRY_POINT_GROUP = "thumbprint.methods"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")  # a method's name is part of file and folder names


class MethodError(ValueError):
    """A method cannot be registered; the message names it and where it comes from."""


class MethodRegistry(Mapping[str, Method]):
    """The methods by name: those of this repository first, then those of other packages."""

    def __init__(self) -> None:
        self._methods: dict[str, Method] = {}
        self._sources: dict[str, str] = {}
        self._loaded = False

    def register(self, method: Method, source: str = "register()") -> Method:
        """Adds a method to this process, and returns it.

        Other processes do not know it. `thumbprint compare` measures methods in child processes, so it needs a method
        of this repository or an entry point.

        Args:
            source: Where the method comes from, for error messages.

        Raises:
            MethodError: `method` is not a `Method`, or its name is invalid or already registered.
        """
        self._load()
        return self._add(method, source)

    def named(self, name: str) -> Method:
        """Returns the method that a job names.

        Raises:
            JobError: there is no such method; the message lists the known ones.
            MethodError: a package's method cannot be loaded.
        """
        try:
            return self[name]
        except KeyError:
            raise JobError(
                f"personalization.method: there is no method {name!r}; the known ones are {', '.join(self)} "
                "(is the package that adds it installed?)"
            ) from None

    def __getitem__(self, name: str) -> Method:
        self._load()
        return self._methods[name]

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(self._methods)

    def __len__(self) -> int:
        self._load()
        return len(self._methods)

    def _add(self, method: object, source: str) -> Method:
        if not isinstance(method, Method):
            raise MethodError(f"{source} is not a personalization method but a {type(method).__name__}")
        if not _NAME.fullmatch(method.name):
            raise MethodError(
                f"{source}: the method name {method.name!r} must be lower-case letters, digits and underscores"
            )
        if method.name in self._methods:
            raise MethodError(
                f"{source}: the method name {method.name!r} is already taken by {self._sources[method.name]}"
            )
        self._methods[method.name], self._sources[method.name] = method, source
        return method

    def _load(self) -> None:
        if self._loaded:
            return
        self._methods, self._sources = {}, {}  # an attempt that failed can have left methods
        self._load_repository()
        self._load_entry_points()
        self._loaded = True

    def _load_repository(self) -> None:
        package = federated.algorithms
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name == __name__:
                continue
            method = getattr(importlib.import_module(module.name), "METHOD", None)
            if method is not None:
                self._add(method, module.name)

    def _load_entry_points(self) -> None:
        for point in sorted(entry_points(group=ENTRY_POINT_GROUP)):
            package = point.dist.name if point.dist else "an unknown package"
            source = f"the entry point {point.name!r} of {package} ({point.value})"
            try:
                method = point.load()
            except Exception as error:  # the package's own code can raise anything
                raise MethodError(f"{source} cannot be loaded: {type(error).__name__}: {error}") from error
            self._add(method, source)


METHODS = MethodRegistry()
"""The registry of this process."""

register = METHODS.register
