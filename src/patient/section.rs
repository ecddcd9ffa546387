//! A table of `patient.toml` with its place: looks keys up, and says which are missing, misspelt or of the wrong kind.

use std::rc::Rc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::files::{Place, TextFile};
use super::findings::Findings;
use crate::diagnostic::{Diagnostic, Span};

#[derive(Clone)]
pub(super) struct Section<'d> {
    pub file: Rc<TextFile>,
    table: &'d DeTable<'d>,
    span: Span,
    /// What the table is, in words: "this exposure".
    what: &'static str,
}

/// A value of the file with its place.
pub(super) struct Value<'d> {
    pub key: String,
    pub key_span: Span,
    pub span: Span,
    pub get: &'d DeValue<'d>,
}

impl<'d> Section<'d> {
    pub(super) fn new(file: &Rc<TextFile>, table: &'d DeTable<'d>, span: Span, what: &'static str) -> Self {
        Self { file: file.clone(), table, span, what }
    }

    /// All values in the order written.
    pub(super) fn values(&self) -> Vec<Value<'d>> {
        let mut values: Vec<Value<'d>> = self.table.iter().map(|(key, value)| Value::new(key, value)).collect();
        values.sort_by_key(|value| value.key_span.start);
        values
    }

    pub(super) fn get(&self, key: &str) -> Option<Value<'d>> {
        self.table.iter().find(|(known, _)| known.get_ref() == key).map(|(key, value)| Value::new(key, value))
    }

    /// Reports keys that mean nothing here (P2004).
    pub(super) fn only(&self, known: &[&str], findings: &mut Findings) {
        for value in self.values().iter().filter(|value| !known.contains(&value.key.as_str())) {
            let finding = Diagnostic::error("P2004", format!("`{}` means nothing in {}", value.key, self.what));
            findings.push(finding.at(&self.file.source, value.key_span).suggest(&value.key, known.iter().copied()));
        }
    }

    /// The text under a key; a value of another kind is reported (P2006).
    pub(super) fn text(&self, key: &str, findings: &mut Findings) -> Option<(&'d str, Span)> {
        let value = self.get(key)?;
        match value.get.as_str() {
            Some(text) => Some((text, value.span)),
            None => {
                findings.push(self.wrong_kind(&value, "a text in quotation marks"));
                None
            }
        }
    }

    /// The text under a key that must be there (P2005 if it is not).
    pub(super) fn required(
        &self,
        key: &'static str,
        example: &str,
        findings: &mut Findings,
    ) -> Option<(&'d str, Span)> {
        if self.get(key).is_none() {
            findings.push(self.missing(key, example));
        }
        self.text(key, findings)
    }

    /// The tables of a list of tables, `[[key]]` or `key = [{…}]`; anything else is reported (P2006).
    pub(super) fn sections(&self, key: &str, what: &'static str, findings: &mut Findings) -> Vec<Section<'d>> {
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

    pub(super) fn missing(&self, key: &str, example: &str) -> Diagnostic {
        Diagnostic::error("P2005", format!("{} has no `{key}`", self.what))
            .at(&self.file.source, self.span)
            .help(format!("add {example}"))
    }

    pub(super) fn wrong_kind(&self, value: &Value, expected: &str) -> Diagnostic {
        Diagnostic::error("P2006", format!("`{}` must be {expected}, not {}", value.key, kind(value.get)))
            .at(&self.file.source, value.span)
    }

    pub(super) fn place(&self, span: Span) -> Place {
        Place::Text { file: self.file.clone(), span }
    }

    pub(super) fn span(&self) -> Span {
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
