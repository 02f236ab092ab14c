"""What the configuration of an engine may hold, declared once: an engine checks by it, `duma engines` lists it and
`duma config` explains and writes by it.

    WEIGHT = Member(Float32(), "how far an update goes", example=1.0, condition=Condition("0.0 < weight", positive))
    METHODS = Choice("method", "parameter", {"PA": Form("..."), "PA1": Form("...", {"weight": WEIGHT})})
    FORM = Form("...", {"converter": Member(CONVERTER, "...", example={})}, (METHODS,))

    top = check(FORM.schema, configuration)
    name, way = METHODS.find(top["method"])
    parameter = check(way.schema, top["parameter"], ".parameter")
    way.require(parameter, ".parameter")
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from duma.configuration import (
    AnyValue,
    InvalidParameter,
    Object,
    PlainConfigurationError,
    Problem,
    Schema,
    String,
    located,
)


@dataclass(frozen=True, slots=True)
class Condition:
    """What holds for a value beside its type, in the words of Jubatus' error.

    `holds` is given the value or, if the condition is `together` with other members, all values by name.
    """

    text: str
    holds: Callable[[Any], bool]
    together: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an object. It is a schema, too.

    `example` is what a new configuration has; None where it leaves the member out, which must be `optional` then.
    `default` says in words what holds where it is absent. An `ignored` member may be there and means nothing.
    """

    schema: Schema
    meaning: str
    example: Any = None
    optional: bool = False
    default: str = ""
    condition: Condition | None = None
    ignored: bool = False

    def read(self, value: Any, path: str, problems: list[str]) -> Any:
        """As the schema reads it."""
        return self.schema.read(value, path, problems)

    def __str__(self) -> str:
        example = (
            "" if self.example is None or isinstance(self.example, dict) else f", such as {self.example}"
        )
        return f"{self.schema}{example} ({self.meaning})"


@dataclass(frozen=True, slots=True)
class Form:
    """The members of an object, and those of them that belong together.

    `aliases` are other names of the choice that this is the form of, and `missing` is the error where the object is
    needed and absent, if it is another one than the choice's.
    """

    meaning: str
    members: Mapping[str, Member] = field(default_factory=dict)
    choices: "tuple[Choice, ...]" = ()
    aliases: tuple[str, ...] = ()
    missing: str = ""

    @property
    def schema(self) -> Object:
        """Names and types of the members: what `check` takes."""
        mandatory: dict[str, Schema] = {}
        optional: dict[str, Schema] = {}
        for choice in self.choices:
            (optional if choice.optional else mandatory)[choice.selector] = choice
            (mandatory if choice.parameters_needed else optional)[choice.parameters] = AnyValue()
        for name, member in self.members.items():
            (optional if member.optional else mandatory)[name] = member
        return Object(mandatory, optional)

    def problems(self, value: Any, path: str = "") -> list[Problem]:
        """Everything that is wrong with an object at `path`, and inside of it."""
        found: list[str] = []
        read = self.schema.read(value, path, found)
        if isinstance(value, dict):
            sound = not found
            for name in self.members:
                if name in read and not _concerns(found, f"{path}.{name}"):
                    found.extend(self._broken_condition(name, read, path, sound))
            for choice in self.choices:
                found.extend(choice.problems(value, path))
        return [problem if isinstance(problem, Problem) else Problem(problem, path) for problem in found]

    def require(self, values: Mapping[str, Any], path: str, order: Iterable[str] = ()) -> None:
        """Raises `InvalidParameter` for the first value, in this or the declared order, whose condition does not hold.

        The values are those that `check` has read.
        """
        for name in order or self.members:
            member = self.members[name]
            if name in values and member.condition is not None:
                with located(f"{path}.{name}"):
                    _require(member.condition, values[name], values)

    def _broken_condition(
        self, name: str, read: Mapping[str, Any], path: str, sound: bool
    ) -> Iterator[Problem]:
        """The problem with a value; conditions on several are seen only where all of them are of the right types."""
        member = self.members[name]
        if member.condition is None or (member.condition.together and not sound):
            return
        try:
            self.require(read, path, (name,))
        except PlainConfigurationError as error:
            for message in error.messages:
                yield Problem(message, f"{path}.{name}", f"it is {member}")

    def example(self) -> dict[str, Any]:
        """An object with what is needed."""
        made: dict[str, Any] = {}
        for choice in self.choices:
            if not choice.optional:
                name = next(iter(choice.ways))
                made |= {choice.selector: name, choice.parameters: choice.ways[name].example()}
        return made | {name: item.example for name, item in self.members.items() if item.example is not None}


@dataclass(frozen=True, slots=True)
class Choice:
    """A member that names one of several ways, and a member beside it with what that way needs.

    `unknown` is the error for a name that is none (`{}`), `missing` the error where the parameters are needed and
    absent (`{path}`: of the object). An `optional` choice may be absent; `parameters_needed` says that the member with
    the parameters never may. With `any_name` every name stands for the first way. The choice is the schema of the
    member that names the way.
    """

    selector: str
    parameters: str
    ways: Mapping[str, Form]
    optional: bool = False
    parameters_needed: bool = False
    unknown: str = "unsupported method ({})"
    missing: str = ""
    any_name: bool = False

    def find(self, name: str) -> tuple[str, Form]:
        """The way that a name or another name of it stands for. Raises `PlainConfigurationError`."""
        for way, form in self.ways.items():
            if self.any_name or name in (way, *form.aliases):
                return way, form
        advice = f"choose one of {', '.join(self.ways)}"
        raise PlainConfigurationError(self.unknown.format(name), advice=advice)

    def knows(self, name: Any) -> bool:
        """Whether it is a way or another name of one; None is where the choice is optional."""
        if name is None:
            return self.optional
        return self.any_name or any(name in (way, *form.aliases) for way, form in self.ways.items())

    def problems(self, value: Mapping[str, Any], path: str) -> Iterator[Problem]:
        """What is wrong with the two members of an object, beyond the type of the one that names the way."""
        name, given = value.get(self.selector), value.get(self.parameters)
        if not isinstance(name, str):
            return
        try:
            _, form = self.find(name)
        except PlainConfigurationError as error:
            error.locate(f"{path}.{self.selector}")
            yield from map(_problem, error.messages)
            return
        inner = f"{path}.{self.parameters}"
        if given is not None:
            yield from form.problems(given, inner)
        elif (missing := form.missing or self.missing) and form.schema.mandatory:
            yield Problem(
                missing.format(path=path), inner, f'add "{self.parameters}": {_shown(form.example())}'
            )

    def read(self, value: Any, path: str, problems: list[str]) -> Any:
        """A text; whether it names a way is seen later."""
        return String().read(value, path, problems)

    def __str__(self) -> str:
        return f"one of {', '.join(self.ways)}"


def _problem(text: str) -> Problem:
    return text if isinstance(text, Problem) else Problem(text, "")


def _concerns(problems: list[str], path: str) -> bool:
    """Whether a problem with a value has been found."""
    return any(isinstance(problem, Problem) and problem.path == path for problem in problems)


def _require(condition: Condition, value: Any, values: Mapping[str, Any]) -> None:
    if not condition.holds(values if condition.together else value):
        shown = f"{value:g}" if isinstance(value, float) else str(value)
        raise InvalidParameter(condition.text, f"it is {shown}")


def _shown(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)
