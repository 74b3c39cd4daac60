"""Properties and names of Qt objects as PythonQt shows them, put on PySide6's classes.

PythonQt shows a Q_PROPERTY as an attribute (`button.text`), PySide6 as a method (`button.text()`). Module code is
written for PythonQt, so every Q_PROPERTY of every class becomes a descriptor; asked on the class, it still gives the
method (PySide6 itself and subclasses need that).
"""

from __future__ import annotations

import inspect

from PySide6 import QtCore

_marker = "_properties_as_attributes"


class QtProperty:
    """One Q_PROPERTY as an attribute.

    Attributes:
        name: the property's name.
        method: the method of that name that PySide6 had on the class, or None.
    """

    def __init__(self, name: str, owner: type, writable: bool) -> None:
        capital = name[0].upper() + name[1:]
        self.name = name
        self.method = getattr(owner, name, None)
        if isinstance(self.method, QtProperty):
            self.method = self.method.method
        self._getter = self.method or getattr(owner, f"is{capital}", None)
        if isinstance(inspect.getattr_static(owner, name, None), staticmethod):
            self._getter = None
        self._setter = getattr(owner, f"set{capital}", None)
        self._writable = writable

    def __get__(self, instance, owner):
        if instance is None:
            return self.method or self
        if self._getter is not None:
            return self._getter(instance)
        return instance.property(self.name)

    def __set__(self, instance, value) -> None:
        if not self._writable:
            raise AttributeError(f"{type(instance).__name__}.{self.name} cannot be set")
        if self._setter is not None:
            try:
                self._setter(instance, value)
                return
            except TypeError:
                pass  # PythonQt converts more than PySide6's setters do; the property system converts as much
        if not instance.setProperty(self.name, value):
            raise TypeError(f"{type(instance).__name__}.{self.name} cannot be set to {value!r}")


def show_properties_as_attributes(classes: list[type]) -> None:
    """Does it for all Q_PROPERTYs that the given classes declare themselves; their bases must be among them."""
    QtCore.QObject.name = property(
        lambda self: QtCore.QObject.property(self, "objectName"), lambda self, name: self.setObjectName(name)
    )
    QtCore.QObject.className = lambda self: self.metaObject().className()
    for owner in classes:
        if _marker in owner.__dict__:
            continue
        meta = owner.staticMetaObject
        first = 0 if owner is QtCore.QObject else meta.propertyOffset()
        for index in range(first, meta.propertyCount()):
            declared = meta.property(index)
            setattr(owner, declared.name(), QtProperty(declared.name(), owner, declared.isWritable()))
        setattr(owner, _marker, True)


def qobject_classes(*modules) -> list[type]:
    """The QObject classes of PySide6 modules, bases first."""
    values = (getattr(module, name) for module in modules for name in dir(module))
    found = {value for value in values if isinstance(value, type) and issubclass(value, QtCore.QObject)}
    return sorted(found, key=lambda kind: len(kind.__mro__))
