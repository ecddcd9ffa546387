//! The table of prior families by the names that model files use, and what their arguments must be.

use thiserror::Error;

use super::Distribution;

/// A family of distributions with a fixed number of arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    Normal,
    LogNormal,
    HalfNormal,
    HalfCauchy,
    Cauchy,
    StudentT,
    Gamma,
    Beta,
    Uniform,
    Exponential,
}

/// A row of [`FAMILIES`].
#[derive(Clone, Copy, Debug)]
pub struct FamilyRow {
    pub family: Family,
    /// As written in model files.
    pub name: &'static str,
    pub arguments: &'static [&'static str],
    pub about: &'static str,
}

const fn row(family: Family, name: &'static str, arguments: &'static [&'static str], about: &'static str) -> FamilyRow {
    FamilyRow { family, name, arguments, about }
}

/// Every family, in the order of the documentation.
pub const FAMILIES: [FamilyRow; 10] = [
    row(Family::Normal, "Normal", &["mean", "sd"], "normal"),
    row(Family::LogNormal, "LogNormal", &["median", "sigma"], "the logarithm is normal; sigma is its sd"),
    row(Family::HalfNormal, "HalfNormal", &["sd"], "a normal around 0, its absolute value; sd is the normal's"),
    row(Family::HalfCauchy, "HalfCauchy", &["scale"], "a Cauchy around 0, its absolute value"),
    row(Family::Cauchy, "Cauchy", &["location", "scale"], "Cauchy"),
    row(Family::StudentT, "StudentT", &["df", "location", "scale"], "Student-t"),
    row(Family::Gamma, "Gamma", &["shape", "rate"], "gamma with mean shape / rate"),
    row(Family::Beta, "Beta", &["alpha", "beta"], "beta on 0 to 1"),
    row(Family::Uniform, "Uniform", &["lower", "upper"], "uniform between two bounds"),
    row(Family::Exponential, "Exponential", &["rate"], "exponential with mean 1 / rate"),
];

impl Family {
    /// The row of the table.
    pub fn row(self) -> &'static FamilyRow {
        // Rows stand in the order of the enum: a test holds it.
        &FAMILIES[self as usize]
    }

    /// The family of a name as written in model files.
    pub fn named(name: &str) -> Option<Self> {
        FAMILIES.iter().find(|row| row.name == name).map(|row| row.family)
    }
}

/// Why arguments do not make a distribution.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum DistributionError {
    #[error("{family} takes {expected} ({names}), not {found}")]
    Count { family: &'static str, expected: String, names: String, found: usize },
    #[error("{family}: `{argument}` is {found}; it must be {expected}")]
    Argument { family: &'static str, argument: &'static str, found: f64, expected: &'static str },
    #[error("Mixture: {reason}")]
    Mixture { reason: String },
    #[error("Truncated: {reason}")]
    Truncated { reason: String },
}

/// sd of the logarithm of a log-normal with a coefficient of variation: √ln(1 + cv²).
pub fn log_sd_from_cv(cv: f64) -> f64 {
    (cv * cv).ln_1p().sqrt()
}

impl Distribution {
    /// A distribution of a family, its arguments checked.
    pub fn new(family: Family, arguments: &[f64]) -> Result<Self, DistributionError> {
        let row = family.row();
        if arguments.len() != row.arguments.len() {
            let n = row.arguments.len();
            return Err(DistributionError::Count {
                family: row.name,
                expected: format!("{n} argument{}", if n == 1 { "" } else { "s" }),
                names: row.arguments.join(", "),
                found: arguments.len(),
            });
        }
        for (argument, value) in row.arguments.iter().zip(arguments) {
            let free = matches!(*argument, "mean" | "location" | "lower" | "upper");
            let expected = if free { "a number" } else { "a number above 0" };
            if !value.is_finite() || !(free || *value > 0.0) {
                return Err(DistributionError::Argument { family: row.name, argument, found: *value, expected });
            }
        }
        let a = |index: usize| arguments[index];
        Ok(match family {
            Family::Normal => Self::Normal { mean: a(0), sd: a(1) },
            Family::LogNormal => Self::LogNormal { median: a(0), sigma: a(1) },
            Family::HalfNormal => Self::HalfNormal { sd: a(0) },
            Family::HalfCauchy => Self::HalfCauchy { scale: a(0) },
            Family::Cauchy => Self::Cauchy { location: a(0), scale: a(1) },
            Family::StudentT => Self::StudentT { df: a(0), location: a(1), scale: a(2) },
            Family::Gamma => Self::Gamma { shape: a(0), rate: a(1) },
            Family::Beta => Self::Beta { alpha: a(0), beta: a(1), scale: 1.0 },
            Family::Uniform => {
                if a(0) >= a(1) {
                    let expected = "above `lower`";
                    return Err(DistributionError::Argument {
                        family: row.name,
                        argument: "upper",
                        found: a(1),
                        expected,
                    });
                }
                Self::Uniform { lower: a(0), upper: a(1) }
            }
            Family::Exponential => Self::Exponential { rate: a(0) },
        })
    }

    /// A mixture; weights are made to sum to 1.
    pub fn mixture(parts: Vec<(f64, Distribution)>) -> Result<Self, DistributionError> {
        let total: f64 = parts.iter().map(|(weight, _)| weight).sum();
        let reason = if parts.is_empty() {
            "it has no part".into()
        } else if let Some((weight, _)) = parts.iter().find(|(weight, _)| !(*weight > 0.0 && weight.is_finite())) {
            format!("a weight is {weight}; weights must be numbers above 0")
        } else if parts.iter().any(|(_, part)| part.support() != parts[0].1.support()) {
            "its parts have different bounds".into()
        } else {
            return Ok(Self::Mixture(parts.into_iter().map(|(weight, part)| (weight / total, part)).collect()));
        };
        Err(DistributionError::Mixture { reason })
    }

    /// A distribution restricted to an interval; bounds may be infinite.
    pub fn truncated(inner: Distribution, lower: f64, upper: f64) -> Result<Self, DistributionError> {
        let reason = if lower.is_nan() || upper.is_nan() || lower >= upper {
            format!("the interval from {lower} to {upper} is empty")
        } else {
            let (low, high) = inner.support();
            let (lower, upper) = (lower.max(low), upper.min(high));
            if lower < upper && inner.mass(lower, upper) > 0.0 {
                return Ok(Self::Truncated { inner: Box::new(inner), lower, upper });
            }
            format!("{inner} has no mass from {lower} to {upper}")
        };
        Err(DistributionError::Truncated { reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for row in FAMILIES {
            assert_eq!(row.family.row().name, row.name);
            assert_eq!(Family::named(row.name), Some(row.family));
        }
    }

    #[test]
    fn impossible_arguments_are_refused() {
        let error = Distribution::new(Family::Normal, &[0.0, -1.0]).unwrap_err().to_string();
        assert_eq!(error, "Normal: `sd` is -1; it must be a number above 0");
        assert!(Distribution::new(Family::Uniform, &[2.0, 1.0]).is_err());
        assert!(Distribution::new(Family::Gamma, &[2.0]).unwrap_err().to_string().contains("shape, rate"));
        assert!(Distribution::new(Family::LogNormal, &[f64::NAN, 1.0]).is_err());
        let normal = Distribution::Normal { mean: 0.0, sd: 1.0 };
        assert!(Distribution::truncated(normal.clone(), 2.0, 1.0).is_err());
        assert!(Distribution::mixture(vec![(0.0, normal)]).is_err());
    }
}
