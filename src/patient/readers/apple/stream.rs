//! A text that counts its lines as it is read, and ends where one piece of markup is longer than any real one.

use std::io::{BufRead, BufReader, Error, Read, Result};

/// Bytes of the longest tag, comment or document type that is read.
const LONGEST: usize = 1 << 20;

/// A buffered file under watch.
pub(super) struct Watched {
    inner: BufReader<Box<dyn Read>>,
    /// Of what is read next, from 1.
    pub line: usize,
    since: usize,
}

impl Watched {
    pub(super) fn new(file: Box<dyn Read>) -> Self {
        Self { inner: BufReader::with_capacity(1 << 18, file), line: 1, since: 0 }
    }

    /// A new piece of markup begins.
    pub(super) fn mark(&mut self) {
        self.since = 0;
    }

    /// Whether reading ended because a piece was too long.
    pub(super) fn stuck(&self) -> bool {
        self.since > LONGEST
    }
}

impl Read for Watched {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let count = self.fill_buf()?.read(into)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Watched {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        if self.stuck() {
            return Err(Error::other(format!("one piece of markup is longer than {LONGEST} bytes")));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        let passed = self.inner.buffer().get(..count).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.since += count;
        self.inner.consume(count);
    }
}
