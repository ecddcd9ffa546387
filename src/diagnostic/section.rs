//! A table of a TOML file with its place: looks keys up, and says which are missing, misspelt or of the wrong kind.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Diagnostic, Diagnostics, Findings, Location, Source, Span};

/// A TOML file of one kind, with the codes of what can be wrong in any such file.
pub trait Document: Clone {
    /// The text is not TOML.
    const SYNTAX: &'static str;
    /// A key means nothing where it stands.
    const UNKNOWN_KEY: &'static str;
    /// A key must be there and is not.
    const MISSING_KEY: &'static str;
    /// A value is a number where a text must be, or the like.
    const WRONG_KIND: &'static str;

    fn source(&self) -> &Source;

    /// Parses the text; every mistake of syntax in it is a diagnostic.
    fn parse<'d>(&self, text: &'d str) -> Result<Spanned<DeTable<'d>>, Diagnostics> {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut found = Diagnostics::new();
        errors.iter().for_each(|error| found.push(syntax(Self::SYNTAX, self.source(), error)));
        if errors.is_empty() { Ok(table) } else { Err(found) }
    }

    /// The whole file as a section; what concerns all of it is placed at its first line.
    fn top<'d>(&self, table: &'d Spanned<DeTable<'d>>, what: &'static str) -> Section<'d, Self> {
        let text = &self.source().text;
        Section::new(self, table.get_ref(), Span::new(0, text.find('\n').unwrap_or(text.len())), what)
    }
}

/// The diagnostic of a TOML text that cannot be read, placed where the reader stopped.
pub fn syntax(code: &'static str, source: &Source, error: &toml::de::Error) -> Diagnostic {
    let message = error.message().lines().collect::<Vec<_>>().join("; ");
    let finding = Diagnostic::error(code, format!("this is not valid TOML: {message}"));
    let finding = finding.help("texts stand in quotation marks, as in weight = \"79.6 kg\"");
    match error.span() {
        Some(span) => finding.at(source, Span::new(span.start, span.end)),
        None => finding.at_location(Location::file(&*source.name)),
    }
}

/// A table of a file.
#[derive(Clone, Debug)]
pub struct Section<'d, D> {
    pub file: D,
    table: &'d DeTable<'d>,
    span: Span,
    /// What the table is, in words: "this exposure".
    what: &'static str,
}

/// A value of the file with its place.
#[derive(Clone, Debug)]
pub struct Value<'d> {
    pub key: String,
    pub key_span: Span,
    pub span: Span,
    pub get: &'d DeValue<'d>,
}

impl<'d, D: Document> Section<'d, D> {
    pub fn new(file: &D, table: &'d DeTable<'d>, span: Span, what: &'static str) -> Self {
        Self { file: file.clone(), table, span, what }
    }

    /// All values in the order written.
    pub fn values(&self) -> Vec<Value<'d>> {
        let mut values: Vec<Value<'d>> = self.table.iter().map(|(key, value)| Value::new(key, value)).collect();
        values.sort_by_key(|value| value.key_span.start);
        values
    }

    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<Value<'d>> {
        self.table.iter().find(|(known, _)| known.get_ref() == key).map(|(key, value)| Value::new(key, value))
    }

    /// Reports keys that mean nothing here ([`Document::UNKNOWN_KEY`]).
    pub fn only(&self, known: &[&str], findings: &mut Findings) {
        for value in self.values().iter().filter(|value| !known.contains(&value.key.as_str())) {
            let finding = Diagnostic::error(D::UNKNOWN_KEY, format!("`{}` means nothing in {}", value.key, self.what));
            findings.push(finding.at(self.file.source(), value.key_span).suggest(&value.key, known.iter().copied()));
        }
    }

    /// The text under a key; a value of another kind is reported ([`Document::WRONG_KIND`]).
    pub fn text(&self, key: &str, findings: &mut Findings) -> Option<(&'d str, Span)> {
        let value = self.get(key)?;
        match value.get.as_str() {
            Some(text) => Some((text, value.span)),
            None => {
                findings.push(self.wrong_kind(&value, "a text in quotation marks"));
                None
            }
        }
    }

    /// The text under a key that must be there ([`Document::MISSING_KEY`] if it is not).
    pub fn required(&self, key: &'static str, example: &str, findings: &mut Findings) -> Option<(&'d str, Span)> {
        if self.get(key).is_none() {
            findings.push(self.missing(key, example));
        }
        self.text(key, findings)
    }

    /// The tables of a list of tables, `[[key]]` or `key = [{…}]`; anything else is reported ([`Document::WRONG_KIND`]).
    pub fn sections(&self, key: &str, what: &'static str, findings: &mut Findings) -> Vec<Section<'d, D>> {
        let Some(list) = self.get(key) else { return Vec::new() };
        let items = list.get.as_array().map(|items| items.iter().collect::<Vec<_>>());
        let tables = items.and_then(|items| {
            items.into_iter().map(|item| Some((item.get_ref().as_table()?, span(item)))).collect::<Option<Vec<_>>>()
        });
        match tables {
            Some(tables) => {
                tables.into_iter().map(|(table, span)| Section::new(&self.file, table, span, what)).collect()
            }
            None => {
                findings.push(self.wrong_kind(&list, "a list of tables"));
                Vec::new()
            }
        }
    }

    /// The diagnostic of a key that must be there; the example says what to add.
    pub fn missing(&self, key: &str, example: &str) -> Diagnostic {
        Diagnostic::error(D::MISSING_KEY, format!("{} has no `{key}`", self.what))
            .at(self.file.source(), self.span)
            .help(format!("add {example}"))
    }

    /// The diagnostic of a value of another kind than expected.
    pub fn wrong_kind(&self, value: &Value, expected: &str) -> Diagnostic {
        Diagnostic::error(D::WRONG_KIND, format!("`{}` must be {expected}, not {}", value.key, kind(value.get)))
            .at(self.file.source(), value.span)
    }

    /// Where the table stands.
    pub fn span(&self) -> Span {
        self.span
    }
}

impl<'d> Value<'d> {
    fn new(key: &Spanned<std::borrow::Cow<'d, str>>, value: &'d Spanned<DeValue<'d>>) -> Self {
        Self { key: key.get_ref().to_string(), key_span: span(key), span: span(value), get: value.get_ref() }
    }
}

fn span<T>(value: &Spanned<T>) -> Span {
    Span::new(value.span().start, value.span().end)
}

fn kind(value: &DeValue) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
