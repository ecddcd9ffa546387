//! Events of unknown amount: each becomes an input of its own whose amount is calibrated.

use serde::{Deserialize, Serialize};

use super::matching::hours_to_model;
use super::over_time;
use super::personal::{Personal, parameter};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::{Composed, Delivery, Input, InputKind, NodeId, Op, Receipt, Symbol};
use crate::patient::Patient;
use crate::sim::{Bolus, Infusion, Schedule};
use crate::stats::{Distribution, log_sd_from_cv};
use crate::units::{Unit, mismatch};

/// At most so many unknown amounts are calibrated: each is a parameter.
const MOST: usize = 60;

/// One event of an input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnknownAmount {
    pub input: String,
    /// From 1, in order of time.
    pub number: usize,
    /// In the model's time unit.
    pub time: f64,
    /// How long it lasts, in the model's time unit; 0 at once.
    pub duration: f64,
    /// The bundle's unit of the amount, and what one of it is in the input's.
    pub unit: String,
    pub factor: f64,
    /// Median of the prior, in the bundle's unit.
    pub median: f64,
    /// Standard deviation of its logarithm.
    pub sigma: f64,
}

impl UnknownAmount {
    fn name(&self) -> String {
        format!("{}.unknown_{}", self.input, self.number)
    }
}

/// The unknown amounts of a bundle that act on a model.
pub(super) fn of(model: &Composed, patient: &Patient, found: &mut Diagnostics) -> Vec<UnknownAmount> {
    let per_hour = hours_to_model(model);
    let mut all = Vec::new();
    for exposure in patient.exposures.iter().filter(|exposure| !exposure.unknown.is_empty()) {
        let Some(index) = model.inputs.iter().position(|input| input.name == exposure.name) else { continue };
        let input = &model.inputs[index];
        let refuse = |message: String, help: &str| {
            Diagnostic::error("L1009", message).at_location(patient.place(&exposure.name)).help(help.to_string())
        };
        let unit = match input.kind {
            InputKind::Bolus => input.unit.clone(),
            InputKind::Rate(_) => input.unit.times(&model.time_unit),
            InputKind::SeriesConstant | InputKind::SeriesLinear => {
                let message = format!("`{}` is a series: it has no amounts", exposure.name);
                found.push(refuse(message, "give values, or leave the exposure out"));
                continue;
            }
        };
        let Some((median, cv)) = exposure.usual else {
            let message = format!("nothing is known of the usual amount of `{}`", exposure.name);
            found.push(refuse(message, "say what is usual: usual = \"40 g\", spread = \"80 %\" in its entry"));
            continue;
        };
        let Some(factor) = exposure.unit.factor_to(&unit) else {
            found.push(mismatch(&exposure.unit, &unit).at_location(patient.place(&exposure.name)));
            continue;
        };
        let lasts = exposure.unknown.iter().any(|event| event.duration_h > 0.0);
        if lasts && input.kind == InputKind::Bolus && !over_time::takes(model, index) {
            let message = format!("an amount of `{}` lasts, and the model takes none in parts", exposure.name);
            found.push(refuse(message, "what it does is not in proportion to the amount: leave the duration out"));
            continue;
        }
        if exposure.unknown.len() > MOST {
            let message = format!("{} amounts of `{}` are not known", exposure.unknown.len(), exposure.name);
            found.push(refuse(message, &format!("at most {MOST} are calibrated: choose a shorter window")));
            continue;
        }
        for (number, event) in exposure.unknown.iter().enumerate() {
            let given = event.duration_h * per_hour;
            let duration = match input.kind {
                InputKind::Rate(Delivery::At(rate)) if given == 0.0 => median * factor / rate,
                InputKind::Rate(Delivery::Over(duration)) if given == 0.0 => duration,
                _ => given,
            };
            if duration == 0.0 && input.kind != InputKind::Bolus {
                found.push(refuse(format!("an amount of `{}` needs a duration", exposure.name), "add `duration`"));
                break;
            }
            let (input, time, sigma) = (exposure.name.clone(), event.time_h * per_hour, log_sd_from_cv(cv));
            let unit = exposure.unit.text().to_string();
            all.push(UnknownAmount { input, number: number + 1, time, duration, unit, factor, median, sigma });
        }
    }
    all
}

impl Personal {
    /// Adds an input and a parameter an event, wherever the input acts.
    pub(super) fn add_amounts(&self, model: &mut Composed) {
        for unknown in &self.unknown {
            let Some(index) = model.inputs.iter().position(|input| input.name == unknown.input) else { continue };
            let base = model.inputs[index].clone();
            let unit = Unit::parse(&unknown.unit).unwrap_or_else(|_| base.unit.clone());
            let distribution = Distribution::LogNormal { median: unknown.median, sigma: unknown.sigma };
            let about = "An amount that nobody wrote down.";
            let amount = parameter(model, unknown.name(), about, unit, distribution);
            let factor = model.graph.constant(unknown.factor);
            let amount = model.graph.op(Op::Mul, &[amount, factor]);
            let own = model.inputs.len();
            // What the event brings, for one unit that the schedule gives.
            let scaled = |model: &mut Composed, node: NodeId| {
                let given = model.graph.symbol(Symbol::Amount);
                let product = model.graph.op(Op::Mul, &[given, amount]);
                model.graph.substitute(node, &|symbol| (symbol == Symbol::Amount).then_some(product))
            };
            let receipts = base.receipts.iter();
            let receipts: Vec<Receipt> =
                receipts.map(|receipt| Receipt { gain: scaled(model, receipt.gain), ..*receipt }).collect();
            let mut assignments = base.assignments.clone();
            for assignment in &mut assignments {
                assignment.value = scaled(model, assignment.value);
            }
            if base.kind != InputKind::Bolus {
                let (all, one) = (model.graph.symbol(Symbol::Input(index)), model.graph.symbol(Symbol::Input(own)));
                let brought = model.graph.op(Op::Mul, &[one, amount]);
                let sum = model.graph.op(Op::Add, &[all, brought]);
                replace(model, index, sum);
            }
            let at_instants = base.kind == InputKind::Bolus && unknown.duration > 0.0;
            model.inputs.push(Input { name: unknown.name(), receipts, assignments, ..base });
            if at_instants {
                over_time::receive(model, own);
            }
        }
    }

    /// Adds the events, with one unit each, to a schedule of the model that has the inputs.
    pub(crate) fn schedule(&self, model: &Composed, schedule: &mut Schedule) {
        for unknown in &self.unknown {
            let name = unknown.name();
            let Some(input) = model.inputs.iter().position(|input| input.name == name) else { continue };
            let UnknownAmount { time, duration, .. } = *unknown;
            if duration > 0.0 {
                schedule.infusions.push(Infusion { input, time, rate: 1.0 / duration, duration });
            } else {
                schedule.boluses.push(Bolus { input, time, amount: 1.0 });
            }
        }
    }

    /// Whether an input stands for an event of unknown amount.
    pub(crate) fn stands_for_unknown(&self, input: &str) -> bool {
        self.unknown.iter().any(|unknown| unknown.name() == input)
    }
}

/// An input, and those that stand for its events of unknown amount.
pub fn events_of(model: &Composed, input: usize) -> Vec<usize> {
    let start = format!("{}.unknown_", model.inputs[input].name);
    let unknown = model.inputs.iter().enumerate().filter(|(_, other)| other.name.starts_with(&start));
    std::iter::once(input).chain(unknown.map(|(index, _)| index)).collect()
}

/// Puts a node wherever an input's rate stands.
fn replace(model: &mut Composed, input: usize, by: NodeId) {
    let Composed { graph, states, steady_derivatives, inputs, outputs, observations, .. } = model;
    let mut put = |node: &mut NodeId| {
        *node = graph.substitute(*node, &|symbol| (symbol == Symbol::Input(input)).then_some(by));
    };
    steady_derivatives.iter_mut().for_each(&mut put);
    for state in states {
        put(&mut state.derivative);
        put(&mut state.initial.value);
        state.initial.near.iter_mut().for_each(&mut put);
    }
    for input in inputs {
        input.receipts.iter_mut().for_each(|receipt| put(&mut receipt.gain));
        input.assignments.iter_mut().for_each(|assignment| put(&mut assignment.value));
        input.lag.iter_mut().for_each(&mut put);
    }
    outputs.iter_mut().for_each(|output| put(&mut output.value));
    observations.iter_mut().flat_map(|observation| &mut observation.arguments).for_each(put);
}
