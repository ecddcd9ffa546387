//! Interventions of a scenario file: events removed, scaled, moved and added, rates held, parameters and covariates set.

use crate::diagnostic::{Diagnostic, Span};
use crate::likelihood::delivered;
use crate::model::{InputKind, ParameterValue};
use crate::units::Unit;

use super::super::{Change, Given, Intervention, Window, amount_unit as amount_unit_as_written};
use super::{Reader, Section};

impl Reader<'_> {
    pub(super) fn remove(&mut self, section: &Section) -> Option<Intervention> {
        section.only(&["input", "from", "to"], &mut self.findings);
        let (input, window) = (self.input(section), self.window(section));
        Some(Intervention::Remove { input: input?, window: window? })
    }

    pub(super) fn scale(&mut self, section: &Section) -> Option<Intervention> {
        section.only(&["input", "factor", "from", "to"], &mut self.findings);
        let (input, window) = (self.input(section), self.window(section));
        if section.get("factor").is_none() {
            self.findings.push(section.missing("factor", "factor = 0.7"));
        }
        let factor = self.amount(section, "factor", &Unit::one(), "");
        Some(Intervention::Scale { input: input?, window: window?, factor: factor? })
    }

    pub(super) fn shift(&mut self, section: &Section) -> Option<Intervention> {
        section.only(&["input", "by", "from", "to"], &mut self.findings);
        let (input, window) = (self.input(section), self.window(section));
        if section.get("by").is_none() {
            self.findings.push(section.missing("by", "by = \"60 min\", or \"-15 min\" for earlier"));
        }
        let by = self.span_of_time(section, "by");
        Some(Intervention::Shift { input: input?, window: window?, by: by? })
    }

    pub(super) fn hold(&mut self, section: &Section) -> Option<Intervention> {
        section.only(&["input", "rate", "value", "from", "to"], &mut self.findings);
        let (input, window) = (self.input(section), self.window(section));
        let of_input = &self.setting.model.inputs[input?];
        let (key, other, signed) = match of_input.kind {
            InputKind::Rate(_) => ("rate", "value", false),
            InputKind::SeriesConstant | InputKind::SeriesLinear => ("value", "rate", true),
            InputKind::Bolus => {
                let finding = Diagnostic::error("S5011", format!("`{}` is given as amounts", of_input.name));
                self.report(section, section.span(), finding.help("amounts cannot be held: use [[add]]"));
                return None;
            }
        };
        if let Some(value) = section.get(other) {
            let finding = Diagnostic::error("S5011", format!("`{}` is held by a `{key}`", of_input.name));
            self.report(section, value.key_span, finding.help(format!("write {key} = \"… {}\"", of_input.unit)));
            return None;
        }
        if section.get(key).is_none() {
            self.findings.push(section.missing(key, &format!("{key} = \"… {}\"", of_input.unit)));
        }
        let value = if signed {
            self.quantity(section, key, &of_input.unit, &of_input.name).map(|given| given.value)
        } else {
            self.amount(section, key, &of_input.unit, &of_input.name)
        };
        Some(Intervention::Hold { input: input?, window: window?, value: value? })
    }

    /// One event, repeated if asked for, or a list of them.
    pub(super) fn add(&mut self, section: &Section) -> Vec<Intervention> {
        let keys = ["input", "time", "amount", "rate", "duration", "every", "times", "events"];
        section.only(&keys, &mut self.findings);
        let input = self.input(section);
        if section.get("events").is_none() {
            return input.and_then(|input| self.event(section, input)).into_iter().collect();
        }
        for key in ["time", "amount", "rate", "duration"] {
            self.exclusive(section, &["events", key]);
        }
        let repeat = self.repeat(section);
        let sections = section.sections("events", "this event", &mut self.findings);
        let Some(input) = input else { return Vec::new() };
        let mut found = Vec::new();
        for event in sections {
            event.only(&["time", "amount", "rate", "duration"], &mut self.findings);
            found.extend(self.event(&event, input).zip(repeat).and_then(|(event_found, (every, times))| {
                let Intervention::Add { input, time, given, .. } = event_found else { return None };
                self.last_within(section, event.span(), time, every, times)?;
                Some(Intervention::Add { input, time, given, every, times })
            }));
        }
        found
    }

    fn event(&mut self, section: &Section, input: usize) -> Option<Intervention> {
        if section.get("time").is_none() {
            self.findings.push(section.missing("time", "time = \"90 h\""));
        }
        let time = self.moment(section, "time").and_then(|time| {
            let span = section.get("time").map_or(section.span(), |value| value.span);
            self.within(section, span, time)
        });
        let given = self.given(section, input, time);
        let repeat = self.repeat(section);
        let (time, given, (every, times)) = (time?, given?, repeat?);
        self.last_within(section, section.span(), time, every, times)?;
        Some(Intervention::Add { input, time, given, every, times })
    }

    /// `every` and `times`: both or neither.
    fn repeat(&mut self, section: &Section) -> Option<(f64, usize)> {
        for (key, other, example) in [("every", "times", "times = 3"), ("times", "every", "every = \"24 h\"")] {
            if section.get(key).is_some() && section.get(other).is_none() {
                self.findings.push(section.missing(other, example));
                return None;
            }
        }
        if section.get("every").is_none() {
            return Some((0.0, 1));
        }
        let (every, times) = (self.positive_time(section, "every"), self.count(section, "times"));
        Some((every?, times?))
    }

    /// A time at which something can still act on what is asked (S5009).
    fn within(&mut self, section: &Section, span: Span, time: f64) -> Option<f64> {
        if time >= self.from - Window::slack(time) && time < self.to - Window::slack(time) {
            return Some(time.max(self.from));
        }
        let place = if time < self.from { "before" } else { "after" };
        let finding = Diagnostic::error("S5009", format!("{} is {place} the horizon", self.hours(time)));
        self.report(section, span, finding.help(self.horizon_help()));
        None
    }

    fn last_within(&mut self, section: &Section, span: Span, time: f64, every: f64, times: usize) -> Option<f64> {
        self.within(section, span, time + every * (times - 1) as f64)
    }

    fn given(&mut self, section: &Section, input: usize, time: Option<f64>) -> Option<Given> {
        let of_input = &self.setting.model.inputs[input];
        let name = &of_input.name;
        let amount_unit = match of_input.kind {
            InputKind::Rate(_) => of_input.unit.times(&self.setting.model.time_unit),
            _ => of_input.unit.clone(),
        };
        if self.exclusive(section, &["amount", "rate"]) {
            return None;
        }
        let refuse = |message: String, help: &str| Diagnostic::error("S5011", message).help(help.to_string());
        if matches!(of_input.kind, InputKind::SeriesConstant | InputKind::SeriesLinear) {
            let finding = refuse(
                format!("`{name}` is a sampled series: nothing can be added to it"),
                "use [[hold]], or `--hold NAME=VALUE` on the command line",
            );
            self.report(section, section.span(), finding);
            return None;
        }
        let duration = self.positive_time(section, "duration");
        if section.get("duration").is_some() && duration.is_none() {
            return None;
        }
        match (of_input.kind, section.get("amount"), section.get("rate")) {
            (InputKind::Bolus, _, Some(rate)) => {
                let finding = refuse(format!("`{name}` is given as amounts at an instant"), "write `amount`");
                self.report(section, rate.key_span, finding);
                None
            }
            (InputKind::Bolus, Some(_), None) => {
                if let Some(value) = section.get("duration") {
                    let finding = refuse(format!("`{name}` is given at an instant"), "leave `duration` out");
                    self.report(section, value.key_span, finding);
                    return None;
                }
                self.amount(section, "amount", &amount_unit, name).map(|amount| Given::Bolus { amount })
            }
            (InputKind::Rate(delivery), Some(value), None) => {
                let amount = self.amount(section, "amount", &amount_unit, name)?;
                let given = delivered(delivery, amount, duration.unwrap_or(0.0));
                if given.is_none() {
                    let finding =
                        refuse(format!("the model does not say how fast `{name}` is given"), "add `duration`");
                    self.report(section, value.span, finding);
                }
                given.map(|(rate, duration)| Given::Infusion { rate, duration })
            }
            (InputKind::Rate(_), None, Some(_)) => {
                let rate = self.amount(section, "rate", &of_input.unit, name)?;
                // Without a duration it lasts to the end of what is asked.
                let duration = duration.or_else(|| Some(self.to - time?))?;
                Some(Given::Infusion { rate, duration })
            }
            _ => {
                let unit = match of_input.kind {
                    InputKind::Rate(_) => amount_unit_as_written(&of_input.unit, &self.setting.model.time_unit).0,
                    _ => amount_unit,
                };
                self.findings.push(section.missing("amount", &format!("amount = \"… {}\"", unit.text())));
                None
            }
        }
    }

    pub(super) fn set(&mut self, section: &Section) -> Option<Intervention> {
        section.only(&["parameter", "value", "factor"], &mut self.findings);
        let model = self.setting.model;
        let parameters = model.parameters.iter().map(|parameter| parameter.name.as_str());
        let parameter = self.name(section, "parameter", "parameter", parameters);
        if self.exclusive(section, &["value", "factor"]) {
            return None;
        }
        let index = parameter?;
        let parameter = &model.parameters[index];
        if section.get("factor").is_some() {
            let factor = self.quantity(section, "factor", &Unit::one(), "")?;
            if factor.value <= 0.0 {
                let finding = Diagnostic::error("S5010", "`factor` must be above 0");
                self.report(section, factor.span, finding);
                return None;
            }
            return Some(Intervention::SetParameter { parameter: index, change: Change::Factor(factor.value) });
        }
        if section.get("value").is_none() {
            let example = format!("value = \"… {}\" or factor = 0.5", parameter.unit);
            self.findings.push(section.missing("value", &example));
        }
        let given = self.quantity(section, "value", &parameter.unit, &parameter.name)?;
        if let ParameterValue::Prior(distribution) = &parameter.value {
            let (lower, upper) = distribution.support();
            if given.value < lower || given.value > upper {
                let message = format!("`{}` cannot be {}", parameter.name, given.text);
                let range = format!("its prior allows values from {lower} to {upper} {}", parameter.unit);
                self.report(section, given.span, Diagnostic::error("S5018", message).help(range));
                return None;
            }
        }
        Some(Intervention::SetParameter { parameter: index, change: Change::Value(given.value) })
    }

    pub(super) fn set_covariate(&mut self, section: &Section) -> Option<Intervention> {
        section.only(&["name", "value"], &mut self.findings);
        let model = self.setting.model;
        let covariates = model.covariates.iter().map(|covariate| covariate.name.as_str());
        let covariate = self.name(section, "name", "covariate", covariates);
        let index = covariate?;
        let covariate = &model.covariates[index];
        if section.get("value").is_none() {
            self.findings.push(section.missing("value", &format!("value = \"… {}\"", covariate.unit)));
        }
        let given = self.quantity(section, "value", &covariate.unit, &covariate.name)?;
        let term = self.setting.vocabulary.term(&covariate.name);
        let range = term.and_then(|term| {
            let (low, high) = term.range?;
            Some((term.unit.convert(low, &covariate.unit)?, term.unit.convert(high, &covariate.unit)?))
        });
        if let Some((low, high)) = range.filter(|(low, high)| given.value < *low || given.value > *high) {
            let message = format!("`{}` cannot be {}", covariate.name, given.text);
            let help = format!("plausible is {low} to {high} {}", covariate.unit);
            self.report(section, given.span, Diagnostic::error("S5018", message).help(help));
            return None;
        }
        Some(Intervention::SetCovariate { covariate: index, value: given.value })
    }

    /// The input that a section names under `input` (S5004, S5006).
    fn input(&mut self, section: &Section) -> Option<usize> {
        let names = self.setting.model.inputs.iter().map(|input| input.name.as_str());
        self.name(section, "input", "input", names)
    }
}
