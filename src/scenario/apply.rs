//! Applies interventions to a schedule and to a person's parameters and covariates.

use crate::likelihood::events_of;
use crate::model::{Composed, Delivery, Input, InputKind, Symbol};
use crate::sim::{Bolus, Infusion, Schedule};

use super::profile::{Alter, alter};
use super::{Change, Given, Intervention, Window};

/// The schedule after the interventions, in their order; nothing that began before `floor` changes.
///
/// The person's steady start stays that of the schedule as it was: an intervention acts just after it.
pub(super) fn schedule(model: &Composed, before: &Schedule, interventions: &[Intervention], floor: f64) -> Schedule {
    let mut schedule = before.clone();
    for intervention in interventions {
        apply(model, &mut schedule, intervention, floor);
    }
    let at_start = |schedule: &Schedule| -> Vec<f64> {
        (0..model.inputs.len()).map(|index| schedule.value_at_start(index, linear(&model.inputs[index]))).collect()
    };
    let (was, is) = (at_start(before), at_start(&schedule));
    if before.before.is_none() && was != is {
        schedule.before = Some(was);
    }
    schedule
}

/// Applies one intervention; whether it changed anything (to multiply by 1 or to move by 0 changes nothing).
pub(super) fn apply(model: &Composed, schedule: &mut Schedule, intervention: &Intervention, floor: f64) -> bool {
    // Events of unknown amount are inputs of their own, and events of this one.
    let mut of_all = |input: usize, act: &mut dyn FnMut(&mut Schedule, usize) -> bool| {
        events_of(model, input).into_iter().fold(false, |touched, input| touched | act(schedule, input))
    };
    match *intervention {
        Intervention::Remove { input, window } => {
            of_all(input, &mut |schedule, input| scale(model, schedule, input, window, 0.0, floor))
        }
        Intervention::Scale { input, window, factor } => {
            of_all(input, &mut |schedule, input| scale(model, schedule, input, window, factor, floor))
        }
        Intervention::Shift { input, window, by } => of_all(input, &mut |schedule, input| {
            let mut touched = false;
            for bolus in schedule.boluses.iter_mut().filter(|b| b.input == input && window.holds(b.time)) {
                bolus.time += by;
                touched = true;
            }
            for infusion in schedule.infusions.iter_mut().filter(|i| i.input == input && window.holds(i.time)) {
                infusion.time += by;
                touched = true;
            }
            touched | alter(schedule, input, linear(&model.inputs[input]), window, Alter::Shift(by), floor)
        }),
        Intervention::Hold { input, window, value } => {
            alter(schedule, input, linear(&model.inputs[input]), window, Alter::Hold(value), floor)
        }
        Intervention::Add { input, time, given, every, times } => {
            for number in 0..times {
                let time = time + every * number as f64;
                match given {
                    Given::Bolus { amount } => schedule.boluses.push(Bolus { input, time, amount }),
                    Given::Infusion { rate, duration } => {
                        schedule.infusions.push(Infusion { input, time, rate, duration });
                    }
                }
            }
            times > 0
        }
        Intervention::SetParameter { .. } | Intervention::SetCovariate { .. } => true,
    }
}

/// Multiplies what an input gives in a window; by 0 takes it away, events and all.
fn scale(model: &Composed, schedule: &mut Schedule, input: usize, window: Window, factor: f64, floor: f64) -> bool {
    let of_input = &model.inputs[input];
    let mut touched = false;
    for bolus in schedule.boluses.iter_mut().filter(|b| b.input == input && window.holds(b.time)) {
        bolus.amount *= factor;
        touched = true;
    }
    let mut infusions = Vec::with_capacity(schedule.infusions.len());
    for infusion in &schedule.infusions {
        if infusion.input != input {
            infusions.push(*infusion);
        } else if is_cut(of_input) {
            touched |= scale_part(infusion, window, factor, &mut infusions);
        } else if window.holds(infusion.time) {
            touched = true;
            infusions.push(scaled(of_input, infusion, factor));
        } else {
            infusions.push(*infusion);
        }
    }
    schedule.infusions = infusions;
    if factor == 0.0 {
        // An empty event would still start a delivery, and a start may assign states.
        schedule.boluses.retain(|b| b.input != input || !window.holds(b.time));
        let empty = |i: &Infusion| i.input == input && (i.rate == 0.0 || i.duration == 0.0);
        schedule.infusions.retain(|i| !(empty(i) && window.holds(i.time)));
    }
    touched | alter(schedule, input, linear(of_input), window, Alter::Scale(factor), floor)
}

/// Whether a delivery that runs across an edge of a window is cut there. One whose start means something, or whose
/// speed is the model's (a meal, a tablet), belongs as a whole to the window in which it begins.
pub(super) fn is_cut(input: &Input) -> bool {
    input.kind == InputKind::Rate(Delivery::None) && input.assignments.is_empty()
}

fn scaled(input: &Input, infusion: &Infusion, factor: f64) -> Infusion {
    match input.kind {
        // Twice the amount at a given rate takes twice the time; otherwise it comes twice as fast.
        InputKind::Rate(Delivery::At(rate)) if (infusion.rate - rate).abs() <= 1e-9 * rate.abs() => {
            Infusion { duration: infusion.duration * factor, ..*infusion }
        }
        _ => Infusion { rate: infusion.rate * factor, ..*infusion },
    }
}

/// Multiplies the part of an infusion that is given in the window; whether there is such a part.
fn scale_part(infusion: &Infusion, window: Window, factor: f64, out: &mut Vec<Infusion>) -> bool {
    let (begin, end) = (infusion.time, infusion.time + infusion.duration);
    let slack = Window::slack(begin).max(Window::slack(end));
    let (from, to) = (window.from.max(begin), window.to.min(end));
    if to - from <= slack {
        out.push(*infusion);
        return false;
    }
    let mut piece = |from: f64, to: f64, rate: f64| {
        if to - from > slack && rate != 0.0 {
            out.push(Infusion { time: from, rate, duration: to - from, ..*infusion });
        }
    };
    if factor == 1.0 || (from - begin <= slack && end - to <= slack) {
        // Whole: its numbers stay as they are.
        if factor != 0.0 {
            out.push(Infusion { rate: infusion.rate * factor, ..*infusion });
        }
        return true;
    }
    piece(begin, from, infusion.rate);
    piece(from, to, infusion.rate * factor);
    piece(to, end, infusion.rate);
    true
}

fn linear(input: &Input) -> bool {
    input.kind == InputKind::SeriesLinear
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
        let factors = model
            .parameters
            .iter()
            .map(|p| p.scales.map_or(1.0, |scales| covariate_factor(model, scales, before, after)))
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

/// By how much a covariate expression grows when the covariates change; exactly 1 where they do not.
pub(super) fn covariate_factor(model: &Composed, scales: crate::model::NodeId, before: &[f64], after: &[f64]) -> f64 {
    let value = |covariates: &[f64]| {
        model.graph.evaluate(scales, &|symbol| match symbol {
            Symbol::Covariate(index) => covariates[index],
            _ => f64::NAN,
        })
    };
    if before == after { 1.0 } else { value(after) / value(before) }
}
