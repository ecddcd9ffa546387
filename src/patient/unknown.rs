//! Events of unknown amount: that something was given is known, how much is not, and it is never nothing.

use std::collections::HashSet;

use super::load::Reader;
use super::section::Section;
use super::vocabulary::Term;
use super::{Exposure, ExposureEvent};
use crate::diagnostic::Diagnostic;
use crate::units::Unit;

impl Reader<'_> {
    /// Adds events of unknown amount, one a time: two at one time could never be told apart.
    pub(super) fn add_unknown(&mut self, exposure: &mut Exposure, unknown: Vec<ExposureEvent>) {
        let mut times: HashSet<u64> = exposure.unknown.iter().map(|event| event.time_h.to_bits()).collect();
        for event in unknown {
            if times.insert(event.time_h.to_bits()) {
                exposure.unknown.push(event);
            } else {
                let why = "another event of unknown amount has the same time";
                self.leave_out(&exposure.name, why, event.origin);
            }
        }
        exposure.unknown.sort_by(|a, b| a.time_h.total_cmp(&b.time_h));
    }

    /// What is usual, as the entry says or else the vocabulary: the amount in `unit`, and its relative spread.
    pub(super) fn usual(&mut self, section: &Section, term: Option<&Term>, unit: &Unit) -> Option<(f64, f64)> {
        let known = term.and_then(|term| term.usual);
        let (amount, spread) = match (section.get("usual"), section.get("spread")) {
            (None, None) => return known,
            (amount, spread) => (amount.is_some(), spread.is_some()),
        };
        let one = Unit::one();
        let amount = if amount { self.given_in(section, "usual", unit, term) } else { known.map(|known| known.0) };
        let spread = if spread { self.given_in(section, "spread", &one, None) } else { known.map(|known| known.1) };
        amount.filter(|amount| *amount > 0.0).zip(spread.filter(|spread| *spread > 0.0))
    }

    /// Whether `unknown = true` says that no event's amount is known (P2006 where it contradicts another key).
    pub(super) fn all_unknown(&mut self, section: &Section) -> bool {
        let Some(value) = section.get("unknown") else { return false };
        let Some(all) = value.get.as_bool() else {
            self.findings.push(section.wrong_kind(&value, "true or false"));
            return false;
        };
        if let Some(other) = ["amount", "rate", "value"].into_iter().find(|key| all && section.get(key).is_some()) {
            let finding = Diagnostic::error("P2006", format!("`unknown` and `{other}` exclude each other"));
            let finding = finding.at(&section.file.source, value.key_span);
            self.findings.push(finding.help("a cell may say `?` where only some amounts are not known"));
        }
        all
    }
}

/// How people write that something was given and nobody knows how much.
pub(super) fn is_unknown(text: &str) -> bool {
    let text = text.trim();
    text == "?" || text.eq_ignore_ascii_case("unknown")
}
