//! Result files: each appears whole or not at all.

use std::io::Write;
use std::path::Path;

use super::Stop;
use crate::diagnostic::{Diagnostic, Location, nearest};
use crate::report::{Figure, Format, SaveError};

/// Makes a folder for results, with those above it (C6001).
pub(super) fn folder(path: &Path) -> Result<(), Stop> {
    std::fs::create_dir_all(path).map_err(|error| refused(path, &error))
}

/// Writes a folder of files that is not there yet: under a hidden name beside it, then renamed (C6001).
pub(super) fn new_folder(path: &Path, files: &[(String, Vec<u8>)]) -> Result<(), Stop> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if name.is_empty() || path.exists() {
        let finding = Diagnostic::error("C6001", format!("`{}` is there already", path.display()));
        let finding = finding.at_location(Location::file(path.display().to_string()));
        return Err(Stop::Files(finding.help("name a folder that is not there yet").into()));
    }
    let hidden = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = || -> std::io::Result<()> {
        std::fs::create_dir_all(&hidden)?;
        files.iter().try_for_each(|(name, bytes)| std::fs::write(hidden.join(name), bytes))?;
        std::fs::rename(&hidden, path)
    };
    written().map_err(|error| {
        // What was begun is ours; that it cannot be removed either is no news.
        let _ = std::fs::remove_dir_all(&hidden);
        refused(path, &error)
    })
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

/// Refuses a path at which no file can be written, before the work and not after it (C6001).
pub(super) fn writable(path: &Path) -> Result<(), Stop> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let reason = match () {
        () if path.is_dir() => "a folder is at this path: give the path of a file in it",
        () if !folder.is_dir() => "there is no such folder to write it into",
        () => return Ok(()),
    };
    let finding = Diagnostic::error("C6001", format!("`{}` cannot be written: {reason}", path.display()));
    Err(Stop::Files(finding.at_location(Location::file(path.display().to_string())).into()))
}

/// Refuses a path whose ending names no format of figures (C6101).
pub(super) fn figure_format(path: &Path) -> Result<(), Stop> {
    Format::of(path).map(|_| ()).map_err(|error| Stop::Files(unknown_format(&error.path).into()))
}

/// Writes a figure; its format is that of the path's ending (C6001, C6101).
pub(super) fn figure(figure: &Figure, path: &Path) -> Result<(), Stop> {
    figure.save(path).map_err(|error| match error {
        SaveError::Format(error) => Stop::Files(unknown_format(&error.path).into()),
        SaveError::System { .. } => Stop::Files(undrawn(path, &error).into()),
        SaveError::Draw(_) => Stop::Internal(error.to_string()),
    })
}

fn unknown_format(path: &Path) -> Diagnostic {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    let message = match &extension {
        Some(extension) => format!("a figure cannot be written as `.{extension}`"),
        None => "the path of the figure has no extension".to_string(),
    };
    let wanted = extension.and_then(|extension| nearest(&extension, ["svg", "png"])).unwrap_or("svg");
    Diagnostic::error("C6101", message)
        .at_location(Location::file(path.display().to_string()))
        .help(format!("write `.svg` or `.png`, for instance `{}`", path.with_extension(wanted).display()))
}

fn undrawn(path: &Path, error: &SaveError) -> Diagnostic {
    let help = if path.is_dir() {
        "a folder is at this path: give the path of a file in it"
    } else {
        "the folder must exist and be writable"
    };
    Diagnostic::error("C6001", error.to_string()).at_location(Location::file(path.display().to_string())).help(help)
}

fn refused(path: &Path, error: &std::io::Error) -> Stop {
    let finding = Diagnostic::error("C6001", format!("`{}` cannot be written: {error}", path.display()));
    Stop::Files(finding.at_location(Location::file(path.display().to_string())).into())
}
