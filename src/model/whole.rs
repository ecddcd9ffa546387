//! What only the composed model as a whole can show: states without a derivative, inputs and parameters without a use.

use crate::diagnostic::{Diagnostic, Diagnostics};

use super::compose::Composer;
use super::composed::{Composed, InputKind, ParameterValue};
use super::graph::Symbol;

impl Composer<'_> {
    pub fn check_whole(&mut self) {
        let mut findings = Vec::new();
        let composed = &self.composed;
        for (state, derivative) in composed.states.iter().zip(&self.derivatives) {
            if derivative.is_none() {
                findings.push(
                    Diagnostic::error("M2004", format!("the state `{}` has no derivative", state.name))
                        .at(&state.origin.source, state.origin.span)
                        .help(format!("add a line `d {} = …`", state.name)),
                );
            }
        }
        for input in &composed.inputs {
            if input.kind == InputKind::Bolus && input.receipts.is_empty() {
                findings.push(
                    Diagnostic::error("M2010", format!("no state receives the bolus `{}`", input.name))
                        .at(&input.origin.source, input.origin.span)
                        .help(format!("write `receives {}` behind a state", input.name)),
                );
            }
        }
        findings.into_iter().for_each(|finding| self.elaborator.found.push(finding));
    }
}

/// Warns of calibrated parameters and of inputs that change nothing.
pub(super) fn unused(composed: &Composed, found: &mut Diagnostics) {
    let used = composed.graph.symbols(&composed.roots());
    for (index, parameter) in composed.parameters.iter().enumerate() {
        let prior = matches!(parameter.value, ParameterValue::Prior(_));
        if prior && !used.contains(&Symbol::Parameter(index)) {
            let message = format!("the parameter `{}` is used nowhere", parameter.name);
            let place = &parameter.origin;
            found
                .push(Diagnostic::warning("M2011", message).at(&place.source, place.span).help("remove it, or use it"));
        }
    }
    for (index, input) in composed.inputs.iter().enumerate() {
        if input.kind != InputKind::Bolus && !used.contains(&Symbol::Input(index)) && input.assignments.is_empty() {
            let message = format!("the input `{}` is used nowhere", input.name);
            let place = &input.origin;
            found
                .push(Diagnostic::warning("M2011", message).at(&place.source, place.span).help("remove it, or use it"));
        }
    }
}

/// A state that is not solved for stands at its initial value while the steady state is solved, so that value may not
/// come from the steady state itself.
pub(super) fn steady_on_steady(composed: &Composed, found: &mut Diagnostics) {
    for symbol in composed.graph.symbols(&composed.steady_derivatives) {
        let Symbol::State(index) = symbol else { continue };
        let state = &composed.states[index];
        let on_steady = composed.graph.symbols(&[state.initial.value]).iter().any(|s| matches!(s, Symbol::Steady(_)));
        if !state.initial.steady && on_steady {
            found.push(
                Diagnostic::error("M2012", format!("`{}` begins at a steady value that depends on itself", state.name))
                    .at(&state.origin.source, state.origin.span)
                    .help("begin it at `steady`, so that it is solved for with the others"),
            );
        }
    }
}

/// Warns of states that stand still at a start of their own while a steady state is solved that depends on them: what they
/// give at that instant, a load that is being absorbed for instance, is then taken to last for ever.
pub(super) fn steady_beside_held(composed: &Composed, found: &mut Diagnostics) {
    for symbol in composed.graph.symbols(&composed.steady_derivatives) {
        let Symbol::State(index) = symbol else { continue };
        let state = &composed.states[index];
        let computed = !composed.graph.symbols(&[state.initial.value]).is_empty();
        if state.initial.steady || state.initial.held || !computed {
            continue;
        }
        let message = format!("the steady state is solved as if `{}` stayed for ever where it begins", state.name);
        found.push(
            Diagnostic::warning("M2015", message)
                .at(&state.origin.source, state.origin.span)
                .help("begin it at `steady + …`, and the others are solved for without what is added; or write `held` behind it if it changes slowly"),
        );
    }
}
