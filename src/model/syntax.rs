//! A model file as written: statements and expressions with their places, nothing looked up yet.

use crate::diagnostic::{Diagnostic, Source, Span};

/// One parsed file.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub source: Source,
    pub name: Name,
    pub about: String,
    pub statements: Vec<Statement>,
}

/// A name, qualified (`sensor.gain`) or not, or the text of a unit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Name {
    pub text: String,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub kind: StatementKind,
    pub source: Option<String>,
    pub about: String,
}

#[derive(Clone, Debug)]
pub(super) enum StatementKind {
    Time {
        unit: Name,
    },
    Covariate {
        name: Name,
        unit: Name,
        default: Option<Expression>,
    },
    Parameter {
        name: Name,
        unit: Name,
        value: Value,
        scales: Option<Expression>,
    },
    Input {
        name: Name,
        unit: Name,
        acts: Acts,
        lag: Option<Expression>,
    },
    State {
        name: Name,
        unit: Name,
        initial: Expression,
        near: Option<Expression>,
        /// Stands where it begins while a steady state is solved that depends on it.
        held: bool,
        receives: Vec<Expression>,
    },
    Derivative {
        state: Name,
        value: Expression,
    },
    On {
        input: Name,
        assignments: Vec<(Name, Expression)>,
    },
    Let {
        name: Name,
        unit: Option<Name>,
        value: Expression,
    },
    Output {
        name: Name,
        unit: Name,
        value: Expression,
    },
    Observe {
        name: Name,
        unit: Option<Name>,
        family: Name,
        arguments: Vec<Expression>,
        /// The time over which readings are averaged.
        averaged: Option<Expression>,
        /// Where `within_person` stands, if it does.
        within_person: Option<Span>,
    },
    Use {
        file: Name,
        alias: Option<Name>,
    },
    Connect {
        target: Name,
        value: Expression,
    },
    /// `fix NAME = VALUE` or `prior NAME ~ PRIOR`.
    Replace {
        target: Name,
        value: Value,
    },
}

/// What a parameter is: drawn from a prior, or fixed.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Prior(Expression),
    Fixed(Expression),
}

/// How an input acts.
#[derive(Clone, Debug)]
pub(super) enum Acts {
    Bolus,
    Rate,
    RateAt(Expression),
    RateOver(Expression),
    SeriesConstant,
    SeriesLinear,
}

/// So many operators and calls may stand inside one another, over the names that they lead to: reading descends into them.
pub(super) const DEEPEST: usize = 500;

/// More than [`DEEPEST`] (M1005).
pub(super) fn too_deep(source: &Source, span: Span) -> Diagnostic {
    Diagnostic::error(
        "M1005",
        "too much is nested here: operators, calls, brackets, signs, or names that need each other",
    )
    .at(source, span)
    .help("name parts of it with `let`, as halves of halves")
}

#[derive(Clone, Debug)]
pub(super) struct Expression {
    pub kind: ExpressionKind,
    pub span: Span,
    /// Of the tree: 1 for a number or a name.
    pub depth: usize,
}

impl Expression {
    pub fn new(kind: ExpressionKind, span: Span) -> Self {
        let below = match &kind {
            ExpressionKind::Number(..) | ExpressionKind::Percent(_) | ExpressionKind::Name(_) => 0,
            ExpressionKind::Call(_, arguments) => arguments.iter().map(|argument| argument.depth).max().unwrap_or(0),
            ExpressionKind::Unary(_, inner) => inner.depth,
            ExpressionKind::Binary(_, left, right) => left.depth.max(right.depth),
        };
        Self { kind, span, depth: below + 1 }
    }
}

#[derive(Clone, Debug)]
pub(super) enum ExpressionKind {
    Number(f64, Option<Name>),
    /// `30%`, as 30.
    Percent(f64),
    Name(String),
    Call(Name, Vec<Expression>),
    Unary(&'static str, Box<Expression>),
    Binary(&'static str, Box<Expression>, Box<Expression>),
}

/// Every name in an expression.
pub(super) fn names<'a>(expression: &'a Expression, into: &mut Vec<&'a str>) {
    match &expression.kind {
        ExpressionKind::Number(..) | ExpressionKind::Percent(_) => {}
        ExpressionKind::Name(name) => into.push(name),
        ExpressionKind::Call(_, arguments) => arguments.iter().for_each(|argument| names(argument, into)),
        ExpressionKind::Unary(_, inner) => names(inner, into),
        ExpressionKind::Binary(_, left, right) => {
            names(left, into);
            names(right, into);
        }
    }
}
