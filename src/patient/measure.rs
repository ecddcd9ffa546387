//! How the numbers of a source become stored ones: by units, durations, and straight lines between scales.

use super::Vocabulary;
use super::intake::{Intake, Kind, kind_of};
use super::readers::{Item, Spot, Told};
use super::vocabulary::{Conversion, Scale, Term, misfit};
use crate::diagnostic::Diagnostic;
use crate::units::{Unit, mismatch, unreadable};

/// How the number in a declared unit becomes the stored one.
#[derive(Clone)]
pub(super) struct Measure {
    pub kind: Kind,
    pub unit: Unit,
    pub conversion: Conversion,
    /// Power of the duration [h] that the number is multiplied by.
    pub by_duration: i32,
}

/// The way of a number from the scale of its unit to the name that the scale is a line of.
#[derive(Clone, Copy)]
pub(super) struct Line<'v> {
    from: &'v Term,
    pub to: &'v Term,
    scale: &'v Scale,
}

impl<'v> Line<'v> {
    /// `None` where the unit is on the term's own scale and that is a line of nothing, or where the bundle asked for the
    /// term by name.
    pub(super) fn of(vocabulary: &'v Vocabulary, term: &'v Term, unit: &str, renamed: bool) -> Option<Self> {
        if term.other_scale.is_empty() && term.scale_of.is_none() {
            return None;
        }
        let unit = Unit::parse(unit).ok()?;
        let own = term.conversion(&unit).is_some();
        if own && renamed {
            return None;
        }
        let other = || term.other_scale.iter().find(|(other, _)| *other == unit).map(|(_, name)| name);
        let from = if own { term } else { vocabulary.term(other()?)? };
        let scale = from.scale_of.as_ref()?;
        Some(Self { from, to: vocabulary.term(&scale.name)?, scale })
    }

    /// P2025 where the unit is not of the scale.
    pub(super) fn conversion(&self, declared: &Unit) -> Result<Conversion, Box<Diagnostic>> {
        let conversion = self.from.conversion(declared).map(|conversion| conversion.along(self.scale));
        conversion.ok_or_else(|| Box::new(misfit(self.from, declared)))
    }
}

impl Intake<'_, '_> {
    /// How a unit becomes the stored one; what does not fit is reported once a name and unit.
    pub(super) fn measure(
        &mut self,
        name: &str,
        term: Option<&Term>,
        line: Option<Line>,
        unit: &str,
        kind: Kind,
        spot: Spot,
    ) -> Option<Measure> {
        let key = (name.to_string(), unit.to_string(), kind);
        if let Some(known) = self.units.get(&key).cloned() {
            if known.is_none() {
                self.leave_out(name, &format!("its unit `{unit}` does not fit"), spot);
            }
            return known;
        }
        let measure = match Unit::parse(unit) {
            Ok(declared) => match line {
                Some(line) => line.conversion(&declared).map(|conversion| Measure {
                    kind,
                    unit: line.to.unit.clone(),
                    conversion,
                    by_duration: 0,
                }),
                None if term.is_none() => self.alike(name, &declared, kind),
                None => measure(term, &declared, kind, &self.reader.hour),
            }
            .map_err(|finding| *finding),
            Err(error) => Err(unreadable(&error)),
        };
        let measure = match measure {
            Ok(measure) => Some(measure),
            Err(finding) => {
                let help = finding.help.clone();
                let location = self.location(spot);
                let ignore = format!("or leave it out on purpose: ignore = [\"{name}\"]");
                let help = help.map_or(ignore.clone(), |help| format!("{help}; {ignore}"));
                let message = format!("`{name}`: {}", finding.message);
                let finding = Diagnostic { message, ..finding };
                self.reader.findings.push(finding.at_location(location).help(help));
                None
            }
        };
        self.units.insert(key, measure.clone());
        measure
    }

    /// The measure of a name that the vocabulary lacks: in the unit in which it was first told.
    fn alike(&mut self, name: &str, declared: &Unit, kind: Kind) -> Result<Measure, Box<Diagnostic>> {
        let first = self.gathered.iter_mut().find(|known| *known.name == *name && known.kind == kind);
        let unit = match first {
            // So far there are amounts that nobody knows.
            Some(first) if first.kept.iter().all(|kept| kept.value.is_nan()) => {
                first.unit = declared.clone();
                declared
            }
            Some(first) => &first.unit,
            None => declared,
        };
        let conversion = Conversion::new(declared, unit, None);
        let measure = conversion.map(|conversion| Measure { kind, unit: unit.clone(), conversion, by_duration: 0 });
        measure.ok_or_else(|| Box::new(mismatch(declared, unit)))
    }

    /// The unit of an amount that nobody knows: the vocabulary's, else that of those that are known, where there are some.
    pub(super) fn unit_of_others(&self, name: &str, term: Option<&Term>, item: &Item) -> String {
        let kind = kind_of(item.shape, term);
        let known = || self.gathered.iter().find(|known| *known.name == *name && known.kind == kind);
        match (item.told, term) {
            (Told::Unknown, Some(term)) => term.unit.text().into(),
            (Told::Unknown, None) => known().map_or("1", |known| known.unit.text()).into(),
            _ => String::new(),
        }
    }
}

/// Finds how a declared unit becomes the vocabulary's: as it is, or, of amounts and rates, through the duration.
pub(super) fn measure(
    term: Option<&Term>,
    declared: &Unit,
    kind: Kind,
    hour: &Unit,
) -> Result<Measure, Box<Diagnostic>> {
    let unit = term.map_or(declared, |term| &term.unit).clone();
    let direct = term.map_or_else(|| Conversion::new(declared, &unit, None), |term| term.conversion(declared));
    let equivalence = term.and_then(|term| term.equivalence.as_ref());
    let through = |from: Unit, kind, by_duration| {
        let conversion = Conversion::new(&from, &unit, equivalence)?;
        Some(Measure { kind, unit: unit.clone(), conversion, by_duration })
    };
    let found = match (direct, kind) {
        (Some(conversion), _) => Some(Measure { kind, unit: unit.clone(), conversion, by_duration: 0 }),
        (None, Kind::Rate) => through(declared.times(hour), Kind::Amount, 1),
        (None, Kind::Amount | Kind::Reading) => {
            let kind = if kind == Kind::Amount { Kind::Rate } else { kind };
            through(declared.per(hour), kind, -1)
        }
        (None, _) => None,
    };
    found.ok_or_else(|| Box::new(term.map_or_else(|| mismatch(declared, &unit), |term| misfit(term, declared))))
}
