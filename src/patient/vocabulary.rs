//! The list of shared names: unit, plausible range, codes and a sentence each.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use crate::diagnostic::{Diagnostic, Diagnostics, Location, Source, Span, syntax};
use crate::units::{Quantity, Unit, mismatch, unreadable};

const EMBEDDED: &str = include_str!("../../models/vocabulary.toml");

/// What is known of a name that models and bundles share.
#[derive(Clone, Debug)]
pub struct Term {
    pub name: String,
    /// The unit in which values of this name are stored.
    pub unit: Unit,
    /// The least and the greatest value that can be true, in `unit`; values beyond are refused.
    pub range: Option<(f64, f64)>,
    /// Units that people also use, tried when values do not fit the declared one.
    pub also: Vec<Unit>,
    /// Joins two ways of measuring one thing: a molar mass, or an amount of substance per international unit.
    pub equivalence: Option<Quantity>,
    /// Units of the right dimension that are another scale, not to be converted, and the name that has it.
    pub other_scale: Vec<(Unit, String)>,
    /// Words instead of numbers, with the number that a model sees.
    pub categories: BTreeMap<String, f64>,
    pub loinc: Vec<String>,
    /// Codes of the same quantity in exports, by whose codes they are.
    pub codes: BTreeMap<String, Vec<String>>,
    /// What a source's values of this name are for the person; else their shape decides.
    pub role: Option<Role>,
    /// What values of it tell of whether a device was worn.
    pub wear: Option<Wear>,
    pub about: String,
}

/// What a worn device can tell only of who wears it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wear {
    /// Counts that are zero at rest, and where the device lies on a table.
    Movement,
    /// Readings that are there only where it is worn.
    Pulse,
}

/// What values of a name are for the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Covariate,
    Exposure,
    Observation,
}

impl Term {
    /// How to bring values of a unit into the term's; `None` if the two measure different things or on another scale.
    ///
    /// Where there is another scale, only the term's own unit is taken: who writes a third one may mean either scale.
    pub fn conversion(&self, from: &Unit) -> Option<Conversion> {
        if !self.other_scale.is_empty() && *from != self.unit {
            return None;
        }
        Conversion::new(from, &self.unit, self.equivalence.as_ref())
    }
}

/// Turns values of one unit into another, through an equivalence where needed.
#[derive(Clone, Debug)]
pub struct Conversion {
    /// Applied to the number before the units.
    factor: f64,
    from: Unit,
    to: Unit,
}

impl Conversion {
    /// From one unit to another of the same dimension, or of one that the equivalence joins to it.
    pub fn new(from: &Unit, to: &Unit, equivalence: Option<&Quantity>) -> Option<Self> {
        let step = |factor, from: Unit| from.is_compatible(to).then(|| Self { factor, from, to: to.clone() });
        step(1.0, from.clone()).or_else(|| {
            let by = equivalence?;
            step(by.value, from.times(&by.unit)).or_else(|| step(1.0 / by.value, from.per(&by.unit)))
        })
    }

    /// The value in the new unit.
    pub fn apply(&self, value: f64) -> f64 {
        self.from.convert(value * self.factor, &self.to).unwrap_or(f64::NAN)
    }

    /// The value in the old unit.
    pub fn undo(&self, value: f64) -> f64 {
        self.to.convert(value, &self.from).unwrap_or(f64::NAN) / self.factor
    }
}

/// All terms by name.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    terms: BTreeMap<String, Term>,
}

/// A term as the file writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    unit: Option<Spanned<String>>,
    range: Option<Spanned<[f64; 2]>>,
    #[serde(default)]
    also: Vec<Spanned<String>>,
    equivalence: Option<Spanned<String>>,
    #[serde(default)]
    other_scale: BTreeMap<Spanned<String>, String>,
    #[serde(default)]
    categories: BTreeMap<String, f64>,
    #[serde(default)]
    loinc: Vec<String>,
    #[serde(default)]
    codes: BTreeMap<String, Vec<String>>,
    role: Option<Role>,
    wear: Option<Wear>,
    about: String,
}

impl Vocabulary {
    /// The vocabulary that comes with the program.
    pub fn embedded() -> Result<Self, Diagnostics> {
        Self::parse(&Source::new("models/vocabulary.toml", EMBEDDED))
    }

    /// Reads a vocabulary from a file.
    pub fn load(path: &Path) -> Result<Self, Diagnostics> {
        let name = path.to_string_lossy();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Diagnostic::error("P2002", format!("the vocabulary cannot be read: {error}"))
                .at_location(Location::file(&*name))
        })?;
        Self::parse(&Source::new(&*name, text.trim_start_matches('\u{feff}')))
    }

    fn parse(source: &Source) -> Result<Self, Diagnostics> {
        let written: BTreeMap<String, Written> =
            toml::from_str(&source.text).map_err(|error| syntax("P2003", source, &error))?;
        let mut found = Diagnostics::new();
        let mut terms = BTreeMap::new();
        for (name, written) in written {
            let mut unit = |text: &Spanned<String>| match Unit::parse(text.get_ref()) {
                Ok(unit) => Some(unit),
                Err(error) => {
                    found.push(unreadable(&error).at(source, span(text)));
                    None
                }
            };
            let term_unit = written.unit.as_ref().map_or(Some(Unit::one()), &mut unit);
            let also = written.also.iter().filter_map(&mut unit).collect();
            let other_scale =
                written.other_scale.iter().filter_map(|(text, name)| Some((unit(text)?, name.clone()))).collect();
            let equivalence = written.equivalence.as_ref().and_then(|text| match Quantity::parse(text.get_ref()) {
                Ok(quantity) => Some(quantity),
                Err(error) => {
                    found.push(unreadable(&error).at(source, span(text)));
                    None
                }
            });
            let range = written.range.as_ref().map(|range| (range.get_ref()[0], range.get_ref()[1]));
            if let Some(range) = written.range.as_ref().filter(|range| range.get_ref()[0] >= range.get_ref()[1]) {
                let finding = Diagnostic::error("P2006", "the range must begin below its end");
                found.push(finding.at(source, span(range)));
            }
            let Some(unit) = term_unit else { continue };
            let (categories, loinc, codes) = (written.categories, written.loinc, written.codes);
            let (role, wear, about) = (written.role, written.wear, written.about);
            let named = name.clone();
            let term =
                Term { name, unit, range, also, equivalence, other_scale, categories, loinc, codes, role, wear, about };
            terms.insert(named, term);
        }
        if found.has_errors() { Err(found) } else { Ok(Self { terms }) }
    }

    /// The term of a name.
    pub fn term(&self, name: &str) -> Option<&Term> {
        self.terms.get(name)
    }

    /// All terms, by name.
    pub fn terms(&self) -> impl Iterator<Item = &Term> {
        self.terms.values()
    }

    /// The term that has a code of a system: `loinc`, or a key of `codes`.
    pub fn by_code(&self, system: &str, code: &str) -> Option<&Term> {
        if system == "loinc" {
            return self.by_loinc(code);
        }
        self.terms.values().find(|term| term.codes.get(system).is_some_and(|known| known.iter().any(|it| it == code)))
    }

    /// The term that has a LOINC code.
    pub fn by_loinc(&self, code: &str) -> Option<&Term> {
        self.terms.values().find(|term| term.loinc.iter().any(|known| known == code))
    }
}

/// The diagnostic of a declared unit that does not fit a term (no place yet): U1002, or P2025 for another scale.
pub(super) fn misfit(term: &Term, declared: &Unit) -> Diagnostic {
    match term.other_scale.iter().find(|(unit, _)| unit == declared) {
        Some((unit, name)) => {
            Diagnostic::error("P2025", format!("`{}` in {unit} is another scale, not another unit", term.name))
                .help(format!("name it `{name}`"))
        }
        None if !term.other_scale.is_empty() && declared.is_compatible(&term.unit) => {
            let message = format!("`{}` is read in {} only, not in {declared}", term.name, term.unit);
            let others = term.other_scale.iter().map(|(unit, name)| format!("; in {unit} it is `{name}`"));
            Diagnostic::error("P2025", message)
                .help(format!("it is measured on more than one scale{}", others.collect::<String>()))
        }
        None if declared.text() == "1" && !term.unit.is_dimensionless() => {
            mismatch(declared, &term.unit).help(format!("write the unit beside the number, as in \"… {}\"", term.unit))
        }
        None => mismatch(declared, &term.unit),
    }
}

fn span<T>(value: &Spanned<T>) -> Span {
    Span::new(value.span().start, value.span().end)
}
