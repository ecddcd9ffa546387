//! UCUM units with run-time dimensions, and quantities as users write them.

mod clock;
mod parse;

use std::fmt;

use crate::diagnostic::Diagnostic;

pub use clock::{Clock, Stamp, TimeError, in_its_zone, instant, local};
pub use parse::{Quantity, UnitError};

/// Base quantities: length, time, mass, angle, temperature, charge, luminous intensity, amount of substance, arbitrary units.
const BASES: usize = 9;
const NAMES: [&str; BASES] = ["m", "s", "g", "rad", "K", "C", "cd", "mol", "[iU]"];
const TIME: usize = 1;
const AMOUNT: usize = 7;
const ARBITRARY: usize = 8;

/// Exponents of the base quantities.
///
/// Unlike plain UCUM, amount of substance and arbitrary units (`[iU]`) are dimensions of their own, so that a mole is
/// never taken for a number nor an insulin unit for a gram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Dimension([i8; BASES]);

impl Dimension {
    pub const NONE: Dimension = Dimension([0; BASES]);

    fn times(self, other: Dimension, sign: i8) -> Dimension {
        let mut out = self.0;
        for (a, b) in out.iter_mut().zip(other.0) {
            *a = a.saturating_add(b.saturating_mul(sign));
        }
        Dimension(out)
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NONE {
            return write!(f, "1");
        }
        let parts = self.0.iter().zip(NAMES).filter(|(power, _)| **power != 0);
        let text: Vec<String> =
            parts.map(|(power, name)| if *power == 1 { name.to_string() } else { format!("{name}{power}") }).collect();
        write!(f, "{}", text.join("."))
    }
}

/// A unit: its text as written, its dimension, and its size in the base units (metre, second, gram, mole …).
#[derive(Clone, Debug)]
pub struct Unit {
    text: String,
    dimension: Dimension,
    scale: f64,
    /// Added after scaling: only temperatures (`Cel`, `[degF]`) have one.
    offset: f64,
}

impl PartialEq for Unit {
    /// Units are equal when they measure the same in the same size, however they are written.
    fn eq(&self, other: &Self) -> bool {
        self.dimension == other.dimension && self.offset == other.offset && close(self.scale, other.scale)
    }
}

/// Scales come from products of floating-point prefixes: equal up to rounding.
fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * a.abs().max(b.abs())
}

impl Unit {
    /// The plain number, `1`.
    pub fn one() -> Self {
        Self { text: "1".into(), dimension: Dimension::NONE, scale: 1.0, offset: 0.0 }
    }

    /// Reads a UCUM unit.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        parse::unit(text.trim())
    }

    /// The unit as it was written, or as UCUM for a product.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn dimension(&self) -> Dimension {
        self.dimension
    }

    /// Size in the base units.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    pub fn is_dimensionless(&self) -> bool {
        self.dimension == Dimension::NONE
    }

    pub fn is_time(&self) -> bool {
        let mut time = Dimension::NONE;
        time.0[TIME] = 1;
        self.dimension == time
    }

    /// Whether the unit has an offset (a temperature scale), so that it cannot be multiplied.
    pub fn is_affine(&self) -> bool {
        self.offset != 0.0
    }

    pub fn is_compatible(&self, other: &Unit) -> bool {
        self.dimension == other.dimension
    }

    /// The factor that turns a value in this unit into a value in `other`; `None` if they differ in dimension or one
    /// has an offset that the other has not. Exactly 1 for units of one size.
    pub fn factor_to(&self, other: &Unit) -> Option<f64> {
        if self.dimension != other.dimension || self.offset != other.offset {
            return None;
        }
        Some(if close(self.scale, other.scale) { 1.0 } else { tidy(self.scale / other.scale) })
    }

    /// Converts a value in this unit into `other`, offsets included; `None` if they differ in dimension.
    pub fn convert(&self, value: f64, other: &Unit) -> Option<f64> {
        if self.dimension != other.dimension {
            return None;
        }
        match self.factor_to(other) {
            Some(1.0) => Some(value),
            Some(factor) => Some(value * factor),
            None => Some((value * self.scale + self.offset - other.offset) / other.scale),
        }
    }

    pub fn times(&self, other: &Unit) -> Unit {
        self.product(other, 1)
    }

    pub fn per(&self, other: &Unit) -> Unit {
        self.product(other, -1)
    }

    /// The unit to an integer power.
    pub fn power(&self, power: i8) -> Unit {
        let mut out = Unit::one();
        for _ in 0..power.unsigned_abs() {
            out = if power > 0 { out.times(self) } else { out.per(self) };
        }
        out
    }

    /// The square root, if every exponent is even.
    pub fn root(&self) -> Option<Unit> {
        if self.dimension.0.iter().any(|power| power % 2 != 0) {
            return None;
        }
        let dimension = Dimension(self.dimension.0.map(|power| power / 2));
        let text = if self.is_dimensionless() { self.text.clone() } else { dimension.to_string() };
        Some(Unit { text, dimension, scale: self.scale.sqrt(), offset: 0.0 })
    }

    fn product(&self, other: &Unit, sign: i8) -> Unit {
        let dimension = self.dimension.times(other.dimension, sign);
        let scale = if sign > 0 { self.scale * other.scale } else { self.scale / other.scale };
        let bare = |unit: &Unit| unit.is_dimensionless() && unit.scale == 1.0;
        let text = match (sign > 0, bare(self), bare(other)) {
            (_, _, true) => self.text.clone(),
            (true, true, _) => other.text.clone(),
            (true, ..) => format!("{}.{}", self.text, grouped(&other.text)),
            (false, true, _) => format!("1/{}", grouped(&other.text)),
            (false, ..) => format!("{}/{}", self.text, grouped(&other.text)),
        };
        Unit { text, dimension, scale, offset: 0.0 }
    }
}

fn grouped(text: &str) -> String {
    if text.contains(['.', '/']) { format!("({text})") } else { text.to_string() }
}

/// Rounds a conversion factor that is within rounding of a short decimal to that decimal (1000.0000000000001 → 1000).
fn tidy(factor: f64) -> f64 {
    let short: f64 = format!("{factor:.12e}").parse().unwrap_or(factor);
    if close(short, factor) && ((short - factor) / factor).abs() < 1e-14 { short } else { factor }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.text)
    }
}

/// The diagnostic U1002 for a unit that cannot be converted into the one expected; place it with `.at(…)`.
pub fn mismatch(found: &Unit, expected: &Unit) -> Diagnostic {
    let finding = Diagnostic::error("U1002", format!("`{found}` cannot be converted into `{expected}`"))
        .label(format!("dimension {}, expected {}", found.dimension, expected.dimension));
    if found.dimension.0[AMOUNT] != 0 && expected.dimension.0[ARBITRARY] != 0 && found.text.contains('U') {
        return finding.help("`U` is the unit of enzyme activity; the international unit is `[iU]`");
    }
    finding
}

/// The diagnostic U1001 or U1003 for a unit or quantity that cannot be read; place it with `.at(…)`.
pub fn unreadable(error: &UnitError) -> Diagnostic {
    let code = match error {
        UnitError::Unknown { .. } => "U1001",
        UnitError::Quantity { .. } => "U1003",
    };
    Diagnostic::error(code, error.to_string())
}

/// A number as people read it: four significant digits, without an exponent where that is readable.
pub fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let exponent = value.abs().log10().floor() as i32;
    if !(-4..6).contains(&exponent) {
        return format!("{value:.2e}");
    }
    let decimals = (3 - exponent).clamp(0, 8) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
}
