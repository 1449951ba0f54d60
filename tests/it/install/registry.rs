//! Whether the registry of an entry can be used, and what is made of it meanwhile.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Home, both, started, text};

/// All that lies in a folder, at any depth.
fn all_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(all_in(&path));
        }
        found.push(path);
    }
    found.sort();
    found
}

const NOBODY: &str = "postgres://nobody@127.0.0.1:1/x?sslmode=disable";

#[test]
fn a_registry_that_cannot_be_used_is_told_of_and_is_no_success() {
    let home = Home::linux();
    std::fs::create_dir_all(home.path("a folder")).unwrap();
    let letter = home.with("letter.db", "Dear Ada, this is no database at all.");
    for db in ["/proc/nowhere/epr.db", "a folder", "letter.db", NOBODY] {
        for more in [
            &[][..],
            &["--read-only"],
            &["--exclude-tools", "describe_registry"],
        ] {
            let tried = home
                .command(&["--client", "cursor", "--force", "--write", "--"])
                .args(more)
                .env("EPR_DB", db)
                .output()
                .unwrap();
            let told = both(&tried);
            assert_eq!(tried.status.code(), Some(1), "{db} {more:?}: {told}");
            assert!(
                told.contains("it starts, but its registry cannot be used: "),
                "{db} {more:?}: {told}"
            );
            assert!(
                !told.contains("Checked")
                    && !told.contains("nothing was written")
                    && !told.contains("{\"code\""),
                "{told}"
            );
            assert!(told.contains("--uninstall"), "{told}");
        }
    }
    assert_eq!(text(&letter), "Dear Ada, this is no database at all.");
    // What is there, and a server, is tried as it is before anything is written, too.
    for db in ["a folder", "letter.db", NOBODY] {
        let told = home.refused(&["--client", "cursor", "--db", db], 1);
        assert!(told.contains("its registry cannot be used: "), "{told}");
    }
}

#[test]
fn with_write_the_registry_is_made_whole() {
    for more in [&[][..], &["--", "--exclude-tools", "describe_registry"]] {
        let home = Home::linux();
        let db = home.path("team/registry.db");
        let mut arguments = vec![
            "--client",
            "cursor",
            "--db",
            db.to_str().unwrap(),
            "--write",
        ];
        arguments.extend(more);
        let told = home.well(&arguments);
        assert!(
            told.contains("its registry opens") && told.contains(db.to_str().unwrap()),
            "{told}"
        );
        assert!(db.metadata().unwrap().len() > 0);
        // Orderly ended: nothing of an open database lies beside it.
        assert!(Home::beside(&db).is_empty(), "{:?}", Home::beside(&db));
    }
}

#[test]
fn without_write_no_registry_is_made_and_what_was_tried_is_said() {
    let home = Home::linux();
    let default = ".local/share/epr-mcp/epr.db";
    std::fs::write(home.path("settings.toml"), "db = \"/nowhere/of/mine.db\"\n").unwrap();
    let before = all_in(home.folder.path());
    for (arguments, db) in [
        (&[][..], home.path(default)),
        (&["--db", "a/named.db"], home.path("a/named.db")),
        (&["--", "--db=named.db"], home.path("named.db")),
        (
            &["--config", "settings.toml"],
            PathBuf::from("/nowhere/of/mine.db"),
        ),
    ] {
        let shown = home
            .command(&["--client", "cursor"])
            .args(arguments)
            .output()
            .unwrap();
        let told = both(&shown);
        assert!(shown.status.success(), "{told}");
        assert!(
            told.contains("throw-away")
                && told.contains(&format!("{} is not there yet", db.display())),
            "{arguments:?}: {told}"
        );
        assert_eq!(all_in(home.folder.path()), before, "{arguments:?}");
        assert!(!db.exists());
    }
    // By a variable, too.
    let shown = home
        .command(&["--client", "cursor"])
        .env("EPR_DB", "by/variable.db")
        .output()
        .unwrap();
    assert!(both(&shown).contains("throw-away"), "{}", both(&shown));
    assert_eq!(all_in(home.folder.path()), before);
}

#[test]
fn a_registry_that_is_there_is_tried_as_it_is_and_stays() {
    let home = Home::linux();
    let arguments = ["--client", "cursor", "--write", "--db", "r.db"];
    home.well(&arguments);
    let entry = json!({
        "command": env!("CARGO_BIN_EXE_epr-mcp"),
        "args": ["stdio", "--db", home.path("r.db")]
    });
    started(&home, &entry).record(
        "create_receiver",
        json!({
            "name": "mine", "type": "x.mine", "version": "1", "description": "Mine", "schema_name": "any"
        }),
    );
    let told = home.well(&["--client", "cursor", "--db", "r.db"]);
    assert!(
        told.contains("its registry opens") && !told.contains("throw-away"),
        "{told}"
    );
    let described = started(&home, &entry).text("describe_registry", json!({}));
    assert!(described.contains("1 receiver"), "{described}");
}
