"""The official Python MCP client against the built binary over stdio, in both protocol eras.

EPR_BINARY         the binary under test
EPR_TEST_POSTGRES  a PostgreSQL server to run on; otherwise files
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, MCPError, StdioServerParameters
from mcp_types import Implementation, PromptReference, ResourceTemplateReference

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import checks
from checks import has, same

ROOT = Path(__file__).resolve().parents[3]
BINARY = os.environ.get("EPR_BINARY", str(ROOT / "target/debug/epr-mcp"))
PATIENCE = 60.0

# How the client is asked to negotiate, and what must come of it.
ERAS = {"legacy": "2025-11-25", "auto": "2026-07-28"}

INVALID_PARAMS = -32602
RESOURCE_NOT_FOUND = -32002

UNIT = {
    "name": "payments-api",
    "version": "1.4.2",
    "release": "20261122.1",
    "platform_id": "linux/amd64",
    "package": "docker",
}
HISTORY = "epr://history/payments-api/1.4.2/20261122.1/linux%2Famd64/docker"
SCHEMA = {"type": "object", "required": ["image"], "properties": {"image": {"type": "string"}}}
BUILD = {
    "name": "build",
    "type": "com.example.build",
    "version": "1.0.0",
    "description": "A build ended",
    "schema": SCHEMA,
}
SCAN = {
    "name": "scan",
    "type": "com.example.scan",
    "version": "1.0.0",
    "description": "A scan ended",
    "schema_name": "any",
}
GATE = {
    "name": "release-ready",
    "type": "com.example.release.ready",
    "version": "1.0.0",
    "description": "Built and scanned",
    "event_receiver_ids": ["build", "scan"],
}

async def check(name: str, body: Callable[[], Awaitable[None]]) -> None:
    """Runs one named check within the time that anything may take."""
    with checks.check(name), anyio.fail_after(PATIENCE):
        await body()


# A PostgreSQL server to run on instead of files: the URL of one of its databases.
POSTGRES = os.environ.get("EPR_TEST_POSTGRES", "")


@cache
def database(db: Path) -> str:
    """What EPR_DB says for the file of this name: the file, or a PostgreSQL database in its place."""
    if not POSTGRES:
        return str(db)
    name = f"python_{db.stem}".replace("-", "_")
    subprocess.run(["psql", "-qXAt", "-d", POSTGRES, "-c", f"CREATE DATABASE {name}"], check=True)
    return f"{POSTGRES.rpartition('/')[0]}/{name}"


def environment(db: Path) -> dict[str, str]:
    return {"EPR_DB": database(db), "EPR_PRINCIPAL": "ada", "EPR_TEST_RUN": os.environ.get("EPR_TEST_RUN", "none")}


def connect(db: Path, mode: str, *flags: str) -> Client:
    server = StdioServerParameters(command=BINARY, args=["stdio", *flags], env=environment(db))
    # No answer from the client's own cache: each has to come from the server.
    return Client(server, mode=mode, cache=None, client_info=Implementation(name="python-suite", version="1"))


class Registry:
    """A connected client, and how answers are to look."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def text(self, tool: str, **arguments: Any) -> str:
        result = await self.client.call_tool(tool, arguments)
        assert not result.is_error, result
        same((len(result.content), result.content[0].type, result.structured_content), (1, "text", None))
        return result.content[0].text

    async def record(self, tool: str, **arguments: Any) -> dict[str, Any]:
        result = await self.client.call_tool(tool, arguments)
        assert not result.is_error, result
        same(json.loads(result.content[0].text), result.structured_content)
        return result.structured_content

    async def refusal(self, tool: str, **arguments: Any) -> str:
        result = await self.client.call_tool(tool, arguments)
        same((result.is_error, result.structured_content), (True, None))
        return result.content[0].text

    async def event(self, receiver: str, success: bool, payload: Any, **more: Any) -> dict[str, Any]:
        arguments = {**UNIT, "description": "x", "event_receiver_id": receiver, "success": success, "payload": payload}
        return await self.record("create_event", **{**arguments, **more})

    async def read(self, uri: str) -> str:
        contents = (await self.client.read_resource(uri)).contents
        same([str(content.uri) for content in contents], [uri])
        return contents[0].text


@contextmanager
def locked(db: Path):
    """Nobody can write while this holds."""
    if POSTGRES:
        command = ["psql", "-qXAt", "-d", database(db)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
            holder.stdin.write("BEGIN; SELECT 'held' FROM pg_advisory_xact_lock(28552608120398704);\n")
            holder.stdin.flush()
            same(holder.stdout.readline().strip(), "held")
            try:
                yield
            finally:
                holder.stdin.close()
        return
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")


async def protocol_error(call: Awaitable[Any]) -> MCPError:
    try:
        answer = await call
    except MCPError as error:
        return error
    raise AssertionError(f"there was no error but {answer!r}")


async def fail(error: Exception) -> None:
    raise error


async def flow(mode: str, client: Client) -> None:
    mcp = Registry(client)
    made: dict[str, Any] = {}

    async def it(name: str, body: Callable[[], Awaitable[None]]) -> None:
        await check(f"{mode}: {name}", body)

    async def negotiation() -> None:
        same((client.protocol_version, client.server_info.name), (ERAS[mode], "epr-mcp"))
        capabilities = client.server_capabilities
        assert capabilities.tools and capabilities.resources and capabilities.prompts, capabilities
        has(client.instructions, "check_gate", "never follow")

    async def tools() -> None:
        listed = await client.list_tools()
        same((len(listed.tools), listed.next_cursor), (17, None))
        for tool in listed.tools:
            hints = tool.annotations
            same(tool.name.startswith(("create_", "set_", "record_")), not hints.read_only_hint)

    async def empty() -> None:
        has(await mcp.text("describe_registry"), "the registry is empty", "create_receiver {", "«ada»")

    async def define() -> None:
        first = await mcp.record("create_receiver", **BUILD)
        again = await mcp.record("create_receiver", **{**BUILD, "schema": json.dumps(SCHEMA)})
        same((first["created"], again["created"], again["receiver"]["id"]), (True, False, first["receiver"]["id"]))
        scan = await mcp.record("create_receiver", **SCAN)
        group = await mcp.record("create_group", **GATE)
        made.update(build=first["receiver"]["id"], scan=scan["receiver"]["id"], group=group["group"]["id"])
        same(group["group"]["event_receiver_ids"], [made["build"], made["scan"]])

    async def conflict() -> None:
        has(await mcp.refusal("create_group", **{**GATE, "event_receiver_ids": ["build"]}), made["group"])

    async def before() -> None:
        has(await mcp.text("check_gate", **UNIT, group="release-ready"), "CLOSED", "0 of 2 pass")
        same((await mcp.event("build", True, {"image": "x"}, dry_run=True))["dry_run"], True)
        same((await mcp.record("search_events"))["events"], [])

    async def failure() -> None:
        built = await mcp.event("build", True, {"image": "acme/payments-api"})
        same([gate["turn"] for gate in built["gates"]], ["still_closed"])
        scanned = await mcp.event("scan", False, {"critical": 2})
        same([gate["turn"] for gate in scanned["gates"]], ["still_closed"])
        has(await mcp.text("check_gate", name="payments-api"), "CLOSED", "waits for «scan» (fail)", "create_event {")
        has(await mcp.text("check_gate", group="release-ready"), HISTORY, "waits for «scan» (fail)")
        made["event"] = built["event"]["id"]

    async def success() -> None:
        key = {"idempotency_key": "scan-18"}
        opened = await mcp.event("scan", True, {"critical": 0}, **key)
        again = await mcp.event("scan", True, {"critical": 0}, **key)
        same(([gate["turn"] for gate in opened["gates"]], again["created"]), (["opened"], False))
        same(again["event"]["id"], opened["event"]["id"])
        has(await mcp.text("check_gate", unit=HISTORY), "GATE «release-ready»: OPEN", "2 of 2 pass", "by «ada»")
        checked = await mcp.record("check_gate", unit=HISTORY, format="json")
        same([gate["verdict"] for gate in checked["gates"]], ["open"])
        has(await mcp.refusal("create_event", **UNIT, description="x", event_receiver_id="scan", success=True,
                              payload={"critical": 1}, **key), "idempotency key", opened["event"]["id"])
        made["last"] = opened["event"]["id"]

    async def refusals() -> None:
        bad = {"description": "x", "event_receiver_id": "build", "success": True, "payload": {"image": 7}}
        has(await mcp.refusal("create_event", unit=HISTORY, **bad), "/image", "fetch_receiver", "Nothing was recorded")
        has(await mcp.refusal("create_event", unit=HISTORY, event_receiver_id="build", payload={}), "success", "description")
        has(await mcp.refusal("fetch_receiver", receiver="biuld"), "build")
        has(await mcp.refusal("check_gate"), "name a unit")

    async def faults() -> None:
        error = await protocol_error(client.call_tool("open_gate", {}))
        same(error.code, INVALID_PARAMS)
        has(error.message, "open_gate", "describe_registry")
        error = await protocol_error(client.read_resource("epr://nothing/here"))
        assert error.code in (INVALID_PARAMS, RESOURCE_NOT_FOUND), error.code
        has(error.message, "epr://nothing/here")
        same((await protocol_error(client.get_prompt("no_prompt"))).code, INVALID_PARAMS)
        same((await protocol_error(client.list_resources(cursor="no-cursor"))).code, INVALID_PARAMS)

    async def search() -> None:
        found = await mcp.record("search_events", unit=HISTORY, select=["/critical"])
        same([event["id"] for event in found["events"]][::2], [made["last"], made["event"]])
        same([event["selected"]["/critical"] for event in found["events"]], [0, 2, {"missing": True}])
        failures = await mcp.record("search_events", success=False, type="com.example.*", since="1h")
        same((failures["total"], failures["events"][0]["type"]), (1, "com.example.scan"))
        counted = await mcp.record("search_events", group_by="receiver")
        same(sorted(row["count"] for row in counted["counts"]), [1, 2])
        same([row["id"] for row in (await mcp.record("search_receivers", name="bui*"))["receivers"]], [made["build"]])
        same([row["id"] for row in (await mcp.record("search_groups", receiver="scan"))["groups"]], [made["group"]])

    async def fetch() -> None:
        event = await mcp.record("fetch_event", id=made["event"])
        same((event["payload"], event["recorded_by"]["client"]), ({"image": "acme/payments-api"}, "python-suite 1"))
        same((await mcp.record("fetch_receiver", receiver=made["build"]))["schema"], SCHEMA)
        same((await mcp.record("fetch_group", group="release-ready"))["group"]["id"], made["group"])

    async def exact_payload() -> None:
        text = '{ "z": 1.0e3,\n  "a": 12345678901234567890123, "ü": "\\u00e4" }'
        stored = await mcp.event("scan", True, text, name="exact")
        same(stored["payload_digest"], "sha256:" + hashlib.sha256(text.encode()).hexdigest())
        same(json.loads(await mcp.read(f"epr://events/{stored['event']['id']}"))["payload"], json.loads(text))
        large = json.dumps({"log": "0123456789abcdef" * 65_536})
        stored = await mcp.event("scan", True, large, name="large")
        same(stored["payload_digest"], "sha256:" + hashlib.sha256(large.encode()).hexdigest())
        same(json.loads(await mcp.read(f"epr://events/{stored['event']['id']}"))["payload"], json.loads(large))
        result = await client.call_tool("fetch_event", {"id": stored["event"]["id"]})
        assert len(result.content[0].text) < 10_000, "an answer carries a megabyte"

    async def enabling() -> None:
        off = await mcp.record("set_group_enabled", group="release-ready", enabled=False)
        has(await mcp.text("check_gate", unit=HISTORY), "DISABLED")
        on = await mcp.record("set_group_enabled", group=made["group"], enabled=True)
        same((off["changed"], on["changed"], on["passing_already"]["units"]), (True, True, 1))

    async def resources() -> None:
        async with anyio.create_task_group() as tasks:
            for i in range(43):
                tasks.start_soon(lambda i=i: mcp.event("scan", True, {"i": i}, name=f"service-{i}"))
        uris: list[str] = []
        pages = 0
        cursor = None
        while pages == 0 or (cursor and pages < 10):
            page = await client.list_resources(cursor=cursor)
            uris += [str(resource.uri) for resource in page.resources]
            cursor, pages = page.next_cursor, pages + 1
        same((pages, len(uris), len(set(uris))), (3, 48, 48))
        same((uris[0], uris[1], uris[-1]), ("epr://overview", "epr://events/latest", HISTORY))
        same(len((await client.list_resource_templates()).resource_templates), 7)

    async def reading() -> None:
        same(json.loads(await mcp.read("epr://overview"))["counts"]["events"], 48)
        same(len(json.loads(await mcp.read("epr://events/latest"))["events"]), 20)
        event = json.loads(await mcp.read(f"epr://events/{made['event']}"))
        same((event["payload"], event["EventReceiver"]["schema"]), ({"image": "acme/payments-api"}, SCHEMA))
        same(json.loads(await mcp.read(f"epr://receivers/{made['build']}"))["schema"], SCHEMA)
        same(json.loads(await mcp.read(f"epr://groups/{made['group']}"))["name"], "release-ready")
        same(len(json.loads(await mcp.read(HISTORY))["events"]), 3)
        path = HISTORY.removeprefix("epr://history/").replace("%", "%25").replace("/", "%2F")
        has(await mcp.read(f"epr://gates/{made['group']}/{path}"), "GATE «release-ready»: OPEN")

    async def prompts() -> None:
        same([prompt.name for prompt in (await client.list_prompts()).prompts], ["release_readiness", "investigate_run", "connect_ci"])
        prompt = await client.get_prompt("release_readiness", {"name": "payments-api", "version": "1.4.2"})
        same([message.role for message in prompt.messages], ["user"])
        has(prompt.messages[0].content.text, "GATE «release-ready»: OPEN", HISTORY)
        recipe = await client.get_prompt("connect_ci", {"system": "gitlab-ci", "receiver": "scan", "group": GATE["type"]})
        text = recipe.messages[0].content.text
        has(text, "RECEIVER: 'scan'\n", "GROUP: 'release-ready'\n", "epr-mcp gate check", made["group"])
        error = await protocol_error(client.get_prompt("connect_ci", {"system": "githubb"}))
        same(error.code, INVALID_PARAMS)
        has(error.message, "github-actions")

    async def completion() -> None:
        assert client.server_capabilities.completions is not None, client.server_capabilities
        history = ResourceTemplateReference(uri="epr://history/{name}/{version}/{release}/{platform_id}/{package}")
        filled: dict[str, str] = {}
        for part, value in UNIT.items():
            begun = {"name": part, "value": value[:3]}
            found = (await client.complete(history, begun, context_arguments=filled or None)).completion
            same((found.values, found.total, found.has_more), ([value], 1, False))
            filled[part] = value
        gate = ResourceTemplateReference(uri="epr://gates/{group}/{unit}")
        found = await client.complete(gate, {"name": "unit", "value": "payments"}, context_arguments={"group": made["group"]})
        same(found.completion.values, [HISTORY.removeprefix("epr://history/")])
        prompt = PromptReference(name="connect_ci")
        same((await client.complete(prompt, {"name": "system", "value": "j"})).completion.values, ["jenkins"])
        error = await protocol_error(client.complete(prompt, {"name": "sytem", "value": ""}))
        same(error.code, INVALID_PARAMS)
        has(error.message, "system, receiver, group, name")

    async def pipeline_run() -> None:
        event = {
            "context": {
                "specversion": "0.5.1",
                "id": "run-77001-finished",
                "source": "https://ci.example.com",
                "type": "dev.cdevents.pipelinerun.finished.0.3.0",
                "timestamp": "2026-11-22T10:00:41Z",
            },
            "subject": {"id": "run-77001", "content": {"pipelineName": "payments", "outcome": "failure"}},
        }
        taken = await mcp.record("record_cdevent", events=[event])
        same((taken["recorded"], taken["results"][0]["verdict"]), (1, "conforms"))
        again = await mcp.record("record_cdevent", events=json.dumps(event, separators=(",", ":")))
        same(again["results"][0]["status"], "repeated")
        has(await mcp.text("correlate_pipeline_run", anchor="77001"), "declared failure", "«run-77001»")
        handle = taken["results"][0]["run"]
        has(await mcp.text("list_pipeline_runs", pipeline="payments"), handle)
        has(await mcp.text("trace_artifact", anchor="service:nothing-of-the-kind"), "nothing")
        has(await mcp.text("delivery_metrics", since="2026-11-01", until="2026-11-30"), "eployment")
        same(json.loads(await mcp.read(f"epr://runs/{handle}"))["run"]["declared"], "failure")
        prompt = await client.get_prompt("investigate_run", {"run": handle})
        has(prompt.messages[0].content.text, "What went wrong in this run?", "declared failure")
        run = ResourceTemplateReference(uri="epr://runs/{run}")
        same((await client.complete(run, {"name": "run", "value": "run-7"})).completion.values, ["run-77001"])

    async def overview() -> None:
        has(await mcp.text("describe_registry"), "48 events (1 failed) of 46 units", "«release-ready»")

    await it("the client negotiates the protocol and reads the instructions", negotiation)
    await it("tools/list is one page that says what writes", tools)
    await it("an empty registry gives the first step", empty)
    await it("receivers and a gate are defined, once", define)
    await it("another definition under the same name and version is refused", conflict)
    await it("the gate is closed before anything is recorded, and dry_run records nothing", before)
    await it("a failure keeps the gate closed, and says what it waits for", failure)
    await it("the last success opens the gate, and a repeated key records nothing more", success)
    await it("refusals say what was wrong and what to do", refusals)
    await it("protocol faults are protocol errors", faults)
    await it("searches filter, select and count", search)
    await it("fetches have what was recorded", fetch)
    await it("payloads given as text are kept byte for byte", exact_payload)
    await it("a gate is taken out of force and back", enabling)
    await it("resources/list has all pages after 43 events at once", resources)
    await it("every kind of resource can be read", reading)
    await it("the prompts have the state of the gate and the registry's names in them", prompts)
    await it("templates and prompts are completed with what is filled in", completion)
    await it("describe_registry counts it all", overview)
    await it("a pipeline run goes in as a CDEvent and comes out as its story", pipeline_run)


async def cancelling(mode: str, client: Client, db: Path) -> None:
    """A call that cannot end is given up, and the connection goes on."""
    mcp = Registry(client)
    await mcp.record("create_receiver", **SCAN)
    with locked(db):
        begun = time.monotonic()
        with anyio.move_on_after(0.5) as scope:
            await mcp.event("scan", True, {}, name="cancelled")
        assert scope.cancelled_caught, "a write went through a locked database"
        has(await mcp.text("describe_registry"), "1 receiver")
        assert time.monotonic() - begun < 3, "a read waited for a write that was given up"
    stored = await mcp.event("scan", True, {}, name="after")
    same(stored["created"], True)
    names = [event["name"] for event in (await mcp.record("search_events"))["events"]]
    assert names in (["after"], ["after", "cancelled"]), names


async def leaving(mode: str, db: Path) -> None:
    """The client closes stdin; the server ends by itself, before the client would kill it."""
    async with connect(db, mode) as client:
        await client.call_tool("describe_registry", {})
        begun = time.monotonic()
    assert time.monotonic() - begun < 1.5, "the server did not end when its stdin was closed"


def spawn(db: Path) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    env = {**os.environ, **environment(db)}
    return subprocess.Popen([BINARY, "stdio"], env=env, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def lines(*messages: dict[str, Any]) -> str:
    return "".join(json.dumps({"jsonrpc": "2.0", **message}) + "\n" for message in messages)


HELLO = (
    {
        "id": 0,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "raw", "version": "1"},
        },
    },
    {"method": "notifications/initialized"},
)


def call(id: int, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"id": id, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}


async def end_of_input(db: Path) -> None:
    """What was asked before the end of stdin is answered, then the process ends, with nothing on stderr."""
    with spawn(db) as server:
        try:
            asked = [call(1, "create_receiver", SCAN), call(2, "describe_registry", {})]
            out, err = server.communicate(lines(*HELLO, *asked), timeout=3)
            same((server.returncode, err), (0, ""))
            same(sorted(json.loads(line)["id"] for line in out.splitlines()), [0, 1, 2])
        finally:
            server.kill()


async def end_of_input_while_waiting(db: Path) -> None:
    """A write that waits for a database which another process holds is answered after the end of
    stdin, if that lets go of it soon."""
    with spawn(db) as server:
        try:
            server.stdin.write(lines(*HELLO, call(1, "create_receiver", SCAN)))
            server.stdin.flush()
            for _ in range(2):
                await anyio.to_thread.run_sync(server.stdout.readline)
            with locked(db):
                server.stdin.write(lines(call(2, "create_receiver", BUILD)))
                server.stdin.close()
                await anyio.sleep(0.3)
            out = await anyio.to_thread.run_sync(server.stdout.read)
            answer = json.loads(out)
            same((server.wait(timeout=3), server.stderr.read(), answer["id"]), (0, "", 2))
            same(answer["result"]["structuredContent"]["created"], True)
        finally:
            server.kill()


async def end_of_input_while_held(db: Path) -> None:
    """If it does not let go, the process ends all the same, and nothing was written."""
    with spawn(db) as server:
        try:
            server.stdin.write(lines(*HELLO, call(1, "create_receiver", SCAN)))
            server.stdin.flush()
            for _ in range(2):
                await anyio.to_thread.run_sync(server.stdout.readline)
            with locked(db):
                out, _ = server.communicate(lines(call(2, "create_receiver", BUILD)), timeout=3)
            same(server.returncode, 0)
            same([line for line in out.splitlines() if "error" not in json.loads(line)], [])
        finally:
            server.kill()
    async with connect(db, "auto") as client:
        found = await Registry(client).record("search_receivers")
        same([receiver["name"] for receiver in found["receivers"]], [SCAN["name"]])


async def two_at_once(db: Path) -> None:
    """Two assistants start at once on a file that is not there yet, and share one registry."""
    async with connect(db, "legacy") as first, connect(db, "auto") as second:
        clients = [Registry(first), Registry(second)]
        made: list[dict[str, Any]] = []

        async def define(mcp: Registry) -> None:
            made.append(await mcp.record("create_receiver", **SCAN))

        async def record(mcp: Registry, who: int) -> None:
            for i in range(25):
                await mcp.event("scan", i % 5 != 0, {"i": i}, name=f"service-{who}-{i}")

        async with anyio.create_task_group() as tasks:
            for mcp in clients:
                tasks.start_soon(define, mcp)
        same(sorted(answer["created"] for answer in made), [False, True])
        same(len({answer["receiver"]["id"] for answer in made}), 1)
        async with anyio.create_task_group() as tasks:
            for who, mcp in enumerate(clients):
                for lane in range(2):
                    tasks.start_soon(record, mcp, 2 * who + lane)
        await clients[0].record("create_receiver", **BUILD)
        await clients[1].record("create_group", **GATE)
        await clients[0].event("scan", True, {})
        opened = await clients[1].event("build", True, {"image": "x"})
        same([gate["turn"] for gate in opened["gates"]], ["opened"])
        seen = []
        for mcp in clients:
            has(await mcp.text("check_gate", unit=HISTORY), "GATE «release-ready»: OPEN")
            ids: list[str] = []
            cursor: dict[str, str] = {}
            while len(ids) < 200:
                page = await mcp.record("search_events", limit=40, **cursor)
                ids += [event["id"] for event in page["events"]]
                if "next_cursor" not in page:
                    break
                cursor = {"cursor": page["next_cursor"]}
            same((len(ids), len(set(ids))), (102, 102))
            seen.append(ids)
        same(seen[0], seen[1])


async def main(folder: Path) -> None:
    for mode in ERAS:
        try:
            async with connect(folder / f"{mode}.db", mode) as client:
                await flow(mode, client)
        except Exception as error:
            await check(f"{mode}: the connection holds to its end", lambda error=error: fail(error))

        async def cancelled(mode: str = mode) -> None:
            db = folder / f"cancel-{mode}.db"
            async with connect(db, mode) as client:
                await cancelling(mode, client, db)

        await check(f"{mode}: a cancelled call frees the connection", cancelled)
        await check(f"{mode}: the server ends with its client", lambda mode=mode: leaving(mode, folder / f"{mode}.db"))
    await check("the end of stdin ends the process within 3 s", lambda: end_of_input(folder / "end.db"))
    await check(
        "a write that waits is answered after the end of stdin",
        lambda: end_of_input_while_waiting(folder / "waiting.db"),
    )
    await check(
        "a write that waits for ever keeps no process after the end of stdin",
        lambda: end_of_input_while_held(folder / "held.db"),
    )
    await check("two clients share one database file", lambda: two_at_once(folder / "shared.db"))


with tempfile.TemporaryDirectory(prefix="epr-mcp-python-") as name:
    anyio.run(main, Path(name))
sys.exit(checks.summed_up())
