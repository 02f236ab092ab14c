"""Rates, and the table that they are printed in."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


def rate(work: Callable[[], int], seconds: float = 1.0, rounds: int = 3) -> float:
    """Items per second: the median of `rounds`, each of about `seconds`. `work` returns how many items it did."""
    rates = []
    for _ in range(rounds):
        done, start = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - start) < seconds:
            done += work()
        rates.append(done / elapsed)
    return median(rates)


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    name: str
    rate: float


def print_table(title: str, rows: list[Row], unit: str, reference: float, reference_name: str) -> None:
    """Each rate, and its ratio to `reference`."""
    print(f"\n{title}\n{'':46}{unit:>14}   {'of ' + reference_name:>12}")
    for row in rows:
        print(f"  {row.name:<44}{row.rate:>14,.0f}   {row.rate / reference:>11.2f}x", flush=True)
