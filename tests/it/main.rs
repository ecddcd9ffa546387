//! All integration tests in one binary; one module a layer.

mod bundles;
mod calibration_check;
mod cli;
mod document;
mod inference;
mod language;
mod layers;
mod memory;
mod patient;
mod personal;
mod physiology;
mod posterior;
mod published;
mod report;
mod resume;
mod resumed_check;
mod samplers;
mod scenario;
mod sim;
mod sources;
mod stats;
mod stiff;
mod store;
mod summaries;
mod synthesize;
mod twin;
