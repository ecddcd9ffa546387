//! A check of calibration under way on disk: the simulations that are done, one record each.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::folder::Folder;
use super::{CheckpointError, Earlier, RunIdentity, frames};
use crate::twin::calibration_check::Outcome;

/// Everything that the ranks of a check of calibration follow from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckIdentity {
    /// Of each calibration.
    #[serde(flatten)]
    pub run: RunIdentity,
    pub simulations: usize,
    /// Nearly independent draws that a truth is ranked among.
    pub ranks: usize,
    /// Draws from the prior that say how widely each calibration looks for a mode.
    pub prior_draws: usize,
}

/// The file of the records.
const FILE: &str = "simulations";
/// A longer record is none of ours [bytes].
const LONGEST: usize = 1 << 24;

/// What became of the simulations of a check that are done, in a folder beside its output; removed by [`Self::finish`] only, so
/// that a kill leaves it.
#[derive(Debug)]
pub struct KeptSimulations {
    folder: Folder,
    /// One a simulation, done before the run was interrupted.
    kept: Vec<Option<Outcome>>,
    new: Mutex<File>,
}

impl KeptSimulations {
    /// Begins a check that is to write `output`, or takes up the one that was interrupted.
    ///
    /// # Errors
    /// A checkpoint where none is wanted, none where one is, one of another run, or files that cannot be used.
    pub fn begin(output: &Path, run: &CheckIdentity, earlier: Earlier) -> Result<Self, CheckpointError> {
        let folder = Folder::begin(output, run, earlier)?;
        let mut kept = vec![None; run.simulations];
        let new = frames::open(&folder.file(FILE), LONGEST, &mut |payload| {
            let Ok((number, outcome)) = serde_json::from_slice::<(usize, Outcome)>(payload) else { return false };
            let Some(place) = kept.get_mut(number) else { return false };
            *place = Some(outcome);
            true
        });
        let new = new.map_err(|error| folder.failed(error))?;
        Ok(Self { folder, kept, new: Mutex::new(new) })
    }

    /// What became of a simulation, counted from 0, if it was done before the interruption.
    pub fn outcome(&self, number: usize) -> Option<&Outcome> {
        self.kept.get(number)?.as_ref()
    }

    /// Keeps what became of a simulation, counted from 0.
    pub fn keep(&self, number: usize, outcome: &Outcome) {
        let kept = serde_json::to_vec(&(number, outcome)).map_err(std::io::Error::from).and_then(|payload| {
            let mut record = Vec::with_capacity(payload.len() + 8);
            frames::write(&mut record, &payload)?;
            // One write a record: simulations take seconds, and none that is done is to be lost.
            self.new.lock().unwrap_or_else(PoisonError::into_inner).write_all(&record)
        });
        if let Err(error) = kept {
            self.folder.note(&error);
        }
    }

    /// Why a simulation could not be kept, if one could not.
    pub fn trouble(&self) -> Option<String> {
        self.folder.trouble()
    }

    /// Removes the checkpoint: what was asked for is written.
    pub fn finish(self) {
        let Self { folder, new, .. } = self;
        drop(new);
        folder.remove();
    }
}
