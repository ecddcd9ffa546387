//! Checks calibration itself: parameters drawn from the prior, the record simulated and calibrated, the truth ranked among
//! the draws (see `inference::RankCheck`).

mod outcome;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rand::RngExt;
use rayon::prelude::*;

use crate::inference::{LogDensityGradient, RankCheck, nuts_from, r_hat, thinned_rank};
use crate::likelihood::{Limits, Posterior};
use crate::patient::Patient;
use crate::stats::Seed;

use super::calibrate::{CalibrateError, Calibration, identity};
use super::checkpoint::{CheckIdentity, Earlier, KeptSimulations};
use super::sampler::unsampled;
use super::start::{self, spreads};
pub use outcome::{CalibrationCheck, Fit, MOST_FAILED, Outcome, POOR_R_HAT, Quantity};

/// How to check.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckSettings {
    pub simulations: usize,
    /// Nearly independent draws that a truth is ranked among.
    pub largest_rank: usize,
    /// How each simulation is calibrated; the solver is that of the posterior.
    pub calibration: Calibration,
}

/// Where a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckProgress {
    /// Simulations that are done.
    pub done: usize,
    pub of: usize,
    /// Of those done, how many have no ranks: not simulated, or not calibrated.
    pub without_ranks: usize,
    /// Of those done, how many an interrupted run had done.
    pub kept: usize,
}

/// Draws people from the prior of `simulated`, simulates the record of each with the error of the model, calibrates it under
/// `fitted`, and ranks the truth; the two are the same unless a wrong calibration is asked for.
///
/// `limits` are those of the devices, one a term. Runs on the threads of the current `rayon` pool; the result does not depend
/// on them. `progress` is told of every simulation that is done.
///
/// # Errors
/// Posteriors of other parameters or readings, and settings with which nothing can be sampled.
pub fn check_calibration(
    simulated: &Posterior,
    fitted: &Posterior,
    limits: &[Limits],
    settings: &CheckSettings,
    seed: Seed,
    progress: &(dyn Fn(CheckProgress) + Sync),
) -> Result<CalibrationCheck, CalibrateError> {
    Ok(Check::new(simulated, fitted, limits, settings, seed)?.run(seed, None, progress))
}

/// [`check_calibration`] of the posterior of a bundle, keeping every simulation that is done beside the output, so that a check
/// that is killed can be resumed: it then gives the same ranks. The checkpoint is to be finished once the output is written.
///
/// # Errors
/// Settings with which nothing can be sampled; T3015 to T3018 where the checkpoint cannot be used.
pub fn check_calibration_resumable(
    posterior: &Posterior,
    patient: &Patient,
    settings: &CheckSettings,
    seed: Seed,
    (output, earlier): (&Path, Earlier),
    progress: &(dyn Fn(CheckProgress) + Sync),
) -> Result<(CalibrationCheck, KeptSimulations), CalibrateError> {
    let limits: Vec<Limits> = posterior.terms.iter().map(|term| Limits::of(patient, term)).collect();
    let check = Check::new(posterior, posterior, &limits, settings, seed)?;
    let run = CheckIdentity {
        run: identity(posterior, patient, &settings.calibration, seed),
        simulations: settings.simulations,
        ranks: settings.largest_rank,
        prior_draws: settings.calibration.prior_draws,
    };
    let kept = KeptSimulations::begin(output, &run, earlier).map_err(|error| error.diagnostics())?;
    Ok((check.run(seed, Some(&kept), progress), kept))
}

struct Check<'a> {
    simulated: &'a Posterior,
    fitted: &'a Posterior,
    limits: &'a [Limits],
    settings: &'a CheckSettings,
    /// Of the fitted prior, on the real line.
    spreads: Vec<f64>,
}

impl<'a> Check<'a> {
    /// Refuses what cannot be checked.
    fn new(
        simulated: &'a Posterior,
        fitted: &'a Posterior,
        limits: &'a [Limits],
        settings: &'a CheckSettings,
        seed: Seed,
    ) -> Result<Self, CalibrateError> {
        let names = |of: &Posterior| of.prior.calibrated.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
        let shape = |of: &Posterior| of.terms.iter().map(|term| term.readings.len()).collect::<Vec<_>>();
        if names(simulated) != names(fitted) || shape(simulated) != shape(fitted) || limits.len() != fitted.terms.len()
        {
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
        Ok(Self { simulated, fitted, limits, settings, spreads: spreads(&fitted.prior, &prior_draws) })
    }

    /// All simulations but those that are kept already.
    fn run(
        &self,
        seed: Seed,
        checkpoint: Option<&KeptSimulations>,
        progress: &(dyn Fn(CheckProgress) + Sync),
    ) -> CalibrationCheck {
        let of = self.settings.simulations;
        let kept = |number: usize| checkpoint?.outcome(number);
        let lost = |outcome: &Outcome| usize::from(!matches!(outcome, Outcome::Ranked(_)));
        let (told, poor) = (0..of).filter_map(kept).fold((0, 0), |(told, poor), o| (told + 1, poor + lost(o)));
        let (done, without_ranks) = (AtomicUsize::new(told), AtomicUsize::new(poor));
        progress(CheckProgress { done: told, of, without_ranks: poor, kept: told });
        let simulate = |number: usize| {
            if let Some(outcome) = kept(number) {
                return outcome.clone();
            }
            let own = Seed(seed.stream("simulation", number as u64).random());
            let outcome = self.simulation(own).unwrap_or_else(|outcome| outcome);
            if let Some(checkpoint) = checkpoint {
                checkpoint.keep(number, &outcome);
            }
            let without_ranks = lost(&outcome) + without_ranks.fetch_add(lost(&outcome), Ordering::Relaxed);
            let done = 1 + done.fetch_add(1, Ordering::Relaxed);
            progress(CheckProgress { done, of, without_ranks, kept: told });
            outcome
        };
        let outcomes: Vec<Outcome> = (0..of).into_par_iter().with_max_len(1).map(simulate).collect();
        let unit = |of: &crate::units::Unit| of.text().to_string();
        let calibrated = self.fitted.prior.calibrated.iter();
        let parameters = calibrated.map(|c| Quantity { name: c.name.clone(), unit: unit(&c.unit) });
        let quantities: Vec<Quantity> =
            parameters.chain([Quantity { name: "ln likelihood".into(), unit: "1".into() }]).collect();
        let mut ranks = vec![Vec::new(); quantities.len()];
        for outcome in &outcomes {
            if let Outcome::Ranked(fit) = outcome {
                ranks.iter_mut().zip(&fit.ranks).for_each(|(ranks, rank)| ranks.push(*rank));
            }
        }
        let largest_rank = self.settings.largest_rank;
        CalibrationCheck { quantities, largest_rank, ranks: RankCheck::of(&ranks, largest_rank), outcomes }
    }

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
