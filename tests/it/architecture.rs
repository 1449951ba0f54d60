//! The order of the modules: each uses only what stands to its left, and files stay small.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What each module may use of the crate. `config` and `telemetry` are leaves.
const MAY_USE: &[(&str, &[&str])] = &[
    ("limits", &["limits"]),
    ("domain", &["domain", "limits"]),
    ("correlate", &["correlate", "domain", "limits"]),
    ("store", &["store", "correlate", "domain", "limits"]),
    (
        "registry",
        &["registry", "store", "correlate", "domain", "limits"],
    ),
    ("mcp", &["mcp", "registry", "correlate", "domain", "limits"]),
    ("config", &["config"]),
    ("telemetry", &["telemetry", "config"]),
    (
        "cli",
        &[
            "cli",
            "mcp",
            "registry",
            "store",
            "correlate",
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

/// Every document that a reader is given.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("docs")];
    let mut found = vec![root.join("README.md")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let documents = documents();
    assert!(documents.len() > 5, "{documents:?}");
    for document in documents {
        let text = std::fs::read_to_string(&document).unwrap();
        let folder = document.parent().unwrap();
        for piece in text.split("](").skip(1) {
            let target = piece.split(')').next().unwrap();
            let target = target.split('#').next().unwrap();
            if !target.contains(':') {
                let place = folder.join(target);
                assert!(place.exists(), "{} links to {target}", document.display());
            }
        }
    }
}

/// What the page of troubles quotes of other programs.
const FOREIGN: [&str; 2] = ["spawn epr-mcp ENOENT", "command not found"];

/// The texts in straight double quotes in the first columns of a page's tables.
fn quoted_troubles(page: &str) -> Vec<&str> {
    let rows = page.lines().filter_map(|line| line.strip_prefix('|'));
    let firsts = rows.map(|row| row.split('|').next().unwrap());
    firsts
        .flat_map(|first| first.split('"').skip(1).step_by(2))
        .collect()
}

#[test]
fn the_texts_that_troubleshooting_quotes_are_those_of_the_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/TROUBLESHOOTING.md")).unwrap();
    let quoted = quoted_troubles(&page);
    assert!(quoted.len() > 10, "{quoted:?}");
    for foreign in FOREIGN {
        assert!(quoted.contains(&foreign), "{foreign} is quoted no more");
    }
    // A literal that goes on in the next line is one text.
    let program: String = sources("src")
        .into_iter()
        .flat_map(|(_, text)| {
            let mut pieces = text.split("\\\n").map(str::to_owned).collect::<Vec<_>>();
            for piece in pieces.iter_mut().skip(1) {
                *piece = piece.trim_start().to_owned();
            }
            pieces
        })
        .collect();
    for text in quoted.iter().filter(|text| !FOREIGN.contains(text)) {
        for piece in text.split('…').map(str::trim).filter(|p| !p.is_empty()) {
            assert!(program.contains(piece), "no message has {piece:?} ({text})");
        }
    }
}
