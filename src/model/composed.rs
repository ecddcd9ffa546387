//! A checked model with all its components joined: flat lists, and every expression a node of one graph.

use crate::diagnostic::{Source, Span};
use crate::stats::Distribution;
use crate::units::Unit;

use super::graph::{Graph, NodeId, Symbol};

/// A whole model: what `Program` compiles and what the other layers look names up in.
///
/// Every expression is in the unit of the thing it defines; derivatives are in the state's unit per `time_unit`.
/// Names of parts used `as part` are qualified: `part.name`.
#[derive(Clone, Debug)]
pub struct Composed {
    pub name: String,
    /// The sentence under the `component` or `composition` line.
    pub about: String,
    /// Every file that the model was read from, the named one first: what the twin keeps.
    pub sources: Vec<Source>,
    pub time_unit: Unit,
    pub graph: Graph,
    pub parameters: Vec<Parameter>,
    pub covariates: Vec<Covariate>,
    pub states: Vec<State>,
    /// For each state with `initial.steady`, in order: its derivative with every steady value standing for the state
    /// itself; the steady state is where all of them vanish.
    pub steady_derivatives: Vec<NodeId>,
    pub inputs: Vec<Input>,
    pub outputs: Vec<Output>,
    pub observations: Vec<Observation>,
}

impl Composed {
    /// Marks the states whose steady value is used anywhere and writes the system that is solved for them: the last
    /// step of composing.
    pub fn close_steady_state(&mut self) {
        let roots: Vec<NodeId> = self.roots();
        for symbol in self.graph.symbols(&roots) {
            if let Symbol::Steady(state) = symbol {
                self.states[state].initial.steady = true;
            }
        }
        let derivatives: Vec<NodeId> =
            self.states.iter().filter(|state| state.initial.steady).map(|state| state.derivative).collect();
        let states: Vec<NodeId> = (0..self.states.len()).map(|state| self.graph.symbol(Symbol::State(state))).collect();
        self.steady_derivatives = derivatives
            .into_iter()
            .map(|derivative| {
                self.graph.substitute(derivative, &|symbol| match symbol {
                    Symbol::Steady(state) => Some(states[state]),
                    _ => None,
                })
            })
            .collect();
    }

    /// The number of the observation that a device's readings of a name belong to.
    pub fn observed_by(&self, name: &str, device: Option<&str>) -> Option<usize> {
        let position = |device: Option<&str>| {
            self.observations.iter().position(|known| known.name == name && known.device.as_deref() == device)
        };
        position(device).or_else(|| position(None))
    }

    /// Every expression of the model.
    pub fn roots(&self) -> Vec<NodeId> {
        let mut roots = self.steady_derivatives.clone();
        for state in &self.states {
            roots.extend([state.derivative, state.initial.value]);
            roots.extend(state.initial.near);
        }
        for input in &self.inputs {
            roots.extend(input.receipts.iter().map(|receipt| receipt.gain));
            roots.extend(input.assignments.iter().map(|assignment| assignment.value));
            roots.extend(input.lag);
        }
        roots.extend(self.outputs.iter().map(|output| output.value));
        roots.extend(self.observations.iter().flat_map(|observation| &observation.arguments));
        roots
    }
}

/// A number of the person that may be calibrated.
#[derive(Clone, Debug)]
pub struct Parameter {
    pub name: String,
    pub about: String,
    pub unit: Unit,
    pub value: ParameterValue,
    /// Factor on the typical value, an expression of covariates only; `None` is 1.
    pub scales: Option<NodeId>,
    pub source: Option<String>,
    pub origin: Origin,
}

/// A parameter with a prior is calibrated; one with a value is fixed.
#[derive(Clone, Debug)]
pub enum ParameterValue {
    Prior(Distribution),
    Fixed(f64),
}

/// A number known of the person, which conditions the prior and may enter equations.
#[derive(Clone, Debug)]
pub struct Covariate {
    pub name: String,
    pub about: String,
    pub unit: Unit,
    /// Used when the bundle does not say; without it the bundle must.
    pub default: Option<f64>,
    pub origin: Origin,
}

/// A quantity that changes by a differential equation.
#[derive(Clone, Debug)]
pub struct State {
    pub name: String,
    pub about: String,
    pub unit: Unit,
    pub initial: Initial,
    /// Expression of the rate of change.
    pub derivative: NodeId,
    pub origin: Origin,
}

/// The value of a state at the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Initial {
    /// An expression of parameters, covariates and steady values ([`super::Symbol::Steady`]).
    pub value: NodeId,
    /// Whether the state belongs to the steady state that is solved for (its expression or another's mentions it).
    pub steady: bool,
    /// Meant to stand where it begins while the steady state of others is solved: it changes slowly.
    pub held: bool,
    /// Where to look for the steady value first.
    pub near: Option<NodeId>,
}

/// What acts on the person.
#[derive(Clone, Debug)]
pub struct Input {
    pub name: String,
    pub about: String,
    /// Unit of the amount for [`InputKind::Bolus`], of the rate for [`InputKind::Rate`], of the value for a series.
    pub unit: Unit,
    pub kind: InputKind,
    /// What an event of a bolus adds to which state.
    pub receipts: Vec<Receipt>,
    /// What is assigned to states when a delivery starts while none is running.
    pub assignments: Vec<Assignment>,
    /// Time from the event to its effect, in the model's time unit, an expression of parameters and covariates.
    pub lag: Option<NodeId>,
    pub origin: Origin,
}

/// How an input acts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum InputKind {
    /// An amount at an instant, received by states.
    Bolus,
    /// A rate over a time; an amount without a duration is delivered as said.
    Rate(Delivery),
    /// A time series, the last value holds.
    SeriesConstant,
    /// A time series, straight lines between its points; the first and last value hold outside.
    SeriesLinear,
}

/// How fast an amount without a duration is delivered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Delivery {
    /// At this rate, in the input's unit.
    At(f64),
    /// Over this time, in the model's time unit.
    Over(f64),
    /// A duration must be given.
    None,
}

/// `state … receives expression`: added to the state at the event; the expression may use the event's amount.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Receipt {
    pub state: usize,
    pub gain: NodeId,
}

/// `on input: state = expression`: assigned all at once, from the values before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assignment {
    pub state: usize,
    pub value: NodeId,
}

/// A named quantity that can be plotted and compared with data.
#[derive(Clone, Debug)]
pub struct Output {
    pub name: String,
    pub about: String,
    pub unit: Unit,
    pub value: NodeId,
    pub origin: Origin,
}

/// How a measured quantity scatters around the model.
#[derive(Clone, Debug)]
pub struct Observation {
    /// Name of the measured quantity, as in the vocabulary and the bundle.
    pub name: String,
    /// The device whose readings these are; `None` is every one that has no observation of its own.
    pub device: Option<String>,
    pub unit: Unit,
    pub family: ErrorFamily,
    /// The family's arguments, in its order, in the units it says.
    pub arguments: Vec<NodeId>,
    /// Readings are averaged over spans of this length, in the model's unit of time; nothing: they are taken one by one.
    pub averaged: Option<f64>,
    /// `within_person`: what of the centre varies in the person from reading to reading, in the measurement's unit. The spread
    /// is then the method's alone, until the person's own comes beside it.
    pub varies: Option<NodeId>,
    pub origin: Origin,
}

/// Distribution of a measurement around the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorFamily {
    /// `Normal(mean, sd)`, both in the unit of the measurement.
    Normal,
    /// `LogNormal(median, sigma)`: the median in the unit of the measurement, the sd of the logarithm a plain number.
    LogNormal,
    /// `StudentT(df, location, scale)`: location and scale in the unit of the measurement.
    StudentT,
    /// `NegBinomial(mean, size)`: counts, with variance mean + mean² / size; both plain numbers.
    NegativeBinomial,
    /// `OU(mean, sd, correlation_time)`: normal with autocorrelation exp(−Δt / correlation_time); the time in the
    /// model's time unit.
    OrnsteinUhlenbeck,
    /// `Matern(mean, sd, correlation_time)`: normal with autocorrelation (1 + x) exp(−x), x = √3 Δt / correlation_time:
    /// errors that change smoothly, as those of a device that filters.
    Matern,
}

impl ErrorFamily {
    /// Whether the error of a reading depends on that of the one before.
    pub fn correlated(self) -> bool {
        matches!(self, Self::OrnsteinUhlenbeck | Self::Matern)
    }
}

/// Where something is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    pub source: Source,
    pub span: Span,
}
