//! Probability distributions, transforms to the real line, and independent random streams from one seed.

mod seed;

pub use seed::{Seed, Stream};

/// Placeholder until the distributions land.
#[derive(Clone, Debug, PartialEq)]
pub enum Distribution {
    Normal { mean: f64, sd: f64 },
}
