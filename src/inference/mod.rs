//! Samplers and their diagnostics for any target density; knows no physiology.

mod draws;
mod nuts;
mod target;

pub use draws::{Draws, ParameterDiagnostics, Verdict};
pub use nuts::{Metric, NutsSettings, Progress, SampleError, nuts};
pub use target::{LogDensityGradient, Rejection};
