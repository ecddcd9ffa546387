//! A finished figure: as SVG, as PNG, as a file.

use std::fs;
use std::io::Write;
use std::path::Path;

use thiserror::Error;

use crate::diagnostic::{Diagnostic, Location, nearest};

use super::paint::{self, DrawError};
use super::scene::Scene;

/// A figure, ready to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub(super) scene: Scene,
    pub(super) title: String,
}

/// What kind of picture a file is to hold, by its extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Svg,
    Png,
}

/// Why a figure was not written.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SaveError {
    /// The path is wrong or the system refused.
    #[error("{0}")]
    Place(Diagnostic),
    /// A fault of ours.
    #[error(transparent)]
    Draw(#[from] DrawError),
}

impl Format {
    /// The format of a path's extension (any case), or the finding that it is neither.
    pub fn of(path: &Path) -> Result<Self, Diagnostic> {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            other => {
                let message = match other {
                    Some(other) => format!("a figure cannot be written as `.{other}`"),
                    None => "the path of the figure has no extension".to_string(),
                };
                let wanted = other.and_then(|other| nearest(other, ["svg", "png"])).unwrap_or("svg");
                let instead = path.with_extension(wanted);
                Err(Diagnostic::error("C6101", message)
                    .at_location(Location::file(path.display().to_string()))
                    .help(format!("write `.svg` or `.png`, for instance `{}`", instead.display())))
            }
        }
    }
}

impl Figure {
    /// Width and height [px]; a PNG has twice as many pixels each way.
    pub fn size(&self) -> (u32, u32) {
        (self.scene.width.ceil() as u32, self.scene.height.ceil() as u32)
    }

    /// The figure as an SVG document that needs no other file.
    pub fn svg(&self) -> Result<String, DrawError> {
        paint::svg(&self.scene, &self.title)
    }

    /// The figure as the bytes of a PNG file.
    pub fn png(&self) -> Result<Vec<u8>, DrawError> {
        paint::png(&self.scene)
    }

    /// Writes SVG or PNG by the path's extension: whole or not at all, replacing what is there.
    pub fn save(&self, path: &Path) -> Result<(), SaveError> {
        let bytes = match Format::of(path).map_err(SaveError::Place)? {
            Format::Svg => self.svg()?.into_bytes(),
            Format::Png => self.png()?,
        };
        write(path, &bytes).map_err(|error| {
            let help = if path.is_dir() {
                "a folder is at this path: give the path of a file in it"
            } else {
                "the folder must exist and be writable"
            };
            SaveError::Place(
                Diagnostic::error("C6001", format!("`{}` cannot be written: {error}", path.display()))
                    .at_location(Location::file(path.display().to_string()))
                    .help(help),
            )
        })
    }
}

/// Writes to a temporary file in the same folder, then renames it: a reader finds the old file or the new one.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let temporary = folder.join(format!(".{name}.new-{}", std::process::id()));
    let done = fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, path));
    if done.is_err() {
        // The first error is the one to tell; the temporary file may not even exist.
        let _ = fs::remove_file(&temporary);
    }
    done
}
