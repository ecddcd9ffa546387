//! A run under way on disk, beside the twin to be: who it is of, and what its chains have computed so far.

mod kept;
mod record;
mod table;

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::diagnostic::{Diagnostic, Diagnostics, Location};
use crate::inference::{Journal, Rejection};

use kept::DRAWS;
use record::Records;

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
    #[error("a run that was to write this twin was interrupted, and its checkpoint is at {}", path.display())]
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

/// The file that says which run a checkpoint is of.
const RUN: &str = "run.json";
/// The state of a sampler that goes from stage to stage.
const STAGE: &str = "stage.json";

/// The folder of a run under way; removed by [`Self::finish`] only, so that a kill leaves it.
#[derive(Debug)]
pub struct Checkpoint {
    folder: PathBuf,
    chains: Vec<Mutex<Records>>,
    /// The first failure to write: the run goes on, and says so at its end.
    trouble: Mutex<Option<String>>,
}

impl Checkpoint {
    /// Where the checkpoint of a run that is to write `twin` lies.
    pub fn path(twin: &Path) -> PathBuf {
        let mut name = twin.file_name().unwrap_or_default().to_owned();
        name.push(".checkpoint");
        twin.with_file_name(name)
    }

    /// Begins a run, or takes up the one that was interrupted.
    ///
    /// # Errors
    /// A checkpoint where none is wanted, none where one is, one of another run, or files that cannot be used.
    pub fn begin(twin: &Path, run: &RunIdentity, earlier: Earlier) -> Result<Self, CheckpointError> {
        let folder = Self::path(twin);
        let failed = |error| CheckpointError::Files { path: folder.clone(), error };
        let kept = match fs::read_to_string(folder.join(RUN)) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        match (earlier, kept) {
            (Earlier::Resume, None) => return Err(CheckpointError::Missing { path: folder }),
            (Earlier::Resume, Some(text)) => {
                let differences = differences(&text, run);
                if !differences.is_empty() {
                    return Err(CheckpointError::OfAnother { path: folder, differences });
                }
            }
            (Earlier::Refuse, Some(_)) => return Err(CheckpointError::Present { path: folder }),
            (Earlier::Refuse | Earlier::Replace, _) => {
                remove(&folder).map_err(failed)?;
                fs::create_dir(&folder).map_err(failed)?;
                // The identity comes last: a folder without one is nothing that could be resumed.
                let text = serde_json::to_string_pretty(run).map_err(|error| failed(error.into()))?;
                replace(&folder.join(RUN), &text).map_err(failed)?;
            }
        }
        let file = |chain: usize| folder.join(format!("chain-{}", chain + 1));
        let chains = (0..run.chains).map(|chain| Records::open(&file(chain), run.dimension).map(Mutex::new));
        let chains = chains.collect::<io::Result<_>>().map_err(failed)?;
        Ok(Self { folder, chains, trouble: Mutex::new(None) })
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
            .map_err(|error| CheckpointError::Files { path: self.folder.clone(), error })
    }

    /// That draws could not be kept or read.
    pub(super) fn lost(&self, reason: String) -> CheckpointError {
        CheckpointError::Draws { path: self.folder.clone(), reason }
    }

    /// The state that was kept last, of a sampler that goes from stage to stage.
    pub fn stage(&self) -> Option<String> {
        fs::read_to_string(self.folder.join(STAGE)).ok()
    }

    /// Keeps a state in place of the one before.
    pub fn keep_stage(&self, state: &str) {
        if let Err(error) = replace(&self.folder.join(STAGE), state) {
            self.note(&error);
        }
    }

    /// Why a part of the run could not be kept, if it could not.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Removes the checkpoint: the twin is written.
    pub fn finish(self) {
        let folder = self.folder.clone();
        drop(self);
        // What cannot be removed harms nobody: the next run will say that it is there.
        let _ = remove(&folder);
    }

    fn note(&self, error: &io::Error) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.get_or_insert_with(|| error.to_string());
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
            self.note(&error);
        }
    }
}

/// In what a kept run differs from this one, a phrase each.
fn differences(kept: &str, run: &RunIdentity) -> Vec<String> {
    let fields = |run: serde_json::Value| run.as_object().cloned().unwrap_or_default();
    let kept = match serde_json::from_str::<RunIdentity>(kept) {
        Ok(kept) => fields(serde_json::json!(kept)),
        Err(error) => return vec![format!("`{RUN}` cannot be understood ({error})")],
    };
    let here = fields(serde_json::json!(run));
    let differs = here.iter().filter(|(name, value)| kept.get(*name) != Some(value));
    differs
        .map(|(name, value)| {
            let then = kept.get(name).unwrap_or(&serde_json::Value::Null);
            format!("its {} is {then}, here it is {value}", name.replace('_', " "))
        })
        .collect()
}

/// Removes the files of a checkpoint and their folder, nothing else.
fn remove(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(RUN) || name.starts_with(STAGE) || name.starts_with("chain-") || name.starts_with(DRAWS) {
            fs::remove_file(entry.path())?;
        }
    }
    fs::remove_dir(folder)
}

/// Writes a text beside the file and renames it into place.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    fs::write(&beside, text)?;
    fs::rename(&beside, path)
}
