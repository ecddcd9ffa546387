//! Amounts over a time to inputs that take them at an instant: the same states receive them at a rate while they last.
//!
//! What an event adds to a state is an expression g of its amount a. Where g is a multiple of a, however that depends on parameters, states
//! and time, n equal parts of it spread over a duration T add up to the integral of g(a/T) as n grows: the derivative of the state receives g at
//! the rate of the input. That is no approximation, and the solver stops at both ends. Where g is no multiple (a dose that saturates
//! what takes it up at once), parts would do something else than the whole, and nobody said which: such a model takes no duration.

use crate::model::{Composed, Graph, InputKind, Node, NodeId, Op, Symbol};
use crate::patient::{ExposureKind, Patient};

/// Names of a model's inputs that take amounts at an instant and to which a bundle gives them over a time.
pub(super) fn of(model: &Composed, patient: &Patient) -> Vec<String> {
    let lasting = model.inputs.iter().enumerate().filter(|(index, input)| {
        let given = patient.exposure(&input.name).filter(|_| input.kind == InputKind::Bolus && takes(model, *index));
        given.is_some_and(|given| {
            matches!(given.kind, ExposureKind::Bolus | ExposureKind::Rate)
                && given.events.iter().any(|event| event.duration_h > 0.0)
        })
    });
    lasting.map(|(_, input)| input.name.clone()).collect()
}

/// Whether what an input's amounts add to states is in proportion to them.
pub(super) fn takes(model: &Composed, input: usize) -> bool {
    let receipts = &model.inputs[input].receipts;
    let proportional = proportional(&model.graph);
    !receipts.is_empty() && receipts.iter().all(|receipt| proportional[receipt.gain.index()] == Some(true))
}

/// Lets the states that receive an input's amounts receive them at a rate, too.
pub(super) fn receive(model: &mut Composed, input: usize) {
    if reaches(model, input) {
        return;
    }
    let rate = model.graph.symbol(Symbol::Input(input));
    for receipt in model.inputs[input].receipts.clone() {
        let gain = model.graph.substitute(receipt.gain, &|symbol| (symbol == Symbol::Amount).then_some(rate));
        let state = &mut model.states[receipt.state];
        state.derivative = model.graph.op(Op::Add, &[state.derivative, gain]);
    }
}

/// Whether states receive what an input gives at a rate.
pub(super) fn reaches(model: &Composed, input: usize) -> bool {
    let derivatives: Vec<NodeId> = model.states.iter().map(|state| state.derivative).collect();
    model.graph.symbols(&derivatives).contains(&Symbol::Input(input))
}

/// Of every node whether it is a multiple of the event's amount (`true`), does not depend on it (`false`), or neither.
fn proportional(graph: &Graph) -> Vec<Option<bool>> {
    let mut found: Vec<Option<bool>> = Vec::with_capacity(graph.nodes().len());
    for node in graph.nodes() {
        let of = match node {
            Node::Constant(_) => Some(false),
            Node::Symbol(symbol) => Some(*symbol == Symbol::Amount),
            Node::Op(op, operands) => {
                let [a, b, c] = operands.map(|operand| found[operand.index()]);
                match op {
                    Op::Neg => a,
                    Op::Add | Op::Sub if a == b => a,
                    Op::Mul => match (a, b) {
                        (Some(a), Some(b)) if !(a && b) => Some(a || b),
                        _ => None,
                    },
                    Op::Div if b == Some(false) => a,
                    Op::Select if a == Some(false) && b == c => b,
                    op => operands[..op.arity()].iter().all(|one| found[one.index()] == Some(false)).then_some(false),
                }
            }
        };
        found.push(of);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiples_of_the_amount_are_told_from_what_is_none() {
        let mut graph = Graph::new();
        let (amount, x) = (graph.symbol(Symbol::Amount), graph.symbol(Symbol::State(0)));
        let (two, zero) = (graph.constant(2.0), graph.constant(0.0));
        let mut op = |op, operands: &[NodeId]| graph.op(op, operands);
        let root = op(Op::Sqrt, &[x]);
        let part = op(Op::Div, &[amount, root]);
        let less = op(Op::Less, &[x, two]);
        let twice = op(Op::Mul, &[two, amount]);
        let sum = op(Op::Sub, &[part, twice]);
        let either = op(Op::Select, &[less, sum, amount]);
        let more = op(Op::Add, &[amount, two]);
        let square = op(Op::Mul, &[amount, part]);
        let inverse = op(Op::Div, &[x, amount]);
        let most = op(Op::Min, &[amount, two]);
        let by_amount = op(Op::Less, &[amount, two]);
        let chosen = op(Op::Select, &[by_amount, amount, zero]);
        let found = proportional(&graph);
        for node in [amount, part, twice, sum, either] {
            assert_eq!(found[node.index()], Some(true), "{node:?}");
        }
        for node in [x, root, less, two] {
            assert_eq!(found[node.index()], Some(false), "{node:?}");
        }
        for node in [more, square, inverse, most, by_amount, chosen] {
            assert_eq!(found[node.index()], None, "{node:?}");
        }
    }
}
