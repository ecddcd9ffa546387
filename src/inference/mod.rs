//! Samplers and their diagnostics for any target density; knows no physiology.

mod target;

pub use target::{LogDensityGradient, Rejection};
