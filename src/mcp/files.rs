//! Payloads from files, where the operator allows a directory.

use std::path::{Component, Path, PathBuf};

use tokio::io::AsyncReadExt as _;

use super::error::ToolError;
use super::tool::ToolCx;
use crate::domain::refusal::Refusal;
use crate::domain::text::quoted;
use crate::limits;

/// The text of a file inside the allowed directory. Links are followed only to where they still
/// lead inside.
pub(crate) async fn read_payload(cx: &ToolCx, path: &str) -> Result<String, ToolError> {
    let Some(directory) = &cx.server.options().allow_files else {
        return Err(ToolError::Other(
            "This server reads no files; send the payload itself.".to_owned(),
        ));
    };
    read_inside(directory, path).await
}

async fn read_inside(directory: &Path, path: &str) -> Result<String, ToolError> {
    let refused = |why: &str| {
        ToolError::from(Refusal::InvalidArgument {
            argument: "payload_file",
            value: path.to_owned(),
            why: why.to_owned(),
        })
    };
    let relative = Path::new(path);
    let plain = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if path.is_empty() || !plain {
        return Err(refused(
            "it must be a path inside the allowed directory, without .. and not absolute",
        ));
    }
    let root = canonical(directory)
        .await
        .ok_or_else(|| refused("the allowed directory cannot be read"))?;
    let full = canonical(&root.join(relative))
        .await
        .ok_or_else(|| refused("there is no such file"))?;
    if !full.starts_with(&root) {
        return Err(refused("it leads out of the allowed directory"));
    }
    let about = tokio::fs::metadata(&full)
        .await
        .map_err(|_| refused("it cannot be read"))?;
    if !about.is_file() {
        return Err(refused("it is not a file"));
    }
    let file = tokio::fs::File::open(&full)
        .await
        .map_err(|_| refused("it cannot be read"))?;
    // The file may grow meanwhile: one byte more than allowed tells.
    let mut bytes = Vec::new();
    let most = limits::PAYLOAD_BYTES as u64;
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .await
        .map_err(|_| refused("it cannot be read"))?;
    if bytes.len() > limits::PAYLOAD_BYTES {
        return Err(Refusal::TooLarge {
            what: "payload",
            size: Some(about.len().max(most + 1)),
            limit: most,
            unit: "bytes",
            hint: "Record a summary with the file's digest and address instead.".to_owned(),
        }
        .into());
    }
    String::from_utf8(bytes).map_err(|_| {
        ToolError::Other(format!(
            "The file {} is not UTF-8 text; a payload is JSON.",
            quoted(path)
        ))
    })
}

async fn canonical(path: &Path) -> Option<PathBuf> {
    tokio::fs::canonicalize(path).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_files_inside_the_directory_are_read() {
        let place = tempfile::tempdir().unwrap();
        let allowed = place.path().join("in");
        std::fs::create_dir_all(allowed.join("sub")).unwrap();
        std::fs::write(allowed.join("sub/a.json"), "{}").unwrap();
        std::fs::write(allowed.join("latin"), b"\xff").unwrap();
        std::fs::write(place.path().join("secret"), "{}").unwrap();
        assert_eq!(read_inside(&allowed, "sub/a.json").await.unwrap(), "{}");
        assert_eq!(read_inside(&allowed, "./sub/a.json").await.unwrap(), "{}");
        for bad in [
            "",
            "../secret",
            "sub/../../secret",
            "/etc/passwd",
            "sub",
            "none",
            "latin",
        ] {
            assert!(read_inside(&allowed, bad).await.is_err(), "{bad}");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_link_that_leads_out_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let allowed = place.path().join("in");
        std::fs::create_dir(&allowed).unwrap();
        std::fs::write(place.path().join("secret"), "{}").unwrap();
        std::os::unix::fs::symlink(place.path().join("secret"), allowed.join("out")).unwrap();
        std::os::unix::fs::symlink(place.path(), allowed.join("dir")).unwrap();
        for bad in ["out", "dir/secret"] {
            let error = read_inside(&allowed, bad).await.unwrap_err().text();
            assert!(error.contains("leads out"), "{error}");
        }
    }
}
