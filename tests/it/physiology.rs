//! The model library against implementations and tables that others wrote.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use homeostat::diagnostic::Source;
use homeostat::model::{Library, ParameterValue, Program};
use homeostat::sim::{Bolus, Ensemble, Held, Infusion, Schedule, Settings};

/// A file of the reference data, if they are there.
pub fn reference(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(path);
    if !path.exists() {
        eprintln!("skipped: the reference data `{path:?}` are not here");
        return None;
    }
    Some(path)
}

fn rows(path: &Path) -> Vec<HashMap<String, String>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

/// Our parameter names and the columns of the table of virtual people.
const COLUMNS: [(&str, &str); 31] = [
    ("Gb", "gb_mg_dl"),
    ("EGPb", "egpb_mg_kg_min"),
    ("kmax", "kmax"),
    ("kmin", "kmin"),
    ("kabs", "kabs"),
    ("b", "b"),
    ("d", "d"),
    ("f", "f"),
    ("Vg", "vg_dl_kg"),
    ("k1", "k1"),
    ("k2", "k2"),
    ("Fsnc", "fcns_mg_kg_min"),
    ("Vmx", "vmx_mg_kg_min_per_pmol_l"),
    ("Km0", "km0_mg_kg"),
    ("p2u", "p2u"),
    ("kp2", "kp2_per_min"),
    ("kp3", "kp3_mg_kg_min_per_pmol_l"),
    ("ki", "ki"),
    ("ke1", "ke1"),
    ("ke2", "ke2_mg_kg"),
    ("ksc", "ksc"),
    ("Vi", "vi_l_kg"),
    ("m1", "m1"),
    ("m2", "m2"),
    ("m4", "m4"),
    ("m30", "m30"),
    ("kd", "kd"),
    ("ka1", "ka1"),
    ("ka2", "ka2"),
    ("weight", "bw_kg"),
    ("usual_basal_insulin", "basal_u_per_h"),
];

#[test]
fn thirty_virtual_people_move_as_in_simglucose() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("models/uva_padova_s2008.model"));
    let text = text.unwrap();
    // simglucose counts a whole minute's food as eaten at the start of the minute, we count it as it is eaten. With its
    // way of counting (the only change) all thirty agree.
    let by_the_minute = text
        .replace("state D [mg] = 0 ", "input mouthful [mg] bolus\nstate D [mg] = 0 receives mouthful ")
        .replace("d D  = carbohydrate_intake", "d D = 0")
        .replace("on carbohydrate_intake: D = q1 + q2", "");
    let [plasma, interstitial, insulin] = largest_differences(&by_the_minute);
    assert!(plasma < 1e-4 && interstitial < 1e-4 && insulin < 1e-4, "{plasma} {interstitial} {insulin}");
    // As it is eaten: the way of counting matters most for a person who absorbs at once.
    let [plasma, interstitial, insulin] = largest_differences(&text);
    assert!(plasma < 0.015 && interstitial < 0.01 && insulin < 1e-5, "{plasma} {interstitial} {insulin}");
}

/// Largest relative differences of plasma glucose, interstitial glucose and plasma insulin from simglucose 0.2.11 (MIT):
/// 50 g at time 0 without and with a bolus of 50 g / carbohydrate ratio, over 8 hours, thirty people.
fn largest_differences(text: &str) -> [f64; 3] {
    let (Some(people), Some(expected)) = (
        reference("physiology/uvapadova_s2008_30_virtual_patients.csv"),
        reference("physiology/reference_trajectories/simglucose_50g_meal_30patients.csv"),
    ) else {
        return [0.0; 3];
    };
    let library = Library::of(vec![Source::new("uva_padova_s2008.model", text)]);
    let (model, _) = library.load("uva_padova_s2008").unwrap_or_else(|found| panic!("{found}"));
    let program = Program::compile(Arc::new(model));
    let model = &program.model;
    let input = |name: &str| model.inputs.iter().position(|i| i.name == name).unwrap();
    let output = |name: &str| model.outputs.iter().position(|o| o.name == name).unwrap();
    let outputs = [output("plasma_glucose"), output("interstitial_glucose"), output("plasma_insulin")];
    let expected = rows(&expected);
    let mut worst = [0.0f64; 3];
    for person in rows(&people) {
        let number = |column: &str| person[column].parse::<f64>().unwrap();
        let column = |name: &str| COLUMNS.iter().find(|(ours, _)| *ours == name).map(|(_, column)| number(column));
        let values: Vec<f64> = model
            .parameters
            .iter()
            .map(|p| match (&p.value, column(&p.name)) {
                (_, Some(value)) => value,
                (ParameterValue::Fixed(value), None) => *value,
                (ParameterValue::Prior(_), None) => panic!("{} is not in the table", p.name),
            })
            .collect();
        let covariates: Vec<f64> = model.covariates.iter().map(|c| column(&c.name).unwrap()).collect();
        for scenario in ["basal_only", "bolus"] {
            let reference: Vec<_> =
                expected.iter().filter(|row| row["patient"] == person["Name"] && row["scenario"] == scenario).collect();
            assert_eq!(reference.len(), 33);
            let basal = number("basal_u_per_h") / 60.0;
            let mut schedule = Schedule { start: 0.0, end: 480.0, ..Schedule::default() };
            schedule.held.push(Held { input: input("basal_insulin"), time: 0.0, rate: basal });
            let meal = Infusion { input: input("carbohydrate_intake"), time: 0.0, rate: 5.0, duration: 10.0 };
            schedule.infusions.push(meal);
            if let Some(mouthful) = model.inputs.iter().position(|i| i.name == "mouthful") {
                let bites = (0..10).map(|minute| Bolus { input: mouthful, time: f64::from(minute), amount: 5000.0 });
                schedule.boluses.extend(bites);
            }
            if scenario == "bolus" {
                let rate = 50.0 / number("CR");
                schedule.infusions.push(Infusion { input: input("bolus_insulin"), time: 0.0, rate, duration: 1.0 });
            }
            let times: Vec<f64> = reference.iter().map(|row| row["t_min"].parse().unwrap()).collect();
            let ensemble = Ensemble {
                program: &program,
                covariates: &covariates,
                schedule: &schedule,
                times: &times,
                settings: Settings { tolerance: 1e-9, ..Settings::default() },
            };
            let found =
                ensemble.outputs(&mut ensemble.workspace(), std::slice::from_ref(&values), &outputs).remove(0).unwrap();
            for (at, row) in reference.iter().enumerate() {
                for (index, column) in ["Gp_mg_dl", "Gsub_mg_dl", "I_pmol_l"].iter().enumerate() {
                    let (ours, theirs) = (found[index * times.len() + at], row[*column].parse::<f64>().unwrap());
                    worst[index] = worst[index].max(((ours - theirs) / theirs).abs());
                }
            }
        }
    }
    println!("largest relative differences of plasma and interstitial glucose, insulin: {worst:?}");
    worst
}

#[test]
fn every_parameter_of_the_library_has_a_source() {
    let library = Library::embedded();
    assert!(library.names().len() >= 4);
    for (name, about) in library.names() {
        assert!(!about.is_empty(), "{name} says nothing of itself");
        let (model, warnings) = library.load(&name).unwrap_or_else(|found| panic!("{found}"));
        assert!(warnings.is_empty(), "{name}: {warnings}");
        assert_eq!(model.name, name, "the file's name is the model's");
        for parameter in &model.parameters {
            assert!(parameter.source.as_ref().is_some_and(|source| source.len() > 8), "{name}: {}", parameter.name);
        }
    }
}
