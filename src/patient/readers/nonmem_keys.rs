//! What a `[[source]]` of an event table says: whose rows, names of compartments and of what was observed, units.

use super::super::intake::Intake;
use super::super::section::{Section, Value};
use super::Input;
use crate::diagnostic::Diagnostic;

/// Keys of the format.
pub(super) const KEYS: [&str; 5] = ["id", "dose", "observed", "units", "covariates"];

/// A text, or a text for each of several labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Labelled {
    whole: Option<String>,
    each: Vec<(String, String)>,
}

impl Labelled {
    /// The text of a label; one text without labels is for all.
    pub(super) fn get(&self, label: &str) -> Option<&str> {
        let of_label = self.each.iter().find(|(known, _)| equal(known, label));
        of_label.map(|(_, text)| text.as_str()).or(self.whole.as_deref())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.whole.is_none() && self.each.is_empty()
    }

    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.whole.as_deref().into_iter().chain(self.each.iter().map(|(_, text)| text.as_str()))
    }
}

/// A column that is a covariate.
pub(super) struct CovariateColumn {
    pub column: String,
    pub name: String,
    /// Words for its numbers, where it is a category.
    pub words: Labelled,
}

/// All keys of an entry.
pub(super) struct Keys {
    pub id: Option<String>,
    pub dose: Labelled,
    pub observed: Labelled,
    /// By the column's name in upper case.
    units: Vec<(String, Labelled)>,
    pub covariates: Vec<CovariateColumn>,
}

impl Keys {
    /// Reads the keys; what is of the wrong kind is told (P2006), names that the vocabulary lacks, too (P2009).
    pub(super) fn read(intake: &mut Intake, input: &Input) -> Self {
        let section = input.section;
        let id = intake.key(section, "id").map(String::from);
        let dose = names(intake, section, "dose");
        let observed = names(intake, section, "observed");
        let units = pairs(intake, section, "units").into_iter().map(|(inner, pair)| {
            let labelled = labelled(intake, &inner, &pair).unwrap_or_default();
            (pair.key.to_uppercase(), labelled)
        });
        let units = units.collect();
        let mut covariates = Vec::new();
        for (inner, pair) in pairs(intake, section, "covariates") {
            let Some(mut words) = labelled(intake, &inner, &pair) else { continue };
            let named = words.each.iter().position(|(label, _)| label == "name").map(|at| words.each.remove(at).1);
            match named.or(words.whole.take()) {
                Some(name) => {
                    intake.reader.term(&name, inner.place(pair.span));
                    covariates.push(CovariateColumn { column: pair.key.to_uppercase(), name, words });
                }
                None => {
                    let expected = "a name, or { name = \"sex\", \"0\" = \"female\", \"1\" = \"male\" }";
                    intake.reader.findings.push(inner.wrong_kind(&pair, expected));
                }
            }
        }
        Self { id, dose, observed, units, covariates }
    }

    /// The declared unit of a column, of a label where it has several.
    pub(super) fn unit(&self, column: &str, label: &str) -> Option<&str> {
        self.units.iter().find(|(known, _)| known == column).and_then(|(_, units)| units.get(label))
    }
}

/// Names under a key, each known to the vocabulary or warned of.
fn names(intake: &mut Intake, section: &Section, key: &str) -> Labelled {
    let Some(value) = section.get(key) else { return Labelled::default() };
    let names = labelled(intake, section, &value).unwrap_or_default();
    for name in names.texts() {
        intake.reader.term(name, section.place(value.span));
    }
    names
}

/// The pairs of a table under a key, with the table.
fn pairs<'d>(intake: &mut Intake, section: &Section<'d>, key: &str) -> Vec<(Section<'d>, Value<'d>)> {
    let Some(value) = section.get(key) else { return Vec::new() };
    let Some(table) = value.get.as_table() else {
        let finding = section.wrong_kind(&value, "a table of columns, as in { AMT = \"mg\", DV = \"mg/L\" }");
        intake.reader.findings.push(finding);
        return Vec::new();
    };
    let inner = Section::new(&section.file, table, value.span, "the columns");
    inner.values().into_iter().map(|pair| (inner.clone(), pair)).collect()
}

fn labelled(intake: &mut Intake, section: &Section, value: &Value) -> Option<Labelled> {
    if let Some(text) = value.get.as_str() {
        return Some(Labelled { whole: Some(text.into()), each: Vec::new() });
    }
    let texts = value.get.as_table().map(|table| {
        let inner = Section::new(&section.file, table, value.span, "the labels");
        let texts = inner.values().into_iter().map(|pair| Some((pair.key, pair.get.as_str()?.to_string())));
        texts.collect::<Option<Vec<_>>>()
    });
    match texts.flatten() {
        Some(each) => Some(Labelled { whole: None, each }),
        None => {
            let finding: Diagnostic = section.wrong_kind(value, "a text, or a table of texts, as in { \"1\" = \"…\" }");
            intake.reader.findings.push(finding);
            None
        }
    }
}

/// Equal as texts, or as numbers: `1` is `1.0`.
pub(super) fn equal(one: &str, other: &str) -> bool {
    let numbers = one.trim().parse::<f64>().ok().zip(other.trim().parse::<f64>().ok());
    one.trim() == other.trim() || numbers.is_some_and(|(one, other)| one == other)
}
