//! Values of a scenario file: times, quantities in a unit that is expected, plain numbers, and names that the model knows.

use toml::de::DeValue;

use crate::diagnostic::{Diagnostic, Document, Span, Value};
use crate::patient::{Conversion, Vocabulary};
use crate::units::{Quantity, TimeError, Unit, mismatch, unreadable};

use super::super::Window;
use super::{Reader, Section};

/// A quantity in the unit that was expected, and as it was written.
pub(super) struct Given {
    pub value: f64,
    pub text: String,
    pub span: Span,
}

impl Reader<'_> {
    pub(super) fn report(&mut self, section: &Section, span: Span, finding: Diagnostic) {
        self.findings.push(finding.at(section.file.source(), span));
    }

    /// Which of the model's names stands under a key (S5004, S5006); `what` is what it names.
    pub(super) fn name<'n>(
        &mut self,
        section: &Section,
        key: &'static str,
        what: &str,
        known: impl Iterator<Item = &'n str> + Clone,
    ) -> Option<usize> {
        let example = known.clone().next().map_or("…", |name| name);
        let (name, span) = section.required(key, &format!("{key} = \"{example}\""), &mut self.findings)?;
        let found = known.clone().position(|known| known == name);
        if found.is_none() {
            let finding =
                Diagnostic::error("S5006", format!("the model `{}` has no {what} `{name}`", self.setting.model.name));
            self.report(section, span, finding.suggest(name, known));
        }
        found
    }

    /// A time since the epoch, in the model's unit.
    pub(super) fn moment(&mut self, section: &Section, key: &str) -> Option<f64> {
        let value = section.get(key)?;
        let text = match value.get {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(datetime) => datetime.to_string(),
            DeValue::Integer(_) | DeValue::Float(_) => {
                self.no_unit(section, &value, "h");
                return None;
            }
            _ => {
                self.findings.push(section.wrong_kind(&value, "a time, as in \"90 h\""));
                return None;
            }
        };
        let finding = match self.setting.clock.read(&text) {
            Ok(hours) => return Some(hours * self.per_hour),
            Err(TimeError::Dimension { unit }) => mismatch(&unit, &self.setting.model.time_unit),
            Err(TimeError::Quantity(error)) => unreadable(&error),
            Err(error @ TimeError::NoEpoch) => {
                Diagnostic::error("S5016", error.to_string()).help("the bundle had none: write hours, as in \"90 h\"")
            }
            Err(error @ (TimeError::Stamp { .. } | TimeError::Skipped { .. })) => {
                Diagnostic::error("S5016", error.to_string())
                    .help("write hours since the epoch, \"90 h\", or a time stamp, \"2026-03-01T08:00\"")
            }
        };
        self.report(section, value.span, finding);
        None
    }

    /// A quantity under a key, in a unit (U1002) or in one that the vocabulary joins to it for the name.
    pub(super) fn quantity(&mut self, section: &Section, key: &str, unit: &Unit, name: &str) -> Option<Given> {
        let value = section.get(key)?;
        let (text, quantity) = match value.get {
            DeValue::String(text) => match Quantity::parse(text) {
                Ok(quantity) => (text.to_string(), quantity),
                Err(error) => {
                    self.report(section, value.span, unreadable(&error));
                    return None;
                }
            },
            DeValue::Integer(_) | DeValue::Float(_) => {
                let written = written(section, &value);
                match Quantity::parse(&written) {
                    Ok(quantity) if unit.is_dimensionless() => (written, quantity),
                    Ok(_) => {
                        self.no_unit(section, &value, unit.text());
                        return None;
                    }
                    Err(_) => {
                        let finding = Diagnostic::error("S5010", format!("`{key}` must be a number, not {written}"));
                        self.report(section, value.span, finding);
                        return None;
                    }
                }
            }
            _ => {
                self.findings.push(section.wrong_kind(&value, &format!("a quantity, as in \"1 {unit}\"")));
                return None;
            }
        };
        let Some(conversion) = conversion(self.setting.vocabulary, name, &quantity.unit, unit) else {
            self.report(section, value.span, mismatch(&quantity.unit, unit));
            return None;
        };
        Some(Given { value: conversion.apply(quantity.value), text, span: value.span })
    }

    /// A quantity that must not be negative (S5010).
    pub(super) fn amount(&mut self, section: &Section, key: &str, unit: &Unit, name: &str) -> Option<f64> {
        let given = self.quantity(section, key, unit, name)?;
        if given.value < 0.0 {
            let finding = Diagnostic::error("S5010", format!("`{key}` must not be below 0"));
            self.report(section, given.span, finding);
            return None;
        }
        Some(given.value)
    }

    /// A length of time in the model's unit, of any sign.
    pub(super) fn span_of_time(&mut self, section: &Section, key: &str) -> Option<f64> {
        let unit = self.setting.model.time_unit.clone();
        self.quantity(section, key, &unit, "").map(|given| given.value)
    }

    /// A length of time above 0 in the model's unit (S5010).
    pub(super) fn positive_time(&mut self, section: &Section, key: &str) -> Option<f64> {
        let unit = self.setting.model.time_unit.clone();
        let given = self.quantity(section, key, &unit, "")?;
        if given.value <= 0.0 {
            let finding = Diagnostic::error("S5010", format!("`{key}` must be longer than 0"));
            self.report(section, given.span, finding);
            return None;
        }
        Some(given.value)
    }

    /// A whole number of at least 1 (S5010).
    pub(super) fn count(&mut self, section: &Section, key: &str) -> Option<usize> {
        let value = section.get(key)?;
        let DeValue::Integer(_) = value.get else {
            self.findings.push(section.wrong_kind(&value, "a whole number"));
            return None;
        };
        match written(section, &value).parse::<usize>() {
            Ok(count) if (1..=100_000).contains(&count) => Some(count),
            _ => {
                let finding = Diagnostic::error("S5010", format!("`{key}` must be between 1 and 100000"));
                self.report(section, value.span, finding);
                None
            }
        }
    }

    /// `from` to `to` of a section: inside the horizon (S5009), which they are if not given, and not empty (S5008).
    pub(super) fn window(&mut self, section: &Section) -> Option<Window> {
        let given_from = self.moment(section, "from");
        let given_to = self.moment(section, "to");
        let wrong = (section.get("from").is_some() && given_from.is_none())
            || (section.get("to").is_some() && given_to.is_none());
        let mut window = Window { from: given_from.unwrap_or(self.from), to: given_to.unwrap_or(self.to) };
        let mut fine = !wrong;
        for (key, time) in [("from", given_from), ("to", given_to)] {
            let (Some(time), Some(value)) = (time, section.get(key)) else { continue };
            if time < self.from - Window::slack(time) || time > self.to + Window::slack(time) {
                let finding = Diagnostic::error("S5009", format!("{} is outside the horizon", self.hours(time)));
                self.report(section, value.span, finding.help(self.horizon_help()));
                fine = false;
            }
        }
        if fine && window.to - window.from <= Window::slack(window.to) {
            let span = section.get("to").or_else(|| section.get("from")).map_or(section.span(), |value| value.span);
            let found = format!("the window from {} to {} is empty", self.hours(window.from), self.hours(window.to));
            let finding = Diagnostic::error("S5008", found);
            self.report(section, span, finding.help("it goes from `from` (included) to `to` (excluded)"));
            fine = false;
        }
        // Rounding must not put an edge beside the horizon's.
        window.from = window.from.max(self.from);
        window.to = window.to.min(self.to);
        fine.then_some(window)
    }

    pub(super) fn horizon_help(&self) -> String {
        format!(
            "the horizon goes from {} to {}, times count from the epoch; change the scenario's `from` or `to`",
            self.hours(self.from),
            self.hours(self.to)
        )
    }

    /// Reports keys of which only one may be given (S5015); whether there was a clash.
    pub(super) fn exclusive(&mut self, section: &Section, keys: &[&str]) -> bool {
        // In the order written: the one that came later is marked.
        let mut given = section.values().into_iter().filter(|value| keys.contains(&value.key.as_str()));
        let (Some(first), Some(second)) = (given.next(), given.next()) else { return false };
        let finding = Diagnostic::error("S5015", format!("`{}` and `{}` exclude each other", first.key, second.key));
        self.report(section, second.key_span, finding.help("keep one of them"));
        true
    }

    fn no_unit(&mut self, section: &Section, value: &Value, unit: &str) {
        let text = written(section, value);
        let finding = Diagnostic::error("S5005", format!("`{}` has no unit", value.key));
        self.report(section, value.span, finding.help(format!("write {} = \"{text} {unit}\"", value.key)));
    }
}

/// How to bring values of one unit into another, for a name.
pub(super) fn conversion(vocabulary: &Vocabulary, name: &str, from: &Unit, to: &Unit) -> Option<Conversion> {
    Conversion::new(from, to, vocabulary.term(name).and_then(|term| term.equivalence.as_ref()))
}

/// A value as it stands in the file, without the separators of long numbers.
fn written(section: &Section, value: &Value) -> String {
    section.file.source().text.get(value.span.start..value.span.end).unwrap_or("").replace('_', "")
}
