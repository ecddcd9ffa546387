//! Outcomes of a scenario file: which number sums a trajectory up, where, in which unit, and which way is better.

use crate::diagnostic::Diagnostic;
use crate::model::Output;
use crate::units::{Unit, mismatch, unreadable};

use super::super::{Better, Measure, Outcome};
use super::values::{Given, conversion};
use super::{Reader, Section};

const KEYS: [&str; 11] = ["output", "measure", "low", "high", "level", "time", "better", "from", "to", "unit", "name"];

const MEASURES: [&str; 10] = [
    "peak",
    "trough",
    "mean",
    "auc",
    "time_of_peak",
    "time_in_range",
    "time_above",
    "time_below",
    "value_at",
    "change_from_baseline",
];

/// What a measure's number is measured in.
enum In {
    Output,
    Difference,
    Area,
    Time,
    Share,
}

impl Reader<'_> {
    /// The outcomes asked for; without any, the first output's mean, peak, trough and area.
    pub(super) fn outcomes(&mut self, top: &Section) -> Vec<Outcome> {
        let sections = top.sections("outcome", "this [[outcome]]", &mut self.findings);
        if sections.is_empty() && top.get("outcome").is_none() {
            return self.default_outcomes();
        }
        let mut all: Vec<Outcome> = Vec::new();
        for section in sections {
            let Some(outcome) = self.outcome(&section) else { continue };
            let same = all.iter().find(|known| known.output == outcome.output && known.name == outcome.name);
            match same {
                Some(same) if *same == outcome => {}
                Some(_) => {
                    let message = format!("two outcomes are called `{}`", outcome.name);
                    let span = section.get("name").map_or(section.span(), |value| value.span);
                    let finding = Diagnostic::error("S5014", message).help("give each a `name` of its own");
                    self.report(&section, span, finding);
                }
                None => all.push(outcome),
            }
        }
        all
    }

    fn default_outcomes(&self) -> Vec<Outcome> {
        let Some(output) = self.setting.model.outputs.first() else { return Vec::new() };
        let outcome = |measure, name: &str, unit: Unit, shown| Outcome {
            name: name.into(),
            output: 0,
            measure,
            from: self.from,
            to: self.to,
            better: None,
            unit: unit.text().into(),
            shown,
        };
        let unit = &output.unit;
        let mut all = vec![
            outcome(Measure::Mean, "mean", unit.clone(), 1.0),
            outcome(Measure::Peak, "peak", unit.clone(), 1.0),
            outcome(Measure::Trough, "trough", unit.clone(), 1.0),
        ];
        if let Ok(hour) = Unit::parse("h") {
            all.push(outcome(Measure::Area, "auc", unit.times(&hour), 1.0 / self.per_hour));
        }
        all
    }

    fn outcome(&mut self, section: &Section) -> Option<Outcome> {
        section.only(&KEYS, &mut self.findings);
        let model = self.setting.model;
        let output = self.name(section, "output", "output", model.outputs.iter().map(|output| output.name.as_str()));
        let example = "measure = \"peak\"";
        let measure = section.required("measure", example, &mut self.findings).and_then(|(measure, span)| {
            let known = MEASURES.into_iter().find(|known| *known == measure);
            if known.is_none() {
                let finding = Diagnostic::error("S5007", format!("`{measure}` is no measure"));
                self.report(section, span, finding.suggest(measure, MEASURES));
            }
            known
        });
        let better = self.better(section);
        let window = self.window(section);
        let (index, word) = (output?, measure?);
        let output = &model.outputs[index];
        let window = window?;
        let (measure, text) = self.measure(section, word, output, window.to)?;
        let (unit, shown) = self.shown(section, word, output, window.to - window.from)?;
        let mut name = match section.text("name", &mut self.findings) {
            Some((name, _)) => name.trim().to_string(),
            None => text,
        };
        if section.get("name").is_none() && (window.from > self.from || window.to < self.to) {
            name = format!("{name}, {} to {}", self.hours(window.from), self.hours(window.to));
        }
        let default = matches!(measure, Measure::TimeInRange { .. }).then_some(Better::Higher);
        Some(Outcome {
            name,
            output: index,
            measure,
            from: window.from,
            to: window.to,
            better: better?.or(default),
            unit,
            shown,
        })
    }

    /// `None` where what is written is no direction.
    fn better(&mut self, section: &Section) -> Option<Option<Better>> {
        let Some((better, span)) = section.text("better", &mut self.findings) else {
            return section.get("better").is_none().then_some(None);
        };
        match better {
            "lower" => Some(Some(Better::Lower)),
            "higher" => Some(Some(Better::Higher)),
            _ => {
                let finding = Diagnostic::error("S5007", format!("`{better}` is no direction"));
                self.report(section, span, finding.help("write better = \"lower\" or \"higher\""));
                None
            }
        }
    }

    /// The measure with its levels and times, and its name.
    fn measure(&mut self, section: &Section, word: &str, output: &Output, end: f64) -> Option<(Measure, String)> {
        let uses: &[&str] = match word {
            "time_in_range" => &["low", "high"],
            "time_above" | "time_below" => &["level"],
            "value_at" | "change_from_baseline" => &["time"],
            _ => &[],
        };
        for key in ["low", "high", "level", "time"] {
            if let Some(value) = section.get(key).filter(|_| !uses.contains(&key)) {
                let finding = Diagnostic::error("S5015", format!("`{key}` means nothing for `{word}`"));
                self.report(section, value.key_span, finding.help("leave it out"));
            }
        }
        Some(match word {
            "peak" => (Measure::Peak, "peak".into()),
            "trough" => (Measure::Trough, "trough".into()),
            "mean" => (Measure::Mean, "mean".into()),
            "auc" => (Measure::Area, "auc".into()),
            "time_of_peak" => (Measure::TimeOfPeak, "time of peak".into()),
            "time_in_range" => {
                let (low, high) = (self.level(section, "low", output), self.level(section, "high", output));
                let (low, high) = (low?, high?);
                if low.value >= high.value {
                    let finding = Diagnostic::error("S5010", "`low` must be below `high`");
                    self.report(section, low.span, finding);
                    return None;
                }
                let name = format!("time in {} to {}", low.text, high.text);
                (Measure::TimeInRange { low: low.value, high: high.value }, name)
            }
            "time_above" | "time_below" => {
                let level = self.level(section, "level", output)?;
                if word == "time_above" {
                    (Measure::TimeAbove { level: level.value }, format!("time above {}", level.text))
                } else {
                    (Measure::TimeBelow { level: level.value }, format!("time below {}", level.text))
                }
            }
            "value_at" => {
                let time = self.time_within(section, None)?;
                (Measure::ValueAt { time }, format!("value at {}", self.hours(time)))
            }
            _ => {
                let time = self.time_within(section, Some(end))?;
                (Measure::ChangeFromBaseline { time }, format!("change at {}", self.hours(time)))
            }
        })
    }

    fn level(&mut self, section: &Section, key: &'static str, output: &Output) -> Option<Given> {
        if section.get(key).is_none() {
            self.findings.push(section.missing(key, &format!("{key} = \"… {}\"", output.unit)));
        }
        self.quantity(section, key, &output.unit, &output.name)
    }

    /// `time` of an outcome: inside its window.
    fn time_within(&mut self, section: &Section, default: Option<f64>) -> Option<f64> {
        if section.get("time").is_none() && default.is_none() {
            self.findings.push(section.missing("time", "time = \"90 h\""));
        }
        let Some(time) = self.moment(section, "time") else {
            return default.filter(|_| section.get("time").is_none());
        };
        let window = self.window(section)?;
        let slack = super::super::Window::slack(time);
        if time < window.from - slack || time > window.to + slack {
            let span = section.get("time").map_or(section.span(), |value| value.span);
            let message = format!("{} is outside what this outcome looks at", self.hours(time));
            self.report(section, span, Diagnostic::error("S5009", message).help(self.horizon_help()));
            return None;
        }
        Some(time.clamp(window.from, window.to))
    }

    /// The unit in which the outcome is shown, and the factor into it from the model's units.
    fn shown(&mut self, section: &Section, word: &str, output: &Output, span: f64) -> Option<(String, f64)> {
        let hour = Unit::parse("h").ok()?;
        let time_unit = &self.setting.model.time_unit;
        let measured = match word {
            "auc" => In::Area,
            "time_of_peak" => In::Time,
            "time_in_range" | "time_above" | "time_below" => In::Share,
            "change_from_baseline" => In::Difference,
            _ => In::Output,
        };
        // The model's own unit of the number, and the one shown if none is asked for.
        let (own, default) = match measured {
            In::Output | In::Difference => (output.unit.clone(), output.unit.clone()),
            In::Area => (output.unit.times(time_unit), output.unit.times(&hour)),
            In::Time => (time_unit.clone(), hour.clone()),
            In::Share => (Unit::one(), Unit::parse("%").ok()?),
        };
        let Some((text, place)) = section.text("unit", &mut self.findings) else {
            if section.get("unit").is_some() {
                return None;
            }
            return Some((default.text().into(), own.factor_to(&default)?));
        };
        let unit = match Unit::parse(text) {
            Ok(unit) => unit,
            Err(error) => {
                self.report(section, place, unreadable(&error));
                return None;
            }
        };
        if matches!(measured, In::Share) && unit.is_time() {
            // A share of the window as a length of time.
            return Some((unit.text().into(), span * time_unit.factor_to(&unit)?));
        }
        let found = conversion(self.setting.vocabulary, &output.name, &own, &unit);
        let factor = found.map(|conversion| (conversion.apply(0.0), conversion.apply(1.0)));
        match factor {
            Some((0.0, factor)) => Some((unit.text().into(), factor)),
            _ => {
                let finding = mismatch(&unit, &default);
                self.report(section, place, finding.help(format!("leave `unit` out for `{default}`")));
                None
            }
        }
    }
}
