//! A new folder beside a twin's path, filled with files and put in the place of the old one in the end.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::StoreError;
use super::directory::{Sibling, Target, lock, restore, unwritable};

/// A folder under a hidden name; removed with what is in it unless [`Self::place`] was called.
pub(super) struct NewFolder {
    target: Target,
    /// Held for as long as the folder is filled. `None` where the file system has no locks: then nothing is cleaned up.
    lock: Option<File>,
    path: PathBuf,
    /// Every folder inside that was made, itself among them.
    folders: BTreeSet<PathBuf>,
    placed: bool,
}

impl NewFolder {
    /// Makes the folder, where the target may be written.
    pub fn begin(path: &Path, overwrite: bool) -> Result<Self, StoreError> {
        let target = Target::new(path)?;
        let lock = lock(&target.parent);
        if lock.is_some() {
            restore(&target);
        }
        target.check(overwrite)?;
        if lock.is_some() {
            // Writers hold the lock: whatever is left under these names is of a run that died.
            for left in target.left(Sibling::New).into_iter().chain(target.left(Sibling::Trash)) {
                let _ = fs::remove_dir_all(left);
            }
        }
        let new = target.fresh(Sibling::New);
        fs::create_dir(&new).map_err(unwritable(path))?;
        Ok(Self { target, lock, folders: BTreeSet::from([new.clone()]), path: new, placed: false })
    }

    /// Writes each file to the disk itself: the folder may be renamed only over contents that survive a power cut.
    pub fn write(&mut self, files: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        self.try_write(files).map_err(unwritable(&self.target.path))
    }

    fn try_write(&mut self, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        for (file, _) in files {
            let above = self.path.join(file);
            for folder in above.ancestors().skip(1).take_while(|at| *at != self.path) {
                self.folders.insert(folder.to_path_buf());
            }
            fs::create_dir_all(above.parent().unwrap_or(&self.path))?;
        }
        files.par_iter().try_for_each(|(file, bytes)| {
            // `create_new` also catches names that differ only by case on a disk that does not tell them apart.
            let mut file = OpenOptions::new().write(true).create_new(true).open(self.path.join(file))?;
            file.write_all(bytes)?;
            file.sync_all()
        })
    }

    /// Puts the folder in the place of what is at the path.
    pub fn place(mut self) -> Result<(), StoreError> {
        self.folders.iter().rev().for_each(|folder| sync_folder(folder));
        place(&self.target, &self.path).map_err(unwritable(&self.target.path))?;
        self.placed = true;
        if self.lock.is_some() {
            for old in self.target.left(Sibling::Old) {
                remove(&self.target, &old);
            }
        }
        Ok(())
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        if !self.placed {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn place(target: &Target, new: &Path) -> io::Result<()> {
    if target.exists() {
        let old = target.fresh(Sibling::Old);
        fs::rename(&target.path, &old)?;
        if let Err(error) = fs::rename(new, &target.path) {
            let _ = fs::rename(&old, &target.path);
            return Err(error);
        }
        sync_folder(&target.parent);
        remove(target, &old);
    } else {
        fs::rename(new, &target.path)?;
        sync_folder(&target.parent);
    }
    Ok(())
}

/// Renamed before it is taken apart, so that a folder named `old` is always whole.
fn remove(target: &Target, old: &Path) {
    let trash = target.fresh(Sibling::Trash);
    // What cannot be removed now is removed by the next write.
    if fs::rename(old, &trash).is_ok() {
        let _ = fs::remove_dir_all(&trash);
    }
}

/// Makes renames and new names in a folder survive a power cut, where the system can.
fn sync_folder(folder: &Path) {
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}
