"""What the system knows of this process."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Memory:
    """Virtual, resident and shared memory in KiB."""

    virtual: int
    resident: int
    shared: int


def memory() -> Memory:
    """The memory of this process; zeros where the system does not tell."""
    try:
        pages = [int(word) for word in Path("/proc/self/statm").read_text().split()[:3]]
    except OSError:
        return Memory(0, 0, 0)
    page = os.sysconf("SC_PAGE_SIZE") // 1024
    return Memory(*(count * page for count in pages))


def user_name() -> str:
    """The name of the real user, or the number where it has no name (as in many containers)."""
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
