//! Files as devices, clinics and laboratories export them, through `[[source]]` entries to a patient.

mod apple_archive;
mod apple_health;
mod apple_large;
mod devices;
mod dexcom;
mod dicom;
mod fhir;
mod fhir_record;
mod fit;
mod fitbit;
mod genome;
mod lab_csv;
mod laboratory;
mod libreview;
mod multisensor;
mod nifti;
mod nightscout;
mod nonmem;
mod open_mhealth;
mod pump;
mod tables;
mod tidepool;
mod volume_table;
mod wear;

use std::collections::BTreeMap;
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

/// So many cases of mutated bytes: few, or as many as `PROPTEST_CASES` says.
fn fuzzed() -> proptest::test_runner::Config {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64);
    proptest::test_runner::Config { cases, ..Default::default() }
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

/// Value and error's standard deviation of each observation's first reading.
fn values(patient: &Patient) -> BTreeMap<String, (f64, Option<f64>)> {
    let first = |one: &homeostat::patient::Observation| (one.name.clone(), (one.readings[0].value, one.readings[0].sd));
    patient.observations.iter().map(first).collect()
}

/// Why things of a name were left out.
fn why(patient: &Patient, name: &str) -> String {
    let found = patient.left_out.iter().find(|left_out| left_out.what == name);
    found.map_or_else(String::new, |found| found.why.clone())
}
