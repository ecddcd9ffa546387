//! Applies interventions to a schedule and to a person's parameters and covariates.

use crate::model::{Composed, Delivery, InputKind, Symbol};
use crate::sim::{Bolus, Held, Infusion, Schedule};

use super::{Change, Given, Intervention, Window};

/// The schedule after the interventions, in their order.
pub(super) fn schedule(model: &Composed, before: &Schedule, interventions: &[Intervention]) -> Schedule {
    let mut schedule = before.clone();
    for intervention in interventions {
        match *intervention {
            Intervention::Remove { input, window } => {
                schedule.boluses.retain(|b| b.input != input || !window.holds(b.time));
                schedule.infusions.retain(|i| i.input != input || !window.holds(i.time));
                rescale_held(&mut schedule, input, window, 0.0);
            }
            Intervention::Scale { input, window, factor } => scale(model, &mut schedule, input, window, factor),
            Intervention::Shift { input, window, by } => {
                for bolus in schedule.boluses.iter_mut().filter(|b| b.input == input && window.holds(b.time)) {
                    bolus.time += by;
                }
                for infusion in schedule.infusions.iter_mut().filter(|i| i.input == input && window.holds(i.time)) {
                    infusion.time += by;
                }
                for held in schedule.held.iter_mut().filter(|h| h.input == input && window.holds(h.time)) {
                    held.time += by;
                }
            }
            Intervention::Add { input, time, given, every, times } => {
                for number in 0..times {
                    let time = time + every * number as f64;
                    match given {
                        Given::Bolus { amount } => schedule.boluses.push(Bolus { input, time, amount }),
                        Given::Infusion { rate, duration } => {
                            schedule.infusions.push(Infusion { input, time, rate, duration });
                        }
                        Given::Held { rate } => schedule.held.push(Held { input, time, rate }),
                    }
                }
            }
            Intervention::SetParameter { .. } | Intervention::SetCovariate { .. } => {}
        }
    }
    schedule
}

fn scale(model: &Composed, schedule: &mut Schedule, input: usize, window: Window, factor: f64) {
    for bolus in schedule.boluses.iter_mut().filter(|b| b.input == input && window.holds(b.time)) {
        bolus.amount *= factor;
    }
    // Twice the amount at a given rate takes twice the time; otherwise it comes twice as fast.
    let longer = matches!(model.inputs[input].kind, InputKind::Rate(Delivery::At(_)));
    for infusion in schedule.infusions.iter_mut().filter(|i| i.input == input && window.holds(i.time)) {
        if longer {
            infusion.duration *= factor;
        } else {
            infusion.rate *= factor;
        }
    }
    rescale_held(schedule, input, window, factor);
    for series in schedule.series.iter_mut().filter(|s| s.input == input) {
        for (time, value) in series.times.iter().zip(&mut series.values) {
            if window.holds(*time) {
                *value *= factor;
            }
        }
    }
}

/// Multiplies the held rate of an input within a window, and restores it at the window's end.
fn rescale_held(schedule: &mut Schedule, input: usize, window: Window, factor: f64) {
    let mut steps: Vec<Held> = schedule.held.iter().filter(|h| h.input == input).copied().collect();
    if steps.is_empty() {
        return;
    }
    steps.sort_by(|a, b| a.time.total_cmp(&b.time));
    let rate_at = |time: f64| steps.iter().rev().find(|h| h.time <= time).map_or(0.0, |h| h.rate);
    let (entering, leaving) = (rate_at(window.from), rate_at(window.to));
    let mut after: Vec<Held> = Vec::new();
    for held in &steps {
        let rate = if window.holds(held.time) { held.rate * factor } else { held.rate };
        after.push(Held { rate, ..*held });
    }
    if window.from.is_finite() && !steps.iter().any(|h| h.time == window.from) {
        after.push(Held { input, time: window.from, rate: entering * factor });
    }
    if window.to.is_finite() && !steps.iter().any(|h| h.time == window.to) {
        after.push(Held { input, time: window.to, rate: leaving });
    }
    after.sort_by(|a, b| a.time.total_cmp(&b.time));
    schedule.held.retain(|h| h.input != input);
    schedule.held.extend(after);
}

/// The person's covariates after the interventions, in the model's units.
pub(super) fn covariates(before: &[f64], interventions: &[Intervention]) -> Vec<f64> {
    let mut after = before.to_vec();
    for intervention in interventions {
        if let Intervention::SetCovariate { covariate, value } = intervention {
            after[*covariate] = *value;
        }
    }
    after
}

/// What the interventions do to every draw's parameters: a factor on each, then values that are set.
pub(super) struct ParameterChange {
    factors: Vec<f64>,
    set: Vec<(usize, Change)>,
}

impl ParameterChange {
    /// A changed covariate changes typical values; the person's random effects stay.
    pub(super) fn new(model: &Composed, before: &[f64], after: &[f64], interventions: &[Intervention]) -> Self {
        let factor = |covariates: &[f64], scales| {
            model.graph.evaluate(scales, &|symbol| match symbol {
                Symbol::Covariate(index) => covariates[index],
                _ => f64::NAN,
            })
        };
        let factors = model
            .parameters
            .iter()
            .map(|p| p.scales.map_or(1.0, |scales| factor(after, scales) / factor(before, scales)))
            .collect();
        let set = interventions
            .iter()
            .filter_map(|intervention| match intervention {
                Intervention::SetParameter { parameter, change } => Some((*parameter, *change)),
                _ => None,
            })
            .collect();
        Self { factors, set }
    }

    /// Changes natural values of all parameters of the model.
    pub(super) fn apply(&self, values: &mut [f64]) {
        for (value, factor) in values.iter_mut().zip(&self.factors) {
            *value *= factor;
        }
        for (parameter, change) in &self.set {
            match change {
                Change::Value(value) => values[*parameter] = *value,
                Change::Factor(factor) => values[*parameter] *= factor,
            }
        }
    }
}
