//! What the demo plays: one release of a service, from its build to its gate.

/// One tool call.
pub(super) struct Step {
    /// What a person would ask or a pipeline would say.
    pub(super) title: &'static str,
    /// The tool.
    pub(super) tool: &'static str,
    /// Its arguments, as JSON.
    pub(super) arguments: &'static str,
    /// Whether it has to be refused.
    pub(super) refused: bool,
}

const fn step(title: &'static str, tool: &'static str, arguments: &'static str) -> Step {
    Step {
        title,
        tool,
        arguments,
        refused: false,
    }
}

/// All calls, in order. Things are called by name: nobody remembers ids.
pub(super) const STEPS: &[Step] = &[
    step("What is in this registry?", "describe_registry", "{}"),
    step(
        "Define what a finished build looks like",
        "create_receiver",
        r#"{"name": "build", "type": "dev.cdevents.build.finished", "version": "1.0.0",
            "description": "A build ended", "schema_name": "cdevents:build.finished"}"#,
    ),
    step(
        "… the SBOM of an image",
        "create_receiver",
        r#"{"name": "sbom", "type": "acme.artifact.sbom", "version": "1.0.0",
            "description": "The CycloneDX SBOM of an image", "schema_name": "cyclonedx"}"#,
    ),
    step(
        "… and a vulnerability scan, with a schema of our own",
        "create_receiver",
        r#"{"name": "scan", "type": "acme.scan.finished", "version": "1.0.0",
            "description": "A vulnerability scan ended",
            "schema": {"type": "object", "required": ["scanner", "critical"],
                       "properties": {"scanner": {"type": "string"}, "critical": {"type": "integer", "minimum": 0}}}}"#,
    ),
    step(
        "A release is ready when all three say so",
        "create_group",
        r#"{"name": "release-ready", "type": "acme.release.ready", "version": "1.0.0",
            "description": "Built, with an SBOM, scanned", "event_receiver_ids": ["build", "sbom", "scan"]}"#,
    ),
    step(
        "CI: the build went well",
        "create_event",
        r#"{"name": "payments-api", "version": "2.4.1", "release": "2026.11.22", "platform_id": "linux-amd64",
            "package": "oci", "description": "Build 456789", "event_receiver_id": "build", "success": true,
            "payload": {"context": {"version": "0.4.1", "id": "b-456789", "source": "https://ci.acme.example",
                                    "type": "dev.cdevents.build.finished.0.2.0", "timestamp": "2026-11-22T10:00:00Z"},
                        "subject": {"id": "build/456789", "type": "build",
                                    "content": {"artifactId": "pkg:oci/payments-api@sha256%3A0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427"}}}}"#,
    ),
    step(
        "CI: here is the SBOM",
        "create_event",
        r#"{"unit": "payments-api", "description": "SBOM of the image", "event_receiver_id": "sbom", "success": true,
            "payload": {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
                        "components": [{"type": "library", "name": "log4j-core", "version": "2.17.1",
                                        "purl": "pkg:maven/org.apache.logging.log4j/log4j-core@2.17.1"}]}}"#,
    ),
    step(
        "Why has this release not passed its gate?",
        "check_gate",
        r#"{"name": "payments-api"}"#,
    ),
    Step {
        title: "CI sends a scan result that does not match its schema",
        tool: "create_event",
        arguments: r#"{"unit": "payments-api", "description": "Nightly scan", "event_receiver_id": "scan",
            "success": true, "payload": {"scanner": "grype", "critical": "none"}}"#,
        refused: true,
    },
    step(
        "The scan finds something",
        "create_event",
        r#"{"unit": "payments-api", "description": "Two critical findings", "event_receiver_id": "scan",
            "success": false, "payload": {"scanner": "grype", "critical": 2}}"#,
    ),
    step("And now?", "check_gate", r#"{"name": "payments-api"}"#),
    step(
        "What would a clean scan lead to? (nothing is written)",
        "create_event",
        r#"{"unit": "payments-api", "description": "Rescan after the fix", "event_receiver_id": "scan",
            "success": true, "payload": {"scanner": "grype", "critical": 0}, "dry_run": true}"#,
    ),
    step(
        "Record that the scan passed",
        "create_event",
        r#"{"unit": "payments-api", "description": "Rescan after the fix", "event_receiver_id": "scan",
            "success": true, "payload": {"scanner": "grype", "critical": 0}, "idempotency_key": "scan-456790"}"#,
    ),
    step(
        "May it go?",
        "check_gate",
        r#"{"name": "payments-api", "group": "release-ready"}"#,
    ),
    step(
        "What failed on the way?",
        "search_events",
        r#"{"name": "payments-*", "success": false}"#,
    ),
];
