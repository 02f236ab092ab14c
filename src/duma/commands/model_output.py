"""What `duma model` shows of files and of differences between them."""

from typing import Any

import click

from duma.commands.output import print_fields, print_table


def print_inspected(found: dict[str, Any]) -> None:
    """What `duma.models.inspection.inspect` found."""
    header, system, content = found["header"] or {}, found["system"] or {}, found["model"] or {}
    print_fields(
        found["path"],
        [
            ("sound", "yes" if found["sound"] else f"no: {found['problem']}"),
            ("engine", system.get("engine")),
            ("id", system.get("id")),
            ("time", system.get("time")),
            ("version", header.get("version")),
            ("crc32", header.get("crc32")),
            ("file size", found["size"]),
            ("system data size", header.get("system_data_size")),
            ("user data size", header.get("user_data_size")),
            ("configuration", found["configuration"]),
            *(
                (name.replace("_", " "), value)
                for name, value in content.items()
                if name not in ("labels", "first_rows") and value not in ({}, [])
            ),
            ("model", f"not shown: {found['model_problem']}" if found["model_problem"] else None),
        ],
    )
    print_table(
        "rows",
        ("row", "part", "content"),
        [
            (row["row"], part, value)
            for row in content.get("first_rows", [])
            for part, value in row.items()
            if part != "row"
        ],
    )
    labels = content.get("labels", [])
    print_table(
        "labels",
        ("label", "id", "trained", "features"),
        [(label["label"], label["id"], label["trained"], label["features"]) for label in labels],
    )
    print_table(
        "largest features",
        ("label", "feature", "weight", "covariance"),
        [
            (label["label"], feature["feature"], feature["weight"], feature["covariance"])
            for label in labels
            for feature in label["largest"]
        ],
    )


def print_difference(found: dict[str, Any]) -> None:
    """What `duma.models.difference.difference` found."""
    print_table("header", ("", "A", "B"), [(row["field"], row["a"], row["b"]) for row in found["header"]])
    print_table(
        "configuration",
        ("path", "A", "B"),
        [(row["path"], row.get("a"), row.get("b")) for row in found["configuration"]],
    )
    content = found["model"]
    if found["model_problem"]:
        click.echo(found["model_problem"])
    if content is not None:
        _print_content_difference(content)
    click.echo("the models are the same" if found["same"] else "the models differ")


def _print_content_difference(content: dict[str, Any]) -> None:
    if "labels" in content:
        labels, features, weights = content["labels"], content["features"], content["weights"]
        print_table("labels only in A", (), [(label,) for label in labels["only_a"]])
        print_table("labels only in B", (), [(label,) for label in labels["only_b"]])
        print_table(
            "times trained",
            ("label", "A", "B"),
            [(row["label"], row["a"], row["b"]) for row in content["label_counts"]],
        )
        print_fields(
            "features",
            [
                ("in A", features["a"]),
                ("in B", features["b"]),
                ("only in A", _examples(features["only_a"])),
                ("only in B", _examples(features["only_b"])),
                ("weights that differ", weights["differing"]),
                ("unlearner", "differs" if content["unlearner"] else None),
                ("documents", content["documents"]),
            ],
        )
        print_table(
            "largest differences",
            ("label", "feature", "A", "B"),
            [(row["label"], row["feature"], row["a"], row["b"]) for row in weights["largest"]],
        )
    elif "edges" in content:
        for what in ("nodes", "edges"):
            part = content[what]
            print_fields(what, _rows_apart(part))
        indexes = ("global_nodes", "centralities", "shortest_paths")
        print_fields("beside them", [(name.replace("_", " "), content[name]) for name in indexes])
    elif "points" in content:
        points = content["points"]
        print_fields(
            "points",
            [
                ("in A", points["a"]),
                ("in B", points["b"]),
                ("only in A", _examples(points["only_a"])),
                ("only in B", _examples(points["only_b"])),
                ("documents", content["documents"]),
            ],
        )
    elif "parts" in content:
        for part in content["parts"]:
            print_fields(f"rows with {part['part']}", _rows_apart(part))
        print_table(
            "times trained",
            ("label", "A", "B"),
            [(row["label"], row["a"], row["b"]) for row in content["label_counts"]],
        )
        print_fields(
            "beside them",
            [
                ("unlearner", "differs" if content["unlearner"] else None),
                ("documents", content["documents"]),
            ],
        )
    elif "documents" in content:
        if content["documents"] is not None:
            print_fields("statistics", [("documents", content["documents"])])
    else:
        facts = [(name.replace("_", " "), value) for name, value in content.items() if name != "same"]
        print_fields("model", facts)


def _rows_apart(part: dict[str, Any]) -> list[tuple[str, Any]]:
    return [
        ("in A", part["a"]),
        ("in B", part["b"]),
        ("only in A", _examples(part["only_a"])),
        ("only in B", _examples(part["only_b"])),
        ("that differ", _examples(part["differing"])),
    ]


def _examples(part: dict[str, Any]) -> str:
    if not part["count"]:
        return "0"
    more = ", ..." if part["count"] > len(part["examples"]) else ""
    return f"{part['count']}: {', '.join(part['examples'])}{more}"
