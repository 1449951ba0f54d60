"""What all the systems do alike: a job's commands are run by a shell, with variables."""

from __future__ import annotations

import os
import stat
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 60.0


@dataclass
class Ran:
    """What became of a job: the exit code of the step that decided it, and everything that was said."""

    code: int = 0
    # The exit code of the step that records, where one ran.
    recorded: int | None = None
    deployed: bool = False
    said: str = ""


# The project's own code, that of whatever branch is built: it may not be given the password.
WITHOUT_PASSWORD = (
    '@[ -z "$${PGPASSWORD-}" ] && ! cat "$${EPR_DB_PASSWORD_FILE:-/nowhere}" >/dev/null 2>&1'
    " || { echo 'the project is given the password of the registry'; exit 99; }"
)


@dataclass
class Project:
    """A checked-out project on a runner: its folder, and the programs that the jobs find on their PATH."""

    folder: Path
    binary: str
    # How the project's own scan ends.
    scan: int = 0
    # Whether the CI system gives the password to some lines of the scan's job only.
    scan_is_apart: bool = True
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.programs = self.folder.parent / f"{self.folder.name}-bin"
        self.programs.mkdir()
        # The program, which notes the password that it was given.
        password = '"${PGPASSWORD-$(cat "${EPR_DB_PASSWORD_FILE-/dev/null}")}"'
        self.file("epr-mcp", f"#!/bin/sh\nprintf %s {password} > '{self.programs}/seen'\nexec '{self.binary}' \"$@\"\n")

    @property
    def password(self) -> str:
        """The password that the program was given last."""
        return (self.programs / "seen").read_text()

    @property
    def deployed(self) -> bool:
        return (self.folder / "deployed").exists()

    def run(self, command: list[str], variables: dict[str, str]) -> int:
        """Runs a shell with these variables and no others of whoever runs this."""
        apart = f"\t{WITHOUT_PASSWORD}\n"
        scan = f"scan:\n{apart if self.scan_is_apart else ''}\t@exit {self.scan}\n"
        makefile = f"{scan}deploy:\n{apart}\t@touch deployed\n"
        (self.folder / "Makefile").write_text(makefile)
        env = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "EPR_TEST_RUN": os.environ.get("EPR_TEST_RUN", "none"),
            **variables,
        }
        done = subprocess.run(
            command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL
        )
        self.said.append(done.stdout + done.stderr)
        return done.returncode

    def file(self, name: str, text: str) -> Path:
        """A script beside the project."""
        path = self.programs / name
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def finish(self, ran: Ran) -> Ran:
        ran.deployed = self.deployed
        ran.said = "\n".join(self.said)
        (self.folder / "deployed").unlink(missing_ok=True)
        self.said.clear()
        return ran
