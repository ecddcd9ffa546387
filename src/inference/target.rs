//! All that a sampler may know of its target.

use thiserror::Error;

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
