//! Draws of all chains with the sampler's word on each, and the verdict on them.

use serde::{Deserialize, Serialize};

/// Draws after warmup; every list is `[chain, draw, …]` flattened, the last index fastest.
///
/// Samplers without trajectories leave their words on them empty; `ln_density` is empty where it is not known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draws {
    pub chains: usize,
    /// A chain.
    pub draws: usize,
    pub dimension: usize,
    /// `[chain, draw, parameter]`
    pub values: Vec<f64>,
    /// ln density up to a constant, on the real line, `[chain, draw]`.
    pub ln_density: Vec<f64>,
    pub divergent: Vec<bool>,
    pub tree_depth: Vec<i64>,
    /// Largest tree depth that the sampler was allowed; 0 where it has none or is unknown.
    pub depth_limit: i64,
    /// Gradients a draw took.
    pub leapfrogs: Vec<i64>,
    /// Hamiltonian at the draw.
    pub energy: Vec<f64>,
    pub acceptance: Vec<f64>,
    pub step_size: Vec<f64>,
    /// Gradients of all chains in all, warmup included.
    pub gradients: u64,
}

impl Draws {
    /// Draws of a sampler that follows no trajectories; `values` are `[chain, draw, parameter]`.
    pub(super) fn without_trajectories(
        chains: usize,
        dimension: usize,
        values: Vec<f64>,
        ln_density: Vec<f64>,
    ) -> Self {
        let count = values.len() / dimension.max(1);
        let draws = count / chains.max(1);
        Self { chains, draws, dimension, values, ln_density, divergent: vec![false; count], ..Self::default() }
    }

    /// One draw: `[parameter]`.
    pub fn draw(&self, chain: usize, draw: usize) -> &[f64] {
        let at = (chain * self.draws + draw) * self.dimension;
        &self.values[at..at + self.dimension]
    }

    /// One parameter: `[chain][draw]`.
    pub fn parameter(&self, parameter: usize) -> Vec<Vec<f64>> {
        (0..self.chains).map(|c| (0..self.draws).map(|d| self.draw(c, d)[parameter]).collect()).collect()
    }

    /// Draws whose trajectory diverged.
    pub fn divergences(&self) -> usize {
        self.divergent.iter().filter(|divergent| **divergent).count()
    }

    /// Every draw of every chain, chain after chain.
    pub fn all(&self) -> Vec<Vec<f64>> {
        self.values.chunks(self.dimension.max(1)).map(<[f64]>::to_vec).collect()
    }
}

/// What the chains say of one parameter; errors are in its unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParameterDiagnostics {
    /// The larger of the two below.
    pub r_hat: f64,
    /// Rank-normalised split R̂: do the chains agree on where the parameter is?
    pub r_hat_rank: f64,
    /// The same of distances from the median: do they agree on how far it spreads?
    pub r_hat_folded: f64,
    pub ess_bulk: f64,
    pub ess_tail: f64,
    /// Monte Carlo standard error of the mean.
    pub mcse_mean: f64,
    /// … of the standard deviation.
    pub mcse_sd: f64,
    /// … of the 5 % quantile.
    pub mcse_q05: f64,
    /// … of the 95 % quantile.
    pub mcse_q95: f64,
}

/// Whether the draws can be trusted, and if not, why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub passed: bool,
    /// One sentence a failed criterion, with the number, the parameter and what to try.
    pub reasons: Vec<String>,
    pub worst_r_hat: f64,
    pub least_ess_bulk: f64,
    pub least_ess_tail: f64,
    pub divergences: usize,
    /// Draws whose trajectory was cut off at the largest tree depth; no criterion.
    pub at_depth_limit: usize,
    pub least_e_bfmi: f64,
    /// One a parameter, in the order of the draws.
    pub parameters: Vec<ParameterDiagnostics>,
}
