//! Patient bundles: the ones in the repository with exact counts, and every mistake a user can make.

use std::fs;
use std::path::{Path, PathBuf};

use homeostat::diagnostic::{Diagnostic, Diagnostics, Severity, explain};
use homeostat::patient::{Censoring, ExposureKind, Patient, Vocabulary};
use proptest::prelude::*;
use tempfile::TempDir;

fn repository(bundle: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("patients").join(bundle)
}

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn load(files: &[(&str, &str)]) -> Result<(Patient, Diagnostics), Diagnostics> {
    Patient::load(folder(files).path())
}

const LEVELS: &str =
    "[[observation]]\nname = \"plasma_theophylline\"\nfile = \"levels.csv\"\ntime = \"t [h]\"\nvalue = \"c [mg/L]\"\n";

/// A bundle with one column of levels.
fn levels(csv: &str) -> Result<(Patient, Diagnostics), Diagnostics> {
    load(&[("patient.toml", LEVELS), ("levels.csv", csv)])
}

/// The one finding of a load that fails.
#[track_caller]
fn only(result: Result<(Patient, Diagnostics), Diagnostics>) -> Diagnostic {
    let found = result.expect_err("must be refused");
    let all: Vec<&Diagnostic> = found.iter().collect();
    assert_eq!(all.len(), 1, "{found}");
    explain(all[0].code).expect("every code has a page");
    all[0].clone()
}

/// The findings that a load passes with.
#[track_caller]
fn warnings(result: Result<(Patient, Diagnostics), Diagnostics>) -> Vec<Diagnostic> {
    let (_, found) = result.unwrap_or_else(|found| panic!("{found}"));
    found.iter().inspect(|warning| assert_eq!(warning.severity, Severity::Warning)).cloned().collect()
}

/// Checks code, file name, line and column, and a part of the message and help.
#[track_caller]
fn expect(finding: &Diagnostic, code: &str, place: &str, words: &[&str]) {
    let text = finding.to_string();
    assert_eq!(finding.code, code, "{text}");
    let location = finding.location.as_ref().map(|location| location.to_string()).unwrap_or_default();
    assert!(location.ends_with(place), "{location} is not {place}: {text}");
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
}

#[test]
fn theophylline_bundles_hold_the_published_numbers() {
    // Boeckmann, Sheiner, Beal 1994, as in nlmixr2data's theo_sd: weight, dose, first and last sample, and the sum of all.
    for (bundle, weight, dose, first, last, sum) in [
        ("theophylline_01", 79.6, 319.992, (0.0, 0.74), (24.37, 3.28), 70.83),
        ("theophylline_02", 72.4, 318.56, (0.0, 0.0), (24.3, 0.9), 53.06),
        ("theophylline_03", 70.5, 319.365, (0.0, 0.0), (24.17, 1.05), 55.95),
    ] {
        let (patient, found) = Patient::load(&repository(bundle)).unwrap_or_else(|found| panic!("{found}"));
        assert!(found.is_empty(), "{found}");
        assert_eq!(patient.name, bundle);
        assert!(patient.about.contains("1994"));
        assert_eq!(patient.covariate("weight").map(|w| (w.value, w.unit.text())), Some((weight, "kg")));
        let exposure = &patient.exposures[0];
        assert_eq!((exposure.name.as_str(), exposure.kind), ("oral_theophylline", ExposureKind::Bolus));
        assert_eq!(exposure.events.len(), 1);
        assert_eq!((exposure.events[0].time_h, exposure.events[0].value), (0.0, dose));
        let observation = &patient.observations[0];
        let readings = &observation.readings;
        assert_eq!((observation.name.as_str(), readings.len()), ("plasma_theophylline", 11));
        assert_eq!((readings[0].time_h, readings[0].value), first);
        assert_eq!((readings[10].time_h, readings[10].value), last);
        assert!((readings.iter().map(|reading| reading.value).sum::<f64>() - sum).abs() < 1e-9);
        assert!(readings.iter().all(|reading| reading.censoring == Censoring::None));
        assert_eq!(readings[10].origin.to_string(), "samples.csv:12");
        assert!(patient.left_out.is_empty(), "{:?}", patient.left_out);
    }
}

#[test]
fn the_virtual_person_is_read_from_files_as_people_have_them() {
    let (patient, found) = Patient::load(&repository("virtual_adult_001")).unwrap_or_else(|found| panic!("{found}"));
    assert!(found.is_empty(), "{found}");
    assert_eq!(patient.name, "virtual_adult_001");
    assert_eq!(patient.covariate("weight").unwrap().value, 102.32);
    assert_eq!(patient.covariate("age").unwrap().value, 61.0);
    let meals = patient.exposure("carbohydrate_intake").unwrap();
    assert_eq!((meals.kind, meals.events.len(), meals.unit.text()), (ExposureKind::Bolus, 13, "g"));
    assert!((meals.events[0].time_h - 455.0 / 60.0).abs() < 1e-12);
    assert_eq!(meals.events.iter().map(|meal| meal.value).sum::<f64>(), 819.0);
    let boluses = patient.exposure("bolus_insulin").unwrap();
    assert_eq!((boluses.events.len(), boluses.unit.text()), (13, "[iU]"));
    assert!((boluses.events.iter().map(|bolus| bolus.value).sum::<f64>() - 75.6).abs() < 1e-9);
    let basal = patient.exposure("basal_insulin").unwrap();
    assert_eq!((basal.kind, basal.unit.text(), basal.events.len()), (ExposureKind::Held, "[iU]/h", 1));
    assert_eq!((basal.events[0].time_h, basal.events[0].value), (0.0, 1.26736049999552));
    assert_eq!(basal.events[0].origin.to_string(), "person.json:1");
    let glucose = &patient.observations[0];
    assert_eq!((glucose.name.as_str(), glucose.unit.text(), glucose.readings.len()), ("cgm_glucose", "mg/dL", 1152));
    assert_eq!((glucose.readings[0].time_h, glucose.readings[0].value), (0.0, 153.0));
    assert_eq!(glucose.readings[1151].time_h, 5755.0 / 60.0);
    let left: Vec<&str> = patient.left_out.iter().map(|left_out| left_out.what.as_str()).collect();
    assert_eq!(left, ["scenarios.json", "truth.csv", "person.json"]);
    assert!(patient.left_out[2].why.contains("`Gb`") && !patient.left_out[2].why.contains("weight_kg"));
}

#[test]
fn another_virtual_person_becomes_a_bundle_by_copying() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/virtual_t1d/adolescent_002");
    if !shared.is_dir() {
        eprintln!("skipped: {} is not there", shared.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for file in ["cgm.csv", "meals.csv", "boluses.csv", "person.json"] {
        fs::copy(shared.join(file), folder.path().join(file)).unwrap();
    }
    fs::copy(repository("virtual_adult_001").join("patient.toml"), folder.path().join("patient.toml")).unwrap();
    let (patient, found) = Patient::load(folder.path()).unwrap_or_else(|found| panic!("{found}"));
    assert!(found.is_empty(), "{found}");
    assert_eq!(patient.covariate("weight").unwrap().value, 51.046);
    assert_eq!(patient.exposure("carbohydrate_intake").unwrap().events.len(), 15);
}
