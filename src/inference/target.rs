//! All that a sampler may know of its target.

use thiserror::Error;

use crate::stats::Stream;

/// Why a target has no density at a point: the point is rejected, the run goes on.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("{reason}")]
pub struct Rejection {
    reason: String,
}

impl Rejection {
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

/// A log density on R^d with its gradient, up to a constant.
///
/// −∞ is a legal density (no mass there); NaN is not. Each chain owns a workspace, so that a target is shared by threads.
pub trait LogDensityGradient: Sync {
    type Workspace: Send;

    fn dimension(&self) -> usize;

    fn workspace(&self) -> Self::Workspace;

    /// ln density at a point, writing its gradient.
    fn ln_density_gradient(
        &self,
        workspace: &mut Self::Workspace,
        at: &[f64],
        gradient: &mut [f64],
    ) -> Result<f64, Rejection>;
}

/// What is evaluated at many points at once.
pub trait Target: Sync {
    type Workspace: Send;

    fn dimension(&self) -> usize;

    /// Made once a block of work, so it should be cheap; one a thread.
    fn workspace(&self) -> Self::Workspace;

    /// How many points are best evaluated together.
    fn lanes(&self) -> usize {
        1
    }
}

/// A log density on R^d without its gradient, at many points at once.
pub trait LogDensity: Target {
    /// ln density up to a constant at each point, in their order; cheapest for [`Target::lanes`] points together.
    fn ln_densities(&self, workspace: &mut Self::Workspace, points: &[Vec<f64>]) -> Vec<Result<f64, Rejection>>;
}

/// A prior, and a likelihood that can be raised to a power between 0 and 1.
pub trait Tempered: Target {
    /// A draw from the prior, on the real line.
    fn draw(&self, stream: &mut Stream) -> Vec<f64>;

    /// ln density of the prior, normalised; *adds* its gradient.
    fn ln_prior_gradient(&self, at: &[f64], gradient: &mut [f64]) -> f64;

    /// ln likelihood at each point, in their order; cheapest for [`Target::lanes`] points together.
    fn ln_likelihoods(&self, workspace: &mut Self::Workspace, points: &[Vec<f64>]) -> Vec<Result<f64, Rejection>>;

    /// ln likelihood at a point, *writing* its gradient.
    fn ln_likelihood_gradient(
        &self,
        workspace: &mut Self::Workspace,
        at: &[f64],
        gradient: &mut [f64],
    ) -> Result<f64, Rejection>;
}

/// A prior, and a simulator of data whose likelihood is not known.
pub trait Simulator: Target {
    /// A draw from the prior, on the real line.
    fn draw(&self, stream: &mut Stream) -> Vec<f64>;

    /// ln density of the prior.
    fn ln_prior(&self, at: &[f64]) -> f64;

    /// Summaries of data simulated at each point, `[point][summary]`; the noise of a point comes from its stream alone.
    fn simulate(
        &self,
        workspace: &mut Self::Workspace,
        points: &[Vec<f64>],
        streams: &mut [Stream],
    ) -> Vec<Result<Vec<f64>, Rejection>>;

    /// The same summaries of the data that were observed.
    fn observed(&self) -> Vec<f64>;
}
