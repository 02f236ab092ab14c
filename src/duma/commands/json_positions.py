"""Where in a JSON text each value stands, so that a message can name the line."""

import json
import re

_TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|([{}\[\]:,])|([^\s{}\[\]:,"]+))', re.DOTALL)


def positions(text: str) -> dict[str, tuple[int, int]]:
    """Line and column, from 1, of each value by its path: `` for the whole, `.a`, `.a.b`, `.a[0]`.

    Of a member, it is where its name stands. The text must be JSON.
    """
    found: dict[str, tuple[int, int]] = {}
    open_: list[tuple[str, int | None]] = []  # path, and the next index in a list
    name, name_at = "", -1  # of the member whose value comes
    for match in _TOKEN.finditer(text):
        string, mark, _ = match.groups()
        start = match.end() - len(match[0].lstrip())
        if mark == ",":
            continue
        if mark == ":":
            continue
        if mark in ("}", "]"):
            open_.pop()
            if not open_:
                break
            continue
        inside_object = bool(open_) and open_[-1][1] is None
        if string and inside_object and name_at < 0:
            name, name_at = json.loads(string, strict=False), start
            continue
        path = ""
        if open_:
            parent, index = open_[-1]
            path = f"{parent}.{name}" if index is None else f"{parent}[{index}]"
            if index is not None:
                open_[-1] = (parent, index + 1)
        at = name_at if inside_object else start
        found[path] = (text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))
        name_at = -1
        if mark:
            open_.append((path, 0 if mark == "[" else None))
        elif not open_:
            break
    return found
