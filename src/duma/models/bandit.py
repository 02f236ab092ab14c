"""The layout of the bandit's models (see `duma.models.layouts` and `duma.engines.bandit_model`)."""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, Self

from duma.configuration import read_configuration
from duma.engines.bandit_configuration import read_bandit_configuration
from duma.engines.bandit_model import MOST_TRIALS, ArmInfo, BanditData, Row, read_bandit_data
from duma.engines.wire_types import Int
from duma.models.layouts import Content
from duma.models.report import Report, shown

_OWN_WEIGHTS = "exp3"  # its weights are no sums of rewards
_ZERO = ArmInfo(Int(0), 0.0)

Table = Mapping[str, Row]


class BanditLayout:
    """See `duma.models.layouts.Layout`."""

    def __init__(self, config_text: str) -> None:
        self.settings = read_bandit_configuration(read_configuration(config_text)[1])

    def read(self, user_data: memoryview) -> BanditData:
        """The content. Raises `ModelFileError`."""
        return read_bandit_data(user_data)

    def details(self, user_data: memoryview, top: int) -> dict[str, Any]:
        content = self.read(user_data)
        players = _whole(content)
        most = sorted(players.items(), key=lambda item: (-item[1].total, item[0]))[:top]
        return {
            "method": self.settings.method,
            "arms": [_name(arm) for arm in content.arms],
            "players": len(players),
            "players_in_mixed": len(content.mixed),
            "trials": sum(row.total for row in players.values()),
            "most_trials": {
                _name(player): {_name(arm): info._asdict() for arm, info in row.arms.items()}
                for player, row in most
            },
        }

    def difference(
        self, user_data: memoryview, other: Self, other_data: memoryview, tolerance: float, top: int
    ) -> dict[str, Any]:
        a, b = self.read(user_data), other.read(other_data)
        players_a, players_b = _whole(a), _whole(b)
        differing = [
            player
            for player in sorted(players_a.keys() | players_b.keys())
            if not _same(players_a.get(player), players_b.get(player), tolerance)
        ]
        same_arms = list(a.arms) == list(b.arms)
        return {
            "same": same_arms and not differing,
            "arms": None if same_arms else {"a": [*map(_name, a.arms)], "b": [*map(_name, b.arms)]},
            "players": {"a": len(players_a), "b": len(players_b)},
            "differing_players": {"count": len(differing), "examples": [*map(_name, differing[:top])]},
        }

    def converted(self, user_data: memoryview, wanted: Self) -> tuple[Content, Report]:
        content, report = self.read(user_data), Report()
        old, new = self.settings, wanted.settings
        if old.method != new.method:
            report.changes.append(f"method: {old.method} becomes {new.method}; trials and weights carry over")
        elif old.number != new.number:
            report.changes.append(f"parameter: {old.number:g} becomes {new.number:g}")
        if (old.method == _OWN_WEIGHTS) != (new.method == _OWN_WEIGHTS):
            report.losses.append("the weights: those of exp3 are no sums of rewards")
            content = BanditData(
                content.arms, _without_weights(content.mixed), _without_weights(content.unmixed)
            )
        elif new.method == "ts" and old.method != "ts":
            report.cautions.append("ts takes the weights for counts of rewards of 1")
        if old.assume_unrewarded != new.assume_unrewarded:
            report.cautions.append(
                "assume_unrewarded is another: trials are selections with it, and rewards without"
            )
        return content.packed(), report

    def merged(
        self,
        parts: Sequence[memoryview],
        names: Sequence[str],
        *,
        for_cluster: bool,
    ) -> tuple[Content, Report]:
        contents, report = [self.read(part) for part in parts], Report()
        arms = list(dict.fromkeys(arm for content in contents for arm in content.arms))
        for content, name in zip(contents, names, strict=True):
            if missing := [_name(arm) for arm in arms if arm not in content.arms]:
                report.cautions.append(f"{name} does not have the arms {', '.join(missing)}")
        mixed = contents[0].mixed
        if any(content.mixed != mixed for content in contents):
            # After a MIX it is the same everywhere, but for a server that missed it.
            mixed = reduce(_longer, (content.mixed for content in contents))
            report.cautions.append(
                "what the servers share differs; of each player the row with most trials is taken"
            )
        tables = [mixed, *(content.unmixed for content in contents)]
        whole = reduce(_sum, tables)
        report.changes.append(f"{len(contents)} models become one of {len(whole)} players")
        # As unmixed, each server would bring the same to the next MIX.
        merged = BanditData(arms, whole, {}) if for_cluster else BanditData(arms, {}, whole)
        return merged.packed(), report


def _whole(content: BanditData) -> Table:
    return _sum(content.mixed, content.unmixed)


def _sum(a: Table, b: Table) -> Table:
    return {
        player: _sum_of_rows(row for table in (a, b) if (row := table.get(player))) for player in {**a, **b}
    }


def _sum_of_rows(rows: Iterable[Row]) -> Row:
    total, arms = 0, dict[str, ArmInfo]()
    for row in rows:
        total = min(total + row.total, MOST_TRIALS)
        for arm, info in row.arms.items():
            arms[arm] = arms.get(arm, _ZERO).plus(*info)
    return Row(total, arms)


def _longer(a: Table, b: Table) -> Table:
    return {
        player: max((row for table in (a, b) if (row := table.get(player))), key=lambda row: row.total)
        for player in {**a, **b}
    }


def _without_weights(table: Table) -> Table:
    return {
        player: row._replace(arms={arm: ArmInfo(info.trial_count, 0.0) for arm, info in row.arms.items()})
        for player, row in table.items()
    }


def _same(a: Row | None, b: Row | None, tolerance: float) -> bool:
    if a is None or b is None:
        return False
    pairs = [(a.arms.get(arm, _ZERO), b.arms.get(arm, _ZERO)) for arm in {**a.arms, **b.arms}]
    return all(x.trial_count == y.trial_count and _near(x.weight, y.weight, tolerance) for x, y in pairs)


def _near(x: float, y: float, tolerance: float) -> bool:
    return x == y or abs(x - y) <= tolerance or (x != x and y != y)


def _name(name: str) -> str:
    return shown(name.encode("utf-8", "surrogateescape"))
