"""What the checks of all clients have in common: counting, telling and comparing."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

passed = 0
failed = 0


@contextmanager
def check(name: str) -> Iterator[None]:
    """One named check; what is raised inside is its failure."""
    global passed, failed
    try:
        yield
    except Exception as error:
        failed += 1
        frame = traceback.extract_tb(error.__traceback__)[-1]
        told = f"{type(error).__name__}: {error}"[:3000].replace("\n", "\n    ")
        print(f"not ok - {name}\n    line {frame.lineno}: {frame.line}\n    {told}", flush=True)
    else:
        passed += 1
        print(f"ok - {name}", flush=True)


def summed_up() -> int:
    """Tells how many checks passed and failed, and gives the exit code that says so."""
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


def same(found: Any, wanted: Any, about: str = "") -> None:
    assert found == wanted, f"\nfound:  {found!r}\nwanted: {wanted!r}\n{about}"


def has(text: str, *parts: str) -> None:
    for part in parts:
        assert part in text, f"there is no {part!r} in:\n{text}"
