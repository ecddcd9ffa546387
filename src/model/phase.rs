//! When a value changes: once a parameter vector, once a segment, or at every time.

use super::composed::{Composed, InputKind};
use super::graph::{Graph, Node, Symbol};

/// When a node's value changes, in the order of evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Constant,
    /// Once a parameter vector.
    Preset,
    /// Once a parameter vector, after the steady state is known.
    Settled,
    /// Between two events: inputs are constant there.
    Segment,
    /// At every time.
    Time,
    /// While an event is applied.
    Event,
}

impl Phase {
    pub const ALL: [Self; 6] = [Self::Constant, Self::Preset, Self::Settled, Self::Segment, Self::Time, Self::Event];

    /// The phase of every node of a graph over the symbols of a model.
    pub fn of(graph: &Graph, model: &Composed) -> Vec<Self> {
        let mut phases: Vec<Self> = Vec::with_capacity(graph.nodes().len());
        for node in graph.nodes() {
            phases.push(match node {
                Node::Constant(_) => Self::Constant,
                Node::Symbol(symbol) => match symbol {
                    Symbol::Parameter(_) | Symbol::Covariate(_) => Self::Preset,
                    Symbol::Steady(_) => Self::Settled,
                    Symbol::Input(index) if model.inputs[*index].kind == InputKind::SeriesLinear => Self::Time,
                    Symbol::Input(_) => Self::Segment,
                    Symbol::State(_) | Symbol::Time => Self::Time,
                    Symbol::Amount => Self::Event,
                },
                Node::Op(_, operands) => operands.iter().map(|id| phases[id.index()]).max().unwrap_or(Self::Constant),
            });
        }
        phases
    }
}
