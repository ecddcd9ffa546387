//! Patient bundles: the ones in the repository with exact counts, the one of the documentation, and the vocabulary.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use homeostat::patient::{Censoring, ExposureKind, Patient, Vocabulary};

fn repository(bundle: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("patients").join(bundle)
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

/// The files of a bundle that a page shows: its blocks whose info string has a file name, those of one file joined.
fn shown(page: &str) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for block in page.split("\n```").skip(1).step_by(2) {
        let (info, text) = block.split_once('\n').unwrap_or((block, ""));
        if let Some((_, name)) = info.split_once(' ') {
            let file = files.entry(name.to_string()).or_default();
            file.push_str(text);
            file.push('\n');
        }
    }
    files
}

#[test]
fn the_bundle_of_the_documentation_is_read_whole() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/bundle.md")).unwrap();
    let files = shown(&page);
    assert_eq!(files.len(), 8, "{:?}", files.keys());
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in &files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let (patient, found) = Patient::load(folder.path()).unwrap_or_else(|found| panic!("{found}"));
    assert!(found.is_empty(), "{found}");
    assert_eq!((patient.covariates.len(), patient.exposures.len(), patient.observations.len()), (3, 5, 3));
    assert!((patient.covariate("height").unwrap().value - 168.0).abs() < 1e-9);
    assert_eq!(patient.covariate("sex").unwrap().category.as_deref(), Some("female"));
    let meals = patient.exposure("carbohydrate_intake").unwrap();
    assert_eq!(
        meals.events.iter().map(|meal| (meal.time_h, meal.value)).collect::<Vec<_>>(),
        [(7.5, 45.0), (12.75, 70.0)]
    );
    let boluses = patient.exposure("bolus_insulin").unwrap();
    assert_eq!((boluses.kind, boluses.events[0].duration_h), (ExposureKind::Bolus, 1.0 / 60.0));
    assert_eq!(patient.exposure("basal_insulin").unwrap().kind, ExposureKind::Held);
    assert_eq!(patient.exposure("activity").unwrap().kind, ExposureKind::Series);
    let long = patient.exposure("long_acting_insulin").unwrap();
    assert_eq!(long.events.iter().map(|event| event.time_h).collect::<Vec<_>>(), [22.0, 46.0]);
    let sensor = patient.observations.iter().find(|observation| observation.name == "cgm_glucose").unwrap();
    assert_eq!(
        (sensor.device.as_deref(), sensor.readings.len(), sensor.declared.as_str()),
        (Some("sensor"), 5, "mmol/L")
    );
    assert_eq!(sensor.readings[2].censoring, Censoring::Below);
    assert!((sensor.readings[2].value - 2.2 * 18.0156).abs() < 1e-9);
    let levels = patient.observations.iter().find(|observation| observation.name == "plasma_theophylline").unwrap();
    assert_eq!(levels.readings[2].censoring, Censoring::Below);
    let left: Vec<&str> = patient.left_out.iter().map(|left| left.why.as_str()).collect();
    assert_eq!(
        left,
        ["the cell of its amount is empty", "column `comment`: not declared", "key `clinic`: not declared"]
    );
}

#[test]
fn the_vocabulary_is_consistent() {
    let vocabulary = Vocabulary::embedded().unwrap_or_else(|found| panic!("{found}"));
    assert!(vocabulary.terms().count() > 40);
    let mut codes = BTreeMap::new();
    for term in vocabulary.terms() {
        assert!(term.about.ends_with('.'), "{}", term.name);
        assert!(term.range.is_some() == term.categories.is_empty(), "{} has a range or categories", term.name);
        // What people also write can be converted, and a wrong unit leaves the range somewhere in it.
        for unit in &term.also {
            assert!(term.conversion(unit).is_some(), "{} in {unit}", term.name);
        }
        for (unit, other) in &term.other_scale {
            assert!(term.conversion(unit).is_none() && unit.is_compatible(&term.unit), "{} in {unit}", term.name);
            assert_eq!(vocabulary.term(other).map(|other| &other.unit), Some(unit), "{other}");
        }
        for (system, code) in term.codes.iter().flat_map(|(system, codes)| codes.iter().map(move |code| (system, code)))
        {
            assert_eq!(codes.insert(format!("{system} {code}"), term.name.clone()), None, "{system} {code}");
            assert_eq!(vocabulary.by_code(system, code).map(|found| found.name.as_str()), Some(term.name.as_str()));
        }
        for code in &term.loinc {
            // The last digit of a LOINC code checks the others (mod 10, as on credit cards).
            let (digits, check) = code.split_once('-').unwrap();
            let sum: u32 = digits
                .bytes()
                .rev()
                .enumerate()
                .map(|(at, digit)| match (at % 2, u32::from(digit - b'0')) {
                    (0, digit) => digit * 2 / 10 + digit * 2 % 10,
                    (_, digit) => digit,
                })
                .sum();
            assert_eq!(check.parse::<u32>().unwrap(), (10 - sum % 10) % 10, "{} {code}", term.name);
            assert_eq!(codes.insert(code.clone(), term.name.clone()), None, "{code}");
            assert_eq!(vocabulary.by_loinc(code).map(|found| found.name.as_str()), Some(term.name.as_str()));
        }
    }
}
