//! Samplers and their diagnostics for any target density; knows no physiology.

mod draws;
mod target;

pub use draws::{Draws, ParameterDiagnostics, Verdict};
pub use target::{LogDensityGradient, Rejection};
