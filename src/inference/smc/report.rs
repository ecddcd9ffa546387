//! What independent runs come to: draws, the evidence, and how far the runs agree.

use serde::{Deserialize, Serialize};

use super::{SmcRun, SmcStage, SmcState};
use crate::inference::diagnostics::mcse_between;
use crate::inference::draws::Draws;
use crate::inference::resample::{ln_mean_exp, shuffled};
use crate::stats::Seed;

/// What the runs say of themselves; every list is one a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SmcReport {
    /// ln of the normalising constant ∫ prior · likelihood.
    pub ln_evidences: Vec<f64>,
    /// ln of the mean of the runs' evidences.
    pub ln_evidence: f64,
    /// Standard error of it, from the spread between runs; NaN for one run.
    pub ln_evidence_error: f64,
    /// `[run][stage]`
    pub stages: Vec<Vec<SmcStage>>,
    /// How many draws from the prior have descendants. Few families say that the evidence, and the weights of modes
    /// between which no particle can move, rest on few draws.
    pub families: Vec<usize>,
    /// Monte Carlo standard error of each parameter's mean, from the spread between runs.
    ///
    /// Effective sample sizes that are computed along the particles of a run take them for independent, which is too
    /// good: this number is not.
    pub mcse_mean: Vec<f64>,
    /// Gradients and values of the likelihood in all.
    pub gradients: u64,
    pub likelihoods: u64,
}

/// Draws of runs that have reached the posterior, with their report.
pub(super) fn finish(state: SmcState, dimension: usize, seed: Seed) -> (Draws, SmcReport) {
    let runs = state.runs;
    let (mut values, mut ln_density) = (Vec::new(), Vec::new());
    for (index, run) in runs.iter().enumerate() {
        // Resampling puts neighbours side by side; diagnostics that split a chain need them mixed.
        for at in shuffled(run.particles.len(), &mut seed.stream("smc order", index as u64)) {
            let particle = &run.particles[at];
            values.extend_from_slice(&particle.at);
            ln_density.push(particle.ln_prior + particle.ln_likelihood);
        }
    }
    let mut draws = Draws::without_trajectories(runs.len(), dimension, values, ln_density);
    draws.gradients = runs.iter().map(|run| run.gradients).sum();
    let ln_evidences: Vec<f64> = runs.iter().map(|run| run.ln_evidence).collect();
    let ln_evidence = ln_mean_exp(&ln_evidences);
    // Delta method: the relative standard error of the mean evidence.
    let relative: Vec<Vec<f64>> = ln_evidences.iter().map(|ln| vec![(ln - ln_evidence).exp()]).collect();
    let families = |run: &SmcRun| {
        let mut families: Vec<usize> = run.particles.iter().map(|particle| particle.family).collect();
        families.sort_unstable();
        families.dedup();
        families.len()
    };
    let report = SmcReport {
        ln_evidence,
        ln_evidence_error: mcse_between(&relative),
        families: runs.iter().map(families).collect(),
        mcse_mean: (0..dimension).map(|parameter| mcse_between(&draws.parameter(parameter))).collect(),
        gradients: draws.gradients,
        likelihoods: runs.iter().map(|run| run.likelihoods).sum(),
        stages: runs.into_iter().map(|run| run.stages).collect(),
        ln_evidences,
    };
    (draws, report)
}
