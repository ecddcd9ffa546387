//! Says where a scenario leaves the range in which the person's own data tell anything; what is beyond is the model's.

use std::collections::HashMap;

use crate::likelihood::{Posterior, hours_to_model};
use crate::model::{Input, InputKind};
use crate::sim::Schedule;
use crate::units::{Unit, short};

use super::run::{ScenarioRun, quantile};
use super::{Change, Intervention, Scenario};

/// The median may leave the range of the readings by this share of its width.
const MARGIN: f64 = 0.1;
/// Amounts, rates and spans of time that differ by less than this share count as the same.
const EXCESS: f64 = 0.01;

/// One sentence for each way in which a scenario goes beyond the data:
/// - the horizon goes beyond the record by more than 1 % of it;
/// - an input that the record does not have;
/// - an amount, or the sum of 24 hours, more than 1 % above the record's largest; a held rate or sampled value outside
///   its range;
/// - a reading whose median leaves the range of the person's readings by more than a tenth of its width;
/// - a parameter set outside the posterior's central 99 %, or one that is not calibrated; a changed covariate.
pub(super) fn warnings(
    posterior: &Posterior,
    draws: &[Vec<f64>],
    scenario: &Scenario,
    run: &ScenarioRun,
) -> Vec<String> {
    let model = &posterior.program.model;
    let per_hour = hours_to_model(model);
    let mut found = Vec::new();
    let record = &posterior.schedule;
    if scenario.to - record.end > EXCESS * (record.end - record.start) {
        found.push(format!(
            "The record ends at {} h and the horizon at {} h: beyond the record only rates that hold, and what the \
             scenario adds, act.",
            short(record.end / per_hour),
            short(scenario.to / per_hour)
        ));
    }
    let schedule = scenario.schedule(model, record);
    for (index, input) in model.inputs.iter().enumerate() {
        inputs(&mut found, index, input, (record, &schedule), scenario, (&model.time_unit, per_hour));
    }
    readings(&mut found, posterior, run);
    for intervention in &scenario.interventions {
        match intervention {
            Intervention::SetParameter { parameter, change } => {
                found.extend(parameter_warning(posterior, draws, *parameter, *change));
            }
            Intervention::SetCovariate { covariate, value } if *value != posterior.covariates[*covariate] => {
                let known = &model.covariates[*covariate];
                found.push(format!(
                    "`{}` is {} {u} instead of {} {u}: how that acts comes from the model, not from this person's data.",
                    known.name,
                    short(*value),
                    short(posterior.covariates[*covariate]),
                    u = known.unit
                ));
            }
            _ => {}
        }
    }
    found
}

/// Amounts of one input as (time, amount), in order of time.
fn amounts(schedule: &Schedule, input: usize) -> Vec<(f64, f64)> {
    let boluses = schedule.boluses.iter().filter(|b| b.input == input).map(|b| (b.time, b.amount));
    let infusions = schedule.infusions.iter().filter(|i| i.input == input).map(|i| (i.time, i.rate * i.duration));
    let mut all: Vec<(f64, f64)> = boluses.chain(infusions).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all
}

/// The largest amount, and the largest sum over a day that ends with an event; only events of the window count as ends.
fn largest(amounts: &[(f64, f64)], day: f64, from: f64, to: f64) -> ((f64, f64), (f64, f64)) {
    let none = (f64::NAN, 0.0);
    let (mut single, mut total) = (none, none);
    for (index, (time, amount)) in amounts.iter().enumerate().filter(|(_, (time, _))| *time >= from && *time < to) {
        let sum: f64 = amounts[..=index].iter().rev().take_while(|(t, _)| time - t < day).map(|(_, a)| a).sum();
        if *amount > single.1 {
            single = (*time, *amount);
        }
        if sum > total.1 {
            total = (*time, sum);
        }
    }
    (single, total)
}

/// The values that a held rate or a sampled input takes from a time to another.
fn levels(schedule: &Schedule, input: usize, from: f64, to: f64) -> Vec<f64> {
    let mut steps: Vec<(f64, f64)> =
        schedule.held.iter().filter(|h| h.input == input).map(|h| (h.time, h.rate)).collect();
    for series in schedule.series.iter().filter(|series| series.input == input) {
        steps.extend(series.times.iter().copied().zip(series.values.iter().copied()));
    }
    steps.sort_by(|a, b| a.0.total_cmp(&b.0));
    let entering = steps.iter().rev().find(|step| step.0 <= from).or(steps.first()).map(|step| step.1);
    entering.into_iter().chain(steps.iter().filter(|step| step.0 > from && step.0 < to).map(|step| step.1)).collect()
}

fn range(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)))
}

fn inputs(
    found: &mut Vec<String>,
    index: usize,
    input: &Input,
    (record, schedule): (&Schedule, &Schedule),
    scenario: &Scenario,
    (time_unit, per_hour): (&Unit, f64),
) {
    let (from, to) = (scenario.from, scenario.to);
    let name = &input.name;
    let given = amounts(schedule, index);
    let known = amounts(record, index);
    let is_rate = matches!(input.kind, InputKind::Rate(_));
    let (amount_unit, share) =
        if is_rate { super::amount_unit(&input.unit, time_unit) } else { (input.unit.clone(), 1.0) };
    let amount_unit = amount_unit.text();
    let (single, total) = largest(&given, 24.0 * per_hour, from, to);
    let whole = (f64::NEG_INFINITY, f64::INFINITY);
    let (known_single, known_total) = largest(&known, 24.0 * per_hour, whole.0, whole.1);
    let levels_given = levels(schedule, index, from, to);
    let levels_known = levels(record, index, record.start, record.end);
    let acts = single.1 > 0.0 || levels_given.iter().any(|level| *level != 0.0);
    if known.is_empty() && levels_known.is_empty() {
        if acts {
            found.push(format!(
                "The record has no `{name}`: how this person responds to it comes from the model alone."
            ));
        }
        return;
    }
    if single.1 > known_single.1 * (1.0 + EXCESS) {
        found.push(format!(
            "{} {amount_unit} of `{name}` at {} h is above the largest in the record, {} {amount_unit}.",
            short(single.1 * share),
            short(single.0 / per_hour),
            short(known_single.1 * share)
        ));
    }
    if total.1 > known_total.1 * (1.0 + EXCESS) {
        found.push(format!(
            "{} {amount_unit} of `{name}` in the 24 h until {} h is above the largest in the record, {} {amount_unit}.",
            short(total.1 * share),
            short(total.0 / per_hour),
            short(known_total.1 * share)
        ));
    }
    // Rates are told per hour.
    let (factor, unit) =
        if is_rate { (per_hour * share, format!("{amount_unit}/h")) } else { (1.0, input.unit.text().to_string()) };
    let ((low, high), (known_low, known_high)) = (range(&levels_given), range(&levels_known));
    let slack = EXCESS * known_low.abs().max(known_high.abs());
    if !levels_known.is_empty() && (low < known_low - slack || high > known_high + slack) {
        let known = if known_low == known_high {
            format!("the record only has {}", short(known_low * factor))
        } else {
            format!("the record has {} to {}", short(known_low * factor), short(known_high * factor))
        };
        let reached = if low < known_low - slack { low } else { high };
        found.push(format!("`{name}` at {} {unit}: {known} {unit}.", short(reached * factor)));
    }
}

fn readings(found: &mut Vec<String>, posterior: &Posterior, run: &ScenarioRun) {
    let mut known: HashMap<usize, (f64, f64)> = HashMap::new();
    for term in &posterior.terms {
        let (low, high) = known.entry(term.observation).or_insert((f64::INFINITY, f64::NEG_INFINITY));
        for reading in &term.readings {
            (*low, *high) = (low.min(reading.value), high.max(reading.value));
        }
    }
    for reach in &run.readings {
        let Some((low, high)) = known.get(&reach.observation).filter(|(low, high)| low <= high) else { continue };
        let width = if high > low { high - low } else { high.abs() };
        let observation = &posterior.program.model.observations[reach.observation];
        let (name, unit) = (&observation.name, &observation.unit);
        for (beyond, verb, value) in [
            (reach.greatest > high + MARGIN * width, "rise to", reach.greatest),
            (reach.least < low - MARGIN * width, "fall to", reach.least),
        ] {
            if beyond {
                let known = if low == high {
                    format!("every reading of the person is {}", short(*low))
                } else {
                    format!("the person's readings go from {} to {}", short(*low), short(*high))
                };
                found.push(format!("`{name}` would {verb} {} {unit} (median): {known} {unit}.", short(value)));
            }
        }
    }
}

fn parameter_warning(posterior: &Posterior, draws: &[Vec<f64>], parameter: usize, change: Change) -> Option<String> {
    let known = &posterior.program.model.parameters[parameter];
    let Some(index) = posterior.prior.calibrated.iter().position(|c| c.parameter == parameter) else {
        return Some(format!("`{}` is fixed in the model: the person's data say nothing of it.", known.name));
    };
    let mut values: Vec<f64> = draws.iter().map(|draw| draw[index]).collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = (quantile(&values, 0.005), quantile(&values, 0.995));
    let value = match change {
        Change::Value(value) => value,
        Change::Factor(factor) => factor * quantile(&values, 0.5),
    };
    (value < low || value > high).then(|| {
        format!(
            "`{}` at {} {u} is outside what the person's data allow (99 %: {} to {} {u}).",
            known.name,
            short(value),
            short(low),
            short(high),
            u = known.unit
        )
    })
}
