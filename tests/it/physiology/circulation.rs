//! The circulation against closed forms at its steady states, its own conservation, and what people have at rest.

use super::people::{adults, drawn, range};
use super::{Person, with_words};

const NAMES: [&str; 6] =
    ["mean_pressure", "venous_pressure", "cardiac_output", "systemic_resistance", "heart_rate", "stroke_volume"];

/// The typical person without the wave of the day; time in hours.
fn person(end: f64) -> Person {
    let mut person = Person::new(with_words("circulation", &[]), &[], end);
    person.set("wave", 1e-12);
    person
}

fn at(person: &Person, time: f64) -> [f64; 6] {
    person.outputs(&NAMES, &[time]).iter().map(|values| values[0]).collect::<Vec<_>>().try_into().unwrap()
}

#[test]
fn at_rest_all_is_at_its_set_value() {
    let [pressure, venous, output, resistance, rate, stroke] = at(&person(1.0), 1.0);
    let filled = 138.0 * (150.0 + 125.0) / 275.0 * 2.0 / (1.108 + 0.988);
    for (found, expected) in [
        (pressure, 93.0),
        (venous, 4.0),
        (rate, 67.0),
        (stroke, filled * 0.595),
        (output, 67.0 * filled * 0.595 / 1000.0),
        (resistance, 89.0 / (67.0 * filled * 0.595 / 1000.0)),
    ] {
        assert!((found / expected - 1.0).abs() < 1e-8, "{found}, expected {expected}");
    }
}

#[test]
fn every_steady_state_has_pressure_from_flow_and_resistance() {
    let mut least = f64::INFINITY;
    for (activity, blood, resistance_change) in
        [(1.0, 0.0, 0.0), (1.0, -20.0, 0.0), (1.0, 15.0, 0.0), (5.0, 0.0, 0.0), (10.0, 0.0, 0.0), (1.0, 0.0, -0.3)]
    {
        let mut person = person(4.0);
        // Some wave: at rest without any the reflex stays at nothing but noise, which the solver cannot follow.
        person.set("lasting", 0.0).set("wave", 1e-3).tolerance = 1e-8;
        person.constant("activity", activity).constant("resistance_change", resistance_change);
        person.infuse("fluid", f64::max(blood, 0.0), 0.5).infuse("blood_loss", f64::max(-blood, 0.0), 0.5);
        let [pressure, venous, output, resistance, rate, stroke] = at(&person, 3.9);
        // The closed form: what the heart pumps flows through the resistance.
        let expected = venous + output * resistance;
        assert!((pressure / expected - 1.0).abs() < 1e-6, "{pressure} mmHg, expected {expected}");
        assert!((output / (rate * stroke / 1000.0) - 1.0).abs() < 1e-12);
        // And the reflex is where its gains say: rate = asked for + 0.8 /min/mmHg * (set point - pressure).
        let asked = person.outputs(&["demanded_heart_rate"], &[3.9]);
        let effort = (activity - 1.0) / (capacity() - 1.0);
        let set = 93.0 + 25.0 * effort;
        let expected = asked[0][0] + 0.8 * (set - pressure);
        assert!((rate / expected - 1.0).abs() < 1e-4, "{rate} /min, expected {expected}");
        least = least.min(pressure);
    }
    assert!(least > 60.0, "{least} mmHg");
}

/// Of the typical person: the regression on age, sex and weight, over rest.
fn capacity() -> f64 {
    10.5 * (79.9 - 0.39 * 45.0 - 13.7 * 0.5 - 0.28 * 72.0) / 36.75
}

#[test]
fn blood_is_kept_and_its_loss_is_met_by_the_reflex() {
    let mut lost = person(2.0);
    lost.set("pace", 1.0);
    lost.tolerance = 1e-6;
    // Half a litre in ten minutes.
    lost.infuse("blood_loss", 50.0, 1.0 / 6.0);
    let names = ["vessel_volume", "mean_pressure", "heart_rate", "systemic_resistance", "stroke_volume"];
    let found = lost.outputs(&names, &[0.0, 1.0 / 12.0, 1.0 / 6.0, 1.0]);
    for (volume, expected) in found[0].iter().zip([0.0, -250.0, -500.0, -500.0]) {
        assert!((volume - expected).abs() < 1e-6, "{volume} mL, expected {expected}");
    }
    let mut stiff = person(2.0);
    stiff.infuse("blood_loss", 50.0, 1.0 / 6.0).set("rate_gain", 1e-3).set("resistance_gain", 1e-3);
    stiff.set("pace", 1.0).tolerance = 1e-6;
    let without = stiff.outputs(&["mean_pressure"], &[1.0])[0][0];
    let [with, rate, resistance, stroke] = [1, 2, 3, 4].map(|output| [found[output][0], found[output][3]]);
    assert!(with[1] < with[0] && rate[1] > rate[0] && resistance[1] > resistance[0] && stroke[1] < stroke[0]);
    assert!(with[0] - with[1] < 0.6 * (with[0] - without), "{with:?} mmHg, {without} without the reflex");
    println!("half a litre less: {:.1} mmHg with the reflex, {:.1} without", with[1] - with[0], without - with[0]);
}

#[test]
fn pressure_settles_as_its_compliance_and_resistance_say() {
    // Without reflexes and with a heart that does not heed pressure, resistance that falls by a third is followed
    // exponentially, with compliance * (the resistance and the veins' compliance in series) as its time.
    let words = [
        ("= 0.15              \"How stroke", "= 0              \"How stroke"),
        ("= 1                 \"How the volume", "= 0                 \"How the volume"),
    ];
    let mut person = Person::new(with_words("circulation", &words), &[], 1.0);
    person
        .set("wave", 1e-12)
        .set("pace", 1.0)
        .set("rate_gain", 1e-12)
        .set("resistance_gain", 1e-12)
        .constant("resistance_change", -1.0 / 3.0);
    let times: Vec<f64> = (0..=20).map(|second| f64::from(second) / 3600.0).collect();
    let found = person.outputs(&["mean_pressure", "systemic_resistance", "arterial_compliance"], &times);
    let (resistance, compliance) = (found[1][0], found[2][0]);
    let ratio = compliance / (3.0 * 72.0);
    let time = compliance * resistance / 1000.0 / (1.0 + ratio) / 60.0;
    let end = 93.0 - 89.0 / 3.0 / (1.0 + ratio);
    for (time_h, pressure) in times.iter().zip(&found[0]) {
        let expected = end + (93.0 - end) * (-time_h / time).exp();
        assert!((pressure - expected).abs() < 1e-5, "{pressure} at {time_h} h, expected {expected}");
    }
}

#[test]
fn exercise_is_as_textbooks_have_it() {
    // A fit adult at the greatest effort: output 3 to 5 times that at rest, mean pressure up by 10 to 35 mmHg, systolic above.
    let names = ["cardiac_output", "mean_pressure", "systolic_pressure", "ejection_fraction", "heart_rate"];
    let rest = person(1.0).outputs(&names, &[0.3]);
    let hard = person(1.0).set("lasting", 0.0).constant("activity", capacity()).outputs(&names, &[0.3]);
    let change = |output: usize| (hard[output][0] - rest[output][0], hard[output][0] / rest[output][0]);
    println!("greatest effort: {:?}", (0..5).map(change).collect::<Vec<_>>());
    assert!((3.0..5.0).contains(&change(0).1) && (10.0..35.0).contains(&change(1).0) && change(2).0 > change(1).0);
    // Swain & Leutholtz 1997: the share of the reserve is that of oxygen uptake.
    let half = person(1.0)
        .set("lasting", 0.0)
        .constant("activity", (1.0 + capacity()) / 2.0)
        .outputs(&["demanded_heart_rate"], &[0.9]);
    assert!((half[0][0] - (67.0 + 176.5) / 2.0).abs() < 1e-6, "{half:?}");
}

#[test]
fn a_thousand_adults_at_rest_are_as_adults_are() {
    let adults = adults(1000);
    let names = ["heart_rate", "cardiac_output", "systolic_pressure", "diastolic_pressure"];
    // At 10 o'clock the wave of the day is between its lowest and its highest.
    let [rate, output, systolic, diastolic] = drawn("circulation", &names, 10.0, &adults).try_into().unwrap();
    assert!(systolic.iter().zip(&diastolic).all(|(systolic, diastolic)| systolic > diastolic));
    range("resting heart rate [1/min]", rate, [52.0, 90.0], [25.0, 150.0]);
    range("cardiac output [L/min]", output, [3.6, 7.5], [1.0, 15.0]);
    range("systolic pressure [mmHg]", systolic, [100.0, 150.0], [50.0, 280.0]);
    assert!(diastolic.iter().all(|value| (20.0..=180.0).contains(value)));
}
