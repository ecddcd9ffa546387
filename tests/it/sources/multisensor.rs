//! Fourteen people with a glucose sensor, a heart sensor and a food diary without amounts, as declared tables.

use std::fs;

use homeostat::patient::Patient;

use super::{folder, shared};

const PATIENT: &str = r#"
about = "Phillips, Collet, Naef 2023, doi:10.1016/j.crmeth.2023.100545"
start = "START h"

[[observation]]
name = "cgm_glucose"
device = "sensor"
file = "glucose.csv"
time = "time_h [h]"
value = "glucose_mmol_l [mmol/L]"
lower_limit = "2.2 mmol/L"

[[observation]]
name = "heart_rate"
device = "chest"
file = "actiheart.csv"
time = "time_h [h]"
value = "heart_rate_bpm [/min]"
where = { quality = ">= 0.8" }
missing = ["0"]

[[exposure]]
name = "activity_counts"
file = "actiheart.csv"
time = "time_h [h]"
value = "activity_counts [1]"

[[exposure]]
name = "carbohydrate_intake"
file = "food.csv"
time = "time_h [h]"
unknown = true
"#;

/// Values of a column, in the order of the file; NaN where a cell is empty.
fn column(text: &str, name: &str) -> Vec<f64> {
    let mut lines = text.lines();
    let at = lines.next().unwrap().split(',').position(|title| title == name).unwrap();
    lines.map(|line| line.split(',').nth(at).unwrap().parse().unwrap_or(f64::NAN)).collect()
}

#[test]
fn fourteen_of_fourteen_are_read_without_an_error() {
    let Some(people) = shared("multisensor") else { return };
    let mut names: Vec<String> =
        fs::read_dir(&people).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names.len(), 14);
    for name in names {
        let text = |file: &str| fs::read_to_string(people.join(&name).join(file)).unwrap();
        let (glucose, heart, food) = (text("glucose.csv"), text("actiheart.csv"), text("food.csv"));
        let first =
            [&glucose, &heart, &food].map(|text| column(text, "time_h")[0]).into_iter().fold(f64::MAX, f64::min);
        let manifest = PATIENT.replace("START", &first.to_string());
        let bundle = folder(&[
            ("patient.toml", manifest.as_bytes()),
            ("glucose.csv", glucose.as_bytes()),
            ("actiheart.csv", heart.as_bytes()),
            ("food.csv", food.as_bytes()),
        ]);
        let (patient, found) = Patient::load(bundle.path()).unwrap_or_else(|found| panic!("{name}: {found}"));
        // A sensor that was put on after the first meal, and meals after it was taken off.
        let warned: Vec<&str> = found.iter().map(|one| one.code).collect();
        assert!(warned.iter().all(|code| ["P2022", "P2027"].contains(code)), "{name}: {found}");
        let rates = column(&heart, "heart_rate_bpm");
        let taken =
            rates.iter().zip(column(&heart, "quality")).filter(|(rate, quality)| **rate > 0.0 && *quality >= 0.8);
        let counts: Vec<usize> = patient.observations.iter().map(|one| one.readings.len()).collect();
        assert_eq!(counts, [column(&glucose, "time_h").len(), taken.count()], "{name}");
        assert_eq!(patient.exposure("activity_counts").unwrap().events.len(), rates.len(), "{name}");
        let mut meals = column(&food, "time_h");
        meals.dedup();
        let eaten = patient.exposure("carbohydrate_intake").unwrap();
        assert_eq!((eaten.events.len(), eaten.unknown.len()), (0, meals.len()), "{name}");
    }
}
