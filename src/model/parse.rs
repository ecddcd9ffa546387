//! Parses the statements of a model file; a wrong one is reported and the next one is read.

use crate::diagnostic::{Diagnostic, Diagnostics, Location, Source, Span};

use super::syntax::{Acts, DEEPEST, Expression, ExpressionKind, File, Name, Statement, StatementKind, Value, too_deep};
use super::token::{Token, TokenKind, statements};

/// Words that begin a statement.
const STATEMENTS: [&str; 14] = [
    "time",
    "covariate",
    "parameter",
    "input",
    "state",
    "d",
    "on",
    "let",
    "output",
    "observe",
    "use",
    "connect",
    "fix",
    "prior",
];

/// Parses a file; `None` if it has no header. Findings are added to `found`.
pub(super) fn parse(source: &Source, found: &mut Diagnostics) -> Option<File> {
    let mut lines = statements(source, found).into_iter();
    let Some(first) = lines.next() else {
        found.push(no_header(source, "the file is empty"));
        return None;
    };
    let mut header = Parser::new(source, &first);
    let (name, about) = match header.header() {
        Ok(header) => header,
        Err(diagnostic) => {
            found.push(*diagnostic);
            return None;
        }
    };
    let mut file = File { source: source.clone(), name, about, statements: Vec::new() };
    for line in lines {
        match Parser::new(source, &line).statement() {
            Ok(statement) => file.statements.push(statement),
            Err(diagnostic) => found.push(*diagnostic),
        }
    }
    Some(file)
}

fn no_header(source: &Source, label: &str) -> Diagnostic {
    Diagnostic::error("M1004", "a model file begins with `component NAME` or `composition NAME`")
        .at_location(Location::file(source.name.to_string()))
        .label(label)
        .help("write `component NAME` on the first line and a sentence in quotes below it")
}

/// So many brackets and signs may stand inside one another: each takes several calls of the parser.
const NESTED: usize = 200;

type Parsed<T> = Result<T, Box<Diagnostic>>;

struct Parser<'a> {
    source: &'a Source,
    tokens: &'a [Token],
    at: usize,
    /// Brackets and signs that are open.
    inside: usize,
}

impl<'a> Parser<'a> {
    fn new(source: &'a Source, tokens: &'a [Token]) -> Self {
        Self { source, tokens, at: 0, inside: 0 }
    }

    fn header(&mut self) -> Parsed<(Name, String)> {
        match self.peek() {
            Some(TokenKind::Name(word)) if word == "component" || word == "composition" => self.at += 1,
            _ => return Err(Box::new(no_header(self.source, "").at(self.source, self.here()).label("found this"))),
        }
        let name = self.name("a name")?;
        let about = self.text().unwrap_or_default();
        self.end()?;
        Ok((name, about))
    }

    fn statement(&mut self) -> Parsed<Statement> {
        let word = self.name("a statement")?;
        let kind = match word.text.as_str() {
            "time" => StatementKind::Time { unit: self.unit()? },
            "covariate" => self.covariate()?,
            "parameter" => self.parameter()?,
            "input" => self.input()?,
            "state" => self.state()?,
            "d" => {
                let state = self.name("the name of a state")?;
                self.symbol("=")?;
                StatementKind::Derivative { state, value: self.expression()? }
            }
            "on" => self.on()?,
            "let" => {
                let (name, unit) = (self.name("a name")?, self.optional_unit());
                self.symbol("=")?;
                StatementKind::Let { name, unit, value: self.expression()? }
            }
            "output" => {
                let (name, unit) = (self.name("a name")?, self.unit()?);
                self.symbol("=")?;
                StatementKind::Output { name, unit, value: self.expression()? }
            }
            "observe" => self.observe()?,
            "use" => {
                let file = self.name("the name of a model file")?;
                let alias = if self.word("as") { Some(self.name("a name for the part")?) } else { None };
                StatementKind::Use { file, alias }
            }
            "connect" => {
                let target = self.name("an input or parameter of a part")?;
                self.symbol("=")?;
                StatementKind::Connect { target, value: self.expression()? }
            }
            "fix" => {
                let target = self.name("a parameter")?;
                self.symbol("=")?;
                StatementKind::Replace { target, value: Value::Fixed(self.expression()?) }
            }
            "prior" => {
                let target = self.name("a parameter")?;
                self.symbol("~")?;
                StatementKind::Replace { target, value: Value::Prior(self.expression()?) }
            }
            "component" | "composition" => {
                return Err(Box::new(
                    Diagnostic::error("M1002", "a file holds one component or composition")
                        .at(self.source, word.span)
                        .help("put it into a file of its own and `use` it"),
                ));
            }
            other => {
                return Err(Box::new(
                    Diagnostic::error("M1002", format!("`{other}` begins no statement"))
                        .at(self.source, word.span)
                        .suggest(other, STATEMENTS),
                ));
            }
        };
        let (mut source, mut about) = (None, String::new());
        loop {
            if self.word("source") {
                source = Some(self.text().ok_or_else(|| self.expected("a source in quotes"))?);
            } else if let Some(text) = self.text() {
                about = text;
            } else {
                break;
            }
        }
        self.end()?;
        Ok(Statement { kind, source, about })
    }

    fn covariate(&mut self) -> Parsed<StatementKind> {
        let (name, unit) = (self.name("a name")?, self.unit()?);
        let default = if self.take("=") { Some(self.expression()?) } else { None };
        Ok(StatementKind::Covariate { name, unit, default })
    }

    fn parameter(&mut self) -> Parsed<StatementKind> {
        let (name, unit) = (self.name("a name")?, self.unit()?);
        let value = if self.take("~") {
            Value::Prior(self.expression()?)
        } else if self.take("=") {
            Value::Fixed(self.expression()?)
        } else {
            return Err(self.expected("`~` and a prior, or `=` and a value"));
        };
        let scales = if self.word("scales") { Some(self.expression()?) } else { None };
        Ok(StatementKind::Parameter { name, unit, value, scales })
    }

    fn input(&mut self) -> Parsed<StatementKind> {
        let (name, unit) = (self.name("a name")?, self.unit()?);
        let acts = if self.word("bolus") {
            Acts::Bolus
        } else if self.word("rate") {
            if self.word("at") {
                Acts::RateAt(self.expression()?)
            } else if self.word("over") {
                Acts::RateOver(self.expression()?)
            } else {
                Acts::Rate
            }
        } else if self.word("series") {
            if self.word("linear") {
                Acts::SeriesLinear
            } else if self.word("constant") {
                Acts::SeriesConstant
            } else {
                return Err(self.expected("`linear` or `constant`"));
            }
        } else {
            return Err(self.expected("`bolus`, `rate` or `series`: how the input acts"));
        };
        let lag = if self.word("lag") { Some(self.expression()?) } else { None };
        Ok(StatementKind::Input { name, unit, acts, lag })
    }

    fn state(&mut self) -> Parsed<StatementKind> {
        let (name, unit) = (self.name("a name")?, self.unit()?);
        self.symbol("=")?;
        let initial = self.expression()?;
        let (mut near, mut held, mut receives) = (None, false, Vec::new());
        loop {
            if self.word("near") {
                near = Some(self.expression()?);
            } else if self.word("held") {
                held = true;
            } else if self.word("receives") {
                receives.push(self.expression()?);
                while self.take(",") {
                    receives.push(self.expression()?);
                }
            } else {
                return Ok(StatementKind::State { name, unit, initial, near, held, receives });
            }
        }
    }

    fn on(&mut self) -> Parsed<StatementKind> {
        let input = self.name("the name of an input")?;
        self.symbol(":")?;
        let mut assignments = Vec::new();
        loop {
            let state = self.name("the name of a state")?;
            self.symbol("=")?;
            assignments.push((state, self.expression()?));
            if !self.take(",") {
                return Ok(StatementKind::On { input, assignments });
            }
        }
    }

    fn observe(&mut self) -> Parsed<StatementKind> {
        let (name, unit) = (self.name("the name of what is measured")?, self.optional_unit());
        self.symbol("~")?;
        match self.expression()?.kind {
            ExpressionKind::Call(family, arguments) => {
                let (mut averaged, mut within_person) = (None, None);
                loop {
                    let clause = self.here();
                    if averaged.is_none() && self.word("averaged") {
                        averaged = Some(self.expression()?);
                    } else if within_person.is_none() && self.word("within_person") {
                        within_person = Some(clause);
                    } else {
                        return Ok(StatementKind::Observe { name, unit, family, arguments, averaged, within_person });
                    }
                }
            }
            _ => {
                self.at -= 1;
                Err(self.expected("an error family with its arguments, as `Normal(mean, sd)`"))
            }
        }
    }

    fn expression(&mut self) -> Parsed<Expression> {
        self.inside(|parser| parser.level(0))
    }

    /// Descends once more, unless that is too deep.
    fn inside(&mut self, read: impl FnOnce(&mut Self) -> Parsed<Expression>) -> Parsed<Expression> {
        if self.inside >= NESTED {
            return Err(Box::new(too_deep(self.source, self.here())));
        }
        self.inside += 1;
        let expression = read(self);
        self.inside -= 1;
        expression
    }

    fn made(&self, kind: ExpressionKind, span: Span) -> Parsed<Expression> {
        let expression = Expression::new(kind, span);
        if expression.depth > DEEPEST { Err(Box::new(too_deep(self.source, span))) } else { Ok(expression) }
    }

    /// Operators by level, loosest first; `^` and unary minus are bound tighter.
    fn level(&mut self, level: usize) -> Parsed<Expression> {
        const LEVELS: [&[&str]; 5] = [&["or"], &["and"], &["<", "<=", ">", ">=", "=="], &["+", "-"], &["*", "/"]];
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        while let Some(operator) = operators.iter().find(|operator| self.take(operator)) {
            let right = self.level(level + 1)?;
            let span = left.span.to(right.span);
            left = self.made(ExpressionKind::Binary(operator, Box::new(left), Box::new(right)), span)?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsed<Expression> {
        let start = self.here();
        for operator in ["-", "+", "not"] {
            if self.take(operator) {
                let inner = self.inside(Self::unary)?;
                let span = start.to(inner.span);
                return self.made(ExpressionKind::Unary(operator, Box::new(inner)), span);
            }
        }
        let base = self.primary()?;
        if !self.take("^") {
            return Ok(base);
        }
        let power = self.inside(Self::unary)?;
        let span = base.span.to(power.span);
        self.made(ExpressionKind::Binary("^", Box::new(base), Box::new(power)), span)
    }

    fn primary(&mut self) -> Parsed<Expression> {
        let span = self.here();
        match self.peek().cloned() {
            Some(TokenKind::Number(value)) => {
                self.at += 1;
                let unit = self.optional_unit();
                let span = unit.as_ref().map_or(span, |unit| span.to(unit.span));
                self.made(ExpressionKind::Number(value, unit), span)
            }
            Some(TokenKind::Percent(value)) => {
                self.at += 1;
                self.made(ExpressionKind::Percent(value), span)
            }
            Some(TokenKind::Name(text)) => {
                self.at += 1;
                if !self.take("(") {
                    return self.made(ExpressionKind::Name(text), span);
                }
                let mut arguments = Vec::new();
                if !self.take(")") {
                    loop {
                        arguments.push(self.expression()?);
                        if self.take(")") {
                            break;
                        }
                        if !self.take(",") {
                            return Err(self.expected("`,` or `)`"));
                        }
                    }
                }
                let end = self.tokens[self.at - 1].span;
                self.made(ExpressionKind::Call(Name { text, span }, arguments), span.to(end))
            }
            Some(TokenKind::Symbol("(")) => {
                self.at += 1;
                let mut inner = self.expression()?;
                self.symbol(")")?;
                inner.span = span.to(self.tokens[self.at - 1].span);
                Ok(inner)
            }
            _ => Err(self.expected("a number, a name or `(`")),
        }
    }

    fn peek(&self) -> Option<&TokenKind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    /// The place of the next token, or just behind the last.
    fn here(&self) -> Span {
        match (self.tokens.get(self.at), self.tokens.last()) {
            (Some(token), _) => token.span,
            (None, Some(last)) => Span::new(last.span.end, last.span.end),
            _ => Span::default(),
        }
    }

    /// Takes a symbol or a word if it comes next.
    fn take(&mut self, symbol: &str) -> bool {
        let next = match self.peek() {
            Some(TokenKind::Symbol(found)) => *found == symbol,
            Some(TokenKind::Name(found)) => found == symbol,
            _ => false,
        };
        self.at += usize::from(next);
        next
    }

    fn word(&mut self, word: &str) -> bool {
        self.take(word)
    }

    fn symbol(&mut self, symbol: &str) -> Parsed<()> {
        if self.take(symbol) { Ok(()) } else { Err(self.expected(&format!("`{symbol}`"))) }
    }

    fn name(&mut self, what: &str) -> Parsed<Name> {
        let span = self.here();
        match self.peek() {
            Some(TokenKind::Name(text)) => {
                let name = Name { text: text.clone(), span };
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.expected(what)),
        }
    }

    fn unit(&mut self) -> Parsed<Name> {
        self.optional_unit().ok_or_else(|| self.expected("a unit in brackets, as `[mg/L]`; `[1]` is a plain number"))
    }

    fn optional_unit(&mut self) -> Option<Name> {
        let span = self.here();
        let Some(TokenKind::Unit(text)) = self.peek() else { return None };
        let unit = Name { text: text.clone(), span };
        self.at += 1;
        Some(unit)
    }

    fn text(&mut self) -> Option<String> {
        let Some(TokenKind::Text(text)) = self.peek() else { return None };
        let text = text.clone();
        self.at += 1;
        Some(text)
    }

    fn end(&self) -> Parsed<()> {
        if self.at == self.tokens.len() { Ok(()) } else { Err(self.expected("the end of the statement")) }
    }

    fn expected(&self, what: &str) -> Box<Diagnostic> {
        let found = match self.peek() {
            None => "the end of the statement".to_string(),
            Some(_) => {
                let span = self.here();
                format!("`{}`", &self.source.text[span.start..span.end])
            }
        };
        let mut diagnostic =
            Diagnostic::error("M1002", format!("expected {what}, found {found}")).at(self.source, self.here());
        if matches!(self.peek(), Some(TokenKind::Unit(_))) {
            diagnostic = diagnostic.help("a unit stands behind a number or behind the name that is defined");
        }
        Box::new(diagnostic)
    }
}
