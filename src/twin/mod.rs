//! Calibrates a person's posterior and keeps it as a file: the twin.

pub mod store;
