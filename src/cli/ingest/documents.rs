//! The documents of a stream: one a line (NDJSON), the items of a JSON array, or JSON values one after
//! the other. One document is in memory at a time, whatever the size of the stream.

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

use crate::limits;

/// One document, or what is wrong in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// The line on which it begins, from 1.
    pub(super) line: u64,
    /// Its text, or why there is none.
    pub(super) text: Result<String, String>,
}

/// Where in a stream the next document begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Position {
    /// Bytes before it.
    pub(super) bytes: u64,
    /// Lines before it.
    pub(super) lines: u64,
    /// How it stands there.
    pub(super) form: Form,
}

/// How the documents of a stream stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Form {
    /// Nothing has been read yet.
    #[default]
    Unknown,
    /// One on each line.
    Lines,
    /// The items of an array.
    Array,
    /// One after the other, over several lines.
    Values,
    /// The end, or a fault behind which nothing can be made out.
    Ended,
}

/// Reads documents.
#[derive(Debug)]
pub(super) struct Documents<R> {
    from: R,
    position: Position,
    /// Whether no document has been read yet.
    first: bool,
}

impl<R: AsyncBufRead + Unpin> Documents<R> {
    /// From the beginning.
    pub(super) fn new(from: R) -> Self {
        Self::at(from, Position::default())
    }

    /// From where another reading stopped; the stream is already there.
    pub(super) fn at(from: R, position: Position) -> Self {
        Self {
            from,
            position,
            first: position.form == Form::Unknown,
        }
    }

    /// Where the next document begins.
    pub(super) const fn position(&self) -> Position {
        self.position
    }

    /// The next document; `None` at the end.
    pub(super) async fn next(&mut self) -> std::io::Result<Option<Item>> {
        if self.position.form == Form::Unknown {
            self.begin().await?;
        }
        match self.position.form {
            Form::Lines => self.line().await,
            Form::Array | Form::Values => self.value().await,
            Form::Unknown | Form::Ended => Ok(None),
        }
    }

    /// Finds out the form from the first character.
    async fn begin(&mut self) -> std::io::Result<()> {
        // A byte order mark; no JSON begins with one of its bytes.
        self.skip(|byte| b"\xef\xbb\xbf".contains(&byte)).await?;
        self.position.form = match self.skip(|byte| byte.is_ascii_whitespace()).await? {
            None => Form::Ended,
            Some(b'[') => {
                self.take(1);
                Form::Array
            }
            Some(_) => Form::Lines,
        };
        Ok(())
    }

    /// The document of a line. A line that holds only the beginning of an object is no NDJSON: then the
    /// values stand one after the other.
    async fn line(&mut self) -> std::io::Result<Option<Item>> {
        loop {
            let line = self.position.lines + 1;
            let mut bytes = Vec::new();
            let long = self.until_newline(&mut bytes).await?;
            if bytes.is_empty() && !long && self.ended().await? {
                self.position.form = Form::Ended;
                return Ok(None);
            }
            if long {
                self.first = false;
                return Ok(Some(Item {
                    line,
                    text: Err(too_long()),
                }));
            }
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            let first = std::mem::take(&mut self.first);
            // A line behind it that begins an object is a line of its own: the first one is broken.
            if first && is_open(&bytes) && self.from.fill_buf().await?.first() != Some(&b'{') {
                self.position.form = Form::Values;
                return self.rest_of(bytes, line).await.map(Some);
            }
            return Ok(Some(Item {
                line,
                text: utf8(bytes),
            }));
        }
    }

    /// Reads to the end of the line, which is taken and left out; tells whether it was too long to be
    /// kept.
    async fn until_newline(&mut self, into: &mut Vec<u8>) -> std::io::Result<bool> {
        let mut long = false;
        loop {
            let found = self.from.fill_buf().await?;
            if found.is_empty() {
                return Ok(long);
            }
            let end = found.iter().position(|byte| *byte == b'\n');
            let part = found.get(..end.unwrap_or(found.len())).unwrap_or_default();
            if into.len() + part.len() > limits::INGEST_DOCUMENT_BYTES {
                long = true;
                into.clear();
            } else if !long {
                into.extend_from_slice(part);
            }
            let taken = end.map_or(part.len(), |end| end + 1);
            self.take(taken);
            if end.is_some() {
                self.position.lines += 1;
                return Ok(long);
            }
        }
    }

    /// The next value of an array, or of several values one after the other.
    async fn value(&mut self) -> std::io::Result<Option<Item>> {
        let in_array = self.position.form == Form::Array;
        let between = |byte: u8| byte.is_ascii_whitespace() || (in_array && byte == b',');
        match self.skip(between).await? {
            None => {
                self.position.form = Form::Ended;
                let line = self.position.lines + 1;
                let text = Err("the array is not closed: the file is cut off".to_owned());
                Ok(in_array.then_some(Item { line, text }))
            }
            Some(b']') if in_array => {
                self.take(1);
                let rest = self.skip(|byte| byte.is_ascii_whitespace()).await?;
                self.position.form = Form::Ended;
                let line = self.position.lines + 1;
                let text = Err("there is more behind the end of the array".to_owned());
                Ok(rest.map(|_| Item { line, text }))
            }
            Some(_) => {
                let line = self.position.lines + 1;
                self.rest_of(Vec::new(), line).await.map(Some)
            }
        }
    }

    /// Reads a value to its end; `bytes` holds what was read of it before.
    async fn rest_of(&mut self, mut bytes: Vec<u8>, line: u64) -> std::io::Result<Item> {
        let mut scan = Scan::default();
        let mut kept = true;
        for byte in &bytes {
            scan.take(*byte);
        }
        if !bytes.is_empty() {
            bytes.push(b'\n');
        }
        loop {
            let found = self.from.fill_buf().await?;
            if found.is_empty() {
                self.position.form = Form::Ended;
                let text = if scan.depth > 0 || scan.in_string {
                    Err("it is not closed: the file is cut off".to_owned())
                } else {
                    utf8(bytes)
                };
                return Ok(Item { line, text });
            }
            let mut used = 0;
            let mut ended = false;
            for byte in found {
                if scan.ends_before(*byte) {
                    ended = true;
                    break;
                }
                used += 1;
                scan.take(*byte);
                if scan.complete() {
                    ended = true;
                    break;
                }
            }
            let part = found.get(..used).unwrap_or_default();
            let newlines = newlines(part);
            if bytes.len() + part.len() > limits::INGEST_DOCUMENT_BYTES {
                kept = false;
                bytes = Vec::new();
            } else if kept {
                bytes.extend_from_slice(part);
            }
            self.take(used);
            self.position.lines += newlines;
            if ended {
                let text = if kept { utf8(bytes) } else { Err(too_long()) };
                return Ok(Item { line, text });
            }
        }
    }

    /// Passes over bytes; gives the first one that is not passed over.
    async fn skip(&mut self, over: impl Fn(u8) -> bool) -> std::io::Result<Option<u8>> {
        loop {
            let found = self.from.fill_buf().await?;
            if found.is_empty() {
                return Ok(None);
            }
            let count = found.iter().take_while(|byte| over(**byte)).count();
            let passed = found.get(..count).unwrap_or_default();
            let newlines = newlines(passed);
            let next = found.get(count).copied();
            self.take(count);
            self.position.lines += newlines;
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    async fn ended(&mut self) -> std::io::Result<bool> {
        Ok(self.from.fill_buf().await?.is_empty())
    }

    fn take(&mut self, bytes: usize) {
        self.from.consume(bytes);
        self.position.bytes += bytes as u64;
    }
}

/// Lines that end in these bytes.
fn newlines(bytes: &[u8]) -> u64 {
    bytes.split(|byte| *byte == b'\n').count() as u64 - 1
}

/// Whether a line holds the beginning of an object or array and not its end.
fn is_open(bytes: &[u8]) -> bool {
    let mut scan = Scan::default();
    for byte in bytes.trim_ascii() {
        scan.take(*byte);
    }
    scan.depth > 0 && !scan.in_string
}

/// Follows a value to its end without parsing it.
#[derive(Debug, Default)]
struct Scan {
    depth: usize,
    in_string: bool,
    escaped: bool,
    begun: bool,
    closed: bool,
}

impl Scan {
    fn take(&mut self, byte: u8) {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => {
                    self.in_string = false;
                    self.closed = self.depth == 0;
                }
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => {
                self.in_string = true;
                self.begun = true;
            }
            b'{' | b'[' => {
                self.depth += 1;
                self.begun = true;
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.closed = self.depth == 0;
            }
            _ if byte.is_ascii_whitespace() => {}
            _ => self.begun = true,
        }
    }

    /// Whether a number or a word outside of everything ends before this byte.
    fn ends_before(&self, byte: u8) -> bool {
        self.begun
            && self.depth == 0
            && !self.in_string
            && (byte.is_ascii_whitespace() || matches!(byte, b',' | b']' | b'}'))
    }

    fn complete(&self) -> bool {
        self.closed
    }
}

fn utf8(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("it is not UTF-8 text from its byte {} on", at + 1)
    })
}

fn too_long() -> String {
    format!(
        "it has more than {} bytes, which is the limit for one document here",
        limits::INGEST_DOCUMENT_BYTES
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::BufReader;

    use super::*;

    async fn read(bytes: &[u8], buffer: usize) -> Vec<(u64, Result<String, String>)> {
        let mut documents = Documents::new(BufReader::with_capacity(buffer, bytes));
        let mut out = Vec::new();
        while let Some(item) = documents.next().await.unwrap() {
            out.push((item.line, item.text.map(|text| text.trim().to_owned())));
        }
        assert_eq!(documents.position().bytes, bytes.len() as u64);
        out
    }

    fn good(found: &[(u64, Result<String, String>)]) -> Vec<(u64, &str)> {
        found
            .iter()
            .map(|(line, text)| (*line, text.as_deref().unwrap()))
            .collect()
    }

    #[tokio::test]
    async fn every_form_gives_its_documents_with_their_lines() {
        for buffer in [1, 7, 4096] {
            let lines = read(b"\xef\xbb\xbf{\"a\":1}\n\n {\"b\":\"}\\\"\"} \r\n3", buffer).await;
            assert_eq!(
                good(&lines),
                [(1, "{\"a\":1}"), (3, "{\"b\":\"}\\\"\"}"), (4, "3")]
            );
            let array = read(b" [\n{\"a\":\n1},[2] ,\n\"x]\", 4\n]\n", buffer).await;
            assert_eq!(
                good(&array),
                [(2, "{\"a\":\n1}"), (3, "[2]"), (4, "\"x]\""), (4, "4")]
            );
            let values = read(b"{\n \"a\": 1\n}\n{\n \"b\": \"{\"\n}\n", buffer).await;
            assert_eq!(
                good(&values),
                [(1, "{\n \"a\": 1\n}"), (4, "{\n \"b\": \"{\"\n}")]
            );
            assert!(read(b"", buffer).await.is_empty());
            assert!(read(b" \n \n", buffer).await.is_empty());
            assert!(read(b"[]", buffer).await.is_empty());
        }
    }

    #[tokio::test]
    async fn a_bad_line_does_not_touch_its_neighbours() {
        let found = read(b"{\"a\":1}\n{\"b\":\n\xff\xfe\n{\"c\":2}\n", 8).await;
        let texts: Vec<_> = found
            .iter()
            .map(|(line, text)| (*line, text.is_ok()))
            .collect();
        assert_eq!(texts, [(1, true), (2, true), (3, false), (4, true)]);
        assert_eq!(found[3].1.as_deref(), Ok("{\"c\":2}"));
    }

    #[tokio::test]
    async fn a_file_that_is_cut_off_or_goes_on_is_told_of() {
        for (bytes, count, words) in [
            (b"[{\"a\":1},{\"b\"".as_slice(), 2, "cut off"),
            (b"[{\"a\":1}", 2, "not closed"),
            (b"[{\"a\":1}] {\"b\":2}", 2, "behind the end"),
        ] {
            let mut documents = Documents::new(BufReader::new(bytes));
            let mut last = None;
            let mut seen = 0;
            while let Some(item) = documents.next().await.unwrap() {
                seen += 1;
                last = Some(item);
            }
            assert_eq!(seen, count);
            let why = last.unwrap().text.unwrap_err();
            assert!(why.contains(words), "{why}");
        }
    }

    #[tokio::test]
    async fn a_document_over_the_limit_is_left_out_and_the_next_one_is_read() {
        let long = "x".repeat(limits::INGEST_DOCUMENT_BYTES);
        for text in [
            format!("{{\"a\":1}}\n{{\"b\":\"{long}\"}}\n{{\"c\":3}}\n"),
            format!("[{{\"a\":1}},\n{{\"b\":\"{long}\"}},\n{{\"c\":3}}]"),
        ] {
            let found = read(text.as_bytes(), 65_536).await;
            let sound: Vec<_> = found
                .iter()
                .map(|(line, text)| (*line, text.is_ok()))
                .collect();
            assert_eq!(sound, [(1, true), (2, false), (3, true)]);
        }
    }

    proptest! {
        #[test]
        fn reading_can_go_on_where_it_stopped(
            texts in proptest::collection::vec("[a-z\"\\\\{}\\[\\], ]{0,12}", 1..8),
            array: bool,
            stop in 0usize..8,
        ) {
            let items: Vec<String> = texts
                .iter()
                .map(|text| serde_json::json!({ "t": text }).to_string())
                .collect();
            let whole = if array {
                format!("[{}]", items.join(",\n"))
            } else {
                items.join("\n")
            };
            let stop = stop.min(items.len());
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let mut first = Documents::new(whole.as_bytes());
                let mut read = Vec::new();
                for _ in 0..stop {
                    read.push(first.next().await.unwrap().unwrap().text.unwrap());
                }
                let position = first.position();
                let rest = &whole.as_bytes()[position.bytes as usize..];
                let mut second = Documents::at(rest, position);
                while let Some(item) = second.next().await.unwrap() {
                    read.push(item.text.unwrap());
                }
                assert_eq!(read, items);
            });
        }
    }
}
