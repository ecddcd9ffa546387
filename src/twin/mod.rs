//! Calibrates a person's posterior and keeps it as a file: the twin.

mod calibrate;
mod calibration_check;
mod checkpoint;
mod checks;
mod file;
mod health;
mod loo;
mod predict;
mod sampler;
mod seen;
mod sensitivity;
mod start;
pub mod store;
mod synthesize;

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::diagnostic::Source;
use crate::inference::{Draws, Verdict};
use crate::likelihood::Posterior;

pub use calibrate::{CalibrateError, Calibration, Progress, calibrate, calibrate_resumable, meet};
pub use calibration_check::{
    CalibrationCheck, CheckProgress, CheckSettings, Fit, MOST_FAILED, Outcome, POOR_R_HAT, Quantity, check_calibration,
    check_calibration_resumable,
};
pub use checkpoint::{
    CheckIdentity, Checkpoint, CheckpointError, DrawFiles, Earlier, Kept, KeptSimulations, RunIdentity,
};
pub use file::TwinError;
pub use health::{AlternativesSummary, CaseSummary, Interval, ParameterSummary, ReadingSummary, Summary};
pub use loo::LooSummary;
pub use sampler::Sampler;
pub use store::StoreError;
pub use synthesize::{BundleFile, Design, synthesize};

/// Stands in every twin and on everything made of one.
pub const NOTICE: &str = "Research and educational software: not a medical device.";

/// A calibrated person: the posterior draws with everything that made them.
///
/// The draws are in memory, or where else [`Chains`](crate::inference::Chains) are kept: those of a calibration whose checkpoint is there are [`Kept`].
#[derive(Debug)]
pub struct Twin<D = Draws> {
    /// Model, prior, schedule and data.
    pub posterior: Arc<Posterior>,
    pub person: Person,
    /// Natural values of the calibrated parameters, `[chain, draw, parameter]`, and the sampler's word on each draw.
    pub draws: D,
    pub verdict: Verdict,
    /// Natural values drawn from the prior, `[draw, parameter]`.
    pub prior_draws: Vec<Vec<f64>>,
    /// For each term, each kept draw and each reading; see [`Predictions`].
    pub predictions: Predictions,
    pub provenance: Provenance,
}

impl Twin<Kept> {
    /// The twin with all its draws in memory; [`Chains::trouble`](crate::inference::Chains::trouble) of them is to be asked before.
    pub fn gathered(self) -> Twin {
        let Self { posterior, person, draws, verdict, prior_draws, predictions, provenance } = self;
        Twin { posterior, person, draws: draws.gathered(), verdict, prior_draws, predictions, provenance }
    }
}

/// Who the twin is of, as the bundle says.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Person {
    pub name: String,
    pub about: String,
    /// Time zero on the calendar, if the bundle has one.
    pub epoch: Option<String>,
    /// Where the record begins and ends [h since the epoch].
    pub start_h: f64,
    pub end_h: f64,
    /// What the bundle had that the model has no use for.
    pub unused: Vec<String>,
    /// Inputs of the model that the bundle says nothing of.
    pub silent_inputs: Vec<String>,
    /// What the model could have compared with data.
    pub unobserved: Vec<String>,
}

/// ln likelihood of and replicate for every reading, by kept draws.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predictions {
    /// Every `thin`-th draw of each chain is kept.
    pub thin: usize,
    /// `[term][chain × kept draw × reading]`
    pub ln_likelihood: Vec<Vec<f64>>,
    /// `[term][chain × kept draw × reading]`, in the term's unit.
    pub replicates: Vec<Vec<f64>>,
}

/// What made the twin, so that it can be made again.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Provenance {
    /// Version of Homeostat.
    pub version: String,
    pub model: String,
    /// SHA-256 of the model's files.
    pub model_hash: String,
    /// SHA-256 of the bundle's files.
    pub bundle_hash: String,
    pub seed: u64,
    pub chains: usize,
    pub warmup: usize,
    pub draws: usize,
    /// Sampler and its settings.
    pub sampler: String,
    pub solver: String,
    pub tolerance: f64,
    /// Wall-clock time of the calibration `[s]`.
    pub seconds: f64,
    /// Evaluations of the posterior and its gradient.
    pub gradients: u64,
    /// ln of the integral of prior · likelihood, and its standard error where it is known, of a sampler that knows it.
    #[serde(default)]
    pub ln_evidence: Option<(f64, Option<f64>)>,
    /// What the sampler says of how it went.
    #[serde(default)]
    pub remarks: Vec<String>,
}

/// SHA-256 of a model's texts, in their order, in hexadecimal.
fn model_hash(sources: &[Source]) -> String {
    let mut hash = Sha256::new();
    for source in sources {
        hash.update((source.text.len() as u64).to_le_bytes());
        hash.update(source.text.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
