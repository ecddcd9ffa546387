//! Homeostat builds a personalised digital twin of one person from population physiology and that person's data,
//! and says what would happen under a drug, a diet or an activity, and how sure it is.
//!
//! Research and educational software: not a medical device. `ARCHITECTURE.md` maps the layers below, bottom up.

pub mod diagnostic;
pub mod units;

pub mod stats;

pub mod inference;

pub mod model;
pub mod sim;

pub mod patient;
pub mod population;

pub mod likelihood;

pub mod twin;

pub mod scenario;

pub mod report;

pub mod cli;
