//! A run under way on disk, beside the twin to be: who it is of, and what its chains have computed so far.

mod folder;
mod frames;
mod kept;
mod record;
mod simulations;
mod table;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::diagnostic::{Diagnostic, Diagnostics, Location};
use crate::inference::{Journal, Rejection};

use folder::Folder;
use record::Records;
pub use simulations::{CheckIdentity, KeptSimulations};

pub use kept::{DrawFiles, Kept};

/// Everything that the draws of a run follow from: two runs that share it give the same draws.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunIdentity {
    /// Version of Homeostat.
    pub version: String,
    pub model: String,
    /// SHA-256 of the model's files.
    pub model_hash: String,
    /// SHA-256 of the bundle's files.
    pub bundle_hash: String,
    /// Part of the record that is used [h since the epoch].
    pub start_h: f64,
    pub end_h: f64,
    pub readings: usize,
    pub seed: u64,
    /// Sampler and its settings.
    pub sampler: String,
    pub chains: usize,
    pub dimension: usize,
    pub tolerance: f64,
}

/// What to do about a checkpoint that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// Refuse to begin.
    Refuse,
    /// Remove it and begin anew.
    Replace,
    /// Go on from it; refuse to begin without one.
    Resume,
}

/// Why a run cannot begin or go on.
#[derive(Debug, Error)]
pub enum CheckpointError {
    #[error("there is no checkpoint at {}", path.display())]
    Missing { path: PathBuf },
    #[error("the checkpoint at {} is of another run: {}", path.display(), differences.join("; "))]
    OfAnother { path: PathBuf, differences: Vec<String> },
    #[error("a run that was to write this was interrupted, and its checkpoint is at {}", path.display())]
    Present { path: PathBuf },
    #[error("the checkpoint at {} cannot be used: {error}", path.display())]
    Files { path: PathBuf, error: io::Error },
    #[error("draws cannot be kept in the checkpoint at {}: {reason}", path.display())]
    Draws { path: PathBuf, reason: String },
}

impl CheckpointError {
    /// What to tell the user.
    pub fn diagnostics(&self) -> Diagnostics {
        let at = |code, path: &Path, help: &str| {
            let location = Location::file(path.display().to_string());
            Diagnostic::error(code, self.to_string()).at_location(location).help(help).into()
        };
        match self {
            Self::Missing { path } => at("T3015", path, "leave out --resume to begin"),
            Self::OfAnother { path, .. } => {
                at("T3016", path, "give the options of the interrupted run, or --overwrite to begin anew")
            }
            Self::Present { path } => at("T3017", path, "give --resume to go on from it, or --overwrite to begin anew"),
            Self::Files { path, .. } => at("T3018", path, "remove the folder, or give --overwrite to begin anew"),
            Self::Draws { path, .. } => at("T3018", path, "make room on the disk, then give --resume to go on"),
        }
    }
}

/// The state of a sampler that goes from stage to stage.
const STAGE: &str = "stage.json";

/// The folder of a run under way; removed by [`Self::finish`] only, so that a kill leaves it.
#[derive(Debug)]
pub struct Checkpoint {
    folder: Folder,
    chains: Vec<Mutex<Records>>,
}

impl Checkpoint {
    /// Where the checkpoint of a run that is to write `output` lies: a twin, or the ranks of a check of calibration.
    pub fn path(output: &Path) -> PathBuf {
        Folder::beside(output)
    }

    /// Begins a run, or takes up the one that was interrupted.
    ///
    /// # Errors
    /// A checkpoint where none is wanted, none where one is, one of another run, or files that cannot be used.
    pub fn begin(twin: &Path, run: &RunIdentity, earlier: Earlier) -> Result<Self, CheckpointError> {
        let folder = Folder::begin(twin, run, earlier)?;
        let file = |chain: usize| folder.file(&format!("chain-{}", chain + 1));
        let chains = (0..run.chains).map(|chain| Records::open(&file(chain), run.dimension).map(Mutex::new));
        let chains = chains.collect::<io::Result<_>>().map_err(|error| folder.failed(error))?;
        Ok(Self { folder, chains })
    }

    /// Evaluations that were kept and need not be computed again.
    pub fn kept(&self) -> usize {
        self.chains.iter().map(|chain| chain.lock().unwrap_or_else(PoisonError::into_inner).left()).sum()
    }

    /// Files for the draws as they are taken; those of an interrupted run are written again.
    ///
    /// # Errors
    /// Files that cannot be made.
    pub(super) fn draw_files(&self, dimension: usize, depth_limit: i64) -> Result<DrawFiles, CheckpointError> {
        DrawFiles::create(&self.folder, self.chains.len(), dimension, depth_limit)
            .map_err(|error| self.folder.failed(error))
    }

    /// That draws could not be kept or read.
    pub(super) fn lost(&self, reason: String) -> CheckpointError {
        CheckpointError::Draws { path: self.folder.path().to_owned(), reason }
    }

    /// The state that was kept last, of a sampler that goes from stage to stage.
    pub fn stage(&self) -> Option<String> {
        std::fs::read_to_string(self.folder.file(STAGE)).ok()
    }

    /// Keeps a state in place of the one before.
    pub fn keep_stage(&self, state: &str) {
        self.folder.replace(STAGE, state);
    }

    /// Why a part of the run could not be kept, if it could not.
    pub fn trouble(&self) -> Option<String> {
        self.folder.trouble()
    }

    /// Removes the checkpoint: the twin is written.
    pub fn finish(self) {
        let Self { folder, chains } = self;
        drop(chains);
        folder.remove();
    }
}

impl Journal for Checkpoint {
    fn replay(&self, chain: usize, gradient: &mut [f64]) -> Option<Result<f64, Rejection>> {
        self.chains.get(chain)?.lock().unwrap_or_else(PoisonError::into_inner).next(gradient)
    }

    fn keep(&self, chain: usize, density: &Result<f64, Rejection>, gradient: &[f64]) {
        let Some(records) = self.chains.get(chain) else { return };
        let kept = records.lock().unwrap_or_else(PoisonError::into_inner).keep(density, gradient);
        if let Err(error) = kept {
            self.folder.note(&error);
        }
    }
}
