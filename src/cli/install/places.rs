//! Where each client keeps its configuration: a pure function of the client, the platform and the
//! environment.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::client::Client;

/// The package of Claude Desktop in Windows' store of packaged programs.
const CLAUDE_PACKAGE: &str = "Claude_pzs8sxrjxfjjc";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Platform {
    Linux,
    #[value(name = "macos")]
    MacOs,
    Windows,
}

impl Platform {
    /// That of this program. Other Unixes keep things where Linux does.
    pub(super) fn here() -> Self {
        if cfg!(windows) {
            Self::Windows
        } else if cfg!(target_os = "macos") {
            Self::MacOs
        } else {
            Self::Linux
        }
    }
}

/// Whose configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Scope {
    /// Yours, in all projects
    User,
    /// That of the project in this folder
    Project,
}

/// What the places depend on beside the platform.
pub(super) struct Surroundings<'a> {
    /// An environment variable.
    pub(super) variable: &'a dyn Fn(&str) -> Option<PathBuf>,
    /// The user's folder, where the environment does not name it.
    pub(super) home: Option<PathBuf>,
    /// Where a project is.
    pub(super) folder: PathBuf,
}

/// A file that a client may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: PathBuf,
    /// It is the one that is read where this folder exists, or always.
    pub(super) only_with: Option<PathBuf>,
    /// Folders and files one of which is there when the client is installed.
    pub(super) signs: Vec<PathBuf>,
}

/// The places of a client, the first first.
///
/// # Errors
///
/// The environment says too little, or the client knows no such scope; each says what to do.
pub(super) fn places(
    client: Client,
    platform: Platform,
    scope: Scope,
    around: &Surroundings,
) -> Result<Vec<Place>, String> {
    let look = Look { platform, around };
    match scope {
        Scope::Project => project(client, &look),
        Scope::User => user(client, &look),
    }
}

/// The place that counts, of several.
pub(super) fn choose(places: Vec<Place>, exists: impl Fn(&Path) -> bool) -> Option<Place> {
    places
        .into_iter()
        .find(|place| place.only_with.as_deref().is_none_or(&exists))
}

fn project(client: Client, look: &Look) -> Result<Vec<Place>, String> {
    let folder = look.around.folder.clone();
    let parts: &[&str] = match client {
        Client::ClaudeCode => &[".mcp.json"],
        Client::VsCode => &[".vscode", "mcp.json"],
        Client::Cursor => &[".cursor", "mcp.json"],
        _ => {
            return Err(format!(
                "{} is installed for a user only here; leave --scope out (claude-code, vscode and cursor know \
                 projects)",
                client.title()
            ));
        }
    };
    Ok(vec![look.place(folder, parts)])
}

fn user(client: Client, look: &Look) -> Result<Vec<Place>, String> {
    let windows = look.platform == Platform::Windows;
    let place = match client {
        Client::ClaudeDesktop => return claude_desktop(look),
        Client::ClaudeCode => match look.variable("CLAUDE_CONFIG_DIR") {
            Some(folder) => look.place(folder, &[".claude.json"]),
            None => {
                let home = look.home()?;
                let mut place = look.place(home.clone(), &[".claude.json"]);
                // The home folder itself is no sign.
                place.signs = vec![place.file.clone(), look.join(home, &[".claude"])];
                place
            }
        },
        Client::VsCode => {
            if let Some(folder) = look.variable("VSCODE_PORTABLE") {
                look.place(folder, &["user-data", "User", "mcp.json"])
            } else if let Some(folder) = look.variable("VSCODE_APPDATA") {
                look.place(folder, &["Code", "User", "mcp.json"])
            } else {
                look.place(look.configuration()?, &["Code", "User", "mcp.json"])
            }
        }
        Client::Cursor => look.place(look.home()?, &[".cursor", "mcp.json"]),
        Client::Windsurf => look.place(look.home()?, &[".codeium", "windsurf", "mcp_config.json"]),
        Client::Zed if windows => look.place(look.configuration()?, &["Zed", "settings.json"]),
        Client::Zed if look.platform == Platform::MacOs => {
            look.place(look.home()?, &[".config", "zed", "settings.json"])
        }
        Client::Zed => {
            let folder = match look.variable("FLATPAK_XDG_CONFIG_HOME") {
                Some(folder) => folder,
                None => look.configuration()?,
            };
            look.place(folder, &["zed", "settings.json"])
        }
        Client::Codex => match look.variable("CODEX_HOME") {
            Some(folder) => look.place(folder, &["config.toml"]),
            None => look.place(look.home()?, &[".codex", "config.toml"]),
        },
        Client::Gemini => {
            let home = match look.variable("GEMINI_CLI_HOME") {
                Some(folder) => folder,
                None => look.home()?,
            };
            look.place(home, &[".gemini", "settings.json"])
        }
    };
    Ok(vec![place])
}

/// On Windows it is mostly a packaged program now, which sees a folder of its own where it looks for
/// `%APPDATA%`; what lies in the real one, it never reads.
fn claude_desktop(look: &Look) -> Result<Vec<Place>, String> {
    const FILE: [&str; 2] = ["Claude", "claude_desktop_config.json"];
    let plain = look.place(look.configuration()?, &FILE);
    if look.platform != Platform::Windows {
        return Ok(vec![plain]);
    }
    let local = look.app_data("LOCALAPPDATA", "Local")?;
    let package = look.join(local, &["Packages", CLAUDE_PACKAGE]);
    let inside = look.join(package.clone(), &["LocalCache", "Roaming"]);
    let mut packaged = look.place(inside, &FILE);
    packaged.signs.push(package.clone());
    packaged.only_with = Some(package);
    Ok(vec![packaged, plain])
}

struct Look<'a> {
    platform: Platform,
    around: &'a Surroundings<'a>,
}

impl Look<'_> {
    /// A variable that names an absolute path; others say nothing.
    fn variable(&self, name: &str) -> Option<PathBuf> {
        let absolute = |path: &PathBuf| {
            let text = path.to_string_lossy();
            path.is_absolute()
                || (self.platform == Platform::Windows
                    && (text.contains(":\\") || text.starts_with("\\\\")))
        };
        (self.around.variable)(name).filter(absolute)
    }

    fn home(&self) -> Result<PathBuf, String> {
        let name = match self.platform {
            Platform::Windows => "USERPROFILE",
            Platform::Linux | Platform::MacOs => "HOME",
        };
        self.variable(name)
            .or_else(|| self.around.home.clone())
            .ok_or_else(|| format!("no home folder was found: set {name}"))
    }

    /// The folder of the user's configuration.
    fn configuration(&self) -> Result<PathBuf, String> {
        match self.platform {
            Platform::Windows => self.app_data("APPDATA", "Roaming"),
            Platform::MacOs => Ok(self.join(self.home()?, &["Library", "Application Support"])),
            Platform::Linux => match self.variable("XDG_CONFIG_HOME") {
                Some(folder) => Ok(folder),
                None => Ok(self.join(self.home()?, &[".config"])),
            },
        }
    }

    fn app_data(&self, variable: &str, folder: &str) -> Result<PathBuf, String> {
        match self.variable(variable) {
            Some(path) => Ok(path),
            None => Ok(self.join(self.home()?, &["AppData", folder])),
        }
    }

    /// A file that is read in any case, whose folder is the sign of the client.
    fn place(&self, folder: PathBuf, parts: &[&str]) -> Place {
        let file = self.join(folder.clone(), parts);
        let above = parts.split_last().map_or(&[][..], |(_, above)| above);
        Place {
            file,
            only_with: None,
            signs: vec![self.join(folder, above)],
        }
    }

    /// A path of Windows keeps its kind of separator wherever this runs.
    fn join(&self, folder: PathBuf, parts: &[&str]) -> PathBuf {
        let text = folder.to_string_lossy();
        if self.platform == Platform::Windows && text.contains('\\') {
            let text = text.trim_end_matches('\\');
            return PathBuf::from(format!("{text}\\{}", parts.join("\\")));
        }
        parts.iter().fold(folder, |path, part| path.join(part))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn with(platform: Platform, client: Client, variables: &[(&str, &str)]) -> Vec<String> {
        let variables: BTreeMap<&str, &str> = variables.iter().copied().collect();
        let around = Surroundings {
            variable: &|name| variables.get(name).map(PathBuf::from),
            home: None,
            folder: PathBuf::from("/project"),
        };
        let found = places(client, platform, Scope::User, &around).unwrap();
        let shown = found.iter().map(|place| place.file.display().to_string());
        shown.collect()
    }

    const LINUX: &[(&str, &str)] = &[("HOME", "/home/ada")];
    const MAC: &[(&str, &str)] = &[("HOME", "/Users/ada"), ("XDG_CONFIG_HOME", "/elsewhere")];
    const WINDOWS: &[(&str, &str)] = &[
        ("USERPROFILE", r"C:\Users\ada"),
        ("APPDATA", r"C:\Users\ada\AppData\Roaming"),
        ("LOCALAPPDATA", r"C:\Users\ada\AppData\Local"),
    ];

    #[test]
    fn every_client_has_its_place_on_every_platform() {
        let expected = [
            (
                Client::ClaudeDesktop,
                "/home/ada/.config/Claude/claude_desktop_config.json",
                "/Users/ada/Library/Application Support/Claude/claude_desktop_config.json",
                r"C:\Users\ada\AppData\Local\Packages\Claude_pzs8sxrjxfjjc\LocalCache\Roaming\Claude\claude_desktop_config.json",
            ),
            (
                Client::ClaudeCode,
                "/home/ada/.claude.json",
                "/Users/ada/.claude.json",
                r"C:\Users\ada\.claude.json",
            ),
            (
                Client::VsCode,
                "/home/ada/.config/Code/User/mcp.json",
                "/Users/ada/Library/Application Support/Code/User/mcp.json",
                r"C:\Users\ada\AppData\Roaming\Code\User\mcp.json",
            ),
            (
                Client::Cursor,
                "/home/ada/.cursor/mcp.json",
                "/Users/ada/.cursor/mcp.json",
                r"C:\Users\ada\.cursor\mcp.json",
            ),
            (
                Client::Windsurf,
                "/home/ada/.codeium/windsurf/mcp_config.json",
                "/Users/ada/.codeium/windsurf/mcp_config.json",
                r"C:\Users\ada\.codeium\windsurf\mcp_config.json",
            ),
            (
                Client::Zed,
                "/home/ada/.config/zed/settings.json",
                "/Users/ada/.config/zed/settings.json",
                r"C:\Users\ada\AppData\Roaming\Zed\settings.json",
            ),
            (
                Client::Codex,
                "/home/ada/.codex/config.toml",
                "/Users/ada/.codex/config.toml",
                r"C:\Users\ada\.codex\config.toml",
            ),
            (
                Client::Gemini,
                "/home/ada/.gemini/settings.json",
                "/Users/ada/.gemini/settings.json",
                r"C:\Users\ada\.gemini\settings.json",
            ),
        ];
        assert_eq!(expected.len(), Client::ALL.len());
        for (client, linux, mac, windows) in expected {
            assert_eq!(with(Platform::Linux, client, LINUX)[0], linux);
            assert_eq!(with(Platform::MacOs, client, MAC)[0], mac);
            assert_eq!(with(Platform::Windows, client, WINDOWS)[0], windows);
        }
    }

    #[test]
    fn the_environment_moves_what_the_clients_let_it_move() {
        let moved = |client, variable, value| {
            with(
                Platform::Linux,
                client,
                &[("HOME", "/home/ada"), (variable, value)],
            )
            .remove(0)
        };
        assert_eq!(
            moved(Client::VsCode, "XDG_CONFIG_HOME", "/x"),
            "/x/Code/User/mcp.json"
        );
        assert_eq!(
            moved(Client::Zed, "XDG_CONFIG_HOME", "relative"),
            "/home/ada/.config/zed/settings.json"
        );
        assert_eq!(
            moved(Client::Zed, "FLATPAK_XDG_CONFIG_HOME", "/f"),
            "/f/zed/settings.json"
        );
        assert_eq!(
            moved(Client::VsCode, "VSCODE_PORTABLE", "/p"),
            "/p/user-data/User/mcp.json"
        );
        assert_eq!(
            moved(Client::VsCode, "VSCODE_APPDATA", "/a"),
            "/a/Code/User/mcp.json"
        );
        assert_eq!(
            moved(Client::ClaudeCode, "CLAUDE_CONFIG_DIR", "/c"),
            "/c/.claude.json"
        );
        assert_eq!(moved(Client::Codex, "CODEX_HOME", "/c"), "/c/config.toml");
        assert_eq!(
            moved(Client::Gemini, "GEMINI_CLI_HOME", "/g"),
            "/g/.gemini/settings.json"
        );
    }

    #[test]
    fn windows_folders_are_found_without_their_variables() {
        let bare = with(
            Platform::Windows,
            Client::ClaudeDesktop,
            &[("USERPROFILE", r"D:\ada")],
        );
        assert_eq!(
            bare[1],
            r"D:\ada\AppData\Roaming\Claude\claude_desktop_config.json"
        );
        assert!(bare[0].starts_with(r"D:\ada\AppData\Local\Packages\Claude_pzs8sxrjxfjjc\"));
    }

    #[test]
    fn the_packaged_claude_desktop_counts_where_it_is_installed() {
        let around = Surroundings {
            variable: &|name| (name == "USERPROFILE").then(|| PathBuf::from(r"C:\u")),
            home: None,
            folder: PathBuf::new(),
        };
        let found = || {
            places(
                Client::ClaudeDesktop,
                Platform::Windows,
                Scope::User,
                &around,
            )
            .unwrap()
        };
        let chosen = |exists: bool| choose(found(), |_| exists).unwrap().file;
        assert!(chosen(true).to_string_lossy().contains("LocalCache"));
        assert_eq!(
            chosen(false).to_string_lossy(),
            r"C:\u\AppData\Roaming\Claude\claude_desktop_config.json"
        );
    }

    #[test]
    fn a_home_that_nobody_names_is_asked_for() {
        let around = Surroundings {
            variable: &|_| None,
            home: None,
            folder: PathBuf::new(),
        };
        for (platform, name) in [
            (Platform::Linux, "HOME"),
            (Platform::MacOs, "HOME"),
            (Platform::Windows, "USERPROFILE"),
        ] {
            for client in Client::ALL {
                let why = places(client, platform, Scope::User, &around).unwrap_err();
                assert!(why.contains(name), "{client:?}: {why}");
            }
        }
    }

    #[test]
    fn a_project_has_its_own_file_where_the_client_knows_projects() {
        let around = Surroundings {
            variable: &|_| None,
            home: None,
            folder: PathBuf::from("/p"),
        };
        let file = |client| {
            places(client, Platform::Linux, Scope::Project, &around)
                .map(|places| places[0].file.display().to_string())
        };
        assert_eq!(file(Client::VsCode).unwrap(), "/p/.vscode/mcp.json");
        assert_eq!(file(Client::Cursor).unwrap(), "/p/.cursor/mcp.json");
        assert_eq!(file(Client::ClaudeCode).unwrap(), "/p/.mcp.json");
        assert!(file(Client::Zed).unwrap_err().contains("--scope"));
    }
}
