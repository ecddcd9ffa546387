//! Reads a scenario file against a model and a person's record; every mistake in it is found at once.

mod events;
mod outcomes;
mod values;

use crate::diagnostic::{self, Diagnostic, Diagnostics, Document, Findings, Source, Span};
use crate::likelihood::{Posterior, hours_to_model};
use crate::model::Composed;
use crate::patient::Vocabulary;
use crate::sim::Schedule;
use crate::units::{Clock, short};

use super::apply;
use super::{Intervention, Scenario, Window};

const KEYS: [&str; 13] =
    ["name", "about", "from", "to", "step", "remove", "scale", "shift", "add", "hold", "set", "covariate", "outcome"];

/// Spacings of kept times, in hours: people's, from a second to a day.
const STEPS: [f64; 14] = [
    1.0 / 3600.0,
    5.0 / 3600.0,
    10.0 / 3600.0,
    30.0 / 3600.0,
    1.0 / 60.0,
    2.0 / 60.0,
    5.0 / 60.0,
    10.0 / 60.0,
    0.25,
    0.5,
    1.0,
    2.0,
    6.0,
    24.0,
];
/// A horizon is kept at no fewer times than this where the file does not say.
const TIMES: f64 = 250.0;
const MOST_TIMES: f64 = 100_000.0;

/// What a scenario's names, times and units mean: a model and what acted on the person.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    pub model: &'a Composed,
    pub schedule: &'a Schedule,
    /// The covariates as they are, one a covariate of the model.
    pub covariates: &'a [f64],
    pub clock: &'a Clock,
    /// Units that people also use for a name.
    pub vocabulary: &'a Vocabulary,
}

impl<'a> Setting<'a> {
    /// The setting of a twin.
    pub fn of(posterior: &'a Posterior, clock: &'a Clock, vocabulary: &'a Vocabulary) -> Self {
        Self {
            model: &posterior.program.model,
            schedule: &posterior.schedule,
            covariates: &posterior.covariates,
            clock,
            vocabulary,
        }
    }
}

/// A scenario file.
#[derive(Clone, Debug)]
struct File(Source);

impl Document for File {
    const SYNTAX: &'static str = "S5002";
    const UNKNOWN_KEY: &'static str = "S5003";
    const MISSING_KEY: &'static str = "S5004";
    const WRONG_KIND: &'static str = "S5005";

    fn source(&self) -> &Source {
        &self.0
    }
}

type Section<'d> = diagnostic::Section<'d, File>;

/// Reads a scenario; `name` is what it is called if it does not say.
///
/// Returns the scenario and the warnings, or, where anything is wrong, all findings (S5002 to S5018, U1001 to U1003).
pub fn read(source: &Source, name: &str, setting: &Setting) -> Result<(Scenario, Diagnostics), Diagnostics> {
    let file = File(source.clone());
    let text = source.text.clone();
    let table = file.parse(&text)?;
    let mut reader = Reader {
        setting,
        findings: Findings::default(),
        per_hour: hours_to_model(setting.model),
        from: setting.schedule.start,
        to: setting.schedule.end,
    };
    let scenario = reader.scenario(&file.top(&table, "a scenario"), name);
    reader.findings.finish().or_value(scenario)
}

/// What is known while a scenario is being read.
struct Reader<'a> {
    setting: &'a Setting<'a>,
    findings: Findings,
    /// Model time units in an hour.
    per_hour: f64,
    /// The horizon, in the model's time unit.
    from: f64,
    to: f64,
}

/// An intervention with the place that it is told about.
struct Placed {
    intervention: Intervention,
    source: Source,
    span: Span,
}

impl Reader<'_> {
    fn scenario(&mut self, top: &Section, name: &str) -> Scenario {
        top.only(&KEYS, &mut self.findings);
        let name = top.text("name", &mut self.findings).map_or(name, |(name, _)| name).trim().to_string();
        if name.is_empty() {
            let span = top.get("name").map_or(top.span(), |value| value.span);
            self.findings.push(
                Diagnostic::error("S5010", "a scenario needs a name")
                    .at(top.file.source(), span)
                    .help("leave `name` out to take the file's"),
            );
        }
        let about = top.text("about", &mut self.findings).map_or_else(String::new, |(about, _)| about.to_string());
        self.horizon(top);
        let step = self.step(top);
        let interventions = self.interventions(top);
        let outcomes = self.outcomes(top);
        Scenario { name, about, from: self.from, to: self.to, step, interventions, outcomes }
    }

    /// The horizon: within the record or beyond its end, never before its start (S5008).
    fn horizon(&mut self, top: &Section) {
        let start = self.setting.schedule.start;
        if let Some(from) = self.moment(top, "from") {
            self.from = from;
            if from < start - Window::slack(start) {
                let finding = Diagnostic::error("S5008", "the horizon begins before the record of the person");
                let span = top.get("from").map_or(top.span(), |value| value.span);
                self.findings.push(
                    finding
                        .at(top.file.source(), span)
                        .help(format!("the record begins at {}; nothing is known of earlier times", self.hours(start))),
                );
            }
        }
        if let Some(to) = self.moment(top, "to") {
            self.to = to;
        }
        if self.to <= self.from {
            let span = top.get("to").or_else(|| top.get("from")).map_or(top.span(), |value| value.span);
            let found = format!("the horizon from {} to {} is empty", self.hours(self.from), self.hours(self.to));
            let record = format!("the record goes from {} to {}", self.hours(start), self.hours(self.record_end()));
            self.findings.push(
                Diagnostic::error("S5008", found)
                    .at(top.file.source(), span)
                    .help(format!("{record}; give a later `to = \"… h\"`, times count from the epoch")),
            );
            self.to = self.from + self.per_hour;
        }
    }

    fn record_end(&self) -> f64 {
        self.setting.schedule.end
    }

    fn step(&mut self, top: &Section) -> f64 {
        let span = (self.to - self.from) / self.per_hour;
        let fits = |step: &&f64| span / **step >= TIMES;
        let default = STEPS.iter().rev().find(fits).copied().unwrap_or(span / TIMES) * self.per_hour;
        let Some(given) = self.positive_time(top, "step") else { return default };
        if (self.to - self.from) / given > MOST_TIMES {
            let place = top.get("step").map_or(top.span(), |value| value.span);
            let finding = Diagnostic::error("S5010", "the step is too short for the horizon");
            self.findings.push(
                finding
                    .at(top.file.source(), place)
                    .help(format!("at most {MOST_TIMES} times are kept; leave `step` out for a fitting one")),
            );
            return default;
        }
        given
    }

    /// Everything that the scenario changes, in the order in which it is written.
    fn interventions(&mut self, top: &Section) -> Vec<Intervention> {
        let mut all: Vec<Placed> = Vec::new();
        for (key, what) in [
            ("remove", "this [[remove]]"),
            ("scale", "this [[scale]]"),
            ("shift", "this [[shift]]"),
            ("add", "this [[add]]"),
            ("hold", "this [[hold]]"),
            ("set", "this [[set]]"),
            ("covariate", "this [[covariate]]"),
        ] {
            for section in top.sections(key, what, &mut self.findings) {
                let found = match key {
                    "remove" => self.remove(&section).into_iter().collect(),
                    "scale" => self.scale(&section).into_iter().collect(),
                    "shift" => self.shift(&section).into_iter().collect(),
                    "add" => self.add(&section),
                    "hold" => self.hold(&section).into_iter().collect(),
                    "set" => self.set(&section).into_iter().collect(),
                    _ => self.set_covariate(&section).into_iter().collect(),
                };
                all.extend(found.into_iter().map(|intervention| Placed {
                    intervention,
                    source: section.file.source().clone(),
                    span: section.span(),
                }));
            }
        }
        all.sort_by_key(|placed| placed.span.start);
        if self.findings.errors() == 0 {
            self.check_in_order(&all);
            self.check_covariates(&all);
        }
        all.into_iter().map(|placed| placed.intervention).collect()
    }

    /// What shows only when the interventions are applied one after another.
    fn check_in_order(&mut self, all: &[Placed]) {
        let model = self.setting.model;
        let mut schedule = self.setting.schedule.clone();
        for placed in all {
            match placed.intervention {
                Intervention::Remove { input, window } | Intervention::Scale { input, window, .. } => {
                    self.check_running(placed, &schedule, input, window);
                }
                Intervention::Shift { input, window, by } => self.check_moved(placed, &schedule, input, window, by),
                _ => {}
            }
            let touched = apply::apply(model, &mut schedule, &placed.intervention, self.from);
            let (input, window, verb) = match placed.intervention {
                Intervention::Remove { input, window } => (input, window, "removes"),
                Intervention::Scale { input, window, factor } if factor != 1.0 => (input, window, "scales"),
                Intervention::Shift { input, window, by } if by != 0.0 => (input, window, "moves"),
                _ => continue,
            };
            if !touched {
                let name = &model.inputs[input].name;
                let when = format!("between {} and {}", self.hours(window.from), self.hours(window.to));
                let finding = Diagnostic::warning("S5012", format!("this {verb} nothing: there is no `{name}` {when}"));
                let help = self.events_near(&schedule, input);
                self.findings.push(finding.at(&placed.source, placed.span).help(help));
            }
        }
    }

    /// Where the events of an input are, for help.
    fn events_near(&self, schedule: &Schedule, input: usize) -> String {
        let boluses = schedule.boluses.iter().filter(|b| b.input == input).map(|b| b.time);
        let mut times: Vec<f64> =
            boluses.chain(schedule.infusions.iter().filter(|i| i.input == input).map(|i| i.time)).collect();
        times.sort_by(f64::total_cmp);
        match (times.first(), times.last()) {
            (Some(first), Some(last)) => format!(
                "{} of it in all, from {} to {}; times count from the epoch",
                times.len(),
                self.hours(*first),
                self.hours(*last)
            ),
            _ => "the record has none of it".into(),
        }
    }

    /// A delivery that began before the window and that the model does not let be cut goes on unchanged (S5017).
    fn check_running(&mut self, placed: &Placed, schedule: &Schedule, input: usize, window: Window) {
        let of_input = &self.setting.model.inputs[input];
        if apply::is_cut(of_input) {
            return;
        }
        let running = schedule.infusions.iter().find(|i| {
            let end = i.time + i.duration;
            i.input == input && !window.holds(i.time) && i.time < window.from && end > window.from + Window::slack(end)
        });
        if let Some(infusion) = running {
            let message = format!(
                "a delivery of `{}` that began at {} still runs at {}: it is not changed",
                of_input.name,
                self.hours(infusion.time),
                self.hours(window.from)
            );
            let finding = Diagnostic::warning("S5017", message).at(&placed.source, placed.span);
            self.findings.push(finding.help("an event belongs to the window in which it begins"));
        }
    }

    /// Nothing may be moved to before the horizon (S5009); what leaves it at the end has no effect (S5013).
    fn check_moved(&mut self, placed: &Placed, schedule: &Schedule, input: usize, window: Window, by: f64) {
        let name = &self.setting.model.inputs[input].name;
        let boluses = schedule.boluses.iter().filter(|b| b.input == input).map(|b| b.time);
        let infusions = schedule.infusions.iter().filter(|i| i.input == input).map(|i| i.time);
        // The rate in force when the record begins is no event.
        let held = schedule.held.iter().filter(|h| h.input == input && h.time > schedule.start).map(|h| h.time);
        let sampled = schedule.series.iter().filter(|s| s.input == input).flat_map(|s| s.times.iter().copied());
        let sampled = sampled.filter(|time| *time > schedule.start);
        let times = boluses.chain(infusions).chain(held).chain(sampled).filter(|time| window.holds(*time));
        let mut times: Vec<f64> = times.collect();
        times.sort_by(f64::total_cmp);
        if let Some(first) = times.first().filter(|time| **time + by < self.from - Window::slack(self.from)) {
            let (was, is) = (self.hours(*first), self.hours(first + by));
            let message = format!("this moves `{name}` from {was} to {is}, before the horizon");
            let finding = Diagnostic::error("S5009", message).at(&placed.source, placed.span);
            self.findings.push(finding.help(format!(
                "the horizon begins at {}; what was before it stays: give an earlier `from`",
                self.hours(self.from)
            )));
        }
        if let Some(last) = times.last().filter(|time| **time + by >= self.to) {
            let (was, is) = (self.hours(*last), self.hours(last + by));
            let message = format!("this moves `{name}` from {was} to {is}, after the horizon: it has no effect");
            let finding = Diagnostic::warning("S5013", message).at(&placed.source, placed.span);
            self.findings.push(finding.help("if it is to count, give a later `to`"));
        }
    }

    /// A changed covariate must leave every typical value a number above 0 (S5018).
    fn check_covariates(&mut self, all: &[Placed]) {
        let model = self.setting.model;
        let before = self.setting.covariates;
        for placed in all {
            if !matches!(placed.intervention, Intervention::SetCovariate { .. }) {
                continue;
            }
            let after = apply::covariates(before, std::slice::from_ref(&placed.intervention));
            let impossible = model.parameters.iter().find(|parameter| {
                let factor = parameter.scales.map_or(1.0, |s| apply::covariate_factor(model, s, before, &after));
                !(factor > 0.0 && factor.is_finite())
            });
            if let Some(parameter) = impossible {
                let message = format!("with this covariate `{}` would not be a number above 0", parameter.name);
                self.findings.push(Diagnostic::error("S5018", message).at(&placed.source, placed.span));
            }
        }
    }

    /// A time in the model's unit, as people read it.
    fn hours(&self, time: f64) -> String {
        format!("{} h", short(time / self.per_hour))
    }
}
