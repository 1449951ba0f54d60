//! Rows in the text format of COPY: postgresql.org/docs/current/sql-copy.html.

use std::fmt::Write as _;

use data_encoding::HEXLOWER;

/// Rows in COPY's text format: columns apart by tabs, a backslash before what would be taken for
/// something else.
#[derive(Debug, Default)]
pub(super) struct Rows(String);

impl Rows {
    fn between(&mut self) {
        if !self.0.is_empty() && !self.0.ends_with('\n') {
            self.0.push('\t');
        }
    }

    pub(super) fn int(&mut self, value: i64) {
        self.between();
        let _ = write!(self.0, "{value}");
    }

    pub(super) fn int_or_null(&mut self, value: Option<i64>) {
        match value {
            Some(value) => self.int(value),
            None => self.null(),
        }
    }

    pub(super) fn bool(&mut self, value: bool) {
        self.between();
        self.0.push(if value { 't' } else { 'f' });
    }

    pub(super) fn bytes(&mut self, value: &[u8]) {
        self.between();
        self.0.push_str("\\\\x");
        HEXLOWER.encode_append(value, &mut self.0);
    }

    pub(super) fn null(&mut self) {
        self.between();
        self.0.push_str("\\N");
    }

    pub(super) fn text(&mut self, value: &str) {
        self.between();
        for c in value.chars() {
            match c {
                '\\' => self.0.push_str("\\\\"),
                '\t' => self.0.push_str("\\t"),
                '\n' => self.0.push_str("\\n"),
                '\r' => self.0.push_str("\\r"),
                '\0' => self.0.push('\u{1}'),
                c => self.0.push(c),
            }
        }
    }

    pub(super) fn end(&mut self) {
        self.0.push('\n');
    }

    /// 16 bytes as a UUID.
    pub(super) fn uuid(&mut self, value: &[u8; 16]) {
        self.between();
        HEXLOWER.encode_append(value, &mut self.0);
    }

    pub(super) fn done(self) -> Vec<u8> {
        self.0.into_bytes()
    }
}
