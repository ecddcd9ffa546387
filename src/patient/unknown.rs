//! Events of unknown amount: that something was given is known, how much is not, and it is never nothing.

use std::collections::HashSet;

use super::load::Reader;
use super::section::Section;
use super::vocabulary::Term;
use super::{Exposure, ExposureEvent, Origin};
use crate::diagnostic::Diagnostic;
use crate::units::{Quantity, Unit};

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

    /// The unit of amounts that nobody knows: the vocabulary's, else that of `usual`, else that of an amount beside them (P2090).
    pub(super) fn unit_of_unknown(
        &mut self,
        section: &Section,
        name: &str,
        term: Option<&Term>,
        beside: Option<Unit>,
    ) -> Option<Unit> {
        if let Some(term) = term {
            return Some(term.unit.clone());
        }
        // What is wrong with it, `usual` itself says.
        let usual = section.get("usual");
        let told = usual.as_ref().and_then(|usual| Quantity::parse(usual.get.as_str()?).ok()).map(|usual| usual.unit);
        let unit = told.or(beside);
        if unit.is_none() {
            let message = format!("nothing says in which unit the unknown amounts of `{name}` are");
            let finding = Diagnostic::error("P2090", message).at(&section.file.source, section.span());
            let help = "the vocabulary lacks the name: say in its entry what is usual, as in usual = \"40 mg\", spread = \"80 %\"";
            self.findings.push(finding.help(help));
        }
        unit
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

    /// Leaves out entries of which nothing came: none of their rows, or no amount that what they say is usual of.
    pub(super) fn leave_out_empty(&mut self, exposures: &mut Vec<Exposure>) {
        let empty = |exposure: &Exposure| exposure.events.is_empty() && exposure.unknown.is_empty();
        for exposure in exposures.iter().filter(|exposure| empty(exposure)) {
            let origin = Origin { file: "patient.toml".into(), line: None, path: None };
            self.leave_out(&exposure.name, "the bundle has no event of it", origin);
        }
        exposures.retain(|exposure| !empty(exposure));
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
