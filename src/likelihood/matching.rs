//! Matches a bundle's names with a model's: covariates, exposures to a schedule, observations to terms.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::{Composed, Delivery, ErrorFamily, Input, InputKind};
use crate::patient::{Censoring, Exposure, ExposureKind, Observation, Patient, Reading};
use crate::sim::{Bolus, Held, Infusion, Schedule, Series};
use crate::units::{Unit, mismatch};

use super::personal::Personal;
use super::summaries::TermSummary;

/// What of a person's bundle a model uses.
#[derive(Clone, Debug, Default)]
pub struct Matched {
    /// One a covariate of the model, in the model's unit.
    pub covariates: Vec<f64>,
    pub schedule: Schedule,
    pub terms: Vec<Term>,
    /// What is declared to be compared of each term's readings; none stands for means of neighbouring readings.
    pub summaries: Vec<Vec<TermSummary>>,
    pub matching: Matching,
    /// What the model holds for this person alone.
    pub personal: Personal,
}

/// The names that met and those that did not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matching {
    pub used: Vec<String>,
    /// In the bundle, but the model has no such name.
    pub unused: Vec<String>,
    /// Readings that the model asks to be averaged: over which time, how many of them, to how many.
    pub averaged: Vec<String>,
    /// Inputs of the model of which the bundle says nothing: taken as zero.
    pub silent_inputs: Vec<String>,
    /// Quantities that the model could compare with data, of which the bundle has none.
    pub unobserved: Vec<String>,
}

/// Readings of one device, to be scored by one observation of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    pub name: String,
    pub device: Option<String>,
    /// Number in the model's list of observations.
    pub observation: usize,
    pub family: ErrorFamily,
    /// The model's unit; values are in it.
    pub unit: Unit,
    /// In order of time.
    pub readings: Vec<TermReading>,
}

/// One reading in the model's units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TermReading {
    /// In the model's time unit since the epoch.
    pub time: f64,
    pub value: f64,
    pub censoring: Censoring,
    /// Standard deviation of this measurement's own error, on top of the observation's; 0 where nothing is told of it.
    pub sd: f64,
}

/// Matches by name; every mismatch of unit or kind is a diagnostic.
pub fn match_patient(model: &Composed, patient: &Patient) -> Result<(Matched, Diagnostics), Diagnostics> {
    let mut found = Diagnostics::new();
    let mut matching = Matching::default();
    let per_hour = hours_to_model(model);
    let covariates = covariates(model, patient, &mut found);
    let end = patient.end_h().unwrap_or(patient.start_h) * per_hour;
    let (schedule, silent) = schedule(model, patient, patient.start_h * per_hour, end, &mut found);
    matching.silent_inputs = silent;
    let (mut terms, mut summaries) = (Vec::new(), Vec::new());
    for observation in &patient.observations {
        let Some(index) = model.observed_by(&observation.name, observation.device.as_deref()) else {
            matching.unused.push(observation.name.clone());
            continue;
        };
        let expected = &model.observations[index];
        let averaged = expected.averaged.map(|span| observation.averaged(span / per_hour));
        if let (Some(span), Some(fewer)) = (expected.averaged, &averaged) {
            let (before, after) = (observation.readings.len(), fewer.readings.len());
            matching
                .averaged
                .push(format!("{} over {span} {}: {before} to {after}", observation.name, model.time_unit));
        }
        let observation = averaged.as_ref().unwrap_or(observation);
        let Some(factor) = observation.unit.factor_to(&expected.unit) else {
            let finding = mismatch(&observation.unit, &expected.unit).help(format!(
                "`{}` is observed in `{}` by the model `{}`",
                observation.name, expected.unit, model.name
            ));
            found.push(finding.at_location(patient.place(&observation.name)));
            continue;
        };
        // A window may leave none.
        if observation.readings.is_empty() {
            continue;
        }
        matching.used.push(observation.name.clone());
        let censored = observation.readings.iter().filter(|reading| reading.censoring != Censoring::None).count();
        if censored > 0 && expected.family.correlated() {
            let message = format!(
                "{censored} readings of `{}` are at a limit, and their errors are correlated",
                observation.name
            );
            let finding = Diagnostic::warning("L1005", message).help(
                "each counts as at the limit or beyond; what such readings say of the errors after them is approximated \
                 (by a normal distribution): of little weight, unless most of the record is at a limit",
            );
            found.push(finding.at_location(patient.place(&observation.name)));
        }
        let counted = |reading: &&Reading| reading.value * factor >= 0.0 && (reading.value * factor).fract() == 0.0;
        if let (ErrorFamily::NegativeBinomial, Some(odd)) =
            (expected.family, observation.readings.iter().find(|reading| !counted(reading)))
        {
            let message = format!("`{}` is counted, and {} is no count", observation.name, odd.value * factor);
            let finding = Diagnostic::error("L1012", message).at_location(patient.place(&observation.name));
            found.push(finding.help("give whole numbers from 0 on: how sure a count is, its size tells"));
            continue;
        }
        let readings = observation.readings.iter().map(|reading| TermReading {
            time: reading.time_h * per_hour,
            value: reading.value * factor,
            censoring: reading.censoring,
            sd: reading.sd.map_or(0.0, |sd| sd * factor),
        });
        summaries.push(declared(patient, observation, per_hour, factor));
        terms.push(Term {
            name: observation.name.clone(),
            device: observation.device.clone(),
            observation: index,
            family: expected.family,
            unit: expected.unit.clone(),
            readings: readings.collect(),
        });
    }
    for name in patient.exposures.iter().map(|e| &e.name).chain(patient.covariates.iter().map(|c| &c.name)) {
        let known = model.inputs.iter().any(|i| i.name == *name) || model.covariates.iter().any(|c| c.name == *name);
        if known { &mut matching.used } else { &mut matching.unused }.push(name.clone());
    }
    let observed = |name: &String| terms.iter().any(|term| term.name == *name);
    let of_all = model.observations.iter().filter(|observation| observation.device.is_none());
    matching.unobserved = of_all.map(|o| o.name.clone()).filter(|name| !observed(name)).collect();
    if terms.is_empty() {
        let mut diagnostic = Diagnostic::error(
            "L1004",
            format!("nothing in the bundle `{}` can be compared with the model `{}`", patient.name, model.name),
        );
        let observable: Vec<&str> = model.observations.iter().map(|o| o.name.as_str()).collect();
        if !observable.is_empty() {
            diagnostic = diagnostic.help(format!("the model observes: {}", observable.join(", ")));
        }
        found.push(diagnostic.at_location(patient.place("patient.toml")));
    }
    let personal = Personal::default();
    found.or_value(Matched { covariates, schedule, terms, summaries, matching, personal })
}

/// The summaries that the bundle declares of these readings, in the model's units. Those of too few readings are refused
/// where they are wanted ([`Patient::check_summaries`]).
fn declared(patient: &Patient, observation: &Observation, per_hour: f64, factor: f64) -> Vec<TermSummary> {
    let of = patient.summaries.iter().filter(|summary| summary.is_of(observation));
    of.filter_map(|summary| {
        let (readings, statistic) = (summary.readings(observation)?, summary.statistic.rescaled(per_hour, factor));
        Some(TermSummary { statistic, readings, words: summary.describe() })
    })
    .collect()
}

/// Model time units in an hour.
pub(crate) fn hours_to_model(model: &Composed) -> f64 {
    // The composer accepts only units of time here.
    Unit::parse("h").ok().and_then(|hour| hour.factor_to(&model.time_unit)).unwrap_or(1.0)
}

fn covariates(model: &Composed, patient: &Patient, found: &mut Diagnostics) -> Vec<f64> {
    let mut values = Vec::new();
    for covariate in &model.covariates {
        let value = match (patient.covariate(&covariate.name), covariate.default) {
            (Some(given), _) => given.unit.convert(given.value, &covariate.unit).unwrap_or_else(|| {
                let finding = mismatch(&given.unit, &covariate.unit).help(format!(
                    "the covariate `{}` of the model `{}` is in `{}`",
                    covariate.name, model.name, covariate.unit
                ));
                found.push(finding.at_location(patient.place(&covariate.name)));
                f64::NAN
            }),
            (None, Some(default)) => default,
            (None, None) => {
                let wanted = format!("the model `{}` needs the covariate `{}`", model.name, covariate.name);
                let finding = Diagnostic::error("L1001", wanted).help(format!(
                    "add to [covariates] in patient.toml: {} = \"… {}\"",
                    covariate.name, covariate.unit
                ));
                found.push(finding.at_location(patient.place("covariates")));
                f64::NAN
            }
        };
        values.push(value);
    }
    values
}

/// The bundle's exposures as a schedule in the model's units; also the inputs of which the bundle says nothing.
pub fn schedule(
    model: &Composed,
    patient: &Patient,
    start: f64,
    end: f64,
    found: &mut Diagnostics,
) -> (Schedule, Vec<String>) {
    let mut schedule = Schedule { start, end, ..Schedule::default() };
    let mut silent = Vec::new();
    for (index, input) in model.inputs.iter().enumerate() {
        match patient.exposure(&input.name) {
            None => silent.push(input.name.clone()),
            Some(exposure) => {
                if let Err(diagnostic) = add_exposure(&mut schedule, model, index, input, exposure) {
                    found.push(diagnostic.at_location(patient.place(&input.name)));
                }
            }
        }
    }
    (schedule, silent)
}

fn add_exposure(
    schedule: &mut Schedule,
    model: &Composed,
    index: usize,
    input: &Input,
    exposure: &Exposure,
) -> Result<(), Box<Diagnostic>> {
    let per_hour = hours_to_model(model);
    let amount_unit = input.unit.times(&model.time_unit);
    let expected = match (input.kind, exposure.kind) {
        (InputKind::Rate(_), ExposureKind::Bolus) => &amount_unit,
        _ => &input.unit,
    };
    let factor = exposure.unit.factor_to(expected).ok_or_else(|| -> Box<Diagnostic> {
        mismatch(&exposure.unit, expected)
            .help(format!("`{}` acts on the model `{}` in `{}`", exposure.name, model.name, expected))
            .into()
    })?;
    let wrong_kind = |given: &str, wanted: &str| -> Box<Diagnostic> {
        Diagnostic::error("L1003", format!("`{}` is given as {given}", exposure.name))
            .help(format!("the model `{}` takes it as {wanted}", model.name))
            .into()
    };
    let mut points = Series { input: index, times: Vec::new(), values: Vec::new() };
    for event in &exposure.events {
        let (time, value, duration) = (event.time_h * per_hour, event.value * factor, event.duration_h * per_hour);
        match (input.kind, exposure.kind) {
            (InputKind::Bolus, ExposureKind::Bolus) if duration == 0.0 => {
                schedule.boluses.push(Bolus { input: index, time, amount: value });
            }
            (InputKind::Bolus, ExposureKind::Bolus) => {
                return Err(wrong_kind("an amount over a duration", "an amount at an instant: leave the duration out"));
            }
            (InputKind::Rate(delivery), ExposureKind::Bolus) => {
                let (rate, duration) = delivered(delivery, value, duration)
                    .ok_or_else(|| wrong_kind("an amount without a duration", "an amount with a `duration`"))?;
                schedule.infusions.push(Infusion { input: index, time, rate, duration });
            }
            (InputKind::Rate(_), ExposureKind::Rate) => {
                schedule.infusions.push(Infusion { input: index, time, rate: value, duration });
            }
            (InputKind::Rate(_), ExposureKind::Held) => {
                schedule.held.push(Held { input: index, time, rate: value });
            }
            (InputKind::SeriesConstant | InputKind::SeriesLinear, ExposureKind::Series | ExposureKind::Held) => {
                points.times.push(time);
                points.values.push(value);
            }
            (InputKind::Bolus, _) => return Err(wrong_kind("a rate or a series", "amounts: give `amount`")),
            (InputKind::Rate(_), _) => return Err(wrong_kind("a series", "amounts or rates")),
            _ => return Err(wrong_kind("amounts or rates", "a series: give `value`")),
        }
    }
    if !points.times.is_empty() {
        schedule.series.push(points);
    }
    Ok(())
}

/// Rate and duration of an amount.
pub(crate) fn delivered(delivery: Delivery, amount: f64, duration: f64) -> Option<(f64, f64)> {
    if duration > 0.0 {
        return Some((amount / duration, duration));
    }
    match delivery {
        Delivery::At(rate) => Some((rate, amount / rate)),
        Delivery::Over(duration) => Some((amount / duration, duration)),
        Delivery::None => None,
    }
}
