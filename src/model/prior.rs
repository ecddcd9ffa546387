//! Reads written priors and constants: family, arguments with units, truncation, mixtures.

use crate::diagnostic::{Diagnostic, Span};
use crate::stats::{Distribution, DistributionError, FAMILIES, Family, log_sd_from_cv};
use crate::units::Unit;

use super::expression::{Elaborator, Place};
use super::syntax::{Expression, ExpressionKind, Name};

impl Elaborator<'_> {
    /// The distribution of a parameter in its unit.
    pub fn prior(&mut self, part: usize, unit: &Unit, written: &Expression) -> Option<Distribution> {
        let ExpressionKind::Call(family, arguments) = &written.kind else {
            let diagnostic = Diagnostic::error("M4001", "expected a prior, found an expression");
            self.report(
                part,
                written.span,
                diagnostic.help("write a family with its arguments, as `LogNormal(2.8, 30%)`"),
            );
            return None;
        };
        let made = match family.text.as_str() {
            "Truncated" => {
                let [inner, lower, upper] = arguments.as_slice() else {
                    return self.wrong_count(part, written.span, "Truncated takes a prior, a lower and an upper bound");
                };
                let inner = self.prior(part, unit, inner);
                let (lower, upper) = (self.constant(part, lower, unit), self.constant(part, upper, unit));
                Distribution::truncated(inner?, lower?, upper?)
            }
            "Mixture" => {
                if arguments.len() % 2 != 0 {
                    return self.wrong_count(part, written.span, "Mixture takes pairs of a weight and a prior");
                }
                let mut parts = Vec::new();
                for pair in arguments.chunks(2) {
                    let weight = self.constant(part, &pair[0], &Unit::one());
                    let inner = self.prior(part, unit, &pair[1]);
                    parts.push((weight?, inner?));
                }
                Distribution::mixture(parts)
            }
            name => match Family::named(name) {
                Some(family) => self.family(part, unit, family, arguments)?,
                None => {
                    self.unknown_family(part, family);
                    return None;
                }
            },
        };
        match made {
            Ok(distribution) => Some(distribution),
            Err(error) => {
                self.report(part, written.span, Diagnostic::error("M4002", error.to_string()));
                None
            }
        }
    }

    fn wrong_count(&mut self, part: usize, span: Span, message: &str) -> Option<Distribution> {
        self.report(part, span, Diagnostic::error("M4002", message));
        None
    }

    fn unknown_family(&mut self, part: usize, family: &Name) {
        let known = FAMILIES.iter().map(|row| row.name).chain(["Truncated", "Mixture"]);
        let diagnostic = Diagnostic::error("M4001", format!("there is no prior family `{}`", family.text));
        self.report(part, family.span, diagnostic.suggest(&family.text, known));
    }

    fn family(
        &mut self,
        part: usize,
        unit: &Unit,
        family: Family,
        arguments: &[Expression],
    ) -> Option<Result<Distribution, DistributionError>> {
        let row = family.row();
        if row.arguments.len() != arguments.len() {
            return Some(Distribution::new(family, &vec![f64::NAN; arguments.len()]));
        }
        let mut values = Vec::new();
        let mut wrong = false;
        for (role, argument) in row.arguments.iter().zip(arguments) {
            let value = match (*role, &argument.kind) {
                ("sigma", ExpressionKind::Percent(cv)) => Some(log_sd_from_cv(cv / 100.0)),
                ("sigma" | "df" | "shape" | "alpha" | "beta", _) => self.constant(part, argument, &Unit::one()),
                ("rate", _) => self.constant(part, argument, &Unit::one().per(unit)),
                _ => self.constant(part, argument, unit),
            };
            wrong |= value.is_none();
            values.extend(value);
        }
        if wrong {
            return None;
        }
        let made = Distribution::new(family, &values);
        if family != Family::Beta {
            return Some(made);
        }
        // A beta is on 0 to 1 of a plain number, whatever the parameter's unit.
        let Some(factor) = Unit::one().factor_to(unit) else {
            let message = format!("a Beta is on 0 to 1, and the parameter is in `{unit}`");
            let span = arguments[0].span.to(arguments[arguments.len() - 1].span);
            self.report(part, span, Diagnostic::error("M4002", message).help("use a parameter in `[1]` and multiply"));
            return None;
        };
        Some(made.map(|beta| if factor == 1.0 { beta } else { beta.scaled(factor) }))
    }

    /// A constant in a unit; a plain number is in it already.
    pub fn constant(&mut self, part: usize, written: &Expression, unit: &Unit) -> Option<f64> {
        if let Some(infinite) = infinity(written) {
            return Some(infinite);
        }
        let typed = self.typed(Place::of(part), written)?;
        let percent = matches!(written.kind, ExpressionKind::Percent(_));
        let node = if typed.unit == Unit::one() && !percent {
            typed.node
        } else {
            self.convert(part, typed, unit, written.span, "the value")?
        };
        let value = self.graph.value(node);
        if value.is_none() {
            let diagnostic = Diagnostic::error("M4003", "expected a constant, found something that varies");
            self.report(part, written.span, diagnostic.help("write a number, with its unit if it is another one"));
        }
        value
    }
}

/// `inf` and `-inf`, which stand only as bounds.
fn infinity(written: &Expression) -> Option<f64> {
    match &written.kind {
        ExpressionKind::Name(name) if name == "inf" => Some(f64::INFINITY),
        ExpressionKind::Unary("-", inner) => infinity(inner).map(|infinite| -infinite),
        _ => None,
    }
}
