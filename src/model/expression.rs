//! Turns written expressions into nodes of the graph, with units checked by dimension and converted.

use std::collections::HashMap;

use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::units::{Unit, mismatch, unreadable};

use super::graph::{Graph, NodeId, Op, Symbol};
use super::scope::{Scope, What};
use super::syntax::{DEEPEST, Expression, ExpressionKind, Name, StatementKind, too_deep};

/// A node with its unit.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub node: NodeId,
    pub unit: Unit,
    pub form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Quantity,
    /// The number 0, which fits any unit.
    Zero,
    /// Yes or no: 1 or 0.
    Condition,
}

/// Where an expression stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place<'a> {
    pub part: usize,
    /// The state whose initial value this is: what `steady` means.
    pub state: Option<usize>,
    /// The input (full name) whose name means the amount of its event.
    pub amount: Option<&'a str>,
}

impl Place<'_> {
    pub fn of(part: usize) -> Self {
        Self { part, ..Self::default() }
    }
}

enum Evaluation {
    Active,
    Done(Option<Typed>),
}

/// Builds nodes; everything that is wrong is in `found`, and `None` says that it was reported.
pub(super) struct Elaborator<'p> {
    pub scope: Scope<'p>,
    pub graph: Graph,
    pub found: Diagnostics,
    pub time_unit: Unit,
    /// Lets, outputs and connected names by full name.
    known: HashMap<String, Evaluation>,
    /// Names being evaluated, to show a cycle.
    path: Vec<String>,
    /// Expressions being evaluated, over the names that they lead to.
    depth: usize,
}

impl<'p> Elaborator<'p> {
    pub fn new(scope: Scope<'p>, time_unit: Unit, found: Diagnostics) -> Self {
        Self { scope, graph: Graph::new(), found, time_unit, known: HashMap::new(), path: Vec::new(), depth: 0 }
    }

    pub fn report(&mut self, part: usize, span: Span, diagnostic: Diagnostic) {
        self.found.push(diagnostic.at(&self.scope.parts[part].file.source, span));
    }

    /// Reads a unit; `None` and a diagnostic if it is none.
    pub fn unit(&mut self, part: usize, name: &Name) -> Option<Unit> {
        match Unit::parse(if name.text.is_empty() { "1" } else { &name.text }) {
            Ok(unit) => Some(unit),
            Err(error) => {
                self.report(part, name.span, unreadable(&error));
                None
            }
        }
    }

    /// An expression converted into a unit.
    pub fn in_unit(&mut self, place: Place, expression: &Expression, unit: &Unit, what: &str) -> Option<NodeId> {
        let typed = self.typed(place, expression)?;
        self.convert(place.part, typed, unit, expression.span, what)
    }

    pub fn convert(&mut self, part: usize, typed: Typed, unit: &Unit, span: Span, what: &str) -> Option<NodeId> {
        match typed.form {
            Form::Zero => return Some(typed.node),
            Form::Condition => {
                let message = format!("{what} is a quantity, and this is a condition");
                let diagnostic = Diagnostic::error("M2008", message).help("write `if(condition, a, b)`");
                self.report(part, span, diagnostic);
                return None;
            }
            Form::Quantity => {}
        }
        match typed.unit.factor_to(unit) {
            Some(factor) => Some(self.scaled(typed.node, factor)),
            None => {
                self.report(part, span, mismatch(&typed.unit, unit).help(format!("{what} is in `{unit}`")));
                None
            }
        }
    }

    pub fn scaled(&mut self, node: NodeId, factor: f64) -> NodeId {
        if factor == 1.0 {
            return node;
        }
        let factor = self.graph.constant(factor);
        self.graph.op(Op::Mul, &[node, factor])
    }

    pub fn quantity(&self, node: NodeId, unit: Unit) -> Option<Typed> {
        Some(Typed { node, unit, form: Form::Quantity })
    }

    /// An expression in the unit that follows from what it is made of.
    pub fn typed(&mut self, place: Place, expression: &Expression) -> Option<Typed> {
        if self.depth >= DEEPEST {
            self.found.push(too_deep(&self.scope.parts[place.part].file.source, expression.span));
            return None;
        }
        self.depth += 1;
        let typed = self.made(place, expression);
        self.depth -= 1;
        typed
    }

    fn made(&mut self, place: Place, expression: &Expression) -> Option<Typed> {
        let span = expression.span;
        match &expression.kind {
            ExpressionKind::Number(value, unit) => {
                let form = if *value == 0.0 && unit.is_none() { Form::Zero } else { Form::Quantity };
                let unit = match unit {
                    Some(unit) => self.unit(place.part, unit)?,
                    None => Unit::one(),
                };
                Some(Typed { node: self.graph.constant(*value), unit, form })
            }
            ExpressionKind::Percent(value) => {
                let node = self.graph.constant(value / 100.0);
                self.quantity(node, Unit::one())
            }
            ExpressionKind::Name(name) => self.named(place, name, span),
            ExpressionKind::Call(function, arguments) => self.call(place, function, arguments, span),
            ExpressionKind::Unary("not", inner) => {
                let condition = self.condition(place, inner)?;
                let one = self.graph.constant(1.0);
                self.truth(Op::Sub, one, condition)
            }
            ExpressionKind::Unary(operator, inner) => {
                let mut inner = self.plain_quantity(place, inner)?;
                if *operator == "-" {
                    inner.node = self.graph.op(Op::Neg, &[inner.node]);
                }
                Some(inner)
            }
            ExpressionKind::Binary(operator, left, right) => match *operator {
                "and" | "or" => {
                    let (a, b) = (self.condition(place, left), self.condition(place, right));
                    self.truth(if *operator == "and" { Op::Mul } else { Op::Max }, a?, b?)
                }
                "^" => {
                    let base = self.plain_quantity(place, left);
                    self.power(place, base?, right, span)
                }
                operator => {
                    let (a, b) = (self.plain_quantity(place, left), self.plain_quantity(place, right));
                    self.binary(place, operator, a?, b?, right.span)
                }
            },
        }
    }

    fn truth(&mut self, op: Op, a: NodeId, b: NodeId) -> Option<Typed> {
        Some(Typed { node: self.graph.op(op, &[a, b]), unit: Unit::one(), form: Form::Condition })
    }

    pub fn condition(&mut self, place: Place, expression: &Expression) -> Option<NodeId> {
        let typed = self.typed(place, expression)?;
        if typed.form == Form::Condition {
            return Some(typed.node);
        }
        let diagnostic = Diagnostic::error("M2008", "expected a condition, found a quantity");
        self.report(place.part, expression.span, diagnostic.help("compare it with something, as in `x > 0`"));
        None
    }

    pub fn plain_quantity(&mut self, place: Place, expression: &Expression) -> Option<Typed> {
        let typed = self.typed(place, expression)?;
        if typed.form != Form::Condition {
            return Some(typed);
        }
        let diagnostic = Diagnostic::error("M2008", "expected a quantity, found a condition");
        self.report(place.part, expression.span, diagnostic.help("write `if(condition, a, b)`"));
        None
    }

    fn binary(&mut self, place: Place, operator: &str, a: Typed, b: Typed, right: Span) -> Option<Typed> {
        if matches!(operator, "*" | "/") {
            if a.unit.is_affine() || b.unit.is_affine() {
                let diagnostic = Diagnostic::error("M3001", "a temperature scale with an offset cannot be multiplied");
                self.report(place.part, right, diagnostic.help("use `K`"));
                return None;
            }
            let (op, unit) =
                if operator == "*" { (Op::Mul, a.unit.times(&b.unit)) } else { (Op::Div, a.unit.per(&b.unit)) };
            let node = self.graph.op(op, &[a.node, b.node]);
            // 0 · x is no number of a known unit only where both are 0.
            return self.quantity(node, unit);
        }
        let (a, b, unit) = self.alike(place.part, a, b, right)?;
        let (op, operands, form) = match operator {
            "+" => (Op::Add, [a, b], Form::Quantity),
            "-" => (Op::Sub, [a, b], Form::Quantity),
            "<" => (Op::Less, [a, b], Form::Condition),
            "<=" => (Op::LessEqual, [a, b], Form::Condition),
            ">" => (Op::Less, [b, a], Form::Condition),
            ">=" => (Op::LessEqual, [b, a], Form::Condition),
            _ => (Op::Equal, [a, b], Form::Condition),
        };
        Some(Typed { node: self.graph.op(op, &operands), unit, form })
    }

    /// Two quantities in the unit of the first (of the second if the first is 0).
    pub fn alike(&mut self, part: usize, a: Typed, b: Typed, right: Span) -> Option<(NodeId, NodeId, Unit)> {
        let unit = if a.form == Form::Zero { b.unit.clone() } else { a.unit.clone() };
        let node = self.convert(part, b, &unit, right, "what stands at the left")?;
        Some((a.node, node, unit))
    }

    pub fn plain(&mut self, place: Place, expression: &Expression, function: &str) -> Option<NodeId> {
        let what = format!("the argument of `{function}`");
        self.in_unit(place, expression, &Unit::one(), &what)
    }

    fn named(&mut self, place: Place, name: &str, span: Span) -> Option<Typed> {
        match name {
            "time" => {
                let (node, unit) = (self.graph.symbol(Symbol::Time), self.time_unit.clone());
                return self.quantity(node, unit);
            }
            "pi" => {
                let node = self.graph.constant(std::f64::consts::PI);
                return self.quantity(node, Unit::one());
            }
            "steady" => {
                let Some(state) = place.state else {
                    let diagnostic =
                        Diagnostic::error("M2008", "`steady` alone stands only in a state's initial value");
                    self.report(
                        place.part,
                        span,
                        diagnostic.help("write `steady(x)` for the steady value of state `x`"),
                    );
                    return None;
                };
                let full = self.scope.definitions.iter().find(|(_, d)| d.what == What::State(state));
                let full = full.map(|(full, _)| full.clone())?;
                let unit = self.defined_unit(&full)?;
                let node = self.graph.symbol(Symbol::Steady(state));
                return self.quantity(node, unit);
            }
            _ => {}
        }
        let Some(full) = self.scope.resolve(place.part, name) else {
            let diagnostic = self.scope.unknown(place.part, name, span);
            self.found.push(diagnostic);
            return None;
        };
        if place.amount == Some(self.scope.passed_to(&full)) {
            let unit = self.defined_unit(&full)?;
            let node = self.graph.symbol(Symbol::Amount);
            return self.quantity(node, unit);
        }
        let symbol = match self.scope.definitions[&full].what {
            What::Covariate(index) => Symbol::Covariate(index),
            What::Parameter(index) => Symbol::Parameter(index),
            What::State(index) => Symbol::State(index),
            What::Input(index) => {
                if self.is_bolus(&full) {
                    let message = format!("the bolus `{name}` has no value in between: states receive it");
                    let help = "write `receives` behind the state that it goes to";
                    self.report(place.part, span, Diagnostic::error("M2008", message).help(help));
                    return None;
                }
                Symbol::Input(index)
            }
            What::Expression => return self.expression(place, full, span),
        };
        let unit = self.defined_unit(&full)?;
        let node = self.graph.symbol(symbol);
        self.quantity(node, unit)
    }

    fn is_bolus(&self, full: &str) -> bool {
        let definition = &self.scope.definitions[full];
        let statement = &self.scope.parts[definition.part].file.statements[definition.statement];
        matches!(&statement.kind, StatementKind::Input { acts: super::syntax::Acts::Bolus, .. })
    }

    /// The declared unit of a name; covariates, parameters, inputs, states.
    pub fn defined_unit(&mut self, full: &str) -> Option<Unit> {
        let definition = self.scope.definitions[full];
        let parts = self.scope.parts;
        match &parts[definition.part].file.statements[definition.statement].kind {
            StatementKind::Covariate { unit, .. }
            | StatementKind::Parameter { unit, .. }
            | StatementKind::Input { unit, .. }
            // A unit that cannot be read is reported once, where the list is built.
            | StatementKind::State { unit, .. } => Unit::parse(if unit.text.is_empty() { "1" } else { &unit.text }).ok(),
            _ => None,
        }
    }

    /// The value of a let, an output, or a name that is connected; each is built once.
    fn expression(&mut self, place: Place, full: String, span: Span) -> Option<Typed> {
        match self.known.get(&full) {
            Some(Evaluation::Done(typed)) => return typed.clone(),
            Some(Evaluation::Active) => {
                let from = self.path.iter().position(|name| *name == full).unwrap_or(0);
                let mut ring: Vec<String> = self.path[from..].iter().map(|name| format!("`{name}`")).collect();
                ring.push(format!("`{full}`"));
                let diagnostic = Diagnostic::error("M2003", format!("`{full}` is defined by itself"))
                    .label(ring.join(" needs "))
                    .help("make one of them a `state`, or write one without the other");
                self.report(place.part, span, diagnostic);
                return None;
            }
            None => {}
        }
        self.known.insert(full.clone(), Evaluation::Active);
        self.path.push(full.clone());
        let typed = self.value(&full);
        self.path.pop();
        self.known.insert(full, Evaluation::Done(typed.clone()));
        typed
    }

    fn value(&mut self, full: &str) -> Option<Typed> {
        if self.scope.passed.contains_key(full) {
            let part = self.scope.definitions[full].part;
            let span = self.scope.definitions[full].span;
            let end = self.scope.passed_to(full).to_string();
            let (unit, own) = (self.defined_unit(&end)?, self.defined_unit(full)?);
            let node = match self.scope.definitions[end.as_str()].what {
                What::Input(index) => self.graph.symbol(Symbol::Input(index)),
                // The input that it is passed from is itself given by an expression further out.
                _ => self.expression(Place::of(part), end, span)?.node,
            };
            let node = self.convert(part, Typed { node, unit, form: Form::Quantity }, &own, span, "the input")?;
            return self.quantity(node, own);
        }
        if let Some((part, expression)) = self.scope.connected.get(full).copied() {
            let unit = self.defined_unit(full)?;
            let node = self.in_unit(Place::of(part), expression, &unit, &format!("`{full}`"))?;
            return self.quantity(node, unit);
        }
        let definition = self.scope.definitions[full];
        let parts = self.scope.parts;
        let place = Place::of(definition.part);
        match &parts[definition.part].file.statements[definition.statement].kind {
            StatementKind::Let { unit: Some(unit), value, name } | StatementKind::Output { unit, value, name } => {
                // Both are looked at, so that two mistakes are two findings.
                let (unit, typed) = (self.unit(definition.part, unit), self.typed(place, value));
                let (unit, typed) = (unit?, typed?);
                let node = self.convert(definition.part, typed, &unit, value.span, &format!("`{}`", name.text))?;
                self.quantity(node, unit)
            }
            StatementKind::Let { unit: None, value, .. } => self.typed(place, value),
            _ => None,
        }
    }

    /// Builds the value of a let or output so that its mistakes are found even where nothing uses it.
    pub fn visit(&mut self, full: &str) -> Option<Typed> {
        let definition = self.scope.definitions[full];
        self.expression(Place::of(definition.part), full.to_string(), definition.span)
    }
}
