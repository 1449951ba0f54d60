//! Documents that a command line is given: in a file, on stdin.

use std::path::Path;

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::limits;

/// The text of a file, or of stdin for `-`, of at most so many bytes. A byte order mark is no text.
pub(super) async fn text(path: &Path, most: usize) -> anyhow::Result<String> {
    let about = || format!("the file {} cannot be read", path.display());
    let bytes = if path == Path::new("-") {
        bounded(tokio::io::stdin(), most).await
    } else {
        let file = tokio::fs::File::open(path).await.with_context(about)?;
        bounded(file, most).await
    };
    let bytes = bytes.with_context(about)?;
    anyhow::ensure!(
        bytes.len() <= most,
        "{} has more than {most} bytes, which are allowed here",
        path.display()
    );
    let text = String::from_utf8(bytes)
        .with_context(|| format!("the file {} is not UTF-8 text", path.display()))?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// One byte more than allowed tells.
async fn bounded(from: impl AsyncRead + Unpin, most: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most as u64 + 1).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// The records of a file: a JSON object, a JSON array of them, or the same in YAML. Documents inside
/// JSON stay as they are written.
pub(super) async fn items<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    let text = text(path, limits::GENERATE_FILE_BYTES).await?;
    let about = || format!("the file {}", path.display());
    let text = text.trim();
    anyhow::ensure!(!text.is_empty(), "{} is empty", about());
    let item = |at: usize| format!("{}, item {}", about(), at + 1);
    if text.starts_with(['{', '[']) {
        let json = RawValue::from_string(text.to_owned());
        let json = json.with_context(|| format!("{} is not JSON", about()))?;
        if text.starts_with('{') {
            return Ok(vec![serde_json::from_str(text).with_context(about)?]);
        }
        let items: Vec<&RawValue> = serde_json::from_str(json.get()).with_context(about)?;
        let read = |(at, one): (usize, &&RawValue)| {
            serde_json::from_str(one.get()).with_context(|| item(at))
        };
        return items.iter().enumerate().map(read).collect();
    }
    let items = match yaml(text).with_context(|| format!("{} is neither JSON nor YAML", about()))? {
        Value::Array(items) => items,
        one => vec![one],
    };
    let read = |(at, one): (usize, Value)| {
        exact(&one).with_context(|| item(at))?;
        let read = serde_json::from_value(one);
        read.with_context(|| {
            format!(
                "{} (in YAML, text that looks like a number stands in quotes)",
                item(at)
            )
        })
    };
    items.into_iter().enumerate().map(read).collect()
}

/// YAML 1.2, in which `no` and `y` are text.
fn yaml(text: &str) -> anyhow::Result<Value> {
    let mut options = serde_saphyr::Options::default();
    options.strict_booleans = true;
    Ok(serde_saphyr::from_str_with_options(text, options)?)
}

/// Refuses a number that is another one by now: what is recorded is what was written.
fn exact(value: &Value) -> anyhow::Result<()> {
    match value {
        Value::Number(number) => {
            let float = number.as_f64().filter(|_| number.is_f64());
            anyhow::ensure!(
                float.is_none_or(|float| float.abs() < 9_007_199_254_740_992.0),
                "the number {number} has more digits than YAML keeps here; write the file as JSON"
            );
            Ok(())
        }
        Value::Array(items) => items.iter().try_for_each(exact),
        Value::Object(members) => members.values().try_for_each(exact),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Item {
        name: String,
        payload: Option<Box<RawValue>>,
    }

    async fn read(text: &[u8]) -> anyhow::Result<Vec<Item>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        tokio::fs::write(file.path(), text).await.unwrap();
        items(file.path()).await
    }

    #[tokio::test]
    async fn an_object_an_array_and_yaml_are_read() {
        let one = read(b"\xef\xbb\xbf{\"name\": \"a\", \"payload\": {\"n\":  1.50}, \"id\": \"\"}")
            .await
            .unwrap();
        assert_eq!(
            (one[0].name.as_str(), one[0].payload.as_ref().unwrap().get()),
            ("a", "{\"n\":  1.50}")
        );
        assert_eq!(
            read(b" [{\"name\": \"a\"}, {\"name\": \"b\"}]\n")
                .await
                .unwrap()
                .len(),
            2
        );
        assert!(read(b"[]").await.unwrap().is_empty());
        let yaml = read(b"- name: a\n  payload: {x: 1}\n- name: b\n")
            .await
            .unwrap();
        let plain = read(b"name: n\npayload: {country: NO, flag: y, yes: true}\n")
            .await
            .unwrap();
        assert_eq!(
            (
                plain[0].name.as_str(),
                plain[0].payload.as_ref().unwrap().get()
            ),
            ("n", "{\"country\":\"NO\",\"flag\":\"y\",\"yes\":true}")
        );
        assert_eq!(
            (yaml.len(), yaml[0].payload.as_ref().unwrap().get()),
            (2, "{\"x\":1}")
        );
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_told_with_its_place() {
        for (bad, words) in [
            (b"".as_slice(), "is empty"),
            (b"{\"name\": ", "not JSON"),
            (b"[{\"name\": \"a\"}, {\"nam\": 1}]", "item 2"),
            (b"\xff\xfe", "UTF-8"),
            (b"- name: [", "neither JSON nor YAML"),
            (b"- name: a\n- name: 1.5", "item 2"),
            (b"name: a\npayload: [12345678901234567890123]", "item 1"),
        ] {
            let error = format!("{:#}", read(bad).await.unwrap_err());
            assert!(error.contains(words), "{error}");
        }
        let error = items::<Item>(Path::new("/nowhere/x.json"))
            .await
            .unwrap_err();
        assert!(
            format!("{error:#}").contains("/nowhere/x.json"),
            "{error:#}"
        );
    }
}
