//! A finished figure: as SVG, as PNG, as a file.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::paint::{self, DrawError};
use super::scene::Scene;

/// A figure, ready to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub(super) scene: Scene,
    pub(super) title: String,
}

/// What kind of picture a file is to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Svg,
    Png,
}

/// A path whose extension names no kind of picture.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("a figure is written as `.svg` or `.png`, not as `{}`", path.display())]
pub struct UnknownFormat {
    pub path: PathBuf,
}

/// Why a figure was not written; what was at the path before is still there.
#[derive(Debug, Error)]
pub enum SaveError {
    #[error(transparent)]
    Format(#[from] UnknownFormat),
    /// The system refused.
    #[error("`{}` cannot be written: {error}", path.display())]
    System { path: PathBuf, error: std::io::Error },
    /// A fault of ours.
    #[error(transparent)]
    Draw(#[from] DrawError),
}

impl Format {
    /// The format of a path's extension, in any case.
    pub fn of(path: &Path) -> Result<Self, UnknownFormat> {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            _ => Err(UnknownFormat { path: path.into() }),
        }
    }
}

impl Figure {
    /// Width and height `[px]`; a PNG has twice as many pixels each way.
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
        let bytes = match Format::of(path)? {
            Format::Svg => self.svg()?.into_bytes(),
            Format::Png => self.png()?,
        };
        write(path, &bytes).map_err(|error| SaveError::System { path: path.into(), error })
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
