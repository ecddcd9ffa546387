//! Units as laboratories and wards write them, in UCUM.

use std::borrow::Cow;

use super::super::vocabulary::Term;
use crate::units::Unit;

/// What is written, in lower case and without spaces, and what is meant. Words and spellings with one meaning only.
const SPELLINGS: &[(&str, &str)] = &[
    ("mg/dl", "mg/dL"),
    ("mg%", "mg/dL"),
    ("g%", "g/dL"),
    ("gm%", "g/dL"),
    ("gm/dl", "g/dL"),
    ("g/dl", "g/dL"),
    ("gm/l", "g/L"),
    ("mg/l", "mg/L"),
    ("ug/dl", "ug/dL"),
    ("mcg/dl", "ug/dL"),
    ("mcg/l", "ug/L"),
    ("mcg/ml", "ug/mL"),
    ("ug/l", "ug/L"),
    ("ug/ml", "ug/mL"),
    ("ng/dl", "ng/dL"),
    ("ng/ml", "ng/mL"),
    ("ng/l", "ng/L"),
    ("pg/ml", "pg/mL"),
    ("mmol/l", "mmol/L"),
    ("umol/l", "umol/L"),
    ("nmol/l", "nmol/L"),
    ("pmol/l", "pmol/L"),
    ("meq/l", "meq/L"),
    ("u/l", "U/L"),
    ("k/ul", "10*3/uL"),
    ("k/mm3", "10*3/uL"),
    ("k/cumm", "10*3/uL"),
    ("thou/ul", "10*3/uL"),
    ("thousand/ul", "10*3/uL"),
    ("10^3/ul", "10*3/uL"),
    ("x10^3/ul", "10*3/uL"),
    ("10e3/ul", "10*3/uL"),
    ("x10e3/ul", "10*3/uL"),
    ("10*3/ul", "10*3/uL"),
    ("x10*3/ul", "10*3/uL"),
    ("103/ul", "10*3/uL"),
    ("10^9/l", "10*9/L"),
    ("x10^9/l", "10*9/L"),
    ("10e9/l", "10*9/L"),
    ("x10e9/l", "10*9/L"),
    ("10*9/l", "10*9/L"),
    ("m/ul", "10*6/uL"),
    ("mil/ul", "10*6/uL"),
    ("mill/ul", "10*6/uL"),
    ("million/ul", "10*6/uL"),
    ("10^6/ul", "10*6/uL"),
    ("x10^6/ul", "10*6/uL"),
    ("10e6/ul", "10*6/uL"),
    ("x10e6/ul", "10*6/uL"),
    ("10*6/ul", "10*6/uL"),
    ("10^12/l", "10*12/L"),
    ("x10^12/l", "10*12/L"),
    ("10e12/l", "10*12/L"),
    ("x10e12/l", "10*12/L"),
    ("10*12/l", "10*12/L"),
    ("cells/ul", "/uL"),
    ("/cumm", "/uL"),
    ("/mm3", "/uL"),
    ("fl", "fL"),
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("mmhg", "mm[Hg]"),
    ("mm/hr", "mm/h"),
    ("ml/min", "mL/min"),
    ("ml/min/1.73m2", "mL/min/{1.73_m2}"),
    ("ml/min/1.73m^2", "mL/min/{1.73_m2}"),
    ("ml/min/1.73sqm", "mL/min/{1.73_m2}"),
    ("ml/min/1.73", "mL/min/{1.73_m2}"),
    ("ml/min/{1.73m2}", "mL/min/{1.73_m2}"),
    ("bpm", "/min"),
    ("beats/min", "/min"),
    ("beats/minute", "/min"),
    ("breaths/min", "/min"),
    ("breaths/minute", "/min"),
    ("kg/m^2", "kg/m2"),
    ("kgs", "kg"),
    ("lb", "[lb_av]"),
    ("lbs", "[lb_av]"),
    ("in", "[in_i]"),
    ("inch", "[in_i]"),
    ("inches", "[in_i]"),
    ("c", "Cel"),
    ("°c", "Cel"),
    ("degc", "Cel"),
    ("celsius", "Cel"),
    ("f", "[degF]"),
    ("°f", "[degF]"),
    ("degf", "[degF]"),
    ("fahrenheit", "[degF]"),
    ("percent", "%"),
    ("ratio", "1"),
    ("inr", "1"),
    ("score", "1"),
];

/// Symbols that mean something else in UCUM, taken where the name is measured so: thousands of millions a litre, and
/// moles a litre.
const SYMBOLS: [(&str, &str); 8] = [
    ("G/L", "10*9/L"),
    ("G/l", "10*9/L"),
    ("T/L", "10*12/L"),
    ("T/l", "10*12/L"),
    ("mM", "mmol/L"),
    ("uM", "umol/L"),
    ("nM", "nmol/L"),
    ("pM", "pmol/L"),
];

/// A unit in UCUM as it fits a name, as far as its spelling is known; else as it is written.
///
/// `U` and `IU` are written for each other: an enzyme's international unit is `U`, and of what has no activity `U` is an
/// international unit. What the name is measured in decides.
pub(super) fn ucum<'t>(written: &'t str, term: Option<&Term>) -> Cow<'t, str> {
    let fits = |text: &str| {
        let term = term?;
        let unit = Unit::parse(text).ok()?;
        (term.conversion(&unit).is_some() || term.other_scale.iter().any(|(other, _)| *other == unit)).then_some(())
    };
    let written = written.trim();
    let squeezed: String = written.chars().filter(|letter| !letter.is_whitespace()).map(plain).collect();
    let symbol = SYMBOLS.iter().find(|(spelling, _)| *spelling == squeezed).map(|(_, meant)| *meant);
    if let Some(meant) = symbol.filter(|meant| fits(meant).is_some()) {
        return Cow::Borrowed(meant);
    }
    let lower = squeezed.to_lowercase();
    let known = SPELLINGS.iter().find(|(spelling, _)| *spelling == lower).map(|(_, meant)| *meant);
    // `G/L` is no gram.
    let known = known.filter(|_| symbol.is_none());
    let text: Cow<'t, str> = match known {
        Some(meant) => Cow::Borrowed(meant),
        None if squeezed == written => Cow::Borrowed(written),
        None => Cow::Owned(squeezed),
    };
    if fits(&text).is_some() {
        return text;
    }
    let international =
        text.replace("[IU]", "[iU]").replace("IU", "[iU]").replace("iu", "[iU]").replace("[[iU]]", "[iU]");
    [international.replace("[iU]", "U"), international.replace("[iU]", "U").replace('U', "[iU]"), international.clone()]
        .into_iter()
        .find(|text| fits(text).is_some())
        .map_or(if international.contains("[iU]") { Cow::Owned(international) } else { text }, Cow::Owned)
}

/// Signs that stand for plain letters.
fn plain(letter: char) -> char {
    match letter {
        'µ' | 'μ' => 'u',
        '²' => '2',
        '³' => '3',
        _ => letter,
    }
}

/// Whether a unit is per 1.73 m² of body surface, which UCUM writes as a remark only.
pub(super) fn per_surface(unit: &str) -> bool {
    unit.contains("1.73")
}

#[cfg(test)]
mod tests {
    use super::super::super::Vocabulary;
    use super::*;

    #[test]
    fn spellings_become_ucum_that_fits_the_name() {
        let vocabulary = Vocabulary::embedded().unwrap();
        for (name, written, meant) in [
            ("alanine_aminotransferase", "IU/L", "U/L"),
            ("alanine_aminotransferase", "[IU]/L", "U/L"),
            ("alanine_aminotransferase", "u/l", "U/L"),
            ("plasma_insulin", "mU/L", "m[iU]/L"),
            ("plasma_insulin", "uIU/mL", "u[iU]/mL"),
            ("plasma_insulin", "µIU/mL", "u[iU]/mL"),
            ("plasma_insulin", "pmol/l", "pmol/L"),
            ("leukocytes", "K/uL", "10*3/uL"),
            ("leukocytes", "G/L", "10*9/L"),
            ("leukocytes", "x10E3/uL", "10*3/uL"),
            ("haemoglobin", "G/L", "G/L"),
            ("plasma_glucose", "mM", "mmol/L"),
            ("creatinine", "μM", "umol/L"),
            ("height", "um", "um"),
            ("haemoglobin", "gm/dl", "g/dL"),
            ("egfr", "mL/min/1.73 m²", "mL/min/{1.73_m2}"),
            ("hba1c", "mmol/mol", "mmol/mol"),
            ("systolic_pressure", "mm Hg", "mm[Hg]"),
            ("creatinine", "furlongs", "furlongs"),
        ] {
            assert_eq!(ucum(written, vocabulary.term(name)), meant, "{name} in {written}");
        }
        assert_eq!(ucum("mcg/L", None), "ug/L");
        for (spelling, meant) in SPELLINGS.iter().chain(&SYMBOLS) {
            assert!(Unit::parse(meant).is_ok(), "{spelling}: {meant}");
        }
    }
}
