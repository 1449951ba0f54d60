//! Every client on the places of every platform.

use serde_json::json;

use super::{CLIENTS, Home, read_as, started, text, tools_of};

/// Where each client looks, below the home folder: on Linux, macOS, Windows.
const PLACES: [(&str, [&str; 3]); 8] = [
    (
        "claude-code",
        [".claude.json", ".claude.json", ".claude.json"],
    ),
    (
        "claude-desktop",
        [
            ".config/Claude/claude_desktop_config.json",
            "Library/Application Support/Claude/claude_desktop_config.json",
            "AppData/Roaming/Claude/claude_desktop_config.json",
        ],
    ),
    (
        "vscode",
        [
            ".config/Code/User/mcp.json",
            "Library/Application Support/Code/User/mcp.json",
            "AppData/Roaming/Code/User/mcp.json",
        ],
    ),
    ("cursor", [".cursor/mcp.json"; 3]),
    ("windsurf", [".codeium/windsurf/mcp_config.json"; 3]),
    (
        "zed",
        [
            ".config/zed/settings.json",
            ".config/zed/settings.json",
            "AppData/Roaming/Zed/settings.json",
        ],
    ),
    ("codex", [".codex/config.toml"; 3]),
    ("gemini", [".gemini/settings.json"; 3]),
];

const PLATFORMS: [&str; 3] = ["linux", "macos", "windows"];

/// What somebody has in the file already.
fn own(client: &str, servers: &str) -> String {
    match client {
        "codex" => {
            "# mine\nmodel = \"o3\"\n\n[mcp_servers.mine]\ncommand = \"x\" # my own\n".to_owned()
        }
        "vscode" | "zed" | "gemini" => format!(
            "// mine\n{{\n    \"theme\": \"One // Dark\", /* a remark */\n    \"{servers}\": {{\n        \"mine\": {{ \
             \"command\": \"x\" }}, // my own\n    }},\n    \"z\": [1, 2,],\n}}\n"
        ),
        _ => format!(
            "{{\n  \"z\": 1,\n  \"{servers}\": {{\n    \"mine\": {{\n      \"command\": \"x\"\n    }}\n  }},\n  \"a\": \
             [\n    true\n  ]\n}}\n"
        ),
    }
}

#[test]
fn what_is_written_is_read_back_and_works_for_every_client_on_every_platform() {
    for (column, platform) in PLATFORMS.into_iter().enumerate() {
        for (client, places) in PLACES {
            let (_, servers) = CLIENTS
                .into_iter()
                .find(|(name, _)| *name == client)
                .unwrap();
            for before in [None, Some(own(client, servers))] {
                let home = Home::new(platform);
                let file = home.path(places[column]);
                if let Some(before) = &before {
                    home.with(places[column], before);
                }
                let db = home.path("a registry.db");
                let told = home.well(&[
                    "--client",
                    client,
                    "--write",
                    "--db",
                    db.to_str().unwrap(),
                    "--",
                    "--read-only",
                ]);
                assert!(told.contains(file.to_str().unwrap()), "{told}");

                let config = read_as(client, &text(&file));
                let entry = &config[servers]["epr"];
                let command = entry["command"].as_str().unwrap();
                assert!(command.starts_with('/'), "{client}: {command}");
                let args = ["stdio", "--db", db.to_str().unwrap(), "--read-only"];
                assert_eq!(entry["args"], json!(args), "{client}");
                match client {
                    "vscode" | "claude-code" => assert_eq!(entry["type"], "stdio"),
                    "zed" => assert_eq!(entry["source"], "custom"),
                    _ => assert!(entry.get("type").is_none()),
                }
                let tools = tools_of(&home, entry);
                assert!(tools > 5, "{client} on {platform}: {tools}");
                assert!(told.contains(&format!("offers {tools} tools")), "{told}");
                let described = started(&home, entry).text("describe_registry", json!({}));
                assert!(
                    described.contains("Holds 0 events") && described.contains("a registry.db"),
                    "it is the database that was named: {described}"
                );

                let left = Home::beside(&file);
                match &before {
                    None => assert!(
                        !left.iter().any(|name| name.contains("backup")),
                        "{client}: {left:?}"
                    ),
                    Some(before) => {
                        assert_eq!(config[servers]["mine"]["command"], "x", "{client}");
                        let name = file.file_name().unwrap().to_str().unwrap();
                        let backup = format!("{name}.epr-backup-1");
                        assert!(left.contains(&backup), "{client}: {left:?}");
                        assert_eq!(&text(&file.with_file_name(backup)), before);
                        home.well(&["--client", client, "--uninstall"]);
                        assert_eq!(&text(&file), before, "{client}: as it was");
                    }
                }
            }
        }
    }
}

#[test]
fn the_packaged_claude_desktop_is_the_one_that_is_written_where_it_is_installed() {
    let home = Home::new("windows");
    let package = "AppData/Local/Packages/Claude_pzs8sxrjxfjjc";
    std::fs::create_dir_all(home.path(package)).unwrap();
    home.well(&["--client", "claude-desktop", "--write"]);
    let file = home.path(&format!(
        "{package}/LocalCache/Roaming/Claude/claude_desktop_config.json"
    ));
    let config = read_as("claude-desktop", &text(&file));
    assert!(tools_of(&home, &config["mcpServers"]["epr"]) > 5);
    assert!(!home.path("AppData/Roaming/Claude").exists());
}

#[test]
fn the_environment_moves_the_files_of_those_that_let_it() {
    for (client, variable, below) in [
        ("codex", "CODEX_HOME", "config.toml"),
        ("claude-code", "CLAUDE_CONFIG_DIR", ".claude.json"),
        ("gemini", "GEMINI_CLI_HOME", ".gemini/settings.json"),
        ("vscode", "XDG_CONFIG_HOME", "Code/User/mcp.json"),
    ] {
        let home = Home::linux();
        let moved = home.path("else where");
        let written = home
            .command(&["--client", client, "--write", "--no-check"])
            .env(variable, &moved)
            .output()
            .unwrap();
        assert!(written.status.success(), "{}", super::both(&written));
        assert!(moved.join(below).is_file(), "{client}");
    }
}

#[test]
fn a_project_has_its_own_configuration() {
    for (client, file, servers) in [
        ("vscode", ".vscode/mcp.json", "servers"),
        ("cursor", ".cursor/mcp.json", "mcpServers"),
        ("claude-code", ".mcp.json", "mcpServers"),
    ] {
        let home = Home::linux();
        home.well(&["--client", client, "--scope", "project", "--write"]);
        let config = read_as(client, &text(&home.path(file)));
        assert!(config[servers]["epr"].is_object(), "{client}");
    }
    let told = Home::linux().refused(&["--client", "zed", "--scope", "project"], 2);
    assert!(told.contains("leave --scope out"), "{told}");
}

#[test]
fn without_a_client_those_that_are_here_are_named() {
    let home = Home::linux();
    std::fs::create_dir_all(home.path(".cursor")).unwrap();
    let told = home.well(&[]);
    for (client, _) in CLIENTS {
        let line = told
            .lines()
            .find(|line| line.trim_start().starts_with(&format!("{client} ")))
            .unwrap_or_else(|| panic!("{client}: {told}"));
        assert_eq!(line.contains("found"), client == "cursor", "{line}");
    }
    assert!(
        told.contains("Next: epr-mcp install --client cursor"),
        "{told}"
    );
    let told = home.refused(&["--write"], 2);
    assert!(told.contains("--client"), "{told}");
    let told = home.refused(&["--client", "cursr"], 2);
    assert!(
        told.contains("'cursor'") && told.contains("windsurf"),
        "{told}"
    );
}

#[test]
fn without_write_it_is_shown_and_nothing_is_made() {
    for (client, places) in PLACES {
        let home = Home::linux();
        let told = home.well(&["--client", client]);
        let file = home.path(places[0]);
        assert!(!file.exists(), "{client}");
        let left = std::fs::read_dir(home.folder.path()).unwrap().count();
        assert_eq!(left, 0, "{client}: nothing is made");
        assert!(
            told.contains(file.to_str().unwrap()) && told.contains("not there yet"),
            "{told}"
        );
        assert!(told.contains("tools."), "{told}");
        // The piece to paste is a whole configuration.
        let piece = match client {
            "codex" => told
                .split("\n\n")
                .find(|part| part.starts_with("[mcp_servers.epr]"))
                .unwrap()
                .to_owned(),
            _ => {
                let begin = told.find("\n{\n").unwrap();
                let end = told[begin..].find("\n}\n").unwrap();
                told[begin..begin + end + 3].to_owned()
            }
        };
        let (_, servers) = CLIENTS
            .into_iter()
            .find(|(name, _)| *name == client)
            .unwrap();
        let config = read_as(client, piece.trim());
        assert!(tools_of(&home, &config[servers]["epr"]) > 5, "{client}");
    }
}
