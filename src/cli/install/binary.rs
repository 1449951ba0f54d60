//! Which path of this program a client's configuration names.
//!
//! It has to stay right when a package manager replaces the version: where a name on the search path, or
//! the one that this was started by, leads to this very file, that name is taken and not what it leads
//! to (`/opt/homebrew/bin/epr-mcp`, not `…/Cellar/epr-mcp/0.1.0/bin/epr-mcp`).

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use anyhow::Context as _;

/// What this program is called.
const NAME: &str = "epr-mcp";

/// The path to name.
pub(super) fn path() -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("this program cannot tell where it is")?;
    anyhow::ensure!(
        this.is_file(),
        "this program's own file {} is gone; start it again from where it is now",
        this.display()
    );
    let search = std::env::var_os("PATH").unwrap_or_default();
    let called = std::env::args_os().next().map(PathBuf::from);
    let candidates = candidates(&search, called.as_deref());
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    Ok(stable(&this, candidates, real))
}

/// Names by which this program may be reached, the best first.
fn candidates(search: &OsStr, called: Option<&Path>) -> Vec<PathBuf> {
    let file = format!("{NAME}{}", std::env::consts::EXE_SUFFIX);
    let mut found: Vec<PathBuf> = std::env::split_paths(search)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(&file))
        .collect();
    let called = called
        .filter(|path| path.components().count() > 1 && path.file_stem() == Some(OsStr::new(NAME)));
    found.extend(called.and_then(|path| std::path::absolute(path).ok()));
    found
}

/// The first candidate that leads to this program, or the program itself.
fn stable(
    this: &Path,
    candidates: Vec<PathBuf>,
    real: impl Fn(&Path) -> Option<PathBuf>,
) -> PathBuf {
    let own = real(this);
    candidates
        .into_iter()
        .find(|path| own.is_some() && real(path) == own)
        .unwrap_or_else(|| this.to_path_buf())
}

/// Why a path will not last, if that is to be feared.
pub(super) fn doubt(path: &Path, temporary: &Path) -> Option<&'static str> {
    let parts: Vec<&OsStr> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(part) => Some(part),
            _ => None,
        })
        .collect();
    let builds = ["debug", "release", "dist"].map(OsStr::new);
    let built = parts
        .iter()
        .skip_while(|part| **part != "target")
        .skip(1)
        .any(|part| builds.contains(part));
    if built {
        return Some("lies in a build folder, which `cargo clean` empties");
    }
    let temporary = [
        temporary,
        Path::new("/tmp"),
        Path::new("/var/tmp"),
        Path::new("/private/var/folders"),
    ];
    temporary
        .iter()
        .any(|folder| path.starts_with(folder))
        .then_some("lies in a temporary folder")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stable_name_is_taken_and_not_where_it_leads() {
        let this = Path::new("/cellar/epr-mcp/0.1.0/bin/epr-mcp");
        let real = |path: &Path| match path.to_str()? {
            "/bin/epr-mcp" => Some(PathBuf::from("/other/epr-mcp")),
            "/brew/bin/epr-mcp" => Some(this.to_path_buf()),
            own if own == this.to_str()? => Some(this.to_path_buf()),
            _ => None,
        };
        let found = candidates(OsStr::new("/bin:relative:/brew/bin"), None);
        assert_eq!(stable(this, found, real), Path::new("/brew/bin/epr-mcp"));
        let found = candidates(OsStr::new("/bin"), Some(Path::new("/brew/bin/epr-mcp")));
        assert_eq!(stable(this, found, real), Path::new("/brew/bin/epr-mcp"));
        let found = candidates(OsStr::new("/bin"), Some(Path::new("epr-mcp")));
        assert_eq!(stable(this, found, real), this);
    }

    #[test]
    fn what_will_not_last_is_doubted() {
        let doubted = |path: &str| doubt(Path::new(path), Path::new("/scratch")).is_some();
        for path in [
            "/home/a/epr/target/debug/epr-mcp",
            "/src/target/x86_64-unknown-linux-musl/release/epr-mcp",
            "/scratch/epr-mcp",
            "/tmp/x/epr-mcp",
        ] {
            assert!(doubted(path), "{path}");
        }
        for path in [
            "/usr/local/bin/epr-mcp",
            "/home/target/bin/epr-mcp",
            "/home/a/release/epr-mcp",
        ] {
            assert!(!doubted(path), "{path}");
        }
    }
}
