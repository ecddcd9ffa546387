//! The folder of a run under way: which run it is of, and files in it that are whole or absent.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::kept::DRAWS;
use super::{CheckpointError, Earlier};

/// The file that says which run a checkpoint is of.
const RUN: &str = "run.json";
/// How the names of all files begin that a checkpoint may hold.
const OURS: [&str; 5] = [RUN, "stage.json", "chain-", "simulations", DRAWS];

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// The first failure to write: the run goes on, and says so at its end.
    trouble: Mutex<Option<String>>,
}

impl Folder {
    /// Where the folder of a run lies that is to write `output`.
    pub fn beside(output: &Path) -> PathBuf {
        let mut name = output.file_name().unwrap_or_default().to_owned();
        name.push(".checkpoint");
        output.with_file_name(name)
    }

    /// Makes the folder of a run, or opens that of the same run when it was interrupted.
    pub fn begin<R>(output: &Path, run: &R, earlier: Earlier) -> Result<Self, CheckpointError>
    where
        R: Serialize + DeserializeOwned,
    {
        let path = Self::beside(output);
        let failed = |error| CheckpointError::Files { path: path.clone(), error };
        let kept = match fs::read_to_string(path.join(RUN)) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        match (earlier, kept) {
            (Earlier::Resume, None) => return Err(CheckpointError::Missing { path }),
            (Earlier::Resume, Some(text)) => {
                let differences = differences(&text, run);
                if !differences.is_empty() {
                    return Err(CheckpointError::OfAnother { path, differences });
                }
            }
            (Earlier::Refuse, Some(_)) => return Err(CheckpointError::Present { path }),
            (Earlier::Refuse | Earlier::Replace, _) => {
                remove(&path).map_err(failed)?;
                fs::create_dir(&path).map_err(failed)?;
                // The identity comes last: a folder without one is nothing that could be resumed.
                let text = serde_json::to_string_pretty(run).map_err(|error| failed(error.into()))?;
                replace(&path.join(RUN), &text).map_err(failed)?;
            }
        }
        Ok(Self { path, trouble: Mutex::default() })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The error of a file here that cannot be used.
    pub fn failed(&self, error: io::Error) -> CheckpointError {
        CheckpointError::Files { path: self.path.clone(), error }
    }

    /// Puts a text in place of the file of this name, or notes why it cannot.
    pub fn replace(&self, name: &str, text: &str) {
        if let Err(error) = replace(&self.file(name), text) {
            self.note(&error);
        }
    }

    /// Notes that something could not be kept.
    pub fn note(&self, error: &io::Error) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.get_or_insert_with(|| error.to_string());
    }

    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn remove(self) {
        // What cannot be removed harms nobody: the next run will say that it is there.
        let _ = remove(&self.path);
    }
}

/// In what a kept run differs from this one, a phrase each.
fn differences<R: Serialize + DeserializeOwned>(kept: &str, run: &R) -> Vec<String> {
    let fields = |run: &R| serde_json::json!(run).as_object().cloned().unwrap_or_default();
    let kept = match serde_json::from_str::<R>(kept) {
        Ok(kept) => fields(&kept),
        Err(error) => return vec![format!("`{RUN}` cannot be understood ({error})")],
    };
    let here = fields(run);
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
    // The identity goes first, as it comes last: what a kill leaves behind from here on is nothing that could be resumed.
    match fs::remove_file(folder.join(RUN)) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if name == RUN {
            continue;
        }
        if OURS.iter().any(|ours| name.to_string_lossy().starts_with(ours)) {
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
