//! Probability distributions, transforms to the real line, and independent random streams from one seed.

mod seed;

pub use seed::{Seed, Stream};
