//! The list of shared names: unit, plausible range, codes and a sentence each.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

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
    /// The name whose scale this one is a straight line of, so that values of a source can be told in that.
    pub scale_of: Option<Scale>,
    /// Words instead of numbers, with the number that a model sees.
    pub categories: BTreeMap<String, f64>,
    /// Words and codes of exports, in lower case, and the category that each is.
    pub answers: BTreeMap<String, String>,
    /// Words and codes, in lower case, of the ways by which a dose of this name is given; empty where any will do.
    pub routes: Vec<String>,
    /// Standard deviation of one healthy person's values from day to day, as a share of their mean [%].
    pub within_person_cv: Option<f64>,
    /// Standard deviation of a laboratory's repeated measurement of one sample, as a share of its value [%].
    pub analytical_cv: Option<f64>,
    /// Where the first comes from.
    pub variation_source: Option<String>,
    /// Where the second comes from.
    pub analytical_source: Option<String>,
    pub loinc: Vec<String>,
    /// Codes of the same quantity in exports, by whose codes they are.
    pub codes: BTreeMap<String, Vec<String>>,
    /// What a source's values of this name are for the person; else their shape decides.
    pub role: Option<Role>,
    /// The usual amount of an event, in `unit`, and its relative spread: a prior for amounts that nobody knows.
    pub usual: Option<(f64, f64)>,
    /// What values of it tell of whether a device was worn.
    pub wear: Option<Wear>,
    pub about: String,
}

/// How much the values of one healthy person vary from day to day.
#[derive(Clone, Debug, PartialEq)]
pub struct Variation {
    /// Coefficient of variation: standard deviation over mean.
    pub cv: f64,
    pub source: String,
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

/// A scale as a straight line of another name's: a value of that name is `offset + factor * value`, each in its own unit.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    pub name: String,
    pub factor: f64,
    pub offset: f64,
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
        // UCUM sizes the equivalent as a mole; only of an ion with one charge is it one.
        if from.text().contains("eq") && !self.also.iter().chain([&self.unit]).any(|unit| unit.text() == from.text()) {
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
    /// Offset and factor of a straight line after the units, to another scale.
    line: (f64, f64),
}

impl Conversion {
    /// From one unit to another of the same dimension, or of one that the equivalence joins to it.
    pub fn new(from: &Unit, to: &Unit, equivalence: Option<&Quantity>) -> Option<Self> {
        let step = |factor, from: Unit| {
            from.is_compatible(to).then(|| Self { factor, from, to: to.clone(), line: (0.0, 1.0) })
        };
        step(1.0, from.clone()).or_else(|| {
            let by = equivalence?;
            step(by.value, from.times(&by.unit)).or_else(|| step(1.0 / by.value, from.per(&by.unit)))
        })
    }

    /// The same, and on to the scale that the line leads to.
    pub(super) fn along(self, scale: &Scale) -> Self {
        Self { line: (scale.offset, scale.factor), ..self }
    }

    /// The value in the new unit.
    pub fn apply(&self, value: f64) -> f64 {
        self.line.0 + self.line.1 * self.from.convert(value * self.factor, &self.to).unwrap_or(f64::NAN)
    }

    /// The value in the old unit.
    pub fn undo(&self, value: f64) -> f64 {
        let value = (value - self.line.0) / self.line.1;
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
    scale_of: Option<Scale>,
    #[serde(default)]
    categories: BTreeMap<String, f64>,
    #[serde(default)]
    answers: BTreeMap<String, String>,
    #[serde(default)]
    routes: Vec<String>,
    within_person_cv: Option<f64>,
    analytical_cv: Option<f64>,
    variation_source: Option<String>,
    analytical_source: Option<String>,
    #[serde(default)]
    loinc: Vec<String>,
    #[serde(default)]
    codes: BTreeMap<String, Vec<String>>,
    role: Option<Role>,
    usual: Option<[f64; 2]>,
    wear: Option<Wear>,
    about: String,
}

impl Vocabulary {
    /// The vocabulary that comes with the program, which is parsed once.
    pub fn embedded() -> Result<&'static Self, Diagnostics> {
        static PARSED: OnceLock<Vocabulary> = OnceLock::new();
        if let Some(parsed) = PARSED.get() {
            return Ok(parsed);
        }
        let parsed = Self::parse(&Source::new("models/vocabulary.toml", EMBEDDED))?;
        Ok(PARSED.get_or_init(|| parsed))
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
            if written.scale_of.as_ref().is_some_and(|scale| scale.factor.is_nan() || scale.factor <= 0.0) {
                let finding = Diagnostic::error("P2006", format!("`{name}`: the factor of a scale is above zero"));
                found.push(finding.at_location(Location::file(&*source.name)));
            }
            if let Some(range) = written.range.as_ref().filter(|range| range.get_ref()[0] >= range.get_ref()[1]) {
                let finding = Diagnostic::error("P2006", "the range must begin below its end");
                found.push(finding.at(source, span(range)));
            }
            let Some(unit) = term_unit else { continue };
            let term = Term {
                name: name.clone(),
                unit,
                range,
                also,
                equivalence,
                other_scale,
                scale_of: written.scale_of,
                categories: written.categories,
                answers: written.answers,
                routes: written.routes,
                within_person_cv: written.within_person_cv,
                analytical_cv: written.analytical_cv,
                variation_source: written.variation_source,
                analytical_source: written.analytical_source,
                loinc: written.loinc,
                codes: written.codes,
                role: written.role,
                usual: written.usual.map(|[amount, spread]| (amount, spread)),
                wear: written.wear,
                about: written.about,
            };
            terms.insert(name, term);
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

    /// The day-to-day variation of every name that has one.
    pub fn variations(&self) -> BTreeMap<String, Variation> {
        let of = |term: &Term| {
            // A share with the digits of the percentage.
            let cv = (term.within_person_cv? * 1e4).round() / 1e6;
            Some((term.name.clone(), Variation { cv, source: term.variation_source.clone().unwrap_or_default() }))
        };
        self.terms.values().filter_map(of).collect()
    }

    /// The term that has a code of a system: `loinc`, `name` for the names themselves, or a key of `codes`.
    pub fn by_code(&self, system: &str, code: &str) -> Option<&Term> {
        match system {
            "loinc" => return self.by_loinc(code),
            "name" => return self.term(code),
            _ => {}
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
