//! Joins parsed files into one composed model: every statement becomes an entry of its lists.

use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span};
use crate::units::Unit;

use super::composed::{
    Assignment, Composed, Covariate, Delivery, Initial, Input, InputKind, Output, Parameter, ParameterValue, Receipt,
    State,
};
use super::expression::{Elaborator, Place};
use super::graph::{NodeId, Symbol};
use super::scope::{Part, Scope, What};
use super::syntax::{Acts, Expression, Name, Statement, StatementKind, Value};
use super::whole;

/// Composes parts, the used ones before those that use them; the last is the model itself.
pub(super) fn compose(
    parts: &[Part],
    sources: Vec<Source>,
    mut found: Diagnostics,
) -> Result<(Composed, Diagnostics), Diagnostics> {
    let Some(top) = parts.last() else { return Err(found) };
    let scope = Scope::new(parts, &mut found);
    let mut elaborator = Elaborator::new(scope, Unit::one(), found);
    elaborator.time_unit = time_unit(&mut elaborator, parts);
    let composed = Composed {
        name: top.file.name.text.clone(),
        about: top.file.about.clone(),
        sources,
        time_unit: elaborator.time_unit.clone(),
        graph: super::graph::Graph::new(),
        parameters: Vec::new(),
        covariates: Vec::new(),
        states: Vec::new(),
        steady_derivatives: Vec::new(),
        inputs: Vec::new(),
        outputs: Vec::new(),
        observations: Vec::new(),
    };
    let mut composer = Composer { elaborator, composed, derivatives: Vec::new(), lists_complete: true };
    composer.lists();
    composer.equations();
    composer.finish()
}

/// The `time` line of the last part that has one; else of the first; else hours.
fn time_unit(elaborator: &mut Elaborator, parts: &[Part]) -> Unit {
    let hour = Unit::parse("h").unwrap_or_else(|_| Unit::one());
    let line = |part: &Part| {
        part.file.statements.iter().find_map(|statement| match &statement.kind {
            StatementKind::Time { unit } => Some(unit.clone()),
            _ => None,
        })
    };
    let top = parts.len() - 1;
    let Some((part, unit)) = std::iter::once(top).chain(0..top).find_map(|part| Some((part, line(&parts[part])?)))
    else {
        return hour;
    };
    match elaborator.unit(part, &unit) {
        Some(found) if found.is_time() => found,
        Some(found) => {
            elaborator.report(part, unit.span, crate::units::mismatch(&found, &hour).help("write a unit of time"));
            hour
        }
        None => hour,
    }
}

pub(super) struct Composer<'p> {
    pub elaborator: Elaborator<'p>,
    pub composed: Composed,
    /// By state: the first derivative line.
    pub derivatives: Vec<Option<(NodeId, Span)>>,
    /// Whether every definition has its entry, so that numbers fit.
    lists_complete: bool,
}

impl<'p> Composer<'p> {
    /// Every statement with its part, in order.
    fn statements(&self) -> Vec<(usize, &'p Statement)> {
        let parts: &'p [Part] = self.elaborator.scope.parts;
        parts.iter().enumerate().flat_map(|(part, p)| p.file.statements.iter().map(move |s| (part, s))).collect()
    }

    /// The full name and meaning of a name that this statement defines; `None` if it was refused or is not its own.
    fn defined(&self, part: usize, name: &Name) -> Option<(String, What)> {
        let full = self.elaborator.scope.resolve(part, &name.text)?;
        let definition = self.elaborator.scope.definitions[&full];
        (definition.part == part && definition.span == name.span).then_some((full, definition.what))
    }

    /// Entries of all lists, without equations.
    fn lists(&mut self) {
        for (part, statement) in self.statements() {
            let about = || statement.about.clone();
            match &statement.kind {
                StatementKind::Covariate { name, unit, default } => {
                    let Some((full, What::Covariate(_))) = self.defined(part, name) else { continue };
                    let unit = self.unit(part, unit);
                    let default = default.as_ref().map(|value| self.elaborator.constant(part, value, &unit));
                    self.lists_complete &= default != Some(None);
                    let origin = self.elaborator.scope.parts[part].origin(name.span);
                    let covariate = Covariate { name: full, about: about(), unit, default: default.flatten(), origin };
                    self.composed.covariates.push(covariate);
                }
                StatementKind::Parameter { name, unit, value, scales } => {
                    let Some((full, what)) = self.defined(part, name) else { continue };
                    let unit = self.unit(part, unit);
                    if what == What::Expression {
                        continue;
                    }
                    self.parameter(part, statement, full, unit, value, scales.as_ref(), name.span);
                }
                StatementKind::Input { name, unit, acts, .. } => {
                    let Some((full, what)) = self.defined(part, name) else { continue };
                    let unit = self.unit(part, unit);
                    if what == What::Expression {
                        continue;
                    }
                    let kind = self.input_kind(part, acts, &unit);
                    let origin = self.elaborator.scope.parts[part].origin(name.span);
                    let (receipts, assignments) = (Vec::new(), Vec::new());
                    let input =
                        Input { name: full, about: about(), unit, kind, receipts, assignments, lag: None, origin };
                    self.composed.inputs.push(input);
                }
                StatementKind::State { name, unit, .. } => {
                    let Some((full, What::State(_))) = self.defined(part, name) else { continue };
                    let unit = self.unit(part, unit);
                    let zero = self.elaborator.graph.constant(0.0);
                    let initial = Initial { value: zero, steady: false, held: false, near: None };
                    let origin = self.elaborator.scope.parts[part].origin(name.span);
                    self.composed.states.push(State {
                        name: full,
                        about: about(),
                        unit,
                        initial,
                        derivative: zero,
                        origin,
                    });
                    self.derivatives.push(None);
                }
                _ => {}
            }
        }
    }

    fn unit(&mut self, part: usize, unit: &Name) -> Unit {
        self.elaborator.unit(part, unit).unwrap_or_else(|| {
            self.lists_complete = false;
            Unit::one()
        })
    }

    #[allow(clippy::too_many_arguments)]
    fn parameter(
        &mut self,
        part: usize,
        statement: &Statement,
        full: String,
        unit: Unit,
        value: &Value,
        scales: Option<&Expression>,
        span: Span,
    ) {
        let (from, value, replaced) = match self.elaborator.scope.replaced.get(&full) {
            Some((from, value)) => (*from, *value, true),
            None => (part, value, false),
        };
        let value = match value {
            Value::Prior(written) => self.elaborator.prior(from, &unit, written).map(ParameterValue::Prior),
            Value::Fixed(written) => self.elaborator.constant(from, written, &unit).map(ParameterValue::Fixed),
        };
        let scales = scales.and_then(|scales| {
            let node =
                self.elaborator.in_unit(Place::of(part), scales, &Unit::one(), "a factor on the typical value")?;
            let only = |symbol: &Symbol| matches!(symbol, Symbol::Covariate(_));
            self.only(part, scales.span, node, "covariates", only)
        });
        let source = if replaced { self.replacement_source(&full) } else { statement.source.clone() };
        self.composed.parameters.push(Parameter {
            name: full,
            about: statement.about.clone(),
            unit,
            value: value.unwrap_or(ParameterValue::Fixed(1.0)),
            scales,
            source,
            origin: self.elaborator.scope.parts[part].origin(span),
        });
    }

    /// The source that a `fix` or `prior` line gives.
    fn replacement_source(&self, full: &str) -> Option<String> {
        let lines = self.statements();
        let line = lines.iter().rev().find(|(part, statement)| match &statement.kind {
            StatementKind::Replace { target, .. } => {
                self.elaborator.scope.resolve(*part, &target.text).as_deref() == Some(full)
            }
            _ => false,
        });
        line.and_then(|(_, statement)| statement.source.clone())
    }

    fn input_kind(&mut self, part: usize, acts: &Acts, unit: &Unit) -> InputKind {
        let time = self.composed.time_unit.clone();
        match acts {
            Acts::Bolus => InputKind::Bolus,
            Acts::SeriesConstant => InputKind::SeriesConstant,
            Acts::SeriesLinear => InputKind::SeriesLinear,
            Acts::Rate => InputKind::Rate(Delivery::None),
            Acts::RateAt(rate) => {
                let value = self.positive(part, rate, unit);
                InputKind::Rate(Delivery::At(value))
            }
            Acts::RateOver(duration) => {
                let value = self.positive(part, duration, &time);
                InputKind::Rate(Delivery::Over(value))
            }
        }
    }

    pub fn positive(&mut self, part: usize, written: &Expression, unit: &Unit) -> f64 {
        match self.elaborator.constant(part, written, unit) {
            Some(value) if value > 0.0 => value,
            Some(value) => {
                let message = format!("expected a number above 0, found {value}");
                self.elaborator.report(part, written.span, Diagnostic::error("M4003", message));
                1.0
            }
            None => 1.0,
        }
    }

    /// Refuses symbols that may not stand in an expression here.
    fn only(
        &mut self,
        part: usize,
        span: Span,
        node: NodeId,
        allowed: &str,
        is_allowed: impl Fn(&Symbol) -> bool,
    ) -> Option<NodeId> {
        let symbols = self.elaborator.graph.symbols(&[node]);
        let Some(wrong) = symbols.iter().find(|symbol| !is_allowed(symbol)) else { return Some(node) };
        let composed = &self.composed;
        let name = match *wrong {
            Symbol::Parameter(i) => composed.parameters.get(i).map_or("a parameter", |p| &p.name),
            Symbol::Covariate(i) => composed.covariates.get(i).map_or("a covariate", |c| &c.name),
            Symbol::State(i) | Symbol::Steady(i) => composed.states.get(i).map_or("a state", |s| &s.name),
            Symbol::Input(i) => composed.inputs.get(i).map_or("an input", |input| &input.name),
            Symbol::Amount => "the amount of an event",
            Symbol::Time => "time",
        };
        let message = format!("`{name}` may not stand here: only {allowed}");
        self.elaborator.report(part, span, Diagnostic::error("M2008", message));
        None
    }

    /// All expressions, once every name has its number.
    fn equations(&mut self) {
        if !self.lists_complete {
            return;
        }
        for (part, statement) in self.statements() {
            match &statement.kind {
                StatementKind::Input { name, lag: Some(lag), .. } => self.lag(part, name, lag),
                StatementKind::State { name, initial, near, held, receives, .. } => {
                    self.initial(part, name, initial, near.as_ref(), *held);
                    receives.iter().for_each(|receipt| self.receipt(part, name, receipt));
                }
                StatementKind::Derivative { state, value } => self.derivative(part, state, value),
                StatementKind::On { input, assignments } => self.on(part, input, assignments),
                StatementKind::Let { name, .. } => {
                    if let Some((full, _)) = self.defined(part, name) {
                        self.elaborator.visit(&full);
                    }
                }
                StatementKind::Output { name, unit, .. } => {
                    let Some((full, _)) = self.defined(part, name) else { continue };
                    let Some(typed) = self.elaborator.visit(&full) else { continue };
                    let Ok(unit) = Unit::parse(if unit.text.is_empty() { "1" } else { &unit.text }) else { continue };
                    let origin = self.elaborator.scope.parts[part].origin(name.span);
                    let about = statement.about.clone();
                    self.composed.outputs.push(Output { name: full, about, unit, value: typed.node, origin });
                }
                StatementKind::Observe { name, unit, family, arguments, averaged, within_person } => {
                    let averaged = averaged.as_ref().map(|span| {
                        let time = self.composed.time_unit.clone();
                        self.positive(part, span, &time)
                    });
                    self.observe(part, name, unit.as_ref(), (family, arguments), (averaged, *within_person));
                }
                _ => {}
            }
        }
    }

    fn state_of(&mut self, part: usize, name: &Name) -> Option<usize> {
        let (scope, found) = (&self.elaborator.scope, &mut self.elaborator.found);
        let full = scope.resolve_or_report(part, name, found)?;
        if let What::State(state) = self.elaborator.scope.definitions[&full].what {
            return Some(state);
        }
        let states = self.composed.states.iter().map(|state| state.name.as_str());
        let diagnostic =
            Diagnostic::error("M2005", format!("`{}` is not a state", name.text)).suggest(&name.text, states);
        self.elaborator.report(part, name.span, diagnostic);
        None
    }

    fn input_of(&mut self, part: usize, name: &Name) -> Option<usize> {
        let (scope, found) = (&self.elaborator.scope, &mut self.elaborator.found);
        let full = scope.resolve_or_report(part, name, found)?;
        let passed = self.elaborator.scope.passed_to(&full).to_string();
        if let What::Input(input) = self.elaborator.scope.definitions[&passed].what {
            return Some(input);
        }
        let inputs = self.composed.inputs.iter().map(|input| input.name.as_str());
        let diagnostic =
            Diagnostic::error("M2005", format!("`{}` is not an input", name.text)).suggest(&name.text, inputs);
        self.elaborator.report(part, name.span, diagnostic);
        None
    }

    fn lag(&mut self, part: usize, name: &Name, lag: &Expression) {
        let Some(input) = self.input_of(part, name) else { return };
        if matches!(self.composed.inputs[input].kind, InputKind::SeriesConstant | InputKind::SeriesLinear) {
            // Its values would have to be moved, person by person; only events are.
            let finding = Diagnostic::error("M2008", format!("the series `{}` cannot come later", name.text))
                .help("lags delay amounts and rates; let a state follow the series, or move its times in the bundle");
            return self.elaborator.report(part, lag.span, finding);
        }
        let time = self.composed.time_unit.clone();
        let Some(node) = self.elaborator.in_unit(Place::of(part), lag, &time, "a lag") else { return };
        let only = |s: &Symbol| matches!(s, Symbol::Parameter(_) | Symbol::Covariate(_) | Symbol::Steady(_));
        self.composed.inputs[input].lag = self.only(part, lag.span, node, "parameters and covariates", only);
    }

    fn initial(&mut self, part: usize, name: &Name, initial: &Expression, near: Option<&Expression>, held: bool) {
        let Some((_, What::State(state))) = self.defined(part, name) else { return };
        self.composed.states[state].initial.held = held;
        let (unit, place) = (self.composed.states[state].unit.clone(), Place { state: Some(state), ..Place::of(part) });
        let what = format!("`{}`", name.text);
        if let Some(node) = self.elaborator.in_unit(place, initial, &unit, &what) {
            let only = |s: &Symbol| matches!(s, Symbol::Parameter(_) | Symbol::Covariate(_) | Symbol::Steady(_));
            let allowed = "parameters, covariates and steady values";
            if let Some(node) = self.only(part, initial.span, node, allowed, only) {
                self.composed.states[state].initial.value = node;
            }
        }
        if let Some(near) = near
            && let Some(node) = self.elaborator.in_unit(Place::of(part), near, &unit, &what)
        {
            let only = |s: &Symbol| matches!(s, Symbol::Parameter(_) | Symbol::Covariate(_));
            let node = self.only(part, near.span, node, "parameters and covariates", only);
            self.composed.states[state].initial.near = node;
        }
    }

    fn receipt(&mut self, part: usize, name: &Name, receipt: &Expression) {
        let Some((_, What::State(state))) = self.defined(part, name) else { return };
        let unit = self.composed.states[state].unit.clone();
        let boluses: Vec<(usize, String)> = self.boluses_in(part, receipt);
        let [(input, full)] = boluses.as_slice() else {
            let message = format!("a state receives one bolus input at a time, found {}", boluses.len());
            let diagnostic =
                Diagnostic::error("M2010", message).help("separate several by commas: `receives a, b * F`");
            self.elaborator.report(part, receipt.span, diagnostic);
            return;
        };
        let place = Place { amount: Some(full), ..Place::of(part) };
        if let Some(gain) = self.elaborator.in_unit(place, receipt, &unit, &format!("`{}`", name.text)) {
            self.composed.inputs[*input].receipts.push(Receipt { state, gain });
        }
    }

    /// Bolus inputs that an expression names, each once: number and full name.
    fn boluses_in(&self, part: usize, expression: &Expression) -> Vec<(usize, String)> {
        let mut names = Vec::new();
        super::syntax::names(expression, &mut names);
        let mut found: Vec<(usize, String)> = Vec::new();
        for name in names {
            let Some(full) = self.elaborator.scope.resolve(part, name) else { continue };
            let full = self.elaborator.scope.passed_to(&full).to_string();
            if let What::Input(input) = self.elaborator.scope.definitions[&full].what {
                let bolus = self.composed.inputs[input].kind == InputKind::Bolus;
                if bolus && !found.iter().any(|(known, _)| *known == input) {
                    found.push((input, full));
                }
            }
        }
        found
    }

    fn derivative(&mut self, part: usize, name: &Name, value: &Expression) {
        let Some(state) = self.state_of(part, name) else { return };
        let rate = self.composed.states[state].unit.per(&self.composed.time_unit);
        let what = format!("the rate of change of `{}`", name.text);
        let node = self.elaborator.in_unit(Place::of(part), value, &rate, &what);
        if self.derivatives[state].is_some() {
            let message = format!("`{}` has two derivatives", name.text);
            let diagnostic = Diagnostic::error("M2002", message).help("write one sum");
            self.elaborator.report(part, name.span, diagnostic);
        }
        let zero = self.elaborator.graph.constant(0.0);
        self.derivatives[state] = Some((node.unwrap_or(zero), name.span));
    }

    fn on(&mut self, part: usize, input: &Name, assignments: &[(Name, Expression)]) {
        let input = self.input_of(part, input);
        for (name, value) in assignments {
            let Some(state) = self.state_of(part, name) else { continue };
            let unit = self.composed.states[state].unit.clone();
            let node = self.elaborator.in_unit(Place::of(part), value, &unit, &format!("`{}`", name.text));
            if let (Some(input), Some(value)) = (input, node) {
                self.composed.inputs[input].assignments.push(Assignment { state, value });
            }
        }
    }

    fn finish(mut self) -> Result<(Composed, Diagnostics), Diagnostics> {
        if self.lists_complete {
            self.check_whole();
        }
        let Elaborator { graph, found, .. } = self.elaborator;
        if found.has_errors() {
            return Err(found);
        }
        let mut composed = self.composed;
        composed.graph = graph;
        for (state, derivative) in composed.states.iter_mut().zip(&self.derivatives) {
            if let Some((node, _)) = derivative {
                state.derivative = *node;
            }
        }
        composed.close_steady_state();
        let mut found = found;
        whole::unused(&composed, &mut found);
        whole::steady_on_steady(&composed, &mut found);
        whole::steady_beside_held(&composed, &mut found);
        found.or_value(composed)
    }
}
