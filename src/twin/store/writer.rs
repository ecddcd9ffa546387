//! Writes a twin file a variable at a time: no more of it is in memory than that.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::encoding::{METADATA, encode_variable, group_metadata};
use super::folder::NewFolder;
use super::{Group, StoreError, VERSION, VERSION_ATTRIBUTE, Variable, invalid, manifest};

/// A twin file that is being written: nothing is at its path, or what was there before, until [`Self::finish`].
///
/// Variables are those of the group that began last. The caller sees to it that names differ and shapes agree, as
/// [`write()`](super::write()) does of a whole [`Store`](super::Store).
pub struct Writer {
    folder: NewFolder,
    /// Path and SHA-256 of every file of the groups before, in the order of the manifest.
    listed: Vec<(String, String)>,
    /// Metadata of the nodes before.
    nodes: Vec<(String, Vec<u8>)>,
    group: Option<Open>,
}

/// The group that is being written.
struct Open {
    name: String,
    attributes: Map<String, Value>,
    listed: Vec<(String, String)>,
    nodes: Vec<(String, Vec<u8>)>,
}

impl Writer {
    /// Begins to write at `path`.
    ///
    /// # Errors
    /// A path that cannot be written, a twin at the path without `overwrite`, or anything else at the path.
    pub fn begin(path: &Path, overwrite: bool) -> Result<Self, StoreError> {
        let folder = NewFolder::begin(path, overwrite)?;
        Ok(Self { folder, listed: Vec::new(), nodes: Vec::new(), group: None })
    }

    /// Begins a group.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn group(&mut self, name: &str, attributes: Map<String, Value>) -> Result<(), StoreError> {
        self.close()?;
        self.group = Some(Open { name: name.into(), attributes, listed: Vec::new(), nodes: Vec::new() });
        Ok(())
    }

    /// Writes a variable of the group.
    ///
    /// # Errors
    /// Files that cannot be written; values that do not have the shape; no group.
    pub fn variable(&mut self, variable: &Variable) -> Result<(), StoreError> {
        let Some(group) = &mut self.group else { return invalid("a variable is in no group".into()) };
        Group::validate_variable(&group.name, variable)?;
        let files = encode_variable(&group.name, variable)?;
        self.folder.write(&files)?;
        for (path, bytes) in files {
            group.listed.push((path.clone(), manifest::digest(&bytes)));
            if path.ends_with(METADATA) {
                group.nodes.push((path, bytes));
            }
        }
        Ok(())
    }

    /// Writes what is left and puts the twin in its place.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn finish(mut self, attributes: &Map<String, Value>, texts: &[(String, String)]) -> Result<(), StoreError> {
        self.close()?;
        let mut all = Map::new();
        all.insert(VERSION_ATTRIBUTE.to_string(), json!(VERSION));
        all.extend(attributes.clone());
        let root = (METADATA.to_string(), group_metadata(&all, "", &self.nodes)?);
        let texts = texts.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes()));
        let files: Vec<_> = std::iter::once(root).chain(texts).collect();
        let mut own = files.iter().map(|(path, bytes)| (path.clone(), manifest::digest(bytes)));
        // The root opens the manifest, texts end it.
        let listed: Vec<_> = own.next().into_iter().chain(std::mem::take(&mut self.listed)).chain(own).collect();
        self.folder.write(&files)?;
        self.folder.write(&[(manifest::PATH.to_string(), manifest::render(&listed))])?;
        self.folder.place()
    }

    /// Writes the metadata of the group, with that of its variables.
    fn close(&mut self) -> Result<(), StoreError> {
        let Some(Open { name, attributes, listed, nodes }) = self.group.take() else { return Ok(()) };
        let path = format!("{name}/{METADATA}");
        let bytes = group_metadata(&attributes, &format!("{name}/"), &nodes)?;
        self.listed.push((path.clone(), manifest::digest(&bytes)));
        self.listed.extend(listed);
        let files = [(path, bytes)];
        self.folder.write(&files)?;
        self.nodes.extend(files);
        self.nodes.extend(nodes);
        Ok(())
    }
}
