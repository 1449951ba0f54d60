//! One pass over a JSON-RPC line in constant memory: what has to be known of it before, or instead
//! of, building a document.

use rmcp::model::RequestId;

/// Bytes of a key or an id that are kept while scanning.
const KEPT_BYTES: usize = 512;

/// What one pass over a line found out.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    depth: usize,
    deepest: usize,
    values: usize,
    in_string: bool,
    escaped: bool,
    expects_key: bool,
    key: Key,
    kept: Vec<u8>,
    number: Vec<u8>,
    id: Option<RequestId>,
    has_method: bool,
    closed: bool,
}

/// Which key of the outermost object the scan stands behind.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Key {
    #[default]
    Other,
    Id,
}

impl Scan {
    /// Scans a whole line.
    pub(crate) fn of(line: &[u8]) -> Self {
        let mut scan = Self::default();
        scan.feed(line);
        scan.end();
        scan
    }

    /// Scans the next bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.in_string {
                self.string_byte(*byte);
            } else {
                self.byte(*byte);
            }
        }
    }

    /// Tells that the line is at its end.
    pub(crate) fn end(&mut self) {
        self.end_number();
    }

    /// The id of the outermost object, if it has a usable one.
    pub(crate) fn id(&self) -> Option<&RequestId> {
        self.id.as_ref()
    }

    /// Whether this is a notification: a method and no id.
    pub(crate) fn is_notification(&self) -> bool {
        self.closed && self.has_method && self.id.is_none()
    }

    /// Whether the outermost object was closed.
    pub(crate) fn closed(&self) -> bool {
        self.closed
    }

    /// How deep the document nests.
    pub(crate) fn deepest(&self) -> usize {
        self.deepest
    }

    /// How many values the document has, at most.
    pub(crate) fn values(&self) -> usize {
        self.values
    }

    fn string_byte(&mut self, byte: u8) {
        if self.depth == 1 {
            self.keep(byte);
        }
        if self.escaped {
            self.escaped = false;
        } else if byte == b'\\' {
            self.escaped = true;
        } else if byte == b'"' {
            self.in_string = false;
            if self.depth == 1 {
                self.end_string();
            }
        }
    }

    fn byte(&mut self, byte: u8) {
        if matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') {
            if self.number.len() < KEPT_BYTES {
                self.number.push(byte);
            }
            return;
        }
        self.end_number();
        match byte {
            b'"' => {
                self.in_string = true;
                if self.depth == 1 {
                    self.kept.clear();
                    self.keep(byte);
                }
            }
            b'{' | b'[' => {
                self.depth += 1;
                self.deepest = self.deepest.max(self.depth);
                self.values += 1;
                self.expects_key = self.depth == 1 && byte == b'{';
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.closed |= self.depth == 0;
            }
            b',' => {
                self.values += 1;
                if self.depth == 1 {
                    self.expects_key = true;
                    self.key = Key::Other;
                }
            }
            b':' if self.depth == 1 => self.expects_key = false,
            _ => {}
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.kept.len() < KEPT_BYTES {
            self.kept.push(byte);
        }
    }

    /// A string of the outermost object ended: a key, or a value that may be the id.
    fn end_string(&mut self) {
        let text = serde_json::from_slice::<String>(&self.kept).ok();
        if self.expects_key {
            self.key = if text.as_deref() == Some("id") {
                Key::Id
            } else {
                Key::Other
            };
            self.has_method |= text.as_deref() == Some("method");
        } else if self.key == Key::Id
            && let Some(text) = text
        {
            self.id = Some(RequestId::String(text.into()));
        }
    }

    fn end_number(&mut self) {
        if self.number.is_empty() {
            return;
        }
        let text = std::str::from_utf8(&self.number).unwrap_or_default();
        if self.depth == 1
            && !self.expects_key
            && self.key == Key::Id
            && let Ok(id) = text.parse::<i64>()
        {
            self.id = Some(RequestId::Number(id));
        }
        self.number.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(line: &str) -> Option<String> {
        Scan::of(line.as_bytes()).id().map(|id| format!("{id:?}"))
    }

    #[test]
    fn finds_the_outermost_id_alone() {
        assert_eq!(
            id(r#"{"params":{"id":3,"a":["id",{"id":4}]},"id":7}"#).unwrap(),
            "Number(7)"
        );
        assert_eq!(
            id(r#"{"a":"\"id\":1","id" : "x\u0041"}"#).unwrap(),
            "String(\"xA\")"
        );
        assert_eq!(id(r#"{"\u0069d":-2,"method":"m"}"#).unwrap(), "Number(-2)");
        for none in [
            r#"{"method":"m"}"#,
            r#"{"id":null}"#,
            r#"{"id":{"id":1}}"#,
            r#"["id",1]"#,
            "",
            r#"{"id":1.5}"#,
        ] {
            assert_eq!(id(none), None, "{none}");
        }
    }

    #[test]
    fn finds_it_in_pieces_too() {
        let line =
            br#"{"jsonrpc":"2.0","method":"tools/call","params":{"big":"xxxxxxxx"},"id":"abc"}"#;
        let mut scan = Scan::default();
        for byte in line {
            scan.feed(std::slice::from_ref(byte));
        }
        scan.end();
        assert_eq!(scan.id(), Some(&RequestId::String("abc".into())));
        assert!(scan.closed() && !scan.is_notification());
    }

    #[test]
    fn counts_and_weighs() {
        let scan = Scan::of(br#"{"method":"m","params":{"a":[1,2,[3]],"b":"[[[["}}"#);
        assert!(scan.is_notification());
        assert_eq!(scan.deepest(), 4);
        assert_eq!(scan.values(), 8);
    }
}
