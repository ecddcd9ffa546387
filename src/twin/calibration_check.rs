//! Checks calibration itself: parameters drawn from the prior, the record simulated and calibrated, the truth ranked among
//! the draws (see `inference::RankCheck`).

use std::sync::atomic::{AtomicUsize, Ordering};

use rand::RngExt;
use rayon::prelude::*;

use crate::inference::{LogDensityGradient, RankCheck, nuts_from, r_hat, thinned_rank};
use crate::likelihood::{Limits, Posterior};
use crate::stats::Seed;

use super::calibrate::{CalibrateError, Calibration};
use super::sampler::unsampled;
use super::start::{self, spreads};

/// Largest share of simulations without ranks with which a check can pass.
pub const MOST_FAILED: f64 = 0.02;
/// R̂ above which the draws of a fit are poor.
pub const POOR_R_HAT: f64 = 1.05;

/// How to check.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckSettings {
    pub simulations: usize,
    /// Nearly independent draws that a truth is ranked among.
    pub largest_rank: usize,
    /// How each simulation is calibrated; the solver is that of the posterior.
    pub calibration: Calibration,
}

/// What is ranked.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// A calibrated parameter, or `ln likelihood`, which sees errors that every parameter alone hides.
    pub name: String,
    pub unit: String,
}

/// A simulation that was calibrated; lists are one a quantity.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// Natural values of the parameters, then the ln likelihood.
    pub truths: Vec<f64>,
    pub ranks: Vec<usize>,
    /// Draws that were compared; fewer than the largest rank where the effective ones were.
    pub compared: Vec<usize>,
    /// Of the parameters; NaN of one chain.
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
#[derive(Clone, Debug, PartialEq)]
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

/// Draws people from the prior of `simulated`, simulates the record of each with the error of the model, calibrates it under
/// `fitted`, and ranks the truth; the two are the same unless a wrong calibration is asked for.
///
/// `limits` are those of the devices, one a term. Runs on the threads of the current `rayon` pool; the result does not depend
/// on them. `progress` is told how many simulations are done.
///
/// # Errors
/// Posteriors of other parameters or readings, and settings with which nothing can be sampled.
pub fn check_calibration(
    simulated: &Posterior,
    fitted: &Posterior,
    limits: &[Limits],
    settings: &CheckSettings,
    seed: Seed,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<CalibrationCheck, CalibrateError> {
    let names = |of: &Posterior| of.prior.calibrated.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    let shape = |of: &Posterior| of.terms.iter().map(|term| term.readings.len()).collect::<Vec<_>>();
    if names(simulated) != names(fitted) || shape(simulated) != shape(fitted) || limits.len() != fitted.terms.len() {
        return Err(CalibrateError::Settings(
            "what simulates and what is calibrated differ in parameters or readings".into(),
        ));
    }
    if settings.simulations == 0 || settings.largest_rank == 0 {
        return Err(CalibrateError::Settings("at least one simulation and one rank are needed".into()));
    }
    settings.calibration.nuts.check().map_err(unsampled)?;
    let prior_draws: Vec<Vec<f64>> = (0..settings.calibration.prior_draws as u64)
        .map(|draw| fitted.prior.natural(&fitted.prior.draw(&mut seed.stream("prior", draw))))
        .collect();
    let check = Check { simulated, fitted, limits, settings, spreads: spreads(&fitted.prior, &prior_draws) };
    let done = AtomicUsize::new(0);
    let outcomes: Vec<Outcome> = (0..settings.simulations)
        .into_par_iter()
        .with_max_len(1)
        .map(|number| {
            let own = Seed(seed.stream("simulation", number as u64).random());
            let outcome = check.simulation(own).unwrap_or_else(|outcome| outcome);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            outcome
        })
        .collect();
    let unit = |of: &crate::units::Unit| of.text().to_string();
    let parameters = fitted.prior.calibrated.iter().map(|c| Quantity { name: c.name.clone(), unit: unit(&c.unit) });
    let quantities: Vec<Quantity> =
        parameters.chain([Quantity { name: "ln likelihood".into(), unit: "1".into() }]).collect();
    let mut ranks = vec![Vec::new(); quantities.len()];
    for outcome in &outcomes {
        if let Outcome::Ranked(fit) = outcome {
            ranks.iter_mut().zip(&fit.ranks).for_each(|(ranks, rank)| ranks.push(*rank));
        }
    }
    let largest_rank = settings.largest_rank;
    Ok(CalibrationCheck { quantities, largest_rank, ranks: RankCheck::of(&ranks, largest_rank), outcomes })
}

struct Check<'a> {
    simulated: &'a Posterior,
    fitted: &'a Posterior,
    limits: &'a [Limits],
    settings: &'a CheckSettings,
    /// Of the fitted prior, on the real line.
    spreads: Vec<f64>,
}

impl Check<'_> {
    /// One simulation with a seed of its own; on the way out early, why it has no ranks.
    fn simulation(&self, seed: Seed) -> Result<Outcome, Outcome> {
        let position = self.simulated.prior.draw(&mut seed.stream("truth", 0));
        let natural = self.simulated.prior.natural(&position);
        let readings = self.simulated.simulate(&natural, self.limits, &mut seed.stream("readings", 0));
        let posterior = self.fitted.with_readings(readings.map_err(Outcome::NotSimulated)?);
        let truth = ln_likelihood(&posterior, &mut posterior.workspace(), &self.to_real(&natural));
        if !truth.is_finite() {
            return Err(Outcome::NotSimulated("the simulated readings have no likelihood where they come from".into()));
        }
        let unfit = |error: CalibrateError| Outcome::NotCalibrated(reason(&error));
        let start::Start { normal, mut gradients, .. } =
            start::start(&posterior, &self.spreads, seed, &|_| ()).map_err(unfit)?;
        let nuts = &self.settings.calibration.nuts;
        let mut draws = nuts_from(&posterior, &normal, nuts, seed, &|_| ()).map_err(|error| unfit(unsampled(error)))?;
        gradients += draws.gradients + draws.values.len() as u64 / draws.dimension.max(1) as u64;
        let mut workspace = posterior.workspace();
        let scores: Vec<f64> = draws
            .values
            .chunks(draws.dimension.max(1))
            .map(|draw| ln_likelihood(&posterior, &mut workspace, draw))
            .collect();
        // Some transforms decrease: ranks are of natural values.
        for draw in draws.values.chunks_mut(posterior.prior.dimension().max(1)) {
            let natural = posterior.prior.natural(draw);
            draw.copy_from_slice(&natural);
        }
        let parameters: Vec<Vec<Vec<f64>>> = (0..draws.dimension).map(|index| draws.parameter(index)).collect();
        let r_hats = parameters.iter().map(|chains| r_hat(chains));
        let worst_r_hat = r_hats.reduce(|a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) });
        let mut fit = Fit {
            truths: natural,
            ranks: Vec::new(),
            compared: Vec::new(),
            worst_r_hat: worst_r_hat.unwrap_or(f64::NAN),
            divergences: draws.divergences(),
            gradients,
        };
        let scores: Vec<Vec<f64>> = scores.chunks(draws.draws.max(1)).map(<[f64]>::to_vec).collect();
        fit.truths.push(truth);
        for (quantity, (truth, chains)) in fit.truths.iter().zip(parameters.iter().chain([&scores])).enumerate() {
            let mut stream = seed.stream("rank", quantity as u64);
            let ranked = thinned_rank(*truth, chains, self.settings.largest_rank, &mut stream);
            fit.ranks.push(ranked.rank);
            fit.compared.push(ranked.draws);
        }
        Ok(Outcome::Ranked(fit))
    }

    /// Natural values where the calibrated posterior has them on its real line.
    fn to_real(&self, natural: &[f64]) -> Vec<f64> {
        self.fitted.prior.calibrated.iter().zip(natural).map(|(c, value)| c.transform.to_real(*value)).collect()
    }
}

/// −∞ where the record cannot be simulated.
fn ln_likelihood(posterior: &Posterior, workspace: &mut crate::likelihood::PosteriorWorkspace, at: &[f64]) -> f64 {
    let mut gradient = vec![0.0; at.len()];
    let density = posterior.ln_density_gradient(workspace, at, &mut gradient).unwrap_or(f64::NEG_INFINITY);
    density - posterior.prior.ln_density_gradient(at, &mut gradient)
}

/// Why a calibration failed, in one line.
fn reason(error: &CalibrateError) -> String {
    match error {
        CalibrateError::Files(found) => {
            found.iter().map(|finding| finding.message.clone()).collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}
