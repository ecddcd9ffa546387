//! Result files: each appears whole or not at all.

use std::io::Write;
use std::path::Path;

use super::Stop;
use crate::diagnostic::{Diagnostic, Location};

/// Makes a folder for results, with those above it (C6001).
pub(super) fn folder(path: &Path) -> Result<(), Stop> {
    std::fs::create_dir_all(path).map_err(|error| refused(path, &error))
}

/// Writes a file under a hidden name beside it, then renames it over what was there (C6001).
pub(super) fn write(path: &Path, content: &[u8]) -> Result<(), Stop> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if name.is_empty() || path.is_dir() {
        let finding = Diagnostic::error("C6001", format!("`{}` is a folder, not a file to write", path.display()));
        return Err(Stop::Files(finding.at_location(Location::file(path.display().to_string())).into()));
    }
    let hidden = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = || -> std::io::Result<()> {
        let mut file = std::fs::File::create(&hidden)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&hidden, path)
    };
    written().map_err(|error| {
        // What was begun is ours; that it cannot be removed either is no news.
        let _ = std::fs::remove_file(&hidden);
        refused(path, &error)
    })
}

fn refused(path: &Path, error: &std::io::Error) -> Stop {
    let finding = Diagnostic::error("C6001", format!("`{}` cannot be written: {error}", path.display()));
    Stop::Files(finding.at_location(Location::file(path.display().to_string())).into())
}
