//! What the demo plays: two pipeline runs of a service, one that fails and one that reaches
//! production.

/// What belongs together.
pub(super) struct Chapter {
    /// What it is about.
    pub(super) title: &'static str,
    /// Its calls, in order.
    pub(super) steps: &'static [Step],
}

/// One tool call.
pub(super) struct Step {
    /// What a person would ask or a pipeline would say.
    pub(super) title: &'static str,
    /// The tool.
    pub(super) tool: &'static str,
    /// Its arguments, as JSON.
    pub(super) arguments: &'static str,
    /// What a pipeline sends along: its `events`, as JSON.
    pub(super) events: Option<&'static str>,
    /// Whether it has to be refused.
    pub(super) refused: bool,
    /// What its answer has to tell.
    pub(super) told: &'static str,
    /// Characters that are shown of a longer line of its answer: of its beginning and of its end.
    pub(super) shown: (usize, usize),
}

impl Step {
    const fn told(self, told: &'static str) -> Self {
        Self { told, ..self }
    }
}

const fn step(title: &'static str, tool: &'static str, arguments: &'static str) -> Step {
    Step {
        title,
        tool,
        arguments,
        events: None,
        refused: false,
        told: "",
        shown: (900, 300),
    }
}

/// One whose answer only confirms.
const fn brief(title: &'static str, tool: &'static str, arguments: &'static str) -> Step {
    Step {
        shown: (120, 120),
        ..step(title, tool, arguments)
    }
}

/// The events of a pipeline. It says itself which unit they are about: those of a run or a task name
/// no artifact.
const fn sent(title: &'static str, events: &'static str) -> Step {
    Step {
        events: Some(events),
        shown: (160, 90),
        ..step(
            title,
            "record_cdevent",
            r#"{"unit": "epr://history/payments-api/2.4.1/77/linux-amd64/oci"}"#,
        )
    }
}

const fn refused(title: &'static str, tool: &'static str, arguments: &'static str) -> Step {
    Step {
        refused: true,
        ..step(title, tool, arguments)
    }
}

/// All calls, in order. Things are called by name: nobody remembers ids.
pub(super) const CHAPTERS: &[Chapter] = &[
    Chapter {
        title: "An empty registry: what has a release to show?",
        steps: &[
            step("What is in this registry?", "describe_registry", "{}"),
            brief(
                "A finished build, as CDEvents say it …",
                "create_receiver",
                r#"{"name": "build", "type": "dev.cdevents.build.finished", "version": "1.0.0",
                    "description": "A build ended", "schema_name": "cdevents:build.finished"}"#,
            ),
            brief(
                "… the SBOM of the image …",
                "create_receiver",
                r#"{"name": "sbom", "type": "acme.artifact.sbom", "version": "1.0.0",
                    "description": "The CycloneDX SBOM of an image", "schema_name": "cyclonedx"}"#,
            ),
            brief(
                "… and a vulnerability scan, with a schema of our own: no scan without its counts",
                "create_receiver",
                r#"{"name": "scan", "type": "dev.cdeventsx.grype-scan.finished", "version": "1.0.0",
                    "description": "What a vulnerability scan found",
                    "schema": {"type": "object", "required": ["customData"], "properties": {"customData":
                        {"type": "object", "required": ["scanResults"], "properties": {"scanResults":
                            {"type": "object", "required": ["scanner", "vulnerabilities"]}}}}}}"#,
            ),
            brief(
                "A release is ready when all three say so",
                "create_group",
                r#"{"name": "release-ready", "type": "acme.release.ready", "version": "1.0.0",
                    "description": "Built, with an SBOM, scanned", "event_receiver_ids": ["build", "sbom", "scan"]}"#,
            ),
        ],
    },
    Chapter {
        title: "Run 456788 fails",
        steps: &[
            sent(
                "CI sends what happened in it, as CDEvents",
                include_str!("sent/run-456788.json"),
            ),
            brief(
                "CI sends the SBOM of its image",
                "create_event",
                r#"{"unit": "payments-api", "description": "SBOM of the image of run 456788", "event_receiver_id": "sbom",
                    "success": true, "payload": {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
                        "metadata": {"timestamp": "{{2h 55m 35s ago}}", "component": {"type": "container", "name": "payments-api",
                            "purl": "pkg:oci/payments-api@sha256%3A7d1c4b0e9a52f3668ec0d27b41f9a8355c6e02d94bb7f18a3e60c59d724af18b"}},
                        "components": [{"type": "library", "name": "log4j-core", "version": "2.14.1",
                                        "purl": "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"}]}}"#,
            ),
            step(
                "What happened in run 456788?",
                "correlate_pipeline_run",
                r#"{"anchor": "456788"}"#,
            ).told("declared failure"),
            step(
                "Why has payments-api 2.4.1 not passed its gate?",
                "check_gate",
                r#"{"name": "payments-api"}"#,
            ).told("CLOSED"),
            refused(
                "Somebody is in a hurry: record that the scan is fine",
                "create_event",
                r#"{"unit": "payments-api", "description": "Looks fine to me", "event_receiver_id": "scan",
                    "success": true, "payload": {}}"#,
            ).told("does not match the schema"),
            step(
                "What would a clean scan lead to? (nothing is written)",
                "create_event",
                r#"{"unit": "payments-api", "description": "Rescan", "event_receiver_id": "scan", "success": true, "dry_run": true,
                    "payload": {"customData": {"scanResults": {"scanner": "grype", "vulnerabilities": {"critical": 0}}}}}"#,
            ).told("opened"),
        ],
    },
    Chapter {
        title: "The fix, and run 456789",
        steps: &[
            brief(
                "CI builds the fix, and sends the SBOM of the new image",
                "create_event",
                r#"{"unit": "payments-api", "description": "SBOM of the image of run 456789", "event_receiver_id": "sbom",
                    "success": true, "payload": {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
                        "metadata": {"timestamp": "{{50m 41s ago}}", "component": {"type": "container", "name": "payments-api",
                            "purl": "pkg:oci/payments-api@sha256%3A0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427"}},
                        "components": [{"type": "library", "name": "log4j-core", "version": "2.17.1",
                                        "purl": "pkg:maven/org.apache.logging.log4j/log4j-core@2.17.1"}]}}"#,
            ),
            sent(
                "CI sends what happened in the run so far: built, tested, scanned, signed, published",
                include_str!("sent/run-456789-build.json"),
            ),
            step(
                "May it go?",
                "check_gate",
                r#"{"name": "payments-api", "group": "release-ready"}"#,
            ).told("OPEN"),
            sent(
                "It goes: CI sends the deployment, and the end of the run",
                include_str!("sent/run-456789-deploy.json"),
            ),
        ],
    },
    Chapter {
        title: "What people ask afterwards",
        steps: &[
            step(
                "What happened in run 456789?",
                "correlate_pipeline_run",
                r#"{"anchor": "456789"}"#,
            ).told("declared success"),
            step(
                "Where does this image come from, and where does it run?",
                "trace_artifact",
                r#"{"anchor": "sha256:0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427"}"#,
            ).told("runs now"),
            step(
                "Which runs of payments were there in the last seven days?",
                "list_pipeline_runs",
                r#"{"pipeline": "payments", "since": "7d"}"#,
            ).told("2 runs"),
            step(
                "What failed on the way?",
                "search_events",
                r#"{"name": "payments-*", "success": false}"#,
            ).told("2 critical"),
        ],
    },
];
