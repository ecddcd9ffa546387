//! What a check of calibration finds: what became of each simulation, the ranks of those that have any, and the verdict.

use serde::{Deserialize, Serialize};

use crate::inference::RankCheck;

/// Largest share of simulations without ranks with which a check can pass.
pub const MOST_FAILED: f64 = 0.02;
/// R̂ above which the draws of a fit are poor.
pub const POOR_R_HAT: f64 = 1.05;

/// What is ranked.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// A calibrated parameter, or `ln likelihood`, which sees errors that every parameter alone hides.
    pub name: String,
    pub unit: String,
}

/// A simulation that was calibrated; lists are one a quantity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Natural values of the parameters, then the ln likelihood.
    pub truths: Vec<f64>,
    pub ranks: Vec<usize>,
    /// Draws that were compared; fewer than the largest rank where the effective ones were.
    pub compared: Vec<usize>,
    /// Of the parameters; NaN of one chain.
    #[serde(with = "bits")]
    pub worst_r_hat: f64,
    pub divergences: usize,
    pub gradients: u64,
}

impl Fit {
    /// Whether the draws themselves say that they cannot be trusted: R̂ above 1.05, or divergences.
    pub fn poor(&self) -> bool {
        self.divergences > 0 || self.worst_r_hat.is_nan() || self.worst_r_hat > POOR_R_HAT
    }
}

/// What became of one simulation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    Ranked(Fit),
    /// The record cannot be simulated at the parameters that were drawn; why.
    NotSimulated(String),
    /// The simulated record cannot be calibrated; why.
    NotCalibrated(String),
}

/// The simulations and what their ranks say.
#[derive(Clone, Debug, PartialEq)]
pub struct CalibrationCheck {
    /// Calibrated parameters, then the ln likelihood.
    pub quantities: Vec<Quantity>,
    pub largest_rank: usize,
    /// One a simulation.
    pub outcomes: Vec<Outcome>,
    /// Of the simulations that have ranks, quantity by quantity.
    pub ranks: RankCheck,
}

impl CalibrationCheck {
    /// Simulations that were calibrated.
    pub fn fits(&self) -> impl Iterator<Item = &Fit> {
        self.outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Ranked(fit) => Some(fit),
            _ => None,
        })
    }

    /// Simulations without ranks: those that could not be simulated, and those that could not be calibrated.
    pub fn failed(&self) -> (usize, usize) {
        let count = |is: fn(&Outcome) -> bool| self.outcomes.iter().filter(|outcome| is(outcome)).count();
        (count(|o| matches!(o, Outcome::NotSimulated(_))), count(|o| matches!(o, Outcome::NotCalibrated(_))))
    }

    /// Whether more simulations are without ranks than a check can pass with.
    pub fn too_many_failed(&self) -> bool {
        let (unsimulated, uncalibrated) = self.failed();
        (unsimulated + uncalibrated) as f64 > MOST_FAILED * self.outcomes.len() as f64
    }

    /// Whether calibration does what it says, as far as these simulations tell.
    pub fn passed(&self) -> bool {
        self.ranks.passed && !self.too_many_failed()
    }

    /// One sentence a failed criterion.
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        let (unsimulated, uncalibrated) = self.failed();
        if self.too_many_failed() {
            reasons.push(format!(
                "{unsimulated} of {} draws from the prior could not be simulated and {uncalibrated} not calibrated: more \
                 than {:.0} %, so that the ranks are of a part of the prior only.",
                self.outcomes.len(),
                100.0 * MOST_FAILED
            ));
        }
        for (quantity, result) in
            self.quantities.iter().zip(&self.ranks.quantities).filter(|(_, result)| !result.passed)
        {
            let how: Vec<&str> = result.departures.iter().map(|departure| departure.words()).collect();
            let p = if result.p_value < 1e-6 {
                "p < 0.000001".into()
            } else {
                format!("p = {:.2}", Digits(result.p_value))
            };
            reasons.push(format!("The draws of {} are {} ({p}).", quantity.name, how.join(" and ")));
        }
        reasons
    }
}

/// A small number with two digits that say something.
struct Digits(f64);

impl std::fmt::Display for Digits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let decimals = (1.0 - self.0.log10().floor()).clamp(2.0, 8.0) as usize;
        write!(f, "{:.decimals$}", self.0)
    }
}

/// A number by its bits: JSON knows neither NaN nor infinity.
mod bits {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &f64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(number.to_bits())
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<f64, D::Error> {
        u64::deserialize(from).map(f64::from_bits)
    }
}
