//! The twin file: a Zarr store laid out as ArviZ InferenceData, written atomically and checked when read.

mod directory;
mod encoding;
mod error;
mod folder;
mod manifest;
mod writer;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

pub use error::{Damage, StoreError};
pub use writer::Writer;

/// The version of the twin file that this build writes and reads.
pub const VERSION: u64 = 1;

/// The attribute of the root that marks a twin file and holds its version.
pub const VERSION_ATTRIBUTE: &str = "homeostat_twin_version";

/// The folder of the texts inside a twin file; no group may have this name.
pub const TEXT_FOLDER: &str = "homeostat";

/// All that a twin file holds, in the order in which it was given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Store {
    /// Attributes of the whole file: provenance, verdict.
    pub attributes: Map<String, Value>,
    pub groups: Vec<Group>,
    /// Small files a person may want to look at: path below the store, as `homeostat/model/day.model`, and text.
    pub texts: Vec<(String, String)>,
}

/// One InferenceData group: `posterior`, `sample_stats`, `prior`, `posterior_predictive`, `observed_data`, ….
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    pub name: String,
    pub attributes: Map<String, Value>,
    pub variables: Vec<Variable>,
}

/// A named array with named dimensions; one whose name is that of its only dimension is that dimension's coordinate.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    pub name: String,
    /// One name a dimension, outermost first; draws are `[chain, draw, …]`.
    pub dimensions: Vec<String>,
    pub shape: Vec<usize>,
    /// Row-major: the last dimension runs fastest.
    pub values: Values,
    /// Unit, long name and the like.
    pub attributes: Map<String, Value>,
}

/// The numbers of a variable.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    F64(Vec<f64>),
    I64(Vec<i64>),
    Bool(Vec<bool>),
}

impl Values {
    /// How many numbers there are.
    pub fn len(&self) -> usize {
        match self {
            Self::F64(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::Bool(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers if they are real, else `None`.
    pub fn as_f64(&self) -> Option<&[f64]> {
        match self {
            Self::F64(values) => Some(values),
            _ => None,
        }
    }

    /// The numbers if they are whole, else `None`.
    pub fn as_i64(&self) -> Option<&[i64]> {
        match self {
            Self::I64(values) => Some(values),
            _ => None,
        }
    }

    /// The values if they are yes or no, else `None`.
    pub fn as_bool(&self) -> Option<&[bool]> {
        match self {
            Self::Bool(values) => Some(values),
            _ => None,
        }
    }
}

impl Store {
    /// The group of this name.
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// The text at this path, as `homeostat/model/day.model`.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts.iter().find(|(known, _)| known == path).map(|(_, text)| text.as_str())
    }

    /// Refuses what a reader could not give back, or `xarray` could not open.
    pub(super) fn validate(&self) -> Result<(), StoreError> {
        if self.attributes.contains_key(VERSION_ATTRIBUTE) {
            return invalid(format!("the attribute `{VERSION_ATTRIBUTE}` is the file's own"));
        }
        distinct("groups", self.groups.iter().map(|group| group.name.as_str()))?;
        for group in &self.groups {
            if !is_name(&group.name) || group.name.eq_ignore_ascii_case(TEXT_FOLDER) {
                return invalid(format!("`{}` cannot be the name of a group", group.name));
            }
            group.validate()?;
        }
        distinct("texts", self.texts.iter().map(|(path, _)| path.as_str()))?;
        for (path, _) in &self.texts {
            let mut parts = path.split('/');
            if parts.next() != Some(TEXT_FOLDER) || !manifest::is_relative(path) || path == manifest::PATH {
                return invalid(format!("`{path}` cannot be the path of a text: it must lie under `{TEXT_FOLDER}/`"));
            }
        }
        Ok(())
    }
}

impl Group {
    /// The variable of this name.
    pub fn variable(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().find(|variable| variable.name == name)
    }

    fn validate(&self) -> Result<(), StoreError> {
        distinct(&format!("variables of `{}`", self.name), self.variables.iter().map(|v| v.name.as_str()))?;
        let mut lengths = BTreeMap::new();
        for variable in &self.variables {
            Self::validate_variable(&self.name, variable)?;
            let name = format!("{}/{}", self.name, variable.name);
            for (dimension, length) in variable.dimensions.iter().zip(&variable.shape) {
                let known = *lengths.entry(dimension).or_insert(*length);
                if known != *length {
                    return invalid(format!("`{name}`: `{dimension}` has length {length}, elsewhere {known}"));
                }
            }
        }
        Ok(())
    }

    /// Whether a variable holds together by itself, in a group of this name.
    fn validate_variable(group: &str, variable: &Variable) -> Result<(), StoreError> {
        let name = format!("{}/{}", group, variable.name);
        if !is_name(&variable.name) {
            return invalid(format!("`{name}` cannot be the name of a variable"));
        }
        if variable.dimensions.len() != variable.shape.len() {
            return invalid(format!(
                "`{name}` has {} dimensions and a shape of {}",
                variable.dimensions.len(),
                variable.shape.len()
            ));
        }
        if variable.shape.iter().try_fold(1, |size: usize, n| size.checked_mul(*n)) != Some(variable.values.len()) {
            return invalid(format!(
                "`{name}` has the shape {:?} and {} values",
                variable.shape,
                variable.values.len()
            ));
        }
        distinct(&format!("dimensions of `{name}`"), variable.dimensions.iter().map(String::as_str))?;
        Ok(())
    }
}

/// Writes a twin file at `path`. A kill at any moment leaves the old file, the new file, or (between two renames) the
/// old file under a hidden name beside it, from where the next write restores it; never a half-written one.
///
/// # Errors
/// A path that cannot be written, a twin at the path without `overwrite`, anything else at the path, or a store that
/// is not consistent ([`StoreError::Invalid`]). On an error the old file is untouched.
pub fn write(path: &Path, store: &Store, overwrite: bool) -> Result<(), StoreError> {
    store.validate()?;
    let mut writer = Writer::begin(path, overwrite)?;
    for group in &store.groups {
        writer.group(&group.name, group.attributes.clone())?;
        group.variables.iter().try_for_each(|variable| writer.variable(variable))?;
    }
    writer.finish(&store.attributes, &store.texts)
}

/// Says whether [`write()`] could write at `path` now, so that a long calibration fails before it starts and not after.
///
/// # Errors
/// Those of [`write()`] that depend on the path.
pub fn check_writable(path: &Path, overwrite: bool) -> Result<(), StoreError> {
    directory::check(path, overwrite)
}

/// Reads a twin file whole, after checking every file in it against the manifest.
///
/// # Errors
/// Nothing at the path, something that is not a twin, a twin of another version, a damaged twin (every damaged file is
/// named), or files that the system does not let us read.
pub fn read(path: &Path) -> Result<Store, StoreError> {
    encoding::decode(path, directory::read(path)?)
}

fn invalid<T>(reason: String) -> Result<T, StoreError> {
    Err(StoreError::Invalid(reason))
}

/// Names become folders: one path component, visible, the same on every file system.
fn is_name(name: &str) -> bool {
    manifest::is_relative(name) && !name.contains('/') && !name.starts_with('.') && name != "zarr.json"
}

fn distinct<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<(), StoreError> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return invalid(format!("two {what} are named `{name}`"));
        }
    }
    Ok(())
}
