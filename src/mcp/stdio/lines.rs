//! Lines of bounded length.

use std::io;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

use crate::mcp::scan::Scan;

/// Bytes read at a time.
const CHUNK: usize = 64 * 1024;

/// What was read.
#[derive(Debug)]
pub(super) enum Read {
    /// A line without its end.
    Line(Vec<u8>),
    /// What stood at the end of the input without a line end.
    Rest(Vec<u8>),
    /// A line that is too long; only what a scan finds was kept of it.
    TooLong {
        /// What was found.
        scan: Box<Scan>,
        /// Its bytes.
        size: u64,
    },
    /// The input has ended.
    End,
    /// The input cannot be read.
    Failed(io::Error),
}

/// Reads lines. [`Lines::next`] may be dropped at any await and called again.
#[derive(Debug)]
pub(super) struct Lines<R> {
    input: BufReader<R>,
    most: usize,
    line: Vec<u8>,
    skipping: Option<(Box<Scan>, u64)>,
    ended: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Lines of at most `most` bytes.
    pub(super) fn new(input: R, most: usize) -> Self {
        Self {
            input: BufReader::with_capacity(CHUNK, input),
            most,
            line: Vec::new(),
            skipping: None,
            ended: false,
        }
    }

    /// The next line.
    pub(super) async fn next(&mut self) -> Read {
        loop {
            if self.ended {
                return Read::End;
            }
            let chunk = match self.input.fill_buf().await {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Read::Failed(error),
            };
            // From here to `consume` nothing awaits, so nothing is lost or read twice.
            if chunk.is_empty() {
                self.ended = true;
                return match self.take() {
                    Read::Line(line) if line.is_empty() => Read::End,
                    Read::Line(line) => Read::Rest(line),
                    other => other,
                };
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let content = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
            match &mut self.skipping {
                Some((scan, size)) => {
                    scan.feed(content);
                    *size += content.len() as u64;
                }
                None if self.line.len() + content.len() > self.most => {
                    let mut scan = Box::<Scan>::default();
                    scan.feed(&self.line);
                    scan.feed(content);
                    self.skipping = Some((scan, (self.line.len() + content.len()) as u64));
                    self.line = Vec::new();
                }
                None => self.line.extend_from_slice(content),
            }
            let used = content.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                return self.take();
            }
        }
    }

    fn take(&mut self) -> Read {
        match self.skipping.take() {
            Some((mut scan, size)) => {
                scan.end();
                Read::TooLong { scan, size }
            }
            None => Read::Line(std::mem::take(&mut self.line)),
        }
    }
}
