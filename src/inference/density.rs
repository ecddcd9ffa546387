//! A target in the form that `nuts-rs` samples; a rejection ends a trajectory, never the run.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use nuts_rs::{CpuLogpFunc, CpuMathError, HasDims, LogpError};
use rand::Rng;

use super::journal::Journal;
use super::target::{LogDensityGradient, Rejection};

/// A target as `nuts-rs` wants it.
pub(super) struct Density<'a, T: LogDensityGradient> {
    pub target: &'a T,
    pub workspace: T::Workspace,
    /// Counts evaluations.
    pub gradients: Rc<Cell<u64>>,
    pub chain: usize,
    pub journal: &'a dyn Journal,
}

impl<T: LogDensityGradient> HasDims for Density<'_, T> {
    fn dim_sizes(&self) -> HashMap<String, u64> {
        HashMap::from([("unconstrained_parameter".to_string(), self.target.dimension() as u64)])
    }
}

impl<T: LogDensityGradient> CpuLogpFunc for Density<'_, T> {
    type LogpError = Rejection;
    type FlowParameters = ();
    type ExpandedVector = ();

    fn dim(&self) -> usize {
        self.target.dimension()
    }

    fn logp(&mut self, position: &[f64], gradient: &mut [f64]) -> Result<f64, Rejection> {
        self.gradients.set(self.gradients.get() + 1);
        let density = match self.journal.replay(self.chain, gradient) {
            Some(kept) => kept?,
            None => {
                let density = self.target.ln_density_gradient(&mut self.workspace, position, gradient);
                self.journal.keep(self.chain, &density, gradient);
                density?
            }
        };
        if density.is_nan() || density == f64::INFINITY || gradient.iter().any(|slope| !slope.is_finite()) {
            return Err(Rejection::new("the density or its gradient is not a finite number"));
        }
        Ok(density)
    }

    fn expand_vector<R: Rng + ?Sized>(&mut self, _: &mut R, _: &[f64]) -> Result<(), CpuMathError> {
        Ok(())
    }
}

impl LogpError for Rejection {
    fn is_recoverable(&self) -> bool {
        true
    }
}
