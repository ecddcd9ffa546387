//! The UVA/Padova model of 2008 against simglucose 0.2.11: thirty virtual people at rest and after a meal.

use std::path::Path;

use homeostat::model::{Composed, Library, ParameterValue};

use super::{Person, Row, golden, number, reference, rows, with_words};

/// Our parameter names and the columns of the table of virtual people.
const COLUMNS: [(&str, &str); 29] = [
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
];

const OUTPUTS: [(&str, &str); 3] =
    [("plasma_glucose", "Gp_mg_dl"), ("interstitial_glucose", "Gsub_mg_dl"), ("plasma_insulin", "I_pmol_l")];

/// simglucose counts a whole minute's food as eaten at the start of the minute, we count it as it is eaten. Its way:
const BY_THE_MINUTE: [(&str, &str); 3] = [
    ("state D [mg] = 0 ", "input mouthful [mg] bolus\nstate D [mg] = 0 receives mouthful "),
    ("d D  = meal_scale * carbohydrate_intake", "d D = 0"),
    ("on carbohydrate_intake: D = q1 + q2", ""),
];

fn model(words: &[(&str, &str)]) -> Composed {
    with_words("uva_padova_s2008", words)
}

/// A virtual person under the usual basal rate; what is not in the table stays as the model has it.
fn person(model: Composed, row: &Row, hours: f64) -> Person {
    let calibrated: Vec<String> = model
        .parameters
        .iter()
        .filter(|parameter| matches!(parameter.value, ParameterValue::Prior(_)))
        .map(|parameter| parameter.name.clone())
        .collect();
    let basal = number(row, "basal_u_per_h");
    let covariates = [("weight", number(row, "bw_kg")), ("usual_basal_insulin", basal)];
    let mut person = Person::new(model, &covariates, hours * 60.0);
    for (name, column) in COLUMNS {
        person.set(name, number(row, column));
    }
    assert!(calibrated.iter().all(|name| COLUMNS.iter().any(|(ours, _)| ours == name)));
    person.hold("basal_insulin", basal / 60.0);
    person
}

#[test]
fn thirty_virtual_people_stay_at_their_basal_glucose_for_a_day() {
    let mut worst = 0.0f64;
    for row in rows(&golden("simglucose/people.csv")) {
        let hours: Vec<f64> = (0..=24).map(|hour| f64::from(hour) * 60.0).collect();
        let found = person(model(&[]), &row, 24.0).outputs(&["plasma_glucose", "interstitial_glucose"], &hours);
        let basal = number(&row, "gb_mg_dl");
        for glucose in found.concat() {
            assert!((glucose - basal).abs() < 1e-6, "{}: {glucose}, basal {basal}", row["Name"]);
            worst = worst.max((glucose - basal).abs());
        }
    }
    println!("largest departure from basal glucose over 24 h: {worst:e} mg/dL");
}

#[test]
fn thirty_virtual_people_move_as_in_simglucose() {
    let [plasma, interstitial, insulin] = largest_differences(&BY_THE_MINUTE, &golden("simglucose/meal.csv"));
    assert!(plasma < 1e-5 && interstitial < 1e-5 && insulin < 1e-5, "{plasma} {interstitial} {insulin}");
    // As it is eaten: the way of counting matters most for a person who absorbs at once.
    let [plasma, interstitial, insulin] = largest_differences(&[], &golden("simglucose/meal.csv"));
    assert!(plasma < 0.015 && interstitial < 0.01 && insulin < 1e-5, "{plasma} {interstitial} {insulin}");
}

#[test]
fn thirty_virtual_people_move_as_in_simglucose_at_every_time() {
    let Some(all) = reference("physiology/reference_trajectories/simglucose_50g_meal_30patients.csv") else { return };
    let [plasma, interstitial, insulin] = largest_differences(&BY_THE_MINUTE, &all);
    assert!(plasma < 1e-5 && interstitial < 1e-5 && insulin < 1e-5, "{plasma} {interstitial} {insulin}");
}

/// Largest relative differences of plasma glucose, interstitial glucose and plasma insulin: 50 g at time 0 without and
/// with a bolus of 50 g / carbohydrate ratio, over 8 hours, thirty people.
fn largest_differences(words: &[(&str, &str)], expected: &Path) -> [f64; 3] {
    let expected = rows(expected);
    let model = model(words);
    let mut worst = [0.0f64; 3];
    for row in rows(&golden("simglucose/people.csv")) {
        for scenario in ["basal_only", "bolus"] {
            let reference: Vec<_> =
                expected.iter().filter(|r| r["patient"] == row["Name"] && r["scenario"] == scenario).collect();
            assert!(reference.len() >= 10);
            let mut person = person(model.clone(), &row, 8.0);
            person.infuse("carbohydrate_intake", 5.0, 10.0);
            if !words.is_empty() {
                (0..10).for_each(|minute| {
                    person.give("mouthful", f64::from(minute), 5000.0);
                });
            }
            if scenario == "bolus" {
                person.infuse("bolus_insulin", 50.0 / number(&row, "CR"), 1.0);
            }
            let times: Vec<f64> = reference.iter().map(|r| number(r, "t_min")).collect();
            let found = person.outputs(&OUTPUTS.map(|(ours, _)| ours), &times);
            for (index, (_, column)) in OUTPUTS.iter().enumerate() {
                for (ours, r) in found[index].iter().zip(&reference) {
                    let theirs = number(r, column);
                    worst[index] = worst[index].max(((ours - theirs) / theirs).abs());
                }
            }
        }
    }
    println!("largest relative differences of plasma and interstitial glucose, insulin: {worst:?}");
    worst
}

/// What is in the gut, under the skin or still acting when a record begins passes: the basal state is solved without it.
#[test]
fn a_record_begins_at_its_share_of_the_basal_glucose_whatever_is_still_being_absorbed() {
    let starts = [("start_gut", 3.0), ("start_insulin", 2.0), ("start_brake", 40.0), ("kabs", 0.4)];
    for scale in [0.0, 0.3, 1.0, 4.0] {
        let (window, _) = Library::embedded().load("t1d_window").unwrap();
        let mut person = Person::new(window, &[("weight", 70.0), ("usual_basal_insulin", 1.2)], 24.0 * 60.0);
        person.hold("basal_insulin", 1.2 / 60.0).set("Gb", 130.0).set("start_glucose", 0.8);
        for (name, value) in starts {
            person.set(name, if name == "kabs" { value } else { scale * value });
        }
        let found = person.outputs(&["plasma_glucose", "interstitial_glucose", "plasma_insulin"], &[0.0, 24.0 * 60.0]);
        for glucose in &found[..2] {
            assert!((glucose[0] - 0.8 * 130.0).abs() < 1e-7, "{scale}: {glucose:?}");
            // A day later the basal state is back, but for what is slow.
            assert!((glucose[1] / 130.0 - 1.0).abs() < 0.01, "{scale}: {glucose:?}");
        }
        assert!((found[2][1] / found[2][0] - 1.0).abs() < 1e-3, "{scale}: {:?}", found[2]);
    }
}
