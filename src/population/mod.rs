//! The prior of one person's parameters given covariates: typical values, covariate effects, random effects.

mod prior;

pub use prior::{Calibrated, Prior, PriorError};
