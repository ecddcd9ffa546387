//! What can go wrong with a twin file, and the diagnostic that says so.

use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Diagnostics, Location};

/// Why a twin file was not read or not written.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StoreError {
    /// Nothing is at the path; `aside` is the earlier twin that an interrupted write left under a hidden name.
    #[error("there is no twin file at {}", path.display())]
    NotFound { path: PathBuf, aside: Option<PathBuf> },
    /// Something else is at the path.
    #[error("{} is not a twin file: it is {instead}", path.display())]
    NotATwin { path: PathBuf, instead: String },
    /// A twin of a version that this build does not read.
    #[error("{} is a twin file of version {found}; this Homeostat reads version {}", path.display(), super::VERSION)]
    OtherVersion { path: PathBuf, found: String },
    /// Files inside were changed, cut or removed after writing.
    #[error("the twin file {} is damaged: {} of its files are not as written", path.display(), files.len())]
    Damaged { path: PathBuf, files: Vec<Damage> },
    /// The system does not let us read.
    #[error("cannot read {}: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: String },
    /// The system does not let us write.
    #[error("cannot write the twin file {}: {reason}", path.display())]
    Unwritable { path: PathBuf, reason: String },
    /// A twin is at the path and may not be replaced.
    #[error("there is a twin file at {} already", path.display())]
    Exists { path: PathBuf },
    /// What is at the path is not ours to remove.
    #[error("{} is not replaced: {reason}", path.display())]
    NotReplaced { path: PathBuf, reason: String },
    /// The store given does not hold together: an error of the caller, not of the user.
    #[error("the store is not consistent: {0}")]
    Invalid(String),
}

/// One file inside a twin that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Its path below the twin, as `posterior/CL/c/0/0`.
    pub file: String,
    pub expected: String,
    pub found: String,
}

/// How many damaged files are named one by one.
const NAMED: usize = 20;

impl StoreError {
    /// What to tell the user; `None` for [`StoreError::Invalid`], which no user can mend.
    pub fn diagnostics(&self) -> Option<Diagnostics> {
        let place = |path: &Path| Location::file(path.display().to_string());
        let diagnostic = match self {
            Self::NotFound { path, aside } => {
                Diagnostic::error("T3001", self.to_string()).at_location(place(path)).help(match aside {
                    Some(aside) => format!(
                        "a write was interrupted; the earlier twin is whole at `{}`: rename it to `{}`",
                        aside.display(),
                        path.display()
                    ),
                    None => "give the path that `homeostat calibrate … -o` wrote".to_string(),
                })
            }
            Self::NotATwin { path, .. } => Diagnostic::error("T3002", self.to_string())
                .at_location(place(path))
                .help("a twin is the folder that `homeostat calibrate PATIENT -o anna.twin` writes"),
            Self::OtherVersion { path, .. } => Diagnostic::error("T3003", self.to_string())
                .at_location(place(path))
                .help("use the Homeostat that wrote it, or calibrate again with this one"),
            Self::Damaged { path, files } => return Some(damaged(path, files)),
            Self::Unreadable { path, .. } => Diagnostic::error("T3005", self.to_string())
                .at_location(place(path))
                .help("check that you may read the folder and every file in it"),
            Self::Unwritable { path, .. } => Diagnostic::error("T3006", self.to_string())
                .at_location(place(path))
                .help("give a path in a folder that exists, that you may write to, on a disk with room"),
            Self::Exists { path } => Diagnostic::error("T3007", self.to_string())
                .at_location(place(path))
                .help("choose another path, or add `--overwrite` to replace it"),
            Self::NotReplaced { path, .. } => Diagnostic::error("T3008", self.to_string())
                .at_location(place(path))
                .help("choose another path; Homeostat removes nothing that it did not write"),
            Self::Invalid(_) => return None,
        };
        Some(diagnostic.into())
    }
}

fn damaged(path: &Path, files: &[Damage]) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for damage in files.iter().take(NAMED) {
        let file = path.join(&damage.file).display().to_string();
        diagnostics.push(
            Diagnostic::error("T3004", format!("the twin file is damaged: `{}` is not as written", damage.file))
                .at_location(Location::file(file))
                .label(format!("expected {}, found {}", damage.expected, damage.found))
                .help("copy the twin again from where it is whole, or calibrate again"),
        );
    }
    if files.len() > NAMED {
        let rest = format!("the twin file is damaged: {} more of its files are not as written", files.len() - NAMED);
        diagnostics.push(Diagnostic::error("T3004", rest).at_location(Location::file(path.display().to_string())));
    }
    diagnostics
}
