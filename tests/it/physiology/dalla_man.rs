//! The meal model of Dalla Man, Rizza, Cobelli 2007: against BioModels, and at rest.

use super::{Person, golden, number, rows, with_words};

/// BioModels BIOMD0000000379 beside our model: its numbers are the published, rounded ones, which are not at rest; it swallows the
/// meal at once; tissue takes up 0.8 of what is published; secretion answers a fall of glucose, too.
const AS_IN_BIOMODELS: [(&str, &str); 18] = [
    ("state q1 [mg] = 0 ", "state q1 [mg] = 78 [g] "),
    ("state D [mg] = 0 ", "state D [mg] = 78 [g] "),
    ("= EGPb + kp2 * Gpb + kp3 * insulin_at_rest", "= 2.7 [mg/kg/min]"),
    ("= (EGPb - Fsnc - Eb) * (Km0 + Gtb) / Gtb", "= 0.8 * 2.5 [mg/kg/min]"),
    ("= kp4 * (Ipo - Sb / gamma)", "= kp4 * Ipo"),
    ("= K * max(portal_glucose_change, 0)", "= K * portal_glucose_change"),
    ("= Ib * Vi * ((m1 + m3b) * (m2 + m4) / m1 - m2)", "= 1.8 [pmol/kg/min]"),
    ("let m6 = HEb + m5 * Sb", "let m6 = 0.6471"),
    ("state Gp [mg/kg] = steady * start_glucose ", "state Gp [mg/kg] = 178 [mg/kg] "),
    ("state Gt [mg/kg] = steady * start_glucose ", "state Gt [mg/kg] = 135 [mg/kg] "),
    ("state X [pmol/L] = steady ", "state X [pmol/L] = 0 "),
    ("state I1 [pmol/L] = steady + start_brake ", "state I1 [pmol/L] = 25 [pmol/L] "),
    ("state Id [pmol/L] = steady + start_brake ", "state Id [pmol/L] = 25 [pmol/L] "),
    ("state Gs [mg/kg] = steady * start_glucose ", "state Gs [mg/kg] = 178 [mg/kg] "),
    ("state Ip [pmol/kg] = steady ", "state Ip [pmol/kg] = 1.25 [pmol/kg] "),
    ("state Il [pmol/kg] = steady ", "state Il [pmol/kg] = 4.5 [pmol/kg] "),
    ("state Y [pmol/kg/min] = steady ", "state Y [pmol/kg/min] = 0 "),
    ("state Ipo [pmol/kg] = steady ", "state Ipo [pmol/kg] = 3.6 [pmol/kg] "),
];

const OUTPUTS: [(&str, &str); 7] = [
    ("plasma_glucose", "G"),
    ("plasma_insulin", "I"),
    ("glucose_production", "EGP"),
    ("glucose_appearance", "Ra"),
    ("glucose_uptake", "U_id"),
    ("insulin_secretion_rate", "S"),
    ("hepatic_extraction", "HE"),
];

#[test]
fn a_meal_in_health_is_that_of_biomodels() {
    let expected = rows(&golden("biomodels/meal_78g.csv"));
    let times: Vec<f64> = expected.iter().map(|row| number(row, "time")).collect();
    let mut person = Person::new(with_words("dalla_man_2007", &AS_IN_BIOMODELS), &[("weight", 78.0)], 420.0);
    person.set("Vmx", 0.8 * 0.047).set("b", 0.82).set("ke1", 0.0).set("counter_regulation", 0.0);
    let found = person.outputs(&OUTPUTS.map(|(ours, _)| ours), &times);
    let mut worst = 0.0f64;
    for (values, (ours, column)) in found.iter().zip(OUTPUTS) {
        for (value, row) in values.iter().zip(&expected) {
            let reference = number(row, column);
            let difference = (value - reference).abs() / if reference == 0.0 { 1.0 } else { reference.abs() };
            assert!(difference < 1e-6, "{ours} at {} min: {value}, reference {reference}", row["time"]);
            worst = worst.max(difference);
        }
    }
    println!("largest relative difference of seven quantities: {worst:e}");
}

#[test]
fn the_typical_person_rests_and_comes_back_to_rest_after_a_meal() {
    for (name, glucose, insulin, peak) in
        [("dalla_man_2007", 95.0, 25.0, 150.0..200.0), ("dalla_man_2007_type2", 160.0, 60.0, 260.0..360.0)]
    {
        let times: Vec<f64> = (0..=96).map(|quarter| f64::from(quarter) * 30.0).collect();
        let mut person = Person::new(with_words(name, &[]), &[("weight", 78.0)], 2880.0);
        let [rest, rest_insulin] = person.outputs(&["plasma_glucose", "plasma_insulin"], &times).try_into().unwrap();
        assert!(rest.iter().all(|value| (value - glucose).abs() < 1e-6), "{name}: {rest:?}");
        assert!(rest_insulin.iter().all(|value| (value - insulin).abs() < 1e-6), "{name}: {rest_insulin:?}");
        person.infuse("carbohydrate_intake", 5.0, 15.6);
        let [meal, ra] = person.outputs(&["plasma_glucose", "glucose_appearance"], &times).try_into().unwrap();
        let highest = meal.iter().copied().fold(0.0, f64::max);
        assert!(peak.contains(&highest), "{name}: {highest}");
        assert!((meal[96] - glucose).abs() < 0.01 * glucose, "{name}: {}", meal[96]);
        // All that is absorbed appears: 78 g, of which 90 % reach plasma, in mg/kg.
        let appeared: f64 = ra.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0 * 30.0).sum();
        assert!((appeared / (0.9 * 78_000.0 / 78.0) - 1.0).abs() < 0.03, "{name}: {appeared}");
    }
}
