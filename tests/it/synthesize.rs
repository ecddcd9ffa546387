//! Synthetic people: files in every written format come back as what was drawn; designs that cannot be used are told.

use homeostat::diagnostic::Source;
use homeostat::model::Library;
use homeostat::patient::{Patient, Vocabulary};
use homeostat::stats::Seed;
use homeostat::twin::{BundleFile, Design, synthesize};
use serde_json::Value;
use tempfile::TempDir;

const WHOLE: &str = include_str!("../../models/designs/whole_person.toml");

fn made(seed: u64) -> Vec<BundleFile> {
    made_by(WHOLE, seed)
}

fn made_by(design: &str, seed: u64) -> Vec<BundleFile> {
    let (model, _) = Library::embedded().load("whole_person").unwrap();
    let design = Design::parse(&Source::new("whole_person.toml", design)).unwrap();
    let vocabulary = Vocabulary::embedded().unwrap();
    synthesize(&model, &design, ("somebody", Seed(seed)), vocabulary).unwrap_or_else(|found| panic!("{found}"))
}

fn folder(files: &[BundleFile]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, bytes)| std::fs::write(folder.path().join(name), bytes).unwrap());
    folder
}

#[test]
fn a_whole_person_comes_back_from_all_files() {
    let mut called = 0;
    for seed in 1..=6 {
        let files = made(seed);
        assert_eq!(files, made(seed), "one seed, one person");
        let size: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(size < 2_000_000, "{size}");
        let folder = folder(&files);
        let (patient, found) = Patient::load(folder.path()).unwrap_or_else(|found| panic!("{seed}: {found}"));
        assert!(found.is_empty(), "{seed}: {found}");
        let truth: Value =
            serde_json::from_slice(&files.iter().find(|(name, _)| name == "truth.json").unwrap().1).unwrap();
        for (name, told) in truth["covariates"].as_object().unwrap() {
            let read = patient.covariate(name).unwrap_or_else(|| panic!("{seed}: no {name}"));
            // A birth date tells an age to half a day.
            assert!((read.value - told["value"].as_f64().unwrap()).abs() < 2e-3, "{seed} {name}: {read:?}");
        }
        let counts: Vec<(&str, usize)> =
            patient.observations.iter().map(|observed| (observed.name.as_str(), observed.readings.len())).collect();
        for (name, count) in [
            ("cgm_glucose", 193),
            ("heart_rate", 193),
            ("plasma_glucose", 1),
            ("hba1c", 1),
            ("creatinine", 1),
            ("plasma_omeprazole", 5),
            ("liver_volume", 1),
            ("kidney_volume", 1),
        ] {
            assert!(counts.contains(&(name, count)), "{seed} {name}: {counts:?}");
        }
        let scan = patient.observations.iter().find(|observed| observed.name == "liver_volume").unwrap();
        assert!(scan.readings[0].sd.is_some_and(|sd| sd > 0.0) && scan.readings[0].time_h == 10.0);
        let meals = patient.exposure("carbohydrate_intake").unwrap();
        assert_eq!((meals.events.len(), meals.unknown.len()), (6, 1));
        // The genes' tables may have other pairs that fit; the drawn one is among them.
        let pair = truth["genotypes"]["CYP2C19"].as_array().unwrap();
        let names = [0, 1].map(|at| pair[at].as_str().unwrap());
        let either = [format!("{}/{}", names[0], names[1]), format!("{}/{}", names[1], names[0])];
        let genotype = &patient.genotypes[0];
        assert!(genotype.diplotypes.iter().any(|known| either.contains(&known.name)), "{seed}: {genotype:?}");
        called += usize::from(either.contains(&genotype.diplotypes[0].name));
    }
    assert_eq!(called, 6, "phased and complete: the drawn pair comes first");
}

#[test]
fn a_scan_has_the_error_of_drawing_that_reading_it_tells() {
    // The same people with their volumes in tables, which tell no such error.
    let organs = ["liver_volume", "kidney_volume", "spleen_volume"];
    let mut tables = WHOLE.to_string();
    for organ in organs {
        let scan = format!("name = \"{organ}\"\nformat = \"nifti\"\nfile = \"scan.nii.gz\"");
        assert!(tables.contains(&scan), "{organ}");
        tables = tables.replace(&scan, &format!("name = \"{organ}\"\nformat = \"csv\"\nfile = \"{organ}.csv\""));
    }
    let read = |files: Vec<BundleFile>| {
        let folder = folder(&files);
        Patient::load(folder.path()).unwrap_or_else(|found| panic!("{found}")).0
    };
    let mut scores = Vec::new();
    for seed in 1..=24 {
        let (scanned, measured) = (read(made(seed)), read(made_by(&tables, seed)));
        for organ in organs {
            let of = |patient: &Patient| {
                let observed = patient.observations.iter().find(|observed| observed.name == organ).unwrap();
                (observed.readings[0].value, observed.readings[0].sd)
            };
            let ((scan, sd), (table, None)) = (of(&scanned), of(&measured)) else { panic!("{organ} has an sd") };
            scores.push((scan - table) / sd.unwrap());
        }
    }
    let count = scores.len() as f64;
    let mean = scores.iter().sum::<f64>() / count;
    let sd = (scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt();
    println!("{count} volumes: mean {mean:.3}, sd {sd:.3} of what is told");
    // Three standard errors of a standard normal's mean and sd.
    assert!(mean.abs() < 3.0 / count.sqrt() && (sd - 1.0).abs() < 3.0 / (2.0 * count).sqrt(), "{mean} {sd}");
}

#[test]
fn values_survive_their_formats() {
    // The same readings through every format that can hold them: what differs is the rounding of the format.
    let design = WHOLE.to_string();
    let by_table = ["nightscout", "apple_health", "fhir"]
        .iter()
        .fold(design.clone(), |design, format| design.replace(&format!("format = \"{format}\""), "format = \"csv\""));
    // A table holds one name: each gets a file of its own.
    let mut number = 0;
    let by_table: Vec<String> = by_table
        .lines()
        .map(|line| match line {
            "file = \"clinic.json\"" => {
                number += 1;
                format!("file = \"clinic_{number}.csv\"")
            }
            _ => line.into(),
        })
        .collect();
    let (model, _) = Library::embedded().load("whole_person").unwrap();
    let vocabulary = Vocabulary::embedded().unwrap();
    let load = |design: &str| {
        let design = Design::parse(&Source::new("d.toml", design)).unwrap();
        let files = synthesize(&model, &design, ("a", Seed(3)), vocabulary).unwrap_or_else(|found| panic!("{found}"));
        let folder = folder(&files);
        Patient::load(folder.path()).unwrap_or_else(|found| panic!("{found}")).0
    };
    let (formats, tables) = (load(&design), load(&by_table.join("\n")));
    for observed in &tables.observations {
        let other = formats.observations.iter().find(|other| other.name == observed.name).unwrap();
        assert_eq!(observed.readings.len(), other.readings.len(), "{}", observed.name);
        for (a, b) in observed.readings.iter().zip(&other.readings) {
            assert!((a.time_h - b.time_h).abs() < 1e-9, "{}", observed.name);
            let rounding = if observed.name == "cgm_glucose" { 0.51 } else { 1e-4 * a.value.abs() };
            assert!((a.value - b.value).abs() <= rounding, "{}: {} {}", observed.name, a.value, b.value);
        }
    }
}

#[test]
fn designs_that_cannot_be_used_are_told() {
    let (model, _) = Library::embedded().load("theophylline").unwrap();
    let vocabulary = Vocabulary::embedded().unwrap();
    let good = r#"
about = "Two levels after one dose."
epoch = "2026-03-02T00:00:00+01:00[Europe/Berlin]"
[covariates]
weight = { median = "75 kg", cv = "15 %" }
[[exposure]]
name = "oral_theophylline"
file = "doses.csv"
events = [{ time = "0 h", amount = "320 mg" }]
[[observation]]
name = "plasma_theophylline"
file = "levels.csv"
format = "csv"
at = ["2 h", "9 h"]
"#;
    let run = |design: &str| {
        let design = Design::parse(&Source::new("d.toml", design))?;
        synthesize(&model, &design, ("a", Seed(1)), vocabulary)
    };
    assert!(run(good).is_ok());
    for (from, to, word) in [
        ("about", "abuot", "unknown field"),
        ("+01:00[Europe/Berlin]", "", "time zone"),
        ("median = \"75 kg\", ", "", "no way that is known"),
        ("75 kg", "75 L", "not in kg"),
        ("oral_theophylline", "oral_nothing", "not in the vocabulary"),
        ("plasma_theophylline", "heart_rate", "can be compared"),
        ("at = [\"2 h\", \"9 h\"]", "", "at no time"),
        ("format = \"csv\"", "format = \"fhir2\"", "cannot be written"),
        ("format = \"csv\"", "format = \"nightscout\"", "no code"),
        ("320 mg", "320000 g", "plausible"),
        ("weight = { median = \"75 kg\", cv = \"15 %\" }", "", "needs the covariate"),
    ] {
        let found = run(&good.replace(from, to)).err().unwrap_or_else(|| panic!("{to} is no problem"));
        assert!(found.has_errors() && found.to_string().contains(word), "{to}: {found}");
    }
}
