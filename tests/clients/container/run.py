"""The image in real containers, with Podman: MCP over stdio in both protocol eras, what lasts and what does not,
whom /data belongs to, and how soon the first process ends.

EPR_IMAGE  the image under test
"""

from __future__ import annotations

import json
import os
import queue
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import checks
from checks import has, same

ROOT = Path(__file__).resolve().parents[3]
IMAGE = os.environ.get("EPR_IMAGE", "localhost/epr-mcp:test")
USER = 65532
# The longest wait for anything that has no limit of its own.
PATIENCE = 60.0
# How soon the first process of a container has to be gone: the requirement itself.
SOON = 3.0

ERAS = ("2025-11-25", "2026-07-28")
HARDENED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
RUN = f"epr-test-{os.getpid()}"
UNIT = {"name": "web", "version": "1.0.0", "release": "1", "platform_id": "linux", "package": "oci"}

numbers = count(1)


def podman(*arguments: str, fails: bool = False) -> str:
    done = subprocess.run(["podman", *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert fails or done.returncode == 0, f"podman {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def container(*flags: str) -> tuple[str, list[str]]:
    """A container's name, and the command that starts it."""
    name = f"{RUN}-{next(numbers)}"
    return name, ["podman", "run", "--rm", "--pull=never", f"--name={name}", *flags]


def command(*arguments: str, flags: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Another command of the program, through the image's entry point."""
    _, run = container("--network=none", *flags, IMAGE, *arguments)
    return subprocess.run(run, capture_output=True, text=True, timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL)


class Server:
    """A container with the default command, and a client that speaks raw JSON-RPC to it."""

    def __init__(
        self, *flags: str, era: str = ERAS[0], hardened: bool = True, network: str = "none"
    ) -> None:
        self.name, run = container("-i", f"--network={network}", *(HARDENED if hardened else ()), *flags, IMAGE)
        pipe = subprocess.PIPE
        # A file: nobody has to read it for the container to go on.
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(run, stdin=pipe, stdout=pipe, stderr=self.errors, text=True)
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.era = era
        self.ids = count(1)
        if era == ERAS[0]:
            info = {"name": "container-suite", "version": "1"}
            self.request("initialize", protocolVersion=era, capabilities={}, clientInfo=info)
            self.send(method="notifications/initialized")

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")

    def send(self, **message: Any) -> None:
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.process.stdin.flush()

    def begin(self, method: str, **params: Any) -> int:
        if self.era != ERAS[0]:
            params["_meta"] = meta(self.era)
        number = next(self.ids)
        self.send(id=number, method=method, params=params)
        return number

    def request(self, method: str, **params: Any) -> dict[str, Any]:
        number = self.begin(method, **params)
        while True:
            line = self.lines.get(timeout=PATIENCE)
            assert line, f"the server ended before it answered {method}: {self.said()}"
            message = json.loads(line)
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    def call(self, tool: str, **arguments: Any) -> tuple[bool, str]:
        result = self.request("tools/call", name=tool, arguments=arguments)
        return not result.get("isError", False), "\n".join(block["text"] for block in result["content"])

    def text(self, tool: str, **arguments: Any) -> str:
        well, text = self.call(tool, **arguments)
        assert well, text
        return text

    def refusal(self, tool: str, **arguments: Any) -> str:
        well, text = self.call(tool, **arguments)
        assert not well, text
        return text

    def receiver(self) -> dict[str, Any]:
        receiver = {"name": "all", "type": "test.all", "version": "1", "description": "x", "schema": {}}
        return json.loads(self.text("create_receiver", **receiver))

    def event(self, name: str = "web") -> str:
        arguments = event(name)
        answer = json.loads(self.text("create_event", **arguments))
        return answer["event"]["id"]

    def said(self) -> str:
        """What stood on stderr."""
        self.errors.seek(0)
        return self.errors.read()

    def first_process(self) -> int:
        return int(podman("inspect", "--format={{.State.Pid}}", self.name))

    def hang_up(self) -> None:
        self.process.stdin.close()

    def ends(self) -> int:
        code = self.process.wait(PATIENCE)
        same(podman("ps", "--all", "--quiet", f"--filter=name={self.name}").strip(), "")
        return code

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.hang_up()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                podman("rm", "--force", "--time=0", self.name, fails=True)
                self.process.kill()


def meta(era: str) -> dict[str, Any]:
    """What every request of a stateless era brings."""
    mine = "io.modelcontextprotocol/"
    info = {"name": "container-suite", "version": "1"}
    return {f"{mine}protocolVersion": era, f"{mine}clientInfo": info, f"{mine}clientCapabilities": {}}


def event(name: str = "web") -> dict[str, Any]:
    return {**UNIT, "name": name, "description": "x", "event_receiver_id": "all", "success": True, "payload": {"n": 1}}


@contextmanager
def volume() -> Iterator[str]:
    name = f"{RUN}-volume-{next(numbers)}"
    podman("volume", "create", name)
    try:
        yield name
    finally:
        podman("volume", "rm", "--force", name)


@contextmanager
def folder(owner: int, mode: int = 0o755) -> Iterator[Path]:
    """A folder of the host, to be mounted."""
    path = Path(tempfile.mkdtemp(prefix=f"{RUN}-"))
    try:
        os.chown(path, owner, owner)
        path.chmod(mode)
        yield path
    finally:
        shutil.rmtree(path)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """SQLite's write lock, held by a process of the host."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def gone_soon(server: Server) -> Iterator[int]:
    """The first process of a container has to be gone soon after what is done with it."""
    process = server.first_process()
    handle = os.pidfd_open(process)
    begun = time.monotonic()
    try:
        yield process
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        ended = poll.poll(max(0, SOON - (time.monotonic() - begun)) * 1000)
        assert ended, f"the first process is still there after {SOON} s"
        print(f"    gone after {time.monotonic() - begun:.2f} s", flush=True)
    finally:
        os.close(handle)


def the_image_is_lean_and_runs_without_rights() -> None:
    image = json.loads(podman("image", "inspect", IMAGE))[0]
    config = image["Config"]
    same(config["User"], f"{USER}:{USER}")
    same((config["Entrypoint"], config["Cmd"]), (["/usr/local/bin/epr-mcp"], ["stdio"]))
    assert "Volumes" not in config, "a volume without a name would look as if it lasted"
    assert "EPR_DB=/data/epr.db" in config["Env"], config["Env"]
    same(config["Labels"]["org.opencontainers.image.licenses"], "Apache-2.0")
    script = "stat -c '%u:%g' /data; ls -A /data /var/lib/apt/lists; "
    script += "test -s /etc/ssl/certs/ca-certificates.crt && echo certificates"
    _, run = container("--network=none", "--entrypoint=sh", IMAGE, "-c", script)
    found = subprocess.run(run, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout.split()
    same(found, [f"{USER}:{USER}", "/data:", "/var/lib/apt/lists:", "certificates"])


def lives_on(era: str) -> None:
    with volume() as name:
        with Server(f"-v={name}:/data", era=era) as server:
            tools = {tool["name"] for tool in server.request("tools/list")["tools"]}
            assert {"create_receiver", "create_event", "fetch_event", "check_gate"} <= tools, tools
            server.receiver()
            made = server.event()
            has(server.text("describe_registry"), "/data/epr.db")
            assert "ephemeral" not in server.text("describe_registry").lower()
            server.hang_up()
            same(server.ends(), 0)
        with Server(f"-v={name}:/data", era=era) as server:
            has(server.text("fetch_event", id=made), made, '"n":1')


def what_is_recorded_is_there_in_the_next_container_with_the_first_era() -> None:
    lives_on(ERAS[0])


def what_is_recorded_is_there_in_the_next_container_without_a_handshake() -> None:
    lives_on(ERAS[1])


def the_first_process_has_no_rights() -> None:
    with volume() as name, Server(f"-v={name}:/data") as server:
        status = Path(f"/proc/{server.first_process()}/status").read_text()
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        same(fields["Uid"].split(), [str(USER)] * 4)
        same(fields["Gid"].split(), [str(USER)] * 4)
        same([int(fields[name], 16) for name in ("CapEff", "CapBnd")], [0, 0])
        same(fields["NoNewPrivs"].strip(), "1")
        same(fields["NSpid"].split()[-1], "1")


def not_lasting(*flags: str, hardened: bool = False) -> str:
    """What a registry says that does not last: when it is described, and at the first write."""
    with Server(*flags, hardened=hardened) as server:
        described = server.text("describe_registry")
        has(described.lower(), "ephemeral")
        warnings = server.receiver()["warnings"]
        same([warning["code"] for warning in warnings], ["ephemeral"])
        return f"{described}\n{warnings}"


def without_a_volume_it_says_that_nothing_lasts() -> None:
    has(not_lasting(), "container's own file system", "-v epr:/data")


def memory_at_data_is_told() -> None:
    # Podman gives it to root.
    has(not_lasting("--tmpfs=/data", "--user=0:0", hardened=True), "/data is kept in memory")


def a_volume_without_a_name_is_told() -> None:
    has(not_lasting("-v=/data", hardened=True), "without a name")


def a_pod_of_kubernetes_is_told_of_claims() -> None:
    has(not_lasting("-e=KUBERNETES_SERVICE_HOST=10.0.0.1"), "PersistentVolumeClaim")


def a_container_without_marks_is_known_by_its_layers() -> None:
    # What would be /run/.containerenv is hidden.
    with folder(USER) as empty:
        has(not_lasting(f"-v={empty}:/run:ro"), "container's own file system")


def a_folder_of_the_host_lasts() -> None:
    with folder(USER) as path:
        with Server(f"-v={path}:/data") as server:
            assert "warnings" not in server.receiver()
            server.event()
            assert "ephemeral" not in server.text("describe_registry").lower()
        with closing(sqlite3.connect(f"file:{path}/epr.db?mode=ro", uri=True)) as database:
            same(database.execute("SELECT count(*) FROM event").fetchone(), (1,))


def a_foreign_owner_is_told_and_the_next_step_works() -> None:
    for owner in (0, 12345):
        with folder(owner) as path:
            with Server(f"-v={path}:/data") as server:
                said = server.refusal("search_events")
                has(said, "the folder /data", f"belongs to uid {owner} ", f"runs as uid {USER} ")
                has(said, "--user", f"chown -R {USER}:{USER}")
                has(server.text("describe_registry"), f"belongs to uid {owner} ")
                # Put right on the host, it works without another start.
                os.chown(path, USER, USER)
                server.receiver()
            os.chown(path, owner, owner)
            for file in path.iterdir():
                os.chown(file, owner, owner)
            with Server(f"-v={path}:/data", f"--user={owner}:{owner}") as server:
                server.event()


def a_foreign_file_is_told() -> None:
    with folder(USER) as path:
        with Server(f"-v={path}:/data") as server:
            server.receiver()
        os.chown(path / "epr.db", 0, 0)
        (path / "epr.db").chmod(0o644)
        with Server(f"-v={path}:/data") as server:
            said = server.refusal("create_event", **event())
            has(said, "the file /data/epr.db belongs to uid 0 ", f"runs as uid {USER} ", "--user")


def a_volume_mounted_read_only_is_told() -> None:
    with volume() as name:
        with Server(f"-v={name}:/data:ro") as server:
            said = server.refusal("search_events")
            has(said, "the folder /data is on a file system that is mounted read-only", "without :ro")
        with Server(f"-v={name}:/data") as server:
            server.receiver()
        with Server(f"-v={name}:/data:ro") as server:
            has(server.refusal("create_event", **event()), "mounted read-only", "without :ro")


def a_read_only_container_without_a_volume_is_told() -> None:
    with Server() as server:
        has(server.refusal("search_events"), "mounted read-only", "-v epr:/data")


def at_the_end_of_its_input_it_is_gone_in_3_s() -> None:
    with volume() as name, Server(f"-v={name}:/data") as server:
        server.receiver()
        with gone_soon(server):
            server.hang_up()
        same(server.ends(), 0)


def podman_stop_ends_it_in_3_s() -> None:
    with volume() as name, Server(f"-v={name}:/data") as server:
        server.receiver()
        with gone_soon(server):
            podman("stop", server.name)
        same(server.ends(), 0)


def by_a_signal_it_is_gone_in_3_s() -> None:
    for told in (signal.SIGTERM, signal.SIGINT):
        with volume() as name, Server(f"-v={name}:/data") as server:
            server.receiver()
            with gone_soon(server) as process:
                os.kill(process, told)
            same(server.ends(), 0)


def by_a_signal_right_after_the_start_it_is_gone_in_3_s() -> None:
    with volume() as name, Server(f"-v={name}:/data", era=ERAS[1]) as server:
        deadline = time.monotonic() + PATIENCE
        while not is_at_work(server):
            assert time.monotonic() < deadline
        with gone_soon(server) as process:
            os.kill(process, signal.SIGTERM)
        same(server.ends(), 0)


def is_at_work(server: Server) -> bool:
    """Whether the first process is the program, and has taken SIGTERM."""
    try:
        status = Path(f"/proc/{server.first_process()}/status").read_text()
    except (AssertionError, OSError):
        return False
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return fields["Name"].strip() == "epr-mcp" and int(fields["SigCgt"], 16) >> (signal.SIGTERM - 1) & 1 == 1


def ends_beside_a_lock(end: Callable[[Server, int], None]) -> None:
    with folder(USER) as path:
        with Server(f"-v={path}:/data") as server:
            server.receiver()
            with locked(path / "epr.db"):
                server.begin("tools/call", name="create_event", arguments=event())
                # It is at work on the call once it answers a later one.
                server.request("tools/list")
                with gone_soon(server) as process:
                    end(server, process)
                same(server.ends(), 0)
        with closing(sqlite3.connect(path / "epr.db")) as database:
            same(database.execute("PRAGMA integrity_check").fetchone(), ("ok",))
            # What was not acknowledged is not there.
            same(database.execute("SELECT count(*) FROM event").fetchone(), (0,))


def by_a_signal_it_is_gone_in_3_s_while_a_call_waits_for_a_lock() -> None:
    ends_beside_a_lock(lambda _, process: os.kill(process, signal.SIGTERM))


def podman_stop_ends_it_in_3_s_while_a_call_waits_for_a_lock() -> None:
    def stop(server: Server, _: int) -> None:
        podman("stop", server.name)

    ends_beside_a_lock(stop)


def at_the_end_of_its_input_it_is_gone_in_3_s_while_a_call_waits_for_a_lock() -> None:
    ends_beside_a_lock(lambda server, _: server.hang_up())


def requests_that_are_piped_in_are_answered() -> None:
    initialize = {"protocolVersion": ERAS[0], "capabilities": {}, "clientInfo": {"name": "pipe", "version": "1"}}
    receiver = {"name": "all", "type": "test.all", "version": "1", "description": "x", "schema": {}}
    requests = [
        {"id": 1, "method": "initialize", "params": initialize},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "create_receiver", "arguments": receiver}},
    ]
    with volume() as name:
        _, run = container("-i", "--network=none", *HARDENED, f"-v={name}:/data", IMAGE)
        text = "".join(json.dumps({"jsonrpc": "2.0", **request}) + "\n" for request in requests)
        done = subprocess.run(run, input=text, capture_output=True, text=True, timeout=PATIENCE, check=True)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        same([answer["id"] for answer in answers], [1, 2])
        assert "isError" not in answers[1]["result"] or not answers[1]["result"]["isError"], answers[1]


def the_configuration_in_the_document_works() -> None:
    document = (ROOT / "docs/CONTAINER.md").read_text()
    blocks = [block.split("```")[0] for block in document.split("```json\n")[1:]]
    assert blocks, "there is no configuration in docs/CONTAINER.md"
    for block in blocks:
        (entry,) = next(iter(json.loads(block).values())).values()
        same((entry["command"], entry["args"][-1]), ("docker", "epr-mcp"))
        with volume() as name:
            arguments = [argument.replace("epr:/data", f"{name}:/data") for argument in entry["args"][:-1]]
            pipe = subprocess.PIPE
            run = ["podman", *arguments, IMAGE]
            request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta(ERAS[1])}}
            line = json.dumps(request) + "\n"
            done = subprocess.run(run, input=line, stdout=pipe, text=True, timeout=PATIENCE, check=True)
            assert json.loads(done.stdout)["result"]["tools"], done.stdout


def what_is_recorded_bears_the_name_that_was_given() -> None:
    for flags, wanted in (((), "epr"), (("-e=EPR_PRINCIPAL=ada",), "ada")):
        with volume() as name, Server(f"-v={name}:/data", *flags) as server:
            server.receiver()
            made = json.loads(server.text("create_event", **event()))
            same(made["recorded_by"]["principal"], wanted)


def two_containers_share_a_volume() -> None:
    with volume() as name, Server(f"-v={name}:/data") as one, Server(f"-v={name}:/data", era=ERAS[1]) as other:
        one.receiver()
        for number in range(20):
            one.event(f"one-{number}")
            other.event(f"other-{number}")
        for server in (one, other):
            same(json.loads(server.text("search_events"))["total"], 40)


def the_other_commands_work_through_the_entry_point() -> None:
    with volume() as name:
        mount = (f"-v={name}:/data",)
        helped = command("--help")
        same(helped.returncode, 0)
        has(helped.stdout, "doctor", "--db")
        has(command("--version").stdout, "epr-mcp ")
        unknown = command("--no-such-flag")
        same(unknown.returncode, 2)
        has(unknown.stderr, "--no-such-flag")
        played = command("demo", flags=("--read-only", "--cap-drop=ALL"))
        same(played.returncode, 0)
        has(played.stdout, "GATE «release-ready»: OPEN")
        empty = command("doctor", flags=mount)
        same(empty.returncode, 0)
        has(empty.stdout, "/data/epr.db", "not there yet")
        with Server(*mount) as server:
            server.receiver()
            server.event()
        full = command("doctor", "--deep", flags=mount)
        same(full.returncode, 0)
        has(full.stdout, "1 events", "none found")
        assert "ephemeral" not in full.stdout, full.stdout
        copied = command("backup", "/data/copy.db", flags=mount)
        same(copied.returncode, 0)
        has(copied.stdout, "a SQLite file")


def doctor_tells_of_a_foreign_owner() -> None:
    with folder(0) as path:
        told = command("doctor", flags=(f"-v={path}:/data",))
        same(told.returncode, 1)
        has(told.stdout, "FAULT", "belongs to uid 0 ", f"runs as uid {USER} ", "--user")


def postgres_is_reached_with_a_password_from_a_file() -> None:
    where = subprocess.run([ROOT / "scripts/postgres", "where"], capture_output=True, text=True, check=False)
    if where.returncode != 0:
        print("left out: PostgreSQL from a container, whose server is not installed (make test-deps)", flush=True)
        return
    pipe = subprocess.PIPE
    with subprocess.Popen([ROOT / "scripts/postgres", "run"], stdin=pipe, stdout=pipe, text=True) as server:
        try:
            url = server.stdout.readline().strip()
            server.stdout.readline()
            psql = [f"{where.stdout.strip()}/psql", "-qXAt", "-d", url, "-c"]
            subprocess.run([*psql, "ALTER ROLE epr PASSWORD 'not a secret'"], check=True)
            with folder(USER) as path:
                secret = path / "password"
                secret.write_text("not a secret\n")
                secret.chmod(0o400)
                os.chown(secret, USER, USER)
                flags = (
                    f"-v={secret}:/run/secrets/epr-password:ro",
                    "-e=EPR_DB_PASSWORD_FILE=/run/secrets/epr-password",
                    f"-e=EPR_DB={url.rpartition('/')[0]}/secured?sslmode=require",
                )
                with Server(*flags, network="host") as one:
                    one.receiver()
                    made = one.event()
                    assert "ephemeral" not in one.text("describe_registry").lower()
                with Server(*flags, network="host", era=ERAS[1]) as other:
                    has(other.text("fetch_event", id=made), made)
        finally:
            server.stdin.close()


CHECKS = (
    the_image_is_lean_and_runs_without_rights,
    what_is_recorded_is_there_in_the_next_container_with_the_first_era,
    what_is_recorded_is_there_in_the_next_container_without_a_handshake,
    the_first_process_has_no_rights,
    without_a_volume_it_says_that_nothing_lasts,
    memory_at_data_is_told,
    a_volume_without_a_name_is_told,
    a_pod_of_kubernetes_is_told_of_claims,
    a_container_without_marks_is_known_by_its_layers,
    a_folder_of_the_host_lasts,
    a_foreign_owner_is_told_and_the_next_step_works,
    a_foreign_file_is_told,
    a_volume_mounted_read_only_is_told,
    a_read_only_container_without_a_volume_is_told,
    at_the_end_of_its_input_it_is_gone_in_3_s,
    podman_stop_ends_it_in_3_s,
    by_a_signal_it_is_gone_in_3_s,
    by_a_signal_right_after_the_start_it_is_gone_in_3_s,
    by_a_signal_it_is_gone_in_3_s_while_a_call_waits_for_a_lock,
    podman_stop_ends_it_in_3_s_while_a_call_waits_for_a_lock,
    at_the_end_of_its_input_it_is_gone_in_3_s_while_a_call_waits_for_a_lock,
    requests_that_are_piped_in_are_answered,
    the_configuration_in_the_document_works,
    what_is_recorded_bears_the_name_that_was_given,
    two_containers_share_a_volume,
    the_other_commands_work_through_the_entry_point,
    doctor_tells_of_a_foreign_owner,
    postgres_is_reached_with_a_password_from_a_file,
)


def main() -> int:
    try:
        for body in CHECKS:
            with checks.check(body.__name__.replace("_", " ")):
                body()
    finally:
        left = podman("ps", "--all", "--quiet", f"--filter=name={RUN}", fails=True).split()
        if left:
            podman("rm", "--force", "--time=0", *left, fails=True)
    return checks.summed_up()


if __name__ == "__main__":
    sys.exit(main())
