// The MCP Inspector's command line against the built binary over stdio, in both protocol eras.
//
//   EPR_BINARY         the binary under test
//   EPR_TEST_POSTGRES  a PostgreSQL server to run on; otherwise files
//
// Every call of the Inspector starts a server of its own, so everything that one call sees of
// another has been through the database file.

import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { fileURLToPath } from "node:url";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");
const LAUNCHER = join(
  ROOT,
  ".cache/node/node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js",
);
const BINARY = resolve(process.env.EPR_BINARY ?? join(ROOT, "target/debug/epr-mcp"));
const PATIENCE_MS = 60_000;

// Exit codes of the Inspector.
const TOOL_IS_ERROR = 5;

const TOOLS = [
  "describe_registry", "check_gate", "search_events", "search_receivers", "search_groups", "fetch_event",
  "fetch_receiver", "fetch_group", "create_event", "create_receiver", "create_group", "set_group_enabled",
  "record_cdevent", "correlate_pipeline_run", "list_pipeline_runs", "trace_artifact", "delivery_metrics",
];

let passed = 0;
let failed = 0;

/** Runs one named check; what it throws is its failure. */
async function check(name, body) {
  try {
    await body();
    passed += 1;
    console.log(`ok - ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`not ok - ${name}\n${String(error.message ?? error).slice(0, 3000).replace(/^/gm, "    ")}`);
  }
}

function must(condition, about) {
  if (!condition) throw new Error(typeof about === "string" ? about : JSON.stringify(about, null, 1));
}

function same(found, wanted, about = "") {
  must(isDeepStrictEqual(found, wanted), `${about}\nfound:  ${JSON.stringify(found)}\nwanted: ${JSON.stringify(wanted)}`);
}

function has(text, ...parts) {
  for (const part of parts) must(text.includes(part), `there is no ${JSON.stringify(part)} in:\n${text}`);
}

/** Runs a program to its end. */
function run(command, args, { env, input = "" }) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { env, stdio: ["pipe", "pipe", "pipe"] });
    const out = [];
    const err = [];
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      fail(new Error(`${args.join(" ")} does not end`));
    }, PATIENCE_MS);
    child.stdout.on("data", (chunk) => out.push(chunk));
    child.stderr.on("data", (chunk) => err.push(chunk));
    child.on("error", fail);
    child.on("close", (code) => {
      clearTimeout(timer);
      done({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
    });
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}

// A PostgreSQL server to run on instead of files: the URL of one of its databases.
const POSTGRES = process.env.EPR_TEST_POSTGRES ?? "";

/** What EPR_DB says: a file in the folder, or a PostgreSQL database. */
function database(era, folder) {
  if (POSTGRES === "") return join(folder, "epr.db");
  const name = `inspector_${era}`;
  execFileSync("psql", ["-qXAt", "-d", POSTGRES, "-c", `CREATE DATABASE ${name}`]);
  return `${POSTGRES.slice(0, POSTGRES.lastIndexOf("/"))}/${name}`;
}

/** One registry, seen through the Inspector in one protocol era. */
class Inspector {
  constructor(era, folder) {
    this.era = era;
    // Away from the Inspector's own settings of whoever runs this.
    this.env = { ...process.env, HOME: folder, NO_COLOR: "1" };
    this.server = {
      EPR_DB: database(era, folder),
      EPR_PRINCIPAL: "ada",
      EPR_TEST_RUN: process.env.EPR_TEST_RUN || "none",
    };
  }

  raw(options, flags = []) {
    const env = Object.entries(this.server).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
    const args = ["--protocol-era", this.era, "--format", "json", ...options, ...env, BINARY, "stdio", ...flags];
    return run(process.execPath, [LAUNCHER, "--cli", ...args], { env: this.env });
  }

  /** A method that has to succeed, and say nothing on stderr. */
  async method(method, options = []) {
    const { code, stdout, stderr } = await this.raw(["--method", method, ...options]);
    must(code === 0 && stderr === "", `${method} ended with ${code}\n${stdout}\n${stderr}`);
    return JSON.parse(stdout).result;
  }

  async refused(method, options) {
    const { code, stdout, stderr } = await this.raw(["--method", method, ...options]);
    must(code !== 0, `${method} was not refused:\n${stdout}`);
    return `${stdout}\n${stderr}`;
  }

  static arguments(tool, args) {
    return ["--tool-name", tool, "--tool-args-json", JSON.stringify(args)];
  }

  /** A tool with a composed answer: its text. */
  async text(tool, args = {}) {
    const result = await this.method("tools/call", Inspector.arguments(tool, args));
    same([result.isError ?? false, result.content.length, result.content[0].type], [false, 1, "text"], tool);
    return result.content[0].text;
  }

  /** A tool with a record-like answer: the same data in content and structuredContent. */
  async record(tool, args = {}) {
    const result = await this.method("tools/call", Inspector.arguments(tool, args));
    must(!(result.isError ?? false), result);
    same(JSON.parse(result.content[0].text), result.structuredContent, `${tool}: content and structuredContent differ`);
    return result.structuredContent;
  }

  /** A tool that has to refuse: what it says. */
  async refusal(tool, args) {
    const { code, stdout } = await this.raw(["--method", "tools/call", ...Inspector.arguments(tool, args)]);
    must(code === TOOL_IS_ERROR, `${tool} ended with ${code}, not ${TOOL_IS_ERROR}:\n${stdout}`);
    const { result } = JSON.parse(stdout);
    same([result.isError, result.structuredContent], [true, undefined], stdout);
    return result.content[0].text;
  }

  async read(uri) {
    const { contents } = await this.method("resources/read", ["--uri", uri]);
    same([contents.length, contents[0].uri], [1, uri]);
    return contents[0];
  }

  async readJson(uri) {
    const { mimeType, text } = await this.read(uri);
    same(mimeType, "application/json", uri);
    return JSON.parse(text);
  }

  /** Calls without the Inspector, many in one server, to fill the registry. */
  async seed(tool, rows) {
    const line = (message) => `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`;
    const clientInfo = { name: "seed", version: "1" };
    let input = line({ id: 0, method: "initialize", params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo } });
    input += line({ method: "notifications/initialized" });
    rows.forEach((args, i) => {
      input += line({ id: i + 1, method: "tools/call", params: { name: tool, arguments: args } });
    });
    const { code, stdout } = await run(BINARY, ["stdio"], { env: { ...this.env, ...this.server }, input });
    const answers = stdout.trim().split("\n").map((text) => JSON.parse(text));
    same([code, answers.length, answers.filter((a) => a.error || a.result.isError)], [0, rows.length + 1, []]);
  }
}

const UNIT = { name: "payments-api", version: "1.4.2", release: "20261122.1", platform_id: "linux/amd64", package: "docker" };
const HISTORY = "epr://history/payments-api/1.4.2/20261122.1/linux%2Famd64/docker";
const SCHEMA = {
  type: "object",
  required: ["image"],
  properties: { image: { type: "string" }, steps: { type: "array", items: { type: "string" } } },
};
const BUILD = {
  name: "build", type: "com.example.build", version: "1.0.0", description: "A build ended", schema: SCHEMA,
};
const SCAN = {
  name: "scan", type: "com.example.scan", version: "1.0.0", description: "A scan ended", schema_name: "any",
};
const GATE = {
  name: "release-ready", type: "com.example.release.ready", version: "1.0.0", description: "Built and scanned",
};

async function flow(era, folder) {
  const mcp = new Inspector(era, folder);
  const it = (name, body) => check(`${era}: ${name}`, body);
  const made = {};

  await it("the tools pass the strict schema check without a finding", async () => {
    const { tools } = await mcp.method("tools/list", ["--strict"]);
    same(tools.map((tool) => tool.name).toSorted(), TOOLS.toSorted());
    for (const tool of tools) {
      same(typeof tool.annotations.readOnlyHint, "boolean", tool.name);
      must(tool.description.length < 1000, tool.name);
    }
  });
  await it("an empty registry gives the first step", async () => {
    has(await mcp.text("describe_registry"), "0 events", "the registry is empty", "create_receiver {", "«ada»");
  });
  await it("create_receiver defines a kind of event", async () => {
    const { receiver, created, next } = await mcp.record("create_receiver", BUILD);
    same([created, receiver.name, receiver.type], [true, "build", "com.example.build"]);
    must(receiver.fingerprint && next, receiver);
    made.build = receiver.id;
    made.scan = (await mcp.record("create_receiver", SCAN)).receiver.id;
  });
  await it("create_receiver finds an equal one again", async () => {
    const { receiver, created } = await mcp.record("create_receiver", BUILD);
    same([receiver.id, created], [made.build, false]);
  });
  await it("create_receiver refuses another definition under the same name and version", async () => {
    has(await mcp.refusal("create_receiver", { ...BUILD, schema: {} }), made.build, "another version");
  });
  await it("create_group defines a gate, its receivers by id and by name", async () => {
    const { group, created, receivers } = await mcp.record("create_group", { ...GATE, event_receiver_ids: [made.build, "scan"] });
    same([created, group.enabled, group.event_receiver_ids], [true, true, [made.build, made.scan]]);
    same(receivers.map((receiver) => receiver.name), ["build", "scan"]);
    made.group = group.id;
  });
  await it("check_gate tells that nothing is recorded yet", async () => {
    has(await mcp.text("check_gate", { ...UNIT, group: "release-ready" }), "CLOSED", "0 of 2 pass", "missing «build»");
    has(await mcp.text("check_gate", { group: "release-ready" }), "«release-ready»", "No unit has an event");
  });
  await it("create_event with dry_run stores nothing", async () => {
    const dry = await mcp.record("create_event", {
      ...UNIT, description: "try", event_receiver_id: "build", payload: { image: "x" }, success: true, dry_run: true,
    });
    same([dry.dry_run, dry.gates[0].turn], [true, "still_closed"]);
    same((await mcp.record("search_events")).events, []);
  });
  await it("create_event tells what its gate still waits for", async () => {
    const event = { ...UNIT, description: "Build 17", event_receiver_id: "build", success: true };
    const { event: stored, created, gates, unit } = await mcp.record("create_event", { ...event, payload: { image: "acme/payments-api@sha256:1", steps: ["test"] } });
    same([created, stored.success, unit], [true, true, HISTORY]);
    same([gates[0].name, gates[0].turn, gates[0].waits_for.map((w) => w.name)], ["release-ready", "still_closed", ["scan"]]);
    made.event = stored.id;
  });
  await it("create_event records a failure, and the gate stays closed", async () => {
    const { gates } = await mcp.record("create_event", {
      unit: HISTORY, description: "Two findings", event_receiver_id: "scan", payload: "{\"critical\": 2}", success: false,
    });
    same(gates[0].turn, "still_closed");
    has(await mcp.text("check_gate", { name: "payments-api" }), "CLOSED", "1 of 2 pass; waits for «scan» (fail)", "It opens when a success is recorded for «scan»", "create_event {");
  });
  await it("check_gate lists the units that wait at a gate", async () => {
    has(await mcp.text("check_gate", { group: GATE.type }), HISTORY, "waits for «scan» (fail)");
    const { waiting, passing } = await mcp.record("check_gate", { group: made.group, format: "json" });
    same([waiting.map((row) => row.unit), passing], [[HISTORY], 0]);
  });
  await it("create_event opens the gate with the last success, and its message is told", async () => {
    const key = { idempotency_key: "scan-18" };
    const success = { unit: HISTORY, description: "Clean", event_receiver_id: "scan", payload: { critical: 0 }, success: true, ...key };
    const first = await mcp.record("create_event", success);
    same(first.gates[0].turn, "opened");
    must(first.messages.some((m) => m.kind === "gate" && m.type === GATE.type && m.transition), first.messages);
    const again = await mcp.record("create_event", success);
    same([again.created, again.event.id], [false, first.event.id]);
    made.last = first.event.id;
  });
  await it("check_gate says that the gate is open, and who opened it", async () => {
    const text = await mcp.text("check_gate", { unit: HISTORY, group: "release-ready" });
    has(text, "GATE «release-ready»: OPEN", "2 of 2 pass", "since ", made.event, made.last, "by «ada»");
    const { gates, known } = await mcp.record("check_gate", { unit: made.last, format: "json" });
    same([known, gates.map((gate) => [gate.verdict, gate.passing, gate.waiting])], [true, [["open", 2, 0]]]);
  });
  await it("a payload that its schema refuses is refused with the place and the next step", async () => {
    const text = await mcp.refusal("create_event", { unit: HISTORY, description: "x", event_receiver_id: "build", payload: { image: 7 }, success: true });
    has(text, "/image", "fetch_receiver", "Nothing was recorded");
  });
  await it("missing and unknown arguments are refused together, by name", async () => {
    has(await mcp.refusal("create_event", { unit: HISTORY, description: "x", event_receiver_id: "build", payload: {}, sucess: true }), "success", "sucess", "create_event");
  });
  await it("a name that does not exist is refused with the nearest", async () => {
    has(await mcp.refusal("fetch_group", { group: "release-redy" }), "release-ready");
    has(await mcp.refusal("fetch_event", { id: "01ARZ3NDEKTSV4RRFFQ69G5FAV" }), "search_events");
  });
  await it("an unknown tool is an error of its own", async () => {
    has(await mcp.refused("tools/call", Inspector.arguments("open_gate", {})), "open_gate");
  });
  await it("search_events lists, newest first, with parts of payloads", async () => {
    const { events, total } = await mcp.record("search_events", { unit: HISTORY, select: ["/critical"] });
    same([events.length, total, events[0].id, events[2].id], [3, 3, made.last, made.event]);
    same(events.map((event) => event.selected["/critical"]), [0, 2, { missing: true }]);
  });
  await it("search_events filters and counts", async () => {
    const failures = await mcp.record("search_events", { name: "payments-*", success: false, since: "1h" });
    same(failures.events.map((event) => event.type), ["com.example.scan"]);
    const { counts } = await mcp.record("search_events", { group_by: "success" });
    same(Object.fromEntries(counts.map((row) => [row.value, row.count])), { true: 2, false: 1 });
    same((await mcp.record("search_events", { payload: { "/critical": 2 } })).events.length, 1);
  });
  await it("search_receivers and search_groups find by name, type and member", async () => {
    same((await mcp.record("search_receivers", { type: "com.example.*" })).receivers.map((r) => r.id).toSorted(), [made.build, made.scan].toSorted());
    same((await mcp.record("search_groups", { receiver: "scan" })).groups.map((g) => g.id), [made.group]);
    same((await mcp.record("search_groups", { enabled: false })).groups, []);
  });
  await it("fetch_event has the payload, its digest and who recorded it", async () => {
    const answer = await mcp.record("fetch_event", { id: made.event });
    same(answer.event.id, made.event);
    same(answer.payload, { image: "acme/payments-api@sha256:1", steps: ["test"] });
    same([answer.recorded_by.principal, answer.recorded_by.surface], ["ada", "mcp-stdio"]);
    has(answer.recorded_by.client, "inspector");
  });
  await it("fetch_receiver and fetch_group have what was defined", async () => {
    const { receiver, schema } = await mcp.record("fetch_receiver", { receiver: "build" });
    same([receiver.id, schema], [made.build, SCHEMA]);
    const { group, receivers } = await mcp.record("fetch_group", { group: made.group });
    same([group.name, receivers.map((r) => r.id)], ["release-ready", [made.build, made.scan]]);
  });
  await it("set_group_enabled takes a gate out of force and back", async () => {
    const off = await mcp.record("set_group_enabled", { group: "release-ready", enabled: false });
    same([off.changed, off.group.enabled], [true, false]);
    has(await mcp.text("check_gate", { unit: HISTORY }), "DISABLED", "set_group_enabled {");
    const on = await mcp.record("set_group_enabled", { group: "release-ready", enabled: "true" });
    same([on.changed, on.group.enabled, on.passing_already.units], [true, true, 1]);
    same((await mcp.record("set_group_enabled", { group: made.group, enabled: true })).changed, false);
  });
  await it("describe_registry tells what there is", async () => {
    has(await mcp.text("describe_registry"), "3 events (1 failed) of 1 unit", "com.example.scan", "«release-ready»", "«payments-api»", "2 receivers");
    same((await mcp.record("describe_registry", { format: "json" })).counts.events, 3);
  });
  await it("resources/list has all pages", async () => {
    const rows = Array.from({ length: 45 }, (_, i) => ({
      ...UNIT, name: `service-${i}`, description: "bulk", event_receiver_id: "scan", payload: { i }, success: true,
    }));
    await mcp.seed("create_event", rows);
    const { resources } = await mcp.method("resources/list");
    const uris = resources.map((resource) => resource.uri);
    same([new Set(uris).size, uris.length], [48, 48]);
    same([uris[0], uris[1], uris.at(-1)], ["epr://overview", "epr://events/latest", HISTORY]);
    must(resources.every((resource) => resource.name && resource.mimeType === "application/json"), resources);
  });
  await it("search_events pages to the end without a gap or a repeat", async () => {
    const rows = [];
    let cursor;
    do {
      const page = await mcp.record("search_events", { limit: 20, ...(cursor && { cursor }) });
      rows.push(...page.events);
      cursor = page.next_cursor;
    } while (cursor && rows.length < 100);
    same([rows.length, new Set(rows.map((event) => event.id)).size], [48, 48]);
    const times = rows.map((event) => event.created_at);
    same(times, times.toSorted().toReversed());
  });
  await it("resources/templates/list has every form", async () => {
    const { resourceTemplates } = await mcp.method("resources/templates/list");
    same(resourceTemplates.map((t) => t.uriTemplate).toSorted(), [
      "epr://events/{id}",
      "epr://gates/{group}/{unit}",
      "epr://groups/{id}",
      "epr://history/{name}/{version}/{release}/{platform_id}/{package}",
      "epr://receivers/{id}",
      "epr://runs/{run}",
      "epr://runs/{run}/timeline",
    ]);
  });
  await it("resources/read: overview and latest events", async () => {
    same((await mcp.readJson("epr://overview")).counts.events, 48);
    same((await mcp.readJson("epr://events/latest")).events.length, 20);
  });
  await it("resources/read: an event in the form of existing clients", async () => {
    const event = await mcp.readJson(`epr://events/${made.event}`);
    same([event.id, event.payload.image, event.EventReceiver.id], [made.event, "acme/payments-api@sha256:1", made.build]);
  });
  await it("resources/read: a receiver and a group", async () => {
    same((await mcp.readJson(`epr://receivers/${made.build}`)).schema, SCHEMA);
    same((await mcp.readJson(`epr://groups/${made.group}`)).event_receivers.map((r) => r.name), ["build", "scan"]);
  });
  await it("resources/read: the history of a unit", async () => {
    const { unit, events } = await mcp.readJson(HISTORY);
    same([unit, events.length, events[0].id], [HISTORY, 3, made.last]);
  });
  await it("resources/read: how a gate stands for a unit", async () => {
    const path = encodeURIComponent(HISTORY.slice("epr://history/".length));
    const { mimeType, text } = await mcp.read(`epr://gates/${made.group}/${path}`);
    same(mimeType, "text/plain");
    has(text, "GATE «release-ready»: OPEN");
  });
  await it("resources/read: what is not there is an error", async () => {
    has(await mcp.refused("resources/read", ["--uri", "epr://nothing/here"]), "epr://nothing/here");
    has(await mcp.refused("resources/read", ["--uri", "epr://events/01ARZ3NDEKTSV4RRFFQ69G5FAV"]), "01ARZ3NDEKTSV4RRFFQ69G5FAV");
  });
  await it("prompts/list and prompts/get: is this release ready?", async () => {
    const { prompts } = await mcp.method("prompts/list");
    same(prompts.map((prompt) => prompt.name), ["release_readiness", "investigate_run", "connect_ci"]);
    const args = ["--prompt-name", "release_readiness", "--prompt-args", "name=payments-api", "group=release-ready"];
    const { messages } = await mcp.method("prompts/get", args);
    same([messages.length, messages[0].role], [1, "user"]);
    has(messages[0].content.text, "Is this release ready?", "GATE «release-ready»: OPEN", HISTORY);
  });
  await it("prompts/get: a recipe for CI with the registry's names in it", async () => {
    const args = ["--prompt-name", "connect_ci", "--prompt-args", "system=jenkins", "receiver=scan", "group=release-ready"];
    const { messages } = await mcp.method("prompts/get", args);
    has(messages[0].content.text, "RECEIVER = 'scan'\n", "GROUP = 'release-ready'\n", made.group, "```groovy");
  });
  await it("completion is declared; the Inspector's command line does not call it", async () => {
    const { capabilities } = await mcp.method("initialize");
    same([capabilities.completions, capabilities.prompts], [{}, {}]);
  });
  await it("a pipeline run goes in as CDEvents and comes out as its story", async () => {
    const event = (predicate, at, content) => ({
      context: {
        specversion: "0.5.1", id: `run-77001-${predicate}`, source: "https://ci.example.com",
        type: `dev.cdevents.pipelinerun.${predicate}.0.3.0`, timestamp: `2026-11-22T10:00:${at}Z`,
      },
      subject: { id: "run-77001", content: { pipelineName: "payments", ...content } },
    });
    const events = [event("started", "00", { uri: "https://ci.example.com/77001" }), event("finished", "41", { outcome: "failure" })];
    const { recorded, each } = await mcp.record("record_cdevent", { events });
    same([recorded, each.verdict], [2, "conforms"]);
    same((await mcp.record("record_cdevent", { events })).each.status, "repeated");
    has(await mcp.text("correlate_pipeline_run", { anchor: "77001" }), "declared failure", "ran 41 s");
    has(await mcp.text("list_pipeline_runs", { status: "failed" }), each.run, "«payments»");
    same((await mcp.readJson(`epr://runs/${each.run}`)).run.declared, "failure");
    const { mimeType } = await mcp.read("epr://runs/run-77001/timeline");
    same(mimeType, "text/plain");
  });
  await it("a read-only server offers no tool that writes, and refuses one", async () => {
    const { code, stdout } = await mcp.raw(["--method", "tools/list", "--strict"], ["--read-only"]);
    same(code, 0, stdout);
    same(JSON.parse(stdout).result.tools.filter((tool) => !tool.annotations.readOnlyHint), []);
    const write = await mcp.raw(["--method", "tools/call", ...Inspector.arguments("create_receiver", SCAN)], ["--read-only"]);
    must(write.code !== 0, write.stdout);
  });
  await it("200 calls, ten at a time, all succeed", async () => {
    const args = ["--load", "--load-concurrency", "10", "--load-requests", "200", ...Inspector.arguments("check_gate", { unit: HISTORY })];
    const { code, stdout } = await mcp.raw(["--method", "tools/call", ...args]);
    must(code === 0, stdout);
    const { requests, ok, latencyMs } = JSON.parse(stdout).result;
    same([requests, ok], [200, 200], stdout);
    must(latencyMs.p50 < 1000, stdout);
  });
}

const folders = [];
await Promise.all(
  ["legacy", "modern"].map(async (era) => {
    const folder = await mkdtemp(join(tmpdir(), `epr-mcp-${era}-`));
    folders.push(folder);
    await flow(era, folder);
  }),
);
for (const folder of folders) await rm(folder, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
