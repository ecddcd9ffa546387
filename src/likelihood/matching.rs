//! Matches a bundle's names with a model's: covariates, exposures to a schedule, observations to terms.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::{Composed, ErrorFamily};
use crate::patient::{Censoring, Observation, Patient, Reading};
use crate::sim::Schedule;
use crate::units::{Unit, mismatch};

use super::exposures;
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
    /// How exposures are read that the model takes otherwise than the bundle gives them: a sentence each.
    pub read_as: Vec<String>,
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

/// Fits a model to a bundle, and matches the two: what is told of how this person was measured becomes part of the model.
///
/// # Errors
/// As those of [`Personal::of`] and [`match_patient`].
pub fn fit(model: &mut Composed, patient: &Patient) -> Result<(Matched, Diagnostics), Diagnostics> {
    let (personal, mut warnings) = Personal::of(model, patient)?;
    personal.apply(model);
    let (mut matched, more) = match_patient(model, patient)?;
    warnings.extend(more);
    personal.schedule(model, &mut matched.schedule);
    matched.matching.silent_inputs.retain(|input| !personal.stands_for_unknown(input));
    matched.personal = personal;
    Ok((matched, warnings))
}

/// Matches by name; every mismatch of unit or kind is a diagnostic.
pub fn match_patient(model: &Composed, patient: &Patient) -> Result<(Matched, Diagnostics), Diagnostics> {
    let mut found = Diagnostics::new();
    let mut matching = Matching::default();
    let per_hour = hours_to_model(model);
    let covariates = covariates(model, patient, &mut found);
    let end = patient.end_h().unwrap_or(patient.start_h) * per_hour;
    let schedule = schedule(model, patient, (patient.start_h * per_hour, end), &mut matching, &mut found);
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

/// The bundle's exposures as a schedule in the model's units; notes what of them is silent, or read otherwise than given.
fn schedule(
    model: &Composed,
    patient: &Patient,
    (start, end): (f64, f64),
    matching: &mut Matching,
    found: &mut Diagnostics,
) -> Schedule {
    let mut schedule = Schedule { start, end, ..Schedule::default() };
    let mut of_intervals = Vec::new();
    for (index, input) in model.inputs.iter().enumerate() {
        let Some(exposure) = patient.exposure(&input.name) else {
            matching.silent_inputs.push(input.name.clone());
            continue;
        };
        match exposures::add(&mut schedule, model, index, exposure) {
            Ok(note) => matching.read_as.extend(note),
            Err(diagnostic) => found.push(diagnostic.at_location(patient.place(&input.name))),
        }
        if exposures::is_of_intervals(input, exposure) {
            of_intervals.push(index);
        }
    }
    exposures::nothing_before(&mut schedule, model, &of_intervals);
    schedule
}
