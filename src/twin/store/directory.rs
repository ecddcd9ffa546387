//! Where a twin file lies: what stands at its path, its hidden siblings, and reading it only if it is as written.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;
use serde_json::Value;

use super::{Damage, StoreError, VERSION, VERSION_ATTRIBUTE, manifest};

/// Files that desktops drop into folders: they are nobody's work.
const LITTER: [&str; 3] = [".DS_Store", "Thumbs.db", "desktop.ini"];

/// A hidden sibling of the twin: being written, the earlier twin set aside, or being removed.
#[derive(Clone, Copy)]
pub(super) enum Sibling {
    New,
    Old,
    Trash,
}

impl Sibling {
    fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Old => "old",
            Self::Trash => "trash",
        }
    }
}

/// Where a twin goes: a name in a folder that exists.
pub(super) struct Target {
    pub parent: PathBuf,
    name: OsString,
    pub path: PathBuf,
}

impl Target {
    pub fn new(path: &Path) -> Result<Self, StoreError> {
        // A link is followed, so that what it points to is replaced and not the link.
        let path = match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_symlink() => fs::canonicalize(path).map_err(unwritable(path))?,
            _ => path.to_path_buf(),
        };
        let Some(name) = path.file_name().map(ToOwned::to_owned) else {
            return Err(StoreError::Unwritable { path, reason: "the path has no name at its end".to_string() });
        };
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        match fs::metadata(&parent) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err(StoreError::Unwritable { path, reason: format!("`{}` is a file", parent.display()) }),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(StoreError::Unwritable {
                    path,
                    reason: format!("there is no folder `{}`", parent.display()),
                });
            }
            Err(error) => return Err(unwritable(&path)(error)),
        }
        let path = parent.join(&name);
        Ok(Self { parent, name, path })
    }

    fn prefix(&self, sibling: Sibling) -> OsString {
        let mut prefix = OsString::from(".");
        prefix.push(&self.name);
        prefix.push(format!(".{}-", sibling.word()));
        prefix
    }

    /// A hidden path beside the target that nobody else uses.
    pub fn fresh(&self, sibling: Sibling) -> PathBuf {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let mut name = self.prefix(sibling);
        name.push(format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        self.parent.join(name)
    }

    /// The siblings of this kind that are there, in the order of their names.
    pub fn left(&self, sibling: Sibling) -> Vec<PathBuf> {
        let prefix = self.prefix(sibling);
        let ours = |name: &OsString| {
            name.as_encoded_bytes()
                .strip_prefix(prefix.as_encoded_bytes())
                .is_some_and(|rest| !rest.is_empty() && rest.iter().all(|b| b.is_ascii_digit() || *b == b'-'))
        };
        let mut left: Vec<PathBuf> = fs::read_dir(&self.parent)
            .map(|entries| entries.flatten().map(|entry| entry.file_name()).filter(ours).collect())
            .unwrap_or_else(|_| Vec::new())
            .into_iter()
            .map(|name: OsString| self.parent.join(name))
            .collect();
        left.sort();
        left
    }

    pub fn exists(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok()
    }

    /// Refuses a path whose content is not ours to replace.
    pub fn check(&self, overwrite: bool) -> Result<(), StoreError> {
        if !self.exists() {
            return Ok(());
        }
        let refuse = |reason: String| Err(StoreError::NotReplaced { path: self.path.clone(), reason });
        match looks_like(&self.path) {
            Ok(Content::Twin) => {}
            Ok(Content::Other(instead)) => return refuse(format!("it is {instead}")),
            Err(error) => return Err(unwritable(&self.path)(error)),
        }
        if let Some(file) = foreign_file(&self.path).map_err(unwritable(&self.path))? {
            return refuse(format!("`{file}` in it was not written by Homeostat"));
        }
        if overwrite { Ok(()) } else { Err(StoreError::Exists { path: self.path.clone() }) }
    }
}

/// What stands at a path.
enum Content {
    Twin,
    Other(String),
}

fn looks_like(path: &Path) -> io::Result<Content> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(Content::Other("a file, not a folder".to_string()));
    }
    let version = root_version(path);
    if version.is_some() || fs::read(path.join(manifest::PATH)).is_ok_and(|bytes| manifest::is_manifest(&bytes)) {
        return Ok(Content::Twin);
    }
    let instead = if path.join("zarr.json").exists() || path.join(".zgroup").exists() {
        "a Zarr store that Homeostat did not write"
    } else if path.join("patient.toml").exists() {
        "a patient bundle"
    } else if fs::read_dir(path)?.next().is_none() {
        "an empty folder"
    } else {
        "some other folder"
    };
    Ok(Content::Other(instead.to_string()))
}

/// The version that the root's metadata states, if it can be read and states one.
fn root_version(path: &Path) -> Option<Value> {
    let metadata: Value = serde_json::from_slice(&fs::read(path.join("zarr.json")).ok()?).ok()?;
    metadata.get("attributes")?.get(VERSION_ATTRIBUTE).cloned()
}

/// A file in a twin that its manifest does not list.
fn foreign_file(path: &Path) -> io::Result<Option<String>> {
    let manifest = fs::read(path.join(manifest::PATH)).unwrap_or_default();
    let mut known: BTreeSet<String> = manifest::listed(&manifest).flatten().map(|(file, _)| file).collect();
    known.insert(manifest::PATH.to_string());
    let mut folders = vec![(path.to_path_buf(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let file = format!("{prefix}{name}");
            if entry.file_type()?.is_dir() {
                folders.push((entry.path(), format!("{file}/")));
            } else if !known.contains(&file) && !LITTER.contains(&name.as_str()) {
                return Ok(Some(file));
            }
        }
    }
    Ok(None)
}

/// Says whether a twin could be written at the path now; tries the folder with an empty hidden folder.
pub(super) fn check(path: &Path, overwrite: bool) -> Result<(), StoreError> {
    let target = Target::new(path)?;
    let lock = lock(&target.parent);
    if lock.is_some() {
        restore(&target);
    }
    target.check(overwrite)?;
    let probe = target.fresh(Sibling::New);
    fs::create_dir(&probe).and_then(|()| fs::remove_dir(&probe)).map_err(unwritable(path))
}

/// A write that died between its two renames left the earlier twin aside and nothing in its place.
pub(super) fn restore(target: &Target) {
    if !target.exists()
        && let Some(old) = target.left(Sibling::Old).first()
    {
        let _ = fs::rename(old, &target.path);
    }
}

/// One writer a folder at a time. `None` where the file system has no locks: then nothing is cleaned up.
pub(super) fn lock(folder: &Path) -> Option<File> {
    let file = File::open(folder).ok()?;
    file.lock().ok()?;
    Some(file)
}

/// The files of a twin, in the order of its manifest, each as it was written.
pub(super) fn read(path: &Path) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    // Not while a writer replaces it: half of the files would be of the old twin and half of the new.
    let _lock = Target::new(path).ok().and_then(|target| {
        let folder = File::open(target.parent).ok()?;
        folder.lock_shared().ok().map(|()| folder)
    });
    match looks_like(path) {
        Ok(Content::Twin) => {}
        Ok(Content::Other(instead)) => return Err(StoreError::NotATwin { path: path.to_path_buf(), instead }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let aside = Target::new(path).ok().and_then(|target| target.left(Sibling::Old).into_iter().next());
            return Err(StoreError::NotFound { path: path.to_path_buf(), aside });
        }
        Err(error) => return Err(StoreError::Unreadable { path: path.to_path_buf(), reason: error.to_string() }),
    }
    let listed = match read_file(path, manifest::PATH)? {
        Some(bytes) => manifest::parse(&bytes).ok_or("contents that do not match its last line"),
        None => Err("no file"),
    };
    let listed = match (listed, root_version(path)) {
        (Ok(listed), _) => listed,
        // Another version may keep its manifest in another way.
        (Err(_), Some(version)) if version != VERSION => return Err(other_version(path, &version)),
        (Err(found), _) => {
            let file = manifest::PATH.to_string();
            let damage =
                Damage { file, expected: "the list of the twin's files".to_string(), found: found.to_string() };
            return Err(StoreError::Damaged { path: path.to_path_buf(), files: vec![damage] });
        }
    };
    let check = |(file, expected): &(String, String)| {
        let damage = |found| Damage { file: file.clone(), expected: format!("SHA-256 {expected}"), found };
        Ok(match read_file(path, file)? {
            None => Err(damage("no file".to_string())),
            Some(bytes) => match manifest::digest(&bytes) {
                found if found == *expected => Ok((file.clone(), bytes)),
                found => Err(damage(format!("{found} ({} bytes)", bytes.len()))),
            },
        })
    };
    let checked: Vec<Result<_, Damage>> = listed.par_iter().map(check).collect::<Result<_, StoreError>>()?;
    let (mut whole, mut damaged) = (Vec::new(), Vec::new());
    for file in checked {
        match file {
            Ok(file) => whole.push(file),
            Err(damage) => damaged.push(damage),
        }
    }
    let root = damaged.iter().any(|damage| damage.file == "zarr.json");
    match root_version(path) {
        // Believed only if the file that states it is as written.
        Some(version) if version != VERSION && !root => Err(other_version(path, &version)),
        _ if !damaged.is_empty() => Err(StoreError::Damaged { path: path.to_path_buf(), files: damaged }),
        Some(_) => Ok(whole),
        None => Err(StoreError::NotATwin {
            path: path.to_path_buf(),
            instead: "a folder whose manifest does not list its `zarr.json`".to_string(),
        }),
    }
}

fn other_version(path: &Path, version: &Value) -> StoreError {
    StoreError::OtherVersion { path: path.to_path_buf(), found: version.to_string() }
}

/// The contents of a file, `None` if there is none.
fn read_file(path: &Path, file: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let file = path.join(file);
    match fs::read(&file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error)
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory) =>
        {
            Ok(None)
        }
        Err(error) => Err(StoreError::Unreadable { path: file, reason: error.to_string() }),
    }
}

pub(super) fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_path_buf();
    move |error| StoreError::Unwritable { path, reason: error.to_string() }
}
