//! Summaries that a bundle declares: which readings, in which window, by which statistic they are summed up.

use std::collections::BTreeSet;
use std::ops::Range;

use super::load::Reader;
use super::section::Section;
use super::statistic::NAMES;
use super::{Observation, Patient, Statistic};
use crate::diagnostic::{Diagnostic, Diagnostics, Location, Span};

/// A number that stands for readings in approximate Bayesian computation, instead of the means that stand for them otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct DeclaredSummary {
    /// Of the observation.
    pub name: String,
    /// Of these readings only; `None` is each device by itself.
    pub device: Option<String>,
    /// Times in hours since the epoch, limits in the observation's unit.
    pub statistic: Statistic,
    /// Window of the readings, with its ends [h since the epoch].
    pub from_h: f64,
    pub to_h: f64,
    place: Location,
}

impl DeclaredSummary {
    /// Whether it is one of these readings.
    pub fn is_of(&self, observation: &Observation) -> bool {
        self.name == observation.name && (self.device.is_none() || self.device == observation.device)
    }

    /// The readings of the observation that it sums up, by their numbers; `None` where they are too few.
    pub fn readings(&self, observation: &Observation) -> Option<Range<usize>> {
        let first = observation.readings.partition_point(|reading| reading.time_h < self.from_h);
        let end = observation.readings.partition_point(|reading| reading.time_h <= self.to_h);
        let inside = observation.readings.get(first..end).unwrap_or_default();
        let around = match self.statistic {
            Statistic::ValueAt(at) => {
                inside.first().is_some_and(|reading| reading.time_h <= at)
                    && inside.last().is_some_and(|reading| reading.time_h >= at)
            }
            _ => true,
        };
        (around && inside.len() >= self.statistic.least()).then_some(first..end)
    }

    /// In words: `mean of x, from 1 h to 4 h`.
    pub fn describe(&self) -> String {
        let device = self.device.iter().map(|device| format!(" ({device})")).collect::<String>();
        let of = format!("{} of {}{device}", self.statistic.name(), self.name);
        match self.statistic {
            Statistic::ValueAt(at) => format!("{of}, at {at} h"),
            _ if self.from_h.is_infinite() && self.to_h.is_infinite() => of,
            _ if self.to_h.is_infinite() => format!("{of}, from {} h", self.from_h),
            _ if self.from_h.is_infinite() => format!("{of}, to {} h", self.to_h),
            _ => format!("{of}, from {} h to {} h", self.from_h, self.to_h),
        }
    }
}

impl Patient {
    /// Refuses summaries of which there are too few readings: as declared, or once the record was cut to a window (P2028).
    ///
    /// # Errors
    /// One finding a summary and device.
    pub fn check_summaries(&self) -> Result<(), Diagnostics> {
        let mut found = Diagnostics::new();
        for summary in &self.summaries {
            let of = self.observations.iter().filter(|observation| summary.is_of(observation));
            for observation in of.filter(|observation| summary.readings(observation).is_none()) {
                found.push(too_few(summary, observation));
            }
        }
        if found.is_empty() { Ok(()) } else { Err(found) }
    }
}

fn too_few(summary: &DeclaredSummary, observation: &Observation) -> Diagnostic {
    let device = observation.device.iter().map(|device| format!(" of device `{device}`")).collect::<String>();
    let (name, described) = (&observation.name, summary.describe());
    let times = observation.readings.first().zip(observation.readings.last());
    let span = times.map_or("there are none".into(), |(first, last)| {
        format!("there are {}, from {} h to {} h", observation.readings.len(), first.time_h, last.time_h)
    });
    let wanted = match summary.statistic {
        Statistic::ValueAt(_) => "readings on either side of its time".to_string(),
        statistic if statistic.least() == 1 => "a reading in its window".to_string(),
        statistic => format!("{} readings in its window", statistic.least()),
    };
    Diagnostic::error("P2028", format!("`{described}` needs {wanted}"))
        .at_location(summary.place.clone())
        .label(format!("of the readings of `{name}`{device} {span}"))
        .help("choose another window, or leave this summary out")
}

impl Reader<'_> {
    /// The `[[summary]]` entries, checked against the readings.
    pub(super) fn summaries(&mut self, sections: &[Section], observations: &[Observation]) -> Vec<DeclaredSummary> {
        let mut all: Vec<DeclaredSummary> = Vec::new();
        for section in sections {
            let Some((summary, span)) = self.summary(section, observations) else { continue };
            let same =
                |known: &DeclaredSummary| DeclaredSummary { place: known.place.clone(), ..summary.clone() } == *known;
            if all.iter().any(same) {
                let message = format!("`{}` is declared twice", summary.describe());
                let finding = Diagnostic::error("P2024", message).at(&section.file.source, span);
                self.findings.push(finding.help("leave one of them out"));
            }
            all.push(summary);
        }
        all
    }

    fn summary(&mut self, section: &Section, observations: &[Observation]) -> Option<(DeclaredSummary, Span)> {
        let example = format!("statistic = \"mean\", or another of {}", NAMES.join(", "));
        let named = section.required("name", "name = \"…\", of an observation of this bundle", &mut self.findings);
        let statistic = section.required("statistic", &example, &mut self.findings);
        let word = statistic.map_or("", |(word, _)| word);
        // Where the statistic is not known, neither is what belongs to it.
        match word {
            "value_at" => section.only(&["name", "device", "statistic", "at"], &mut self.findings),
            "fraction_above" | "fraction_below" => {
                section.only(&["name", "device", "statistic", "from", "to", "limit"], &mut self.findings);
            }
            word if NAMES.contains(&word) => {
                section.only(&["name", "device", "statistic", "from", "to"], &mut self.findings);
            }
            _ => section.only(&["name", "device", "statistic", "from", "to", "at", "limit"], &mut self.findings),
        }
        let device = section.text("device", &mut self.findings);
        let unknown = |what: &str, name: &str, span: Span| {
            let finding = Diagnostic::error("P2028", format!("no readings of the {what} `{name}` are in this bundle"));
            finding.at(&section.file.source, span)
        };
        let observation = named.and_then(|(name, span)| {
            let of_name: Vec<&Observation> = observations.iter().filter(|known| known.name == name).collect();
            if of_name.is_empty() {
                let known: BTreeSet<&str> = observations.iter().map(|known| known.name.as_str()).collect();
                self.findings.push(unknown("observation", name, span).suggest(name, known));
            }
            let Some((device, span)) = device else { return of_name.first().copied() };
            let found = of_name.iter().find(|known| known.device.as_deref() == Some(device)).copied();
            if found.is_none() && !of_name.is_empty() {
                let known = of_name.iter().filter_map(|known| known.device.as_deref());
                self.findings.push(unknown("device", device, span).suggest(device, known));
            }
            found
        });
        let window = self.window_of(section);
        let at = if word == "value_at" { self.needed_moment(section, "at", "at = \"12 h\"") } else { None };
        let limit = if word.starts_with("fraction_") {
            let unit = observation.map_or("mg/L", |known| known.unit.text());
            if section.get("limit").is_none() {
                self.findings.push(section.missing("limit", &format!("limit = \"… {unit}\"")));
            }
            observation.and_then(|known| {
                let term = self.vocabulary.term(&known.name);
                self.given_in(section, "limit", &known.unit, term)
            })
        } else {
            None
        };
        let (word, span) = statistic?;
        let statistic = match word {
            "mean" => Some(Statistic::Mean),
            "sd" => Some(Statistic::Sd),
            "min" => Some(Statistic::Min),
            "max" => Some(Statistic::Max),
            "time_of_max" => Some(Statistic::TimeOfMax),
            "slope" => Some(Statistic::Slope),
            "value_at" => at.map(Statistic::ValueAt),
            "fraction_above" => limit.map(Statistic::FractionAbove),
            "fraction_below" => limit.map(Statistic::FractionBelow),
            _ => {
                let finding = Diagnostic::error("P2006", format!("`{word}` is no statistic of readings"));
                self.findings.push(finding.at(&section.file.source, span).suggest(word, NAMES));
                None
            }
        }?;
        let (name, device) = (observation?.name.clone(), device.map(|(device, _)| device.to_string()));
        let (from_h, to_h) = window?;
        let place = section.place(section.span()).location();
        Some((DeclaredSummary { name, device, statistic, from_h, to_h, place }, section.span()))
    }

    /// `from` and `to`; without them, all of the record.
    fn window_of(&mut self, section: &Section) -> Option<(f64, f64)> {
        let mut edge = |key, otherwise| match section.get(key) {
            Some(_) => self.moment(section, key),
            None => Some(otherwise),
        };
        let (from, to) = (edge("from", f64::NEG_INFINITY), edge("to", f64::INFINITY));
        let (from, to) = (from?, to?);
        if from < to {
            return Some((from, to));
        }
        if let Some(value) = section.get("to") {
            let finding = Diagnostic::error("P2006", format!("`to` ({to} h) is not after `from` ({from} h)"));
            self.findings.push(finding.at(&section.file.source, value.span).help("a window ends after it begins"));
        }
        None
    }

    fn needed_moment(&mut self, section: &Section, key: &'static str, example: &str) -> Option<f64> {
        if section.get(key).is_none() {
            self.findings.push(section.missing(key, example));
        }
        self.moment(section, key)
    }
}
