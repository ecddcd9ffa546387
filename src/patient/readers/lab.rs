//! What results of laboratories have in common: bounds instead of values, units that are missing, times that are missing.

use std::collections::BTreeSet;

use super::super::Censoring;
use super::super::files::listed;
use super::super::intake::Intake;
use super::super::vocabulary::Term;
use super::Spot;
use super::lab_units::per_surface;
use crate::units::Stamp;

/// What a sign before a number says; `None` where it is no such sign.
pub(super) fn comparator(sign: &str) -> Option<Censoring> {
    match sign.trim() {
        "<" | "<=" | "≤" => Some(Censoring::Below),
        ">" | ">=" | "≥" => Some(Censoring::Above),
        _ => None,
    }
}

/// The unit that is declared, or `1` for what is a plain number anyway (P2061, P2069).
pub(super) fn unit_of<'u>(
    intake: &mut Intake,
    term: Option<&Term>,
    unit: Option<&'u str>,
    spot: Spot,
) -> Option<&'u str> {
    let name = term.map_or("this", |term| term.name.as_str());
    let Some(unit) = unit.map(str::trim).filter(|unit| !unit.is_empty()) else {
        if term.is_some_and(|term| term.unit.text() == "1") {
            return Some("1");
        }
        let message = format!("`{name}` is a bare number: it has no unit");
        let help = term.map_or("nothing is guessed".into(), |term| {
            let units: Vec<String> =
                [&term.unit].into_iter().chain(&term.also).map(|unit| format!("`{unit}`")).collect();
            format!("is it in {}? write it in the file", units.join(" or "))
        });
        intake.wrong_as("P2061", spot, &message, &help);
        return None;
    };
    if per_surface(unit) && term.is_some_and(|term| !per_surface(term.unit.text())) {
        let message = format!("`{name}` is of the person, and {unit} is per body surface");
        intake.wrong_as("P2069", spot, &message, "name it as what it is, or leave it out with `ignore`");
        return None;
    }
    Some(unit)
}

/// P2064: a value whose time is missing or cannot be read.
pub(super) fn untimed(intake: &mut Intake, spot: Spot, stamp: Option<&str>) {
    let message = match stamp {
        Some(text) => format!("`{text}` is no time at which something was measured"),
        None => "it is not told when this was measured".into(),
    };
    intake.wrong_as(
        "P2064",
        spot,
        &message,
        "write the time in the file, or one for all of it: time = \"…\" in its source",
    );
}

/// P2026: a date alone is taken as its midnight.
pub(super) fn midnight(intake: &mut Intake, stamp: &str, spot: Spot) {
    if let Some(doubt) = intake.reader.clock.doubt(stamp, Stamp::Midnight(0.0)) {
        intake.doubtful(doubt.code, spot, &doubt.message, doubt.help.as_deref().unwrap_or(""));
    }
}

/// P2060: the file is not of one person, or not of the one that is asked for.
pub(super) fn several(intake: &mut Intake, message: &str, persons: BTreeSet<&str>) {
    let persons: Vec<&str> = persons.into_iter().collect();
    let help = format!("write patient = \"…\" in its source; there are {}", listed(&persons));
    intake.wrong_as("P2060", Spot::Whole, message, &help);
}
