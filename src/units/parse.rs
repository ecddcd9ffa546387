//! Reads UCUM unit expressions and quantities; atoms and prefixes come from the `ucum-units` crate.

use thiserror::Error;

use super::{AMOUNT, ARBITRARY, BASES, Dimension, Unit};

/// Avogadro's number, by which UCUM writes the mole as a plain number (SI 2019, exact).
const AVOGADRO: f64 = 6.022_140_76e23;

/// The international unit, as UCUM writes it.
const INTERNATIONAL: [&str; 2] = ["[iU]", "[IU]"];

/// Why a unit or a quantity cannot be read.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum UnitError {
    #[error("`{unit}` is not a UCUM unit{hint}")]
    Unknown { unit: String, hint: String },
    #[error("`{text}` is not a quantity: write a number and a unit, as in \"58 g\"")]
    Quantity { text: String },
}

/// A number with its unit, as users write it: `58 g`, `1.27 [iU]/h`.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    pub value: f64,
    pub unit: Unit,
}

impl Quantity {
    /// Reads a number and a unit; a number alone has the unit `1`.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let text = text.trim();
        let end = (1..=text.len())
            .rev()
            .filter(|end| text.is_char_boundary(*end))
            .find(|end| text[..*end].trim_end().parse::<f64>().is_ok_and(f64::is_finite))
            .ok_or_else(|| UnitError::Quantity { text: text.into() })?;
        let value = text[..end].trim_end().parse().map_err(|_| UnitError::Quantity { text: text.into() })?;
        let unit = text[end..].trim();
        Ok(Self { value, unit: if unit.is_empty() { Unit::one() } else { Unit::parse(unit)? } })
    }
}

pub(super) fn unit(text: &str) -> Result<Unit, UnitError> {
    let unknown = || UnitError::Unknown { unit: text.into(), hint: hint(text) };
    // The crate judges the whole expression; its parts are then sized one by one, to keep the mole a dimension.
    ucum::validate(text).map_err(|_| unknown())?;
    let mut reader = Reader { text, at: 0 };
    let (dimension, scale, offset) = reader.term().filter(|_| reader.at == text.len()).ok_or_else(unknown)?;
    Ok(Unit { text: text.into(), dimension, scale, offset })
}

/// What was probably meant, for the mistakes that people make.
fn hint(text: &str) -> String {
    let meant = match text {
        "bpm" | "BPM" => "/min",
        "IU" | "iu" | "iU" | "units" => "[iU]",
        "hr" | "hour" | "hours" => "h",
        "mins" | "minute" | "minutes" => "min",
        "day" | "days" => "d",
        "year" | "years" | "y" | "yr" => "a",
        "week" | "weeks" => "wk",
        "mmHg" => "mm[Hg]",
        "ug" | "mcg" | "µg" => "ug",
        "lb" | "lbs" => "[lb_av]",
        "C" | "°C" => "Cel",
        _ => return longer_hint(text).into(),
    };
    format!(": write `{meant}`")
}

fn longer_hint(text: &str) -> &'static str {
    let number = |part: &str| !part.is_empty() && part != "1" && part.bytes().all(|byte| byte.is_ascii_digit());
    if text.contains("mcg") {
        ": write `ug` for microgram"
    } else if text.starts_with(',') {
        ": decimals are written with a point, not a comma"
    } else if text.split(['.', '/', '(', ')', ' ']).any(number) {
        ": a unit holds no number but 1; a remark stands in braces, as in `mL/min/{1.73_m2}`"
    } else if ucum::analyze(text).is_ok_and(|analysis| analysis.is_special) {
        ": it is logarithmic or known only to its own assay, so that nothing can be converted into it"
    } else {
        ""
    }
}

type Sized = (Dimension, f64, f64);

/// Walks `a.b/c` with groups; UCUM's operators have one precedence and group to the left.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn term(&mut self) -> Option<Sized> {
        let mut sign = if self.peek() == Some(b'/') {
            self.at += 1;
            -1
        } else {
            1
        };
        let (mut dimension, mut scale, mut parts) = (Dimension::NONE, 1.0, 0);
        let mut offset;
        loop {
            let (part, size, shift) = self.component()?;
            dimension = dimension.times(part, sign);
            scale = if sign > 0 { scale * size } else { scale / size };
            offset = if parts == 0 { shift } else { 0.0 };
            parts += 1;
            match self.peek() {
                Some(b'.') => sign = 1,
                Some(b'/') => sign = -1,
                _ => return Some((dimension, scale, offset)),
            }
            self.at += 1;
        }
    }

    fn component(&mut self) -> Option<Sized> {
        if self.peek()? == b'(' {
            self.at += 1;
            let inner = self.term()?;
            if self.peek()? != b')' {
                return None;
            }
            self.at += 1;
            return Some(inner);
        }
        let start = self.at;
        let mut depth = 0;
        while let Some(byte) = self.peek() {
            match byte {
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth -= 1,
                b'.' | b'/' | b'(' | b')' if depth == 0 => break,
                _ => {}
            }
            self.at += 1;
        }
        atom(&self.text[start..self.at])
    }
}

/// A prefixed atom with an exponent: `mg`, `m2`, `min-1`, `10*6`, `{beats}`, `[iU]`.
fn atom(text: &str) -> Option<Sized> {
    let bare = text.find('{').map_or(text, |at| &text[..at]);
    if bare.is_empty() {
        return (!text.is_empty()).then_some((Dimension::NONE, 1.0, 0.0));
    }
    // UCUM allows any whole number as a factor, but those who write `mL/min/1.73/m2` do not mean 73 square metres.
    if bare != "1" && bare.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let analysis = ucum::analyze(bare).ok()?;
    let mut exponents = [0; BASES];
    exponents[..7].copy_from_slice(&analysis.dimension.0);
    let (symbol, power) = split_power(bare);
    let mut scale = analysis.factor;
    if ["mol", "eq", "osm", "kat", "U"].iter().any(|name| is_prefixed(symbol, name)) {
        exponents[AMOUNT] = power;
        scale = scale_of(symbol)?.powi(power.into());
    } else if let Some(prefix) = INTERNATIONAL.iter().find_map(|name| symbol.strip_suffix(name)) {
        // The crate sizes arbitrary units without their prefix; a gram with the same prefix tells it.
        exponents[ARBITRARY] = power;
        scale = ucum::analyze(&format!("{prefix}g")).ok()?.factor.powi(power.into());
    } else if analysis.is_special && analysis.offset == 0.0 {
        // Logarithms (pH, dB) are no ratios; arbitrary units of different assays are not one unit.
        return None;
    }
    Some((Dimension(exponents), scale, analysis.offset))
}

/// Size of an amount unit in moles (or moles a second).
fn scale_of(symbol: &str) -> Option<f64> {
    // Rounded to the decimal that was meant: the crate multiplies and divides by Avogadro's number.
    let scale = ucum::analyze(symbol).ok()?.factor / AVOGADRO;
    format!("{scale:.12e}").parse().ok()
}

fn is_prefixed(symbol: &str, name: &str) -> bool {
    symbol.strip_suffix(name).is_some_and(|prefix| {
        ["", "Y", "Z", "E", "P", "T", "G", "M", "k", "h", "da", "d", "c", "m", "u", "n", "p", "f", "a", "z", "y"]
            .contains(&prefix)
    })
}

fn split_power(text: &str) -> (&str, i8) {
    if text.starts_with("10*") || text.starts_with("10^") || text.ends_with(']') {
        return (text, 1);
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let symbol = digits.trim_end_matches(['-', '+']);
    match text[symbol.len()..].parse() {
        Ok(power) if !symbol.is_empty() => (symbol, power),
        _ => (text, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(from: &str, to: &str) -> Option<f64> {
        unit(from).unwrap().factor_to(&unit(to).unwrap())
    }

    #[test]
    fn converts_what_is_compatible_and_refuses_the_rest() {
        for (from, to, expected) in [
            ("mg/dL", "g/L", 0.01),
            ("1/min", "1/h", 60.0),
            ("L/h", "mL/min", 1000.0 / 60.0),
            ("pmol/L", "nmol/L", 1e-3),
            ("mg/kg/min", "mg/kg/h", 60.0),
            ("m[iU]/L", "[iU]/L", 1e-3),
            ("%", "1", 0.01),
            ("a", "d", 365.25),
            ("U/L", "ukat/L", 1.0 / 60.0),
            ("mmol2/L2", "mol2/L2", 1e-6),
        ] {
            let found = factor(from, to).unwrap();
            assert!((found / expected - 1.0).abs() < 1e-12, "{from} to {to}: {found}");
        }
        for (from, to) in [("mg/dL", "mmol/L"), ("[iU]", "mg"), ("mol", "1"), ("U", "[iU]"), ("kg", "L")] {
            assert_eq!(factor(from, to), None, "{from} to {to}");
        }
        assert!((unit("Cel").unwrap().convert(37.0, &unit("K").unwrap()).unwrap() - 310.15).abs() < 1e-9);
        assert!(factor("mg", "mg").unwrap() == 1.0 && factor("g", "mg").unwrap() == 1000.0);
    }

    #[test]
    fn products_keep_dimension_and_scale() {
        let clearance = unit("L/h").unwrap();
        let elimination = clearance.times(&unit("mg").unwrap()).per(&unit("L").unwrap());
        assert_eq!(elimination, unit("mg/h").unwrap());
        assert_eq!(unit("m2").unwrap().root(), Some(unit("m").unwrap()));
        assert_eq!(unit("kg").unwrap().root(), None);
    }

    #[test]
    fn refuses_what_cannot_be_converted_by_a_factor() {
        for (wrong, hint) in [
            ("mL/min/1.73/m2", "{1.73_m2}"),
            ("10.mg", "no number"),
            ("[pH]", "logarithmic"),
            ("dB", "logarithmic"),
            ("B[V]", "logarithmic"),
            ("[USP'U]", "assay"),
            ("[arb'U]/mL", "assay"),
        ] {
            let error = unit(wrong).unwrap_err().to_string();
            assert!(error.contains(hint), "{wrong}: {error}");
        }
        assert!(factor("mL/min/{1.73_m2}", "L/h").is_some() && factor("10*3/uL", "10*9/L") == Some(1.0));
        assert!((unit("[degF]").unwrap().convert(98.6, &unit("Cel").unwrap()).unwrap() - 37.0).abs() < 1e-9);
        assert!(factor("u[iU]/mL", "m[IU]/L") == Some(1.0) && factor("k[iU]", "[iU]") == Some(1000.0));
    }

    #[test]
    fn reads_quantities() {
        let quantity = Quantity::parse("1.267 [iU]/h").unwrap();
        assert_eq!((quantity.value, quantity.unit.text()), (1.267, "[iU]/h"));
        assert_eq!(Quantity::parse("30 %").unwrap().unit, unit("%").unwrap());
        assert_eq!(Quantity::parse("1e3m").unwrap().value, 1000.0);
        for wrong in ["", "g", "5 grams", "NaN g", "inf g"] {
            assert!(Quantity::parse(wrong).is_err(), "{wrong}");
        }
        for (wrong, hint) in [("1,5 kg", "a point"), ("1 000", "no number"), ("1 000 g", "no number")] {
            let error = Quantity::parse(wrong).unwrap_err().to_string();
            assert!(error.contains(hint), "{wrong}: {error}");
        }
        assert!(Unit::parse("bpm").unwrap_err().to_string().contains("/min"));
    }
}
