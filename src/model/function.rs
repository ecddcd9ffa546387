//! The functions and powers of the model language, with what each asks of its arguments' units.

use crate::diagnostic::{Diagnostic, Span};
use crate::units::Unit;

use super::expression::{Elaborator, Form, Place, Typed};
use super::graph::{Op, Symbol};
use super::scope::What;
use super::syntax::{Expression, ExpressionKind, Name};

/// Functions with their number of arguments.
const FUNCTIONS: [(&str, usize, usize); 14] = [
    ("exp", 1, 1),
    ("log", 1, 1),
    ("sqrt", 1, 1),
    ("sin", 1, 1),
    ("cos", 1, 1),
    ("tanh", 1, 1),
    ("abs", 1, 1),
    ("pow", 2, 2),
    ("min", 2, 99),
    ("max", 2, 99),
    ("if", 3, 3),
    ("steady", 1, 1),
    ("smooth_step", 2, 2),
    ("smooth_positive", 2, 2),
];

pub(super) fn is_function(name: &str) -> bool {
    FUNCTIONS.iter().any(|(known, ..)| *known == name)
}

impl Elaborator<'_> {
    pub fn power(&mut self, place: Place, base: Typed, power: &Expression, span: Span) -> Option<Typed> {
        let exponent = self.plain(place, power, "^")?;
        let node = |s: &mut Self, base| s.graph.op(Op::Pow, &[base, exponent]);
        if base.unit == Unit::one() {
            let node = node(self, base.node);
            return self.quantity(node, Unit::one());
        }
        let unit = match self.graph.value(exponent) {
            Some(whole) if whole.fract() == 0.0 && whole.abs() <= 8.0 => Some(base.unit.power(whole as i8)),
            Some(0.5) => base.unit.root(),
            _ => None,
        };
        if let Some(unit) = unit {
            let node = node(self, base.node);
            return self.quantity(node, unit);
        }
        if let Some(factor) = base.unit.factor_to(&Unit::one()) {
            let base = self.scaled(base.node, factor);
            let node = node(self, base);
            return self.quantity(node, Unit::one());
        }
        let message = format!("`{}` cannot be raised to a power that is not whole", base.unit);
        let help = "divide by a reference first, as in `(weight / 70 [kg])^0.75`";
        self.report(place.part, span, Diagnostic::error("M3001", message).help(help));
        None
    }

    pub fn call(&mut self, place: Place, function: &Name, arguments: &[Expression], span: Span) -> Option<Typed> {
        let name = function.text.as_str();
        let Some((_, least, most)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
            let known = FUNCTIONS.iter().map(|(known, ..)| *known);
            let diagnostic = Diagnostic::error("M2006", format!("there is no function `{name}`")).suggest(name, known);
            self.report(place.part, function.span, diagnostic);
            return None;
        };
        if arguments.len() < *least || arguments.len() > *most {
            let many = if least == most { least.to_string() } else { format!("{least} or more") };
            let message = format!("`{name}` takes {many} arguments, found {}", arguments.len());
            self.report(place.part, span, Diagnostic::error("M2007", message));
            return None;
        }
        let plain = |op: Op, s: &mut Self| {
            let argument = s.plain(place, &arguments[0], name)?;
            let node = s.graph.op(op, &[argument]);
            s.quantity(node, Unit::one())
        };
        match name {
            "exp" => plain(Op::Exp, self),
            "log" => plain(Op::Log, self),
            "sin" => plain(Op::Sin, self),
            "cos" => plain(Op::Cos, self),
            "tanh" => plain(Op::Tanh, self),
            "abs" => {
                let mut inner = self.plain_quantity(place, &arguments[0])?;
                inner.node = self.graph.op(Op::Abs, &[inner.node]);
                Some(inner)
            }
            "sqrt" => {
                let base = self.plain_quantity(place, &arguments[0])?;
                let half = Expression::new(ExpressionKind::Number(0.5, None), span);
                self.power(place, base, &half, span)
            }
            "pow" => {
                let base = self.plain_quantity(place, &arguments[0])?;
                self.power(place, base, &arguments[1], span)
            }
            "min" | "max" => {
                let op = if name == "min" { Op::Min } else { Op::Max };
                let mut result = self.plain_quantity(place, &arguments[0])?;
                for argument in &arguments[1..] {
                    let next = self.plain_quantity(place, argument)?;
                    let (a, b, unit) = self.alike(place.part, result, next, argument.span)?;
                    result = Typed { node: self.graph.op(op, &[a, b]), unit, form: Form::Quantity };
                }
                Some(result)
            }
            "if" => {
                let condition = self.condition(place, &arguments[0]);
                let (a, b) = (self.plain_quantity(place, &arguments[1]), self.plain_quantity(place, &arguments[2]));
                let (a, b, unit) = self.alike(place.part, a?, b?, arguments[2].span)?;
                let node = self.graph.op(Op::Select, &[condition?, a, b]);
                self.quantity(node, unit)
            }
            "steady" => self.steady(place, &arguments[0]),
            _ => self.smooth(place, name, arguments),
        }
    }

    /// Smooth stand-ins for a step and for max(x, 0); `width` is the scale over which they change.
    fn smooth(&mut self, place: Place, name: &str, arguments: &[Expression]) -> Option<Typed> {
        let (x, width) = (self.plain_quantity(place, &arguments[0]), self.plain_quantity(place, &arguments[1]));
        let (x, width, unit) = self.alike(place.part, x?, width?, arguments[1].span)?;
        let half = self.graph.constant(0.5);
        if name == "smooth_step" {
            let ratio = self.graph.op(Op::Div, &[x, width]);
            let tanh = self.graph.op(Op::Tanh, &[ratio]);
            let one = self.graph.constant(1.0);
            let sum = self.graph.op(Op::Add, &[one, tanh]);
            let node = self.graph.op(Op::Mul, &[half, sum]);
            return self.quantity(node, Unit::one());
        }
        let (x2, w2) = (self.graph.op(Op::Mul, &[x, x]), self.graph.op(Op::Mul, &[width, width]));
        let sum = self.graph.op(Op::Add, &[x2, w2]);
        let root = self.graph.op(Op::Sqrt, &[sum]);
        let sum = self.graph.op(Op::Add, &[x, root]);
        let node = self.graph.op(Op::Mul, &[half, sum]);
        self.quantity(node, unit)
    }

    fn steady(&mut self, place: Place, argument: &Expression) -> Option<Typed> {
        let full = match &argument.kind {
            ExpressionKind::Name(name) => {
                let name = Name { text: name.clone(), span: argument.span };
                let (scope, found) = (&self.scope, &mut self.found);
                scope.resolve_or_report(place.part, &name, found)?
            }
            _ => String::new(),
        };
        match self.scope.definitions.get(&full).map(|definition| definition.what) {
            Some(What::State(state)) => {
                let unit = self.defined_unit(&full)?;
                let node = self.graph.symbol(Symbol::Steady(state));
                self.quantity(node, unit)
            }
            _ => {
                let diagnostic = Diagnostic::error("M2008", "`steady(…)` takes the name of a state");
                self.report(place.part, argument.span, diagnostic);
                None
            }
        }
    }
}
