//! A single value of a bundle: a quantity in one string, a word, or an entry of a JSON file.

use std::rc::Rc;

use serde_json::Value as Json;
use toml::de::DeValue;

use super::files::{Place, TextFile, listed};
use super::load::Reader;
use super::section::{Section, Value};
use super::vocabulary::{Term, misfit};
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::units::{Quantity, Unit, mismatch, unreadable};

/// A value with the place where it stands.
pub(super) struct Given {
    pub content: Content,
    pub place: Place,
}

pub(super) enum Content {
    Number(f64, Unit),
    Word(String),
}

impl Reader<'_> {
    /// The value under a key of a section, and reports what is wrong with it.
    pub(super) fn given(&mut self, section: &Section, value: &Value, term: Option<&Term>) -> Option<Given> {
        let place = section.place(value.span);
        let categories = term.is_some_and(|term| !term.categories.is_empty());
        let unit_example = term.map_or("kg", |term| term.unit.text());
        let content = match value.get {
            DeValue::Table(table) => {
                let inner = Section::new(&section.file, table, value.span, "this entry");
                return self.json_value(&inner, categories, unit_example);
            }
            DeValue::String(text) if categories => Content::Word(text.to_string()),
            DeValue::String(text) => match Quantity::parse(text) {
                Ok(quantity) => Content::Number(quantity.value, quantity.unit),
                Err(error) => {
                    self.findings.push(unreadable(&error).at(&section.file.source, value.span));
                    return None;
                }
            },
            DeValue::Integer(_) | DeValue::Float(_) if !categories => {
                let text = section.file.source.text.get(value.span.start..value.span.end).unwrap_or("1");
                let finding = Diagnostic::error("P2006", format!("`{}` has no unit", value.key));
                let finding = finding.at(&section.file.source, value.span);
                self.findings.push(finding.help(format!("write {} = \"{text} {unit_example}\"", value.key)));
                return None;
            }
            _ => {
                let known = term.map(|term| term.categories.keys().collect::<Vec<_>>()).unwrap_or_default();
                let expected = if known.is_empty() { "a quantity, as in \"79.6 kg\"".into() } else { listed(&known) };
                self.findings.push(section.wrong_kind(value, &expected));
                return None;
            }
        };
        Some(Given { content, place })
    }

    /// A number under a key, in `unit`, which is the term's where there is one (U1002, P2025).
    pub(super) fn given_in(&mut self, section: &Section, key: &str, unit: &Unit, term: Option<&Term>) -> Option<f64> {
        let value = section.get(key)?;
        let given = self.given(section, &value, None)?;
        let Content::Number(number, from) = given.content else {
            self.findings.push(section.wrong_kind(&value, "a quantity"));
            return None;
        };
        let conversion = term.map_or_else(|| super::Conversion::new(&from, unit, None), |term| term.conversion(&from));
        if conversion.is_none() {
            let finding = term.map_or_else(|| mismatch(&from, unit), |term| misfit(term, &from));
            self.findings.push(finding.at_location(given.place.location()));
        }
        Some(conversion?.apply(number))
    }

    /// `{ file = "person.json", key = "weight_kg", unit = "kg" }`.
    fn json_value(&mut self, entry: &Section, word: bool, unit_example: &str) -> Option<Given> {
        entry.only(&["file", "key", "unit"], &mut self.findings);
        let file = entry.required("file", "file = \"person.json\"", &mut self.findings);
        let key = entry.required("key", "key = \"…\", the name of the value in the file", &mut self.findings);
        let unit = if word {
            Some(Unit::one())
        } else {
            let example = format!("unit = \"{unit_example}\"");
            let written = entry.required("unit", &example, &mut self.findings);
            written.and_then(|(text, span)| self.unit(text, entry.place(span)))
        };
        let ((file, file_span), (key, key_span), unit) = (file?, key?, unit?);
        let file = self.file(file, entry.place(file_span))?;
        let json = self.json(&file)?;
        let Some(found) = find(&json, key) else {
            let known: Vec<String> = json.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
            let finding = Diagnostic::error("P2008", format!("`{}` has no key `{key}`", file.name));
            let mut help = format!("its keys are {}", listed(&known));
            if let Some(near) = nearest(key, known.iter().map(String::as_str)) {
                help = format!("did you mean `{near}`? {help}");
            }
            self.findings.push(finding.at_location(entry.place(key_span).location()).help(help));
            return None;
        };
        let name = key.rsplit('.').next().unwrap_or(key);
        let place = Place::Text { span: span_of(&file.source.text, name), file: file.clone() };
        self.used_keys.insert((file.name.clone(), key.split('.').next().unwrap_or(key).to_string()));
        self.used_keys.insert((file.name.clone(), key.to_string()));
        let content = match found {
            Json::String(text) if word => Content::Word(text.clone()),
            Json::Number(number) if !word => match number.as_f64().filter(|number| number.is_finite()) {
                Some(number) => Content::Number(number, unit),
                None => return self.not_json_value(key, "a number that can be held", &place),
            },
            _ if word => return self.not_json_value(key, "a text", &place),
            _ => return self.not_json_value(key, "a number", &place),
        };
        Some(Given { content, place })
    }

    fn not_json_value(&mut self, key: &str, expected: &str, place: &Place) -> Option<Given> {
        let finding = Diagnostic::error("P2008", format!("the value of `{key}` is not {expected}"));
        self.findings.push(finding.at_location(place.location()));
        None
    }

    /// The parsed JSON of a file, read once; P2008 where it is not JSON.
    fn json(&mut self, file: &Rc<TextFile>) -> Option<Rc<Json>> {
        if let Some(known) = self.parsed.get(&file.name) {
            return known.clone();
        }
        let parsed = self.json_of_source(file);
        self.parsed.insert(file.name.clone(), parsed.clone());
        parsed
    }

    /// The parsed JSON of a file that a reader of its format accounts for.
    pub(super) fn json_of_source(&mut self, file: &Rc<TextFile>) -> Option<Rc<Json>> {
        let text = &file.source.text;
        match serde_json::from_str::<Json>(text) {
            Ok(json) => Some(Rc::new(json)),
            Err(error) => {
                let line = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
                let at = (line + error.column().saturating_sub(1)).min(text.len());
                let message = error.to_string();
                let message = message.split(" at line ").next().unwrap_or("").to_string();
                let finding = Diagnostic::error("P2008", format!("`{}` is not valid JSON: {message}", file.name));
                self.findings.push(finding.at(&file.source, Span::new(at, at + 1)));
                None
            }
        }
    }

    /// The unit that a text names (U1001).
    pub(super) fn unit(&mut self, text: &str, place: Place) -> Option<Unit> {
        match Unit::parse(text) {
            Ok(unit) => Some(unit),
            Err(error) => {
                self.findings.push(unreadable(&error).at_location(place.location()));
                None
            }
        }
    }

    /// A file of the bundle (P2002).
    pub(super) fn file(&mut self, name: &str, place: Place) -> Option<Rc<TextFile>> {
        match self.files.text(name) {
            Ok(file) => Some(file),
            Err(finding) => {
                self.findings.push(finding.at_location(place.location()));
                None
            }
        }
    }
}

/// The value of a key, or of a path of keys and positions: `labs.0.value`.
fn find<'j>(json: &'j Json, key: &str) -> Option<&'j Json> {
    json.get(key).or_else(|| {
        key.split('.').try_fold(json, |inner, part| match part.parse::<usize>() {
            Ok(position) if inner.is_array() => inner.get(position),
            _ => inner.get(part),
        })
    })
}

/// Where a key stands in a JSON text: the first time it is written as one.
fn span_of(text: &str, key: &str) -> Span {
    let quoted = format!("\"{key}\"");
    text.find(&quoted).map_or(Span::new(0, 1), |at| Span::new(at, at + quoted.len()))
}
