//! Files as devices, clinics and laboratories export them, through `[[source]]` entries to a patient.

mod dexcom;
mod fitbit;
mod libreview;
mod multisensor;
mod nightscout;
mod nonmem;
mod pump;
mod tables;
mod tidepool;

use std::fs;
use std::path::{Path, PathBuf};

use homeostat::diagnostic::Diagnostics;
use homeostat::patient::Patient;
use tempfile::TempDir;

/// A bundle of these files.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

/// What is read of a bundle of these files, and all findings.
fn read(files: &[(&str, &[u8])]) -> (Patient, Diagnostics) {
    let folder = folder(files);
    let (patient, found) = Patient::read(folder.path());
    (patient.unwrap_or_else(|| panic!("{found}")), found)
}

/// Changes bytes of a file: a place (beyond its end, counted anew from its start) and a byte each.
fn edit(file: &mut [u8], edits: &[(usize, u8)]) {
    for (at, byte) in edits {
        file[at % file.len()] = *byte;
    }
}

/// Codes of the findings, in order.
fn codes(found: &Diagnostics) -> Vec<&'static str> {
    found.iter().map(|finding| finding.code).collect()
}

/// A file of the shared data; `None`, and said so, where they are absent.
#[allow(dead_code)]
fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    if !path.exists() {
        eprintln!("skipped: there is no shared/data/{name}");
        return None;
    }
    Some(path)
}
