"""The recipes for CI, asked for through MCP, and their scripts run.

Each system is a module here that imitates it as far as the recipe goes: it reads the recipe, makes the
variables that the system would give, and runs the scripts. What was recorded is read back through MCP.

EPR_BINARY         the binary under test
EPR_TEST_POSTGRES  a PostgreSQL server to run on; otherwise files
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import github
import gitlab
import jenkins
import tekton
from mcp import Client, StdioServerParameters
from mcp_types import Implementation
from shell import Project

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import checks
from checks import same

ROOT = Path(__file__).resolve().parents[3]
BINARY = str(Path(os.environ.get("EPR_BINARY", ROOT / "target/debug/epr-mcp")).resolve())
POSTGRES = os.environ.get("EPR_TEST_POSTGRES", "")
PATIENCE = 120.0

# A password that nothing may show. The test's PostgreSQL server asks for none.
PASSWORD = "made-up-Pa55word"

# What a branch may be called, and more: each would leave a file behind if a shell ever read it.
BRANCHES = [
    "$(touch pwned)",
    "`touch pwned`",
    "x; touch pwned",
    """x"; touch pwned; \"""",
    "x'; touch pwned; '",
    "--help",
    """x"$(touch pwned)`touch pwned`';${HOME}$(EPR_DB)$$(EPR_DB)%s\\n{{x}} ü日本|&>pwned""",
]
# A tag is part of the unit.
TAGS = [tag.replace(" ", "${IFS}") for tag in BRANCHES[:-1]] + ["v1.0+ü日本"]

SYSTEMS: dict[str, tuple[str, Any]] = {
    "github-actions": ("github-actions.yml", github.Workflow),
    "gitlab-ci": ("gitlab-ci.yml", gitlab.Pipeline),
    "jenkins": ("Jenkinsfile", jenkins.Build),
    "tekton": ("tekton.yaml", tekton.Pipelines),
}

async def check(name: str, body: Callable[[], Awaitable[None]]) -> None:
    """Runs one named check within the time that anything may take."""
    with checks.check(name), anyio.fail_after(PATIENCE):
        await body()


def database(folder: Path, name: str) -> str:
    """What EPR_DB says: a file, or a PostgreSQL database."""
    if not POSTGRES:
        return str(folder / f"{name}.db")
    database = f"recipes_{name}".replace("-", "_")
    subprocess.run(["psql", "-qXAt", "-d", POSTGRES, "-c", f"CREATE DATABASE {database}"], check=True)
    return f"{POSTGRES.rpartition('/')[0]}/{database}"


class Registry:
    """A connected client."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        result = await self.client.call_tool(tool, arguments)
        assert not result.is_error, result
        return result.structured_content

    async def prompt(self, **arguments: str) -> str:
        (message,) = (await self.client.get_prompt("connect_ci", arguments)).messages
        return message.content.text

    async def recipe(self, **arguments: str) -> str:
        """The one block of code of the prompt."""
        before, block, after = (await self.prompt(**arguments)).split("```")
        assert before.strip() and after.strip()
        return block.split("\n", 1)[1]

    async def define(self) -> None:
        for name in ("scan", "sign"):
            definition = {"name": name, "type": f"com.example.{name}", "version": "1.0.0", "schema_name": "any"}
            await self.call("create_receiver", **definition, description=f"{name} ended")
        gate = {"name": "release-ready", "type": "com.example.ready", "version": "1.0.0"}
        await self.call("create_group", **gate, description="All of it", event_receiver_ids=["scan", "sign"])

    async def scans(self, unit: dict[str, str]) -> list[dict[str, Any]]:
        """What the jobs recorded for a unit, oldest first, each with its payload."""
        found = await self.call("search_events", **unit, receiver="scan")
        return [await self.call("fetch_event", id=event["id"]) for event in reversed(found["events"])]

    async def sign(self, unit: dict[str, str], success: bool) -> None:
        event = {**unit, "description": "x", "event_receiver_id": "sign", "success": success, "payload": {}}
        await self.call("create_event", **event)


async def system(name: str, folder: Path) -> None:
    file, reads = SYSTEMS[name]
    db = database(folder, name)
    env = {"EPR_DB": db, "EPR_PRINCIPAL": "ada", "EPR_TEST_RUN": os.environ.get("EPR_TEST_RUN", "none")}
    server = StdioServerParameters(command=BINARY, args=["stdio"], env=env)
    info = Implementation(name="recipes", version="1")

    async def it(what: str, body: Callable[[], Awaitable[None]]) -> None:
        await check(f"{name}: {what}", body)

    async with Client(server, mode="auto", cache=None, client_info=info) as client:
        mcp = Registry(client)

        async def published() -> None:
            same(await mcp.recipe(system=name), (ROOT / "docs/ci" / file).read_text())

        await it("on an empty registry the recipe is the file that people copy", published)
        await mcp.define()

        def run(number: str, **more: str) -> dict[str, str]:
            given = {"number": number, "attempt": "1", "tag": "", "branch": "main", "commit": f"{int(number):040x}"}
            return {**given, "name": "Grüße/payments api", "project": "acme/payments-api", **more}

        def unit(of: dict[str, str]) -> dict[str, str]:
            parts = zip(("name", "version", "release"), reads.unit(of), strict=True)
            return {**dict(parts), "platform_id": "linux-amd64", "package": "oci"}

        given = {"receiver": "com.example.scan", "group": "com.example.ready"}
        if name in ("jenkins", "tekton"):
            given["name"] = "Grüße/payments api"
        job = reads(await mcp.recipe(system=name, **given), Project(folder / name, BINARY))
        said: list[str] = []

        def scan(of: dict[str, str], ends: int = 0, at: str = db) -> Any:
            job.project.scan = ends
            ran = job.scan(at, PASSWORD, of)
            said.append(ran.said)
            return ran

        def deploy(of: dict[str, str]) -> Any:
            ran = job.deploy(db, PASSWORD, of)
            said.append(ran.said)
            return ran

        first, second = run("1"), run("2")
        hostile = [run(str(10 + i), branch=branch) for i, branch in enumerate(BRANCHES)]
        hostile += [run(str(20 + i), tag=tag) for i, tag in enumerate(TAGS)]

        async def success() -> None:
            ran = scan(first)
            same((ran.code, ran.recorded), (0, 0), ran.said)
            (event,) = await mcp.scans(unit(first))
            same((event["event"]["success"], event["payload"]), (True, reads.payload(first, True)))
            same((event["recorded_by"]["principal"], event["recorded_by"]["surface"]), (name, "cli"))
            same(job.project.password, PASSWORD, "the recording was not given the password")

        async def names() -> None:
            for of in hostile:
                ran = scan(of)
                same((ran.code, ran.recorded), (0, 0), ran.said)
                (event,) = await mcp.scans(unit(of))
                same(event["payload"], reads.payload(of, True))
                ran = deploy(of)
                same((ran.code, ran.deployed), (2, False), ran.said)

        async def repeated() -> None:
            ran = scan(first)
            same((ran.code, ran.recorded), (0, 0), ran.said)
            same(len(await mcp.scans(unit(first))), 1)

        async def missing() -> None:
            ran = deploy(first)
            same((ran.code, ran.deployed), (2, False), ran.said)
            same(job.project.password, PASSWORD, "the gate was not given the password")

        async def blocked() -> None:
            await mcp.sign(unit(first), False)
            ran = deploy(first)
            same((ran.code, ran.deployed), (1, False), ran.said)

        async def passes() -> None:
            await mcp.sign(unit(first), True)
            ran = deploy(first)
            same((ran.code, ran.deployed), (0, True), ran.said)

        async def failure() -> None:
            ran = scan(second, ends=3)
            assert ran.code != 0, "the job passed over a scan that failed"
            same(ran.recorded, 0, ran.said)
            (event,) = await mcp.scans(unit(second))
            same((event["event"]["success"], event["payload"]), (False, reads.payload(second, False)))
            ran = deploy(second)
            same((ran.code, ran.deployed), (1, False), ran.said)

        async def again() -> None:
            anew = {**second, "attempt": "2"}
            ran = scan(anew)
            same((ran.code, ran.recorded), (0, 0), ran.said)
            events = await mcp.scans(unit(second))
            same([event["event"]["success"] for event in events], [False, True])
            ran = deploy(anew)
            same((ran.code, ran.deployed), (2, False), ran.said)

        async def nowhere() -> None:
            third = run("3")
            ran = scan(third, at="")
            assert ran.recorded != 0, f"recorded without a database:\n{ran.said}"
            same(await mcp.scans(unit(third)), [])
            same([str(path) for path in job.project.folder.rglob("*.db")], [])

        async def harmless() -> None:
            same([str(path) for path in folder.rglob("pwned*")], [])
            assert said and not any(PASSWORD in text for text in said), "the password stands in a log"

        await it("a scan is recorded with its unit and run", success)
        await it("branches and tags of any name are recorded as they are", names)
        await it("what is sent twice is recorded once", repeated)
        await it("the deployment waits for a step that is missing, and ends with 2", missing)
        await it("a failed step ends the deployment with 1", blocked)
        await it("the deployment goes on when the gate passes", passes)
        await it("a scan that fails is recorded as a failure, and blocks", failure)
        await it("another attempt is recorded beside the first, and counts", again)
        await it("without a database the recording fails instead of going elsewhere", nowhere)
        await it("no variable was read as a command, and no log has the password", harmless)


async def main(folder: Path) -> None:
    for name in SYSTEMS:
        try:
            await system(name, folder)
        except Exception as error:
            told = error

            async def fail() -> None:
                raise told

            await check(f"{name}: the recipe is read to its end", fail)


with tempfile.TemporaryDirectory(prefix="epr-mcp-recipes-") as name:
    anyio.run(main, Path(name))
sys.exit(checks.summed_up())
