"""What an engine offers, read from its declarations: calls, their types, and its configuration. All of it is JSON."""

from collections.abc import Iterator, Mapping
from typing import Any

from duma.configuration_form import Choice, Form, Member
from duma.engines.common import CommonMethods
from duma.engines.declaration import Method, Route
from duma.engines.engine import Engine
from duma.engines.registry import engine_class
from duma.engines.wire_types import Kind, WireType


def methods_of(engine_type: str) -> dict[str, Method]:
    """Every method that a server of an engine has, the engine's own first. Raises `KeyError`."""
    declared = engine_class(engine_type).methods
    own = {name: method for name, method in declared.items() if name not in Engine.methods}
    return {**own, **declared, **CommonMethods.methods}


def describe(engine_type: str) -> dict[str, Any]:
    """An engine: what it is, its calls, the structures in them, its configuration. Raises `KeyError`."""
    engine = engine_class(engine_type)
    methods = methods_of(engine_type)
    return {
        "engine": engine_type,
        "class": engine.__name__,
        "description": first_line(engine.__doc__ or ""),
        "calls": [_call(method, shared=name in CommonMethods.methods) for name, method in methods.items()],
        "types": {
            type_.name: [{"name": name, "type": part.name} for name, part in type_.parts]
            for type_ in structures(methods)
        },
        "configuration": None if engine.configuration_form is None else _form(engine.configuration_form),
    }


def signature(method: Method) -> str:
    """A call with its types: `train(data: list<LabeledDatum>) -> int`."""
    parameters = ", ".join(f"{parameter.name}: {parameter.type.name}" for parameter in method.parameters)
    return f"{method.name}({parameters}) -> {method.result.name}"


def structure(type_: WireType) -> str:
    """A structure with its fields: `LabeledDatum(label: string, data: datum)`."""
    return f"{type_.name}({', '.join(f'{name}: {part.name}' for name, part in type_.parts)})"


def route_name(route: Route) -> str:
    """`random`, `broadcast`, `cht(2)`, `internal`."""
    return f"{route.kind}({route.replicas})" if route.replicas else route.kind


def first_line(text: str) -> str:
    """The first line of a docstring."""
    return text.strip().partition("\n")[0]


def structures(methods: Mapping[str, Method]) -> list[WireType]:
    """The structures in arguments and results, each once, in the order of their first use."""
    found: dict[str, WireType] = {}
    for method in methods.values():
        for type_ in (*(parameter.type for parameter in method.parameters), method.result):
            for inner in _inside(type_):
                found.setdefault(inner.name, inner)
    return list(found.values())


def _inside(type_: WireType) -> Iterator[WireType]:
    if type_.kind is Kind.STRUCTURE:
        yield type_
    for _, part in type_.parts:
        yield from _inside(part)


def _call(method: Method, *, shared: bool) -> dict[str, Any]:
    return {
        "name": method.name,
        "signature": signature(method),
        "parameters": [{"name": item.name, "type": item.type.name} for item in method.parameters],
        "result": method.result.name,
        "kind": "update" if method.updates else "analysis",
        "route": route_name(method.route),
        "aggregator": method.aggregator.value,
        "of_every_server": shared,
        "documentation": method.documentation,
    }


def _form(form: Form) -> dict[str, Any]:
    return {
        "meaning": form.meaning,
        "choices": [_choice(choice) for choice in form.choices],
        "members": {name: _member(member) for name, member in form.members.items()},
    }


def _choice(choice: Choice) -> dict[str, Any]:
    return {
        "selector": choice.selector,
        "parameters": choice.parameters,
        "optional": choice.optional,
        "ways": {name: {"aliases": list(form.aliases), **_form(form)} for name, form in choice.ways.items()},
    }


def _member(member: Member) -> dict[str, Any]:
    return {
        "type": str(member.schema),
        "meaning": member.meaning,
        "condition": None if member.condition is None else member.condition.text,
        "optional": member.optional,
        "default": member.default or None,
        "example": member.example,
        "ignored": member.ignored,
    }
