//! `observe` lines: how a measurement scatters around what the model says.

use crate::diagnostic::{Diagnostic, Span};
use crate::units::Unit;

use super::compose::Composer;
use super::composed::{ErrorFamily, Observation};
use super::expression::Place;
use super::syntax::{Expression, Name};

impl Composer<'_> {
    /// `averaged` is the length of the spans over which readings are averaged, in the model's unit of time.
    pub fn observe(
        &mut self,
        part: usize,
        name: &Name,
        unit: Option<&Name>,
        (family, arguments): (&Name, &[Expression]),
        (averaged, within_person): (Option<f64>, Option<Span>),
    ) {
        const FAMILIES: [(&str, ErrorFamily, &[&str]); 6] = [
            ("Normal", ErrorFamily::Normal, &["mean", "sd"]),
            ("LogNormal", ErrorFamily::LogNormal, &["median", "sigma"]),
            ("StudentT", ErrorFamily::StudentT, &["df", "location", "scale"]),
            ("NegBinomial", ErrorFamily::NegativeBinomial, &["mean", "size"]),
            ("OU", ErrorFamily::OrnsteinUhlenbeck, &["mean", "sd", "time"]),
            ("Matern", ErrorFamily::Matern, &["mean", "sd", "time"]),
        ];
        let Some((_, family, roles)) = FAMILIES.iter().find(|(known, ..)| *known == family.text) else {
            let diagnostic = Diagnostic::error("M4001", format!("there is no error family `{}`", family.text));
            let known = FAMILIES.iter().map(|(known, ..)| *known);
            self.elaborator.report(part, family.span, diagnostic.suggest(&family.text, known));
            return;
        };
        if roles.len() != arguments.len() {
            let message =
                format!("`{}` takes {}, found {} arguments", family_name(*family), roles.join(", "), arguments.len());
            self.elaborator.report(part, name.span, Diagnostic::error("M4002", message));
            return;
        }
        let centre = usize::from(*family == ErrorFamily::StudentT);
        let Some(unit) = self.observed_unit(part, name, unit, &arguments[centre]) else { return };
        let (one, time) = (Unit::one(), self.composed.time_unit.clone());
        if *family == ErrorFamily::NegativeBinomial && !unit.is_dimensionless() {
            let message = format!("`{}` is in {unit}: counts are plain numbers", name.text);
            let finding = Diagnostic::error("M4005", message).help("write the expected count, as in rate * duration");
            self.elaborator.report(part, name.span, finding);
            return;
        }
        let scatters = matches!(family, ErrorFamily::Normal | ErrorFamily::LogNormal | ErrorFamily::StudentT);
        if let Some(clause) = within_person.filter(|_| !scatters) {
            let message = format!("`within_person` does not go with `{}`", family_name(*family));
            let help = "the variation of a person's values from day to day comes beside the independent errors of \
                        `Normal`, `LogNormal` and `StudentT`";
            self.elaborator.report(part, clause, Diagnostic::error("M4006", message).help(help));
            return;
        }
        let mut nodes = Vec::new();
        for (role, argument) in roles.iter().zip(arguments) {
            let node = match (*role, &argument.kind) {
                ("sigma", super::syntax::ExpressionKind::Percent(cv)) => {
                    Some(self.elaborator.graph.constant(crate::stats::log_sd_from_cv(cv / 100.0)))
                }
                ("df", _) => {
                    let value = self.positive(part, argument, &one);
                    Some(self.elaborator.graph.constant(value))
                }
                ("size", _) => self.elaborator.in_unit(Place::of(part), argument, &one, "the size of counts' scatter"),
                ("sigma", _) => self.elaborator.in_unit(Place::of(part), argument, &one, "the sd of a logarithm"),
                ("time", _) => self.elaborator.in_unit(Place::of(part), argument, &time, "a correlation time"),
                _ => self.elaborator.in_unit(Place::of(part), argument, &unit, &format!("`{}`", name.text)),
            };
            nodes.extend(node);
        }
        if nodes.len() != roles.len() {
            return;
        }
        let prefix = &self.elaborator.scope.parts[part].prefix;
        let full = format!("{prefix}{}", name.text);
        if self.composed.observations.iter().any(|observation| observation.name == full) {
            let diagnostic = Diagnostic::error("M2002", format!("`{full}` is observed twice"));
            self.elaborator.report(part, name.span, diagnostic.help("keep one `observe` line"));
            return;
        }
        let origin = self.elaborator.scope.parts[part].origin(name.span);
        self.composed.observations.push(Observation {
            name: full,
            device: None,
            unit,
            family: *family,
            varies: within_person.map(|_| nodes[centre]),
            arguments: nodes,
            averaged,
            origin,
        });
    }

    /// The unit written, else that of the output of this name, else of what it scatters around.
    fn observed_unit(&mut self, part: usize, name: &Name, unit: Option<&Name>, centre: &Expression) -> Option<Unit> {
        if let Some(unit) = unit {
            return self.elaborator.unit(part, unit);
        }
        let full = self.elaborator.scope.resolve(part, &name.text);
        let output = full.and_then(|full| self.composed.outputs.iter().find(|output| output.name == full));
        match output {
            Some(output) => Some(output.unit.clone()),
            None => Some(self.elaborator.typed(Place::of(part), centre)?.unit),
        }
    }
}

fn family_name(family: ErrorFamily) -> &'static str {
    match family {
        ErrorFamily::Normal => "Normal",
        ErrorFamily::LogNormal => "LogNormal",
        ErrorFamily::StudentT => "StudentT",
        ErrorFamily::NegativeBinomial => "NegBinomial",
        ErrorFamily::OrnsteinUhlenbeck => "OU",
        ErrorFamily::Matern => "Matern",
    }
}
