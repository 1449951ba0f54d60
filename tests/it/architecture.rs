//! The order of the modules: each uses only what stands to its left, and files stay small.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What each module may use of the crate. `config` and `telemetry` are leaves.
const MAY_USE: &[(&str, &[&str])] = &[
    ("limits", &["limits"]),
    ("domain", &["domain", "limits"]),
    ("store", &["store", "domain", "limits"]),
    ("registry", &["registry", "store", "domain", "limits"]),
    ("mcp", &["mcp", "registry", "domain", "limits"]),
    ("config", &["config"]),
    ("telemetry", &["telemetry", "config"]),
    (
        "cli",
        &[
            "cli",
            "mcp",
            "registry",
            "store",
            "domain",
            "limits",
            "config",
            "telemetry",
        ],
    ),
];

fn rust_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

fn sources(top: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    rust_files(&root.join(top), &mut files);
    files
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (path.strip_prefix(root).unwrap().to_owned(), text)
        })
        .collect()
}

/// The first segment of a path such as `src/store/sqlite/mod.rs`.
fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix("src").unwrap();
    let first = inside
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_str()
        .unwrap();
    first.trim_end_matches(".rs").to_owned()
}

#[test]
fn arrows_point_one_way() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let mut seen = 0;
    for (path, text) in sources("src") {
        let module = module_of(&path);
        if module == "lib" || module == "main" {
            continue;
        }
        let may = allowed
            .get(module.as_str())
            .unwrap_or_else(|| panic!("{} belongs to no known module", path.display()));
        for (at, _) in text.match_indices("crate::") {
            let rest = &text[at + "crate::".len()..];
            let used: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            seen += 1;
            assert!(
                may.contains(&used.as_str()),
                "{} uses {used}, which {module} may not",
                path.display()
            );
        }
    }
    assert!(seen > 100, "the test reads the code: {seen} uses");
}

#[test]
fn sql_stands_in_the_store_alone() {
    for (path, text) in sources("src") {
        if !path.starts_with("src/store") {
            assert!(
                !text.contains("sqlx::"),
                "{} talks to the database",
                path.display()
            );
        }
    }
}

#[test]
fn files_are_small_and_lints_are_not_silenced() {
    for top in ["src", "tests", "benches"] {
        for (path, text) in sources(top) {
            let lines = text.lines().count();
            assert!(lines <= 500, "{} has {lines} lines", path.display());
            let silenced = ["#[", "#!["].map(|open| format!("{open}allow("));
            assert!(
                !silenced.iter().any(|s| text.contains(s)),
                "{} silences a lint",
                path.display()
            );
        }
    }
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for document in [
        "README.md",
        "docs/ARCHITECTURE.md",
        "docs/TOOLS.md",
        "docs/CONFIGURATION.md",
        "docs/POSTGRESQL.md",
        "docs/clients/claude-code.md",
        "docs/clients/claude-desktop.md",
        "docs/clients/codex.md",
        "docs/clients/cursor.md",
        "docs/clients/gemini.md",
        "docs/clients/inspector.md",
        "docs/clients/vscode.md",
        "docs/clients/windsurf.md",
        "docs/clients/zed.md",
    ] {
        let text = std::fs::read_to_string(root.join(document)).unwrap();
        let folder = root.join(document).parent().unwrap().to_owned();
        for piece in text.split("](").skip(1) {
            let target = piece.split(')').next().unwrap();
            if !target.contains("://") && !target.starts_with('#') {
                assert!(folder.join(target).exists(), "{document} links to {target}");
            }
        }
    }
}
