//! The prior of one person's parameters given covariates: typical values, covariate effects, random effects.

mod mixture;
mod prior;

pub use mixture::{Alternative, Alternatives};
pub use prior::{Calibrated, Prior, PriorError};
