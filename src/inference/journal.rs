//! Evaluations of a target kept in the order in which chains ask for them, so that a run that was killed can go on.
//!
//! A chain is a deterministic function of its seed and of the densities that it is told. Told the kept ones again, it comes
//! to the state in which it was, bit for bit, without the cost of computing them; no sampler has to save its own state.

use super::target::Rejection;

/// Where the evaluations of chains are kept; each chain is one thread's.
pub trait Journal: Sync {
    /// The next kept evaluation of a chain, its gradient written to `gradient`; `None` once all have been told.
    fn replay(&self, chain: usize, gradient: &mut [f64]) -> Option<Result<f64, Rejection>>;

    /// Keeps an evaluation that a chain has asked for.
    fn keep(&self, chain: usize, density: &Result<f64, Rejection>, gradient: &[f64]);
}

/// A journal that keeps nothing.
#[derive(Clone, Copy, Debug)]
pub struct Forget;

impl Journal for Forget {
    fn replay(&self, _: usize, _: &mut [f64]) -> Option<Result<f64, Rejection>> {
        None
    }

    fn keep(&self, _: usize, _: &Result<f64, Rejection>, _: &[f64]) {}
}
