//! Names of a composed model: every part's definitions in one table, and what is connected to or replaced by what.

use std::collections::{BTreeMap, HashMap};

use crate::diagnostic::{Diagnostic, Diagnostics, Span};

use super::composed::Origin;
use super::syntax::{Acts, Expression, File, Name, StatementKind, Value};

/// A file in its place: the prefix of its names is empty or ends with a dot.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub file: File,
    pub prefix: String,
}

impl Part {
    pub fn origin(&self, span: Span) -> Origin {
        Origin { source: self.file.source.clone(), span }
    }
}

/// What a name stands for; numbers index the lists of the composed model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum What {
    Covariate(usize),
    Parameter(usize),
    Input(usize),
    State(usize),
    Expression,
}

/// Where a name is defined.
#[derive(Clone, Copy, Debug)]
pub(super) struct Definition {
    pub part: usize,
    pub statement: usize,
    pub span: Span,
    pub what: What,
}

/// All names of a model.
#[derive(Debug, Default)]
pub(super) struct Scope<'p> {
    pub parts: &'p [Part],
    /// By full name.
    pub definitions: BTreeMap<String, Definition>,
    /// By the full name that is connected: the part whose scope the expression is in.
    pub connected: HashMap<String, (usize, &'p Expression)>,
    /// Inputs passed on: full name to full name.
    pub passed: HashMap<String, String>,
    /// By the full name of the parameter.
    pub replaced: HashMap<String, (usize, &'p Value)>,
}

/// Words that cannot be defined.
pub(super) const RESERVED: [&str; 9] = ["time", "pi", "inf", "steady", "if", "and", "or", "not", "source"];

impl<'p> Scope<'p> {
    /// Collects the names of all parts; what is wrong with them is added to `found`.
    pub fn new(parts: &'p [Part], found: &mut Diagnostics) -> Self {
        let mut scope = Self { parts, ..Self::default() };
        for (part, Part { file, prefix }) in parts.iter().enumerate() {
            for (number, statement) in file.statements.iter().enumerate() {
                let (name, what) = match &statement.kind {
                    StatementKind::Covariate { name, .. } => (name, What::Covariate(0)),
                    StatementKind::Parameter { name, .. } => (name, What::Parameter(0)),
                    StatementKind::Input { name, .. } => (name, What::Input(0)),
                    StatementKind::State { name, .. } => (name, What::State(0)),
                    StatementKind::Let { name, .. } | StatementKind::Output { name, .. } => (name, What::Expression),
                    _ => continue,
                };
                let definition = Definition { part, statement: number, span: name.span, what };
                scope.define(prefix, name, definition, found);
            }
        }
        for (part, Part { file, .. }) in parts.iter().enumerate() {
            for statement in &file.statements {
                match &statement.kind {
                    StatementKind::Connect { target, value } => scope.connect(part, target, value, found),
                    StatementKind::Replace { target, value } => scope.replace(part, target, value, found),
                    _ => {}
                }
            }
        }
        scope.number();
        scope
    }

    fn define(&mut self, prefix: &str, name: &Name, definition: Definition, found: &mut Diagnostics) {
        let source = &self.parts[definition.part].file.source;
        let reserved = RESERVED.contains(&name.text.as_str()) || super::function::is_function(&name.text);
        if reserved || name.text.contains('.') {
            let why = if reserved { "is a word of the language" } else { "has a dot, which only a part's names have" };
            let message = format!("`{}` {why}", name.text);
            found.push(Diagnostic::error("M2009", message).at(source, name.span).help("choose another name"));
            return;
        }
        // Covariates are the person's: one for all parts.
        let person = matches!(definition.what, What::Covariate(_));
        let full = if person { name.text.clone() } else { format!("{prefix}{}", name.text) };
        if let Some(known) = self.definitions.get(&full) {
            if person && matches!(known.what, What::Covariate(_)) && known.part != definition.part {
                return;
            }
            let first = self.parts[known.part].file.source.locate(known.span);
            found.push(
                Diagnostic::error("M2002", format!("`{full}` is defined twice"))
                    .at(source, name.span)
                    .label(format!("first at {first}"))
                    .help("rename one of them, or take the part with `use … as NAME`"),
            );
            return;
        }
        self.definitions.insert(full, definition);
    }

    fn connect(&mut self, part: usize, target: &Name, value: &'p Expression, found: &mut Diagnostics) {
        let source = &self.parts[part].file.source;
        let Some(full) = self.resolve_or_report(part, target, found) else { return };
        let own = self.definitions[&full].part == part;
        if own || !matches!(self.definitions[&full].what, What::Input(_) | What::Parameter(_)) {
            found.push(
                Diagnostic::error("M2013", format!("`{}` cannot be connected", target.text))
                    .at(source, target.span)
                    .help("an expression can stand for an input or a parameter of a part that this file uses"),
            );
            return;
        }
        if self.connected.contains_key(&full) || self.passed.contains_key(&full) {
            let message = format!("`{}` is connected twice", target.text);
            found.push(Diagnostic::error("M2002", message).at(source, target.span).help("remove one of the lines"));
            return;
        }
        // An input that stands alone is passed on with all that it does.
        if let super::syntax::ExpressionKind::Name(name) = &value.kind {
            let given = self.resolve(part, name).filter(|given| matches!(self.definitions[given].what, What::Input(_)));
            if let (Some(given), What::Input(_)) = (given, self.definitions[&full].what)
                && acts_alike(self.acts(&given), self.acts(&full))
            {
                self.passed.insert(full, given);
                return;
            }
        }
        if matches!(self.acts(&full), Some(Acts::Bolus)) {
            found.push(
                Diagnostic::error(
                    "M2013",
                    format!("`{}` is a bolus: only a bolus can be passed on to it", target.text),
                )
                .at(source, value.span)
                .help("write the name of an `input … bolus` of this file"),
            );
            return;
        }
        self.connected.insert(full, (part, value));
    }

    fn replace(&mut self, part: usize, target: &Name, value: &'p Value, found: &mut Diagnostics) {
        let Some(full) = self.resolve_or_report(part, target, found) else { return };
        if !matches!(self.definitions[&full].what, What::Parameter(_)) {
            let message = format!("`{}` is not a parameter", target.text);
            let source = &self.parts[part].file.source;
            found.push(
                Diagnostic::error("M2013", message)
                    .at(source, target.span)
                    .help("only parameters can be fixed or given another prior"),
            );
            return;
        }
        // Later parts stand above earlier ones: a composition comes after what it uses, so the last word is its own.
        self.replaced.insert(full, (part, value));
    }

    fn acts(&self, full: &str) -> Option<&'p Acts> {
        let definition = self.definitions.get(full)?;
        match &self.parts[definition.part].file.statements[definition.statement].kind {
            StatementKind::Input { acts, .. } => Some(acts),
            _ => None,
        }
    }

    /// Gives every list its numbers, in the order of the parts; what is connected or passed on has none.
    fn number(&mut self) {
        let (mut covariates, mut parameters, mut inputs, mut states) = (0, 0, 0, 0);
        let mut order: Vec<(usize, usize, String)> =
            self.definitions.iter().map(|(name, d)| (d.part, d.statement, name.clone())).collect();
        order.sort();
        for (.., name) in order {
            let gone = self.connected.contains_key(&name) || self.passed.contains_key(&name);
            let Some(definition) = self.definitions.get_mut(&name) else { continue };
            let next = |count: &mut usize| {
                *count += 1;
                *count - 1
            };
            definition.what = match definition.what {
                What::Covariate(_) => What::Covariate(next(&mut covariates)),
                What::State(_) => What::State(next(&mut states)),
                What::Parameter(_) | What::Input(_) if gone => What::Expression,
                What::Parameter(_) => What::Parameter(next(&mut parameters)),
                What::Input(_) => What::Input(next(&mut inputs)),
                What::Expression => What::Expression,
            };
        }
    }

    /// The full name that a part means by a name.
    pub fn resolve(&self, part: usize, name: &str) -> Option<String> {
        let full = format!("{}{name}", self.parts[part].prefix);
        if self.definitions.contains_key(&full) {
            return Some(full);
        }
        let person = self.definitions.get(name).is_some_and(|d| matches!(d.what, What::Covariate(_)));
        person.then(|| name.to_string())
    }

    pub fn resolve_or_report(&self, part: usize, name: &Name, found: &mut Diagnostics) -> Option<String> {
        let full = self.resolve(part, &name.text);
        if full.is_none() {
            found.push(self.unknown(part, &name.text, name.span));
        }
        full
    }

    /// The diagnostic for a name that a part does not know.
    pub fn unknown(&self, part: usize, name: &str, span: Span) -> Diagnostic {
        let prefix = &self.parts[part].prefix;
        let known: Vec<&str> = self.definitions.keys().filter_map(|full| full.strip_prefix(prefix.as_str())).collect();
        Diagnostic::error("M2001", format!("`{name}` is not defined"))
            .at(&self.parts[part].file.source, span)
            .suggest(name, known)
    }

    /// The input that a name stands for in the end, through all `connect`s that pass it on.
    pub fn passed_to<'a>(&'a self, full: &'a str) -> &'a str {
        let mut name = full;
        // A ring of passes would need two files that connect each other's inputs: `connect` refuses own inputs.
        while let Some(next) = self.passed.get(name) {
            name = next;
        }
        name
    }
}

fn acts_alike(a: Option<&Acts>, b: Option<&Acts>) -> bool {
    let kind = |acts: Option<&Acts>| match acts {
        Some(Acts::Bolus) => 1,
        Some(Acts::Rate | Acts::RateAt(_) | Acts::RateOver(_)) => 2,
        Some(Acts::SeriesConstant | Acts::SeriesLinear) => 3,
        None => 0,
    };
    kind(a) == kind(b) && kind(a) != 0
}
