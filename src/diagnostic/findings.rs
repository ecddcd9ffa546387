//! Collects diagnostics, at most a few of one kind a file, so that a thousand bad rows stay readable.

use std::collections::HashMap;

use super::{Diagnostic, Diagnostics, Location, Severity};

/// How many findings of one code in one file are told in full.
const SHOWN: usize = 5;

/// Findings about one or more files, in the order found.
#[derive(Debug, Default)]
pub struct Findings {
    list: Vec<Diagnostic>,
    /// How often a code was found in a file, and where in `list` the last one told stands.
    counts: HashMap<(&'static str, String), Told>,
    errors: usize,
}

#[derive(Debug)]
struct Told {
    count: usize,
    last: usize,
    severity: Severity,
}

impl Findings {
    /// Adds a finding.
    pub fn push(&mut self, finding: Diagnostic) {
        self.errors += usize::from(finding.severity == Severity::Error);
        self.list.push(finding);
    }

    /// Adds a finding about one of many rows; `make` is called only while the code's first few are told.
    pub fn row(&mut self, code: &'static str, file: &str, make: impl FnOnce() -> Diagnostic) {
        let key = (code, file.to_string());
        if let Some(told) = self.counts.get_mut(&key).filter(|told| told.count >= SHOWN) {
            told.count += 1;
            self.errors += usize::from(told.severity == Severity::Error);
            return;
        }
        let finding = make();
        let severity = finding.severity;
        self.push(finding);
        let told = self.counts.entry(key).or_insert(Told { count: 0, last: 0, severity });
        told.count += 1;
        told.last = self.list.len() - 1;
    }

    /// How many errors were found so far, told or not.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// All findings in the order found; what was not told is counted after the last of its kind.
    pub fn finish(self) -> Diagnostics {
        let mut more: Vec<_> = self.counts.into_iter().filter(|(_, told)| told.count > SHOWN).collect();
        more.sort_by_key(|(_, told)| told.last);
        let mut more = more.into_iter().peekable();
        let mut all = Diagnostics::new();
        for (index, finding) in self.list.into_iter().enumerate() {
            all.push(finding);
            if let Some(((code, file), told)) = more.next_if(|(_, told)| told.last == index) {
                let message = format!("and {} more like this", told.count - SHOWN);
                let rest = Diagnostic { severity: told.severity, ..Diagnostic::error(code, message) };
                all.push(rest.at_location(Location::file(file)));
            }
        }
        all
    }
}
