//! Lipoproteins, aminotransferase and glycated haemoglobin against closed forms, regressions and what adults have.

use super::people::{adults, drawn, range};
use super::{Person, with_words};

fn person(days: f64) -> Person {
    Person::new(with_words("lipids", &[]), &[("sex", 1.0)], days)
}

#[test]
fn a_statin_that_doubles_removal_halves_ldl_within_weeks() {
    let mut person = person(60.0);
    person.constant("clearance_change", 1.0);
    person.tolerance = 1e-11;
    let times: Vec<f64> = (0..=60).map(f64::from).collect();
    let found = person.outputs(&["ldl_cholesterol"], &times).remove(0);
    for (time, value) in times.iter().zip(&found) {
        let expected = found[0] * (0.5 + 0.5 * (-0.68 * time).exp());
        assert!((value / expected - 1.0).abs() < 1e-8, "{value} mg/dL at {time} d, expected {expected}");
    }
    // All but a twentieth of the effect within two weeks, as trials see it.
    assert!((found[0] - found[14]) / (found[0] - found[60]) > 0.95);
}

#[test]
fn saturated_fat_acts_as_in_trials() {
    // Mensink 2016: 1 % of energy from carbohydrate to saturated fat: LDL +0.033, HDL +0.010, triglycerides -0.011 mmol/L.
    let mut person = person(200.0);
    person.constant("saturated_fat_change", 0.01);
    let found = person.outputs(&["ldl_cholesterol", "hdl_cholesterol", "triglycerides"], &[0.0, 200.0]);
    for (values, (expected, per_mmol)) in found.iter().zip([(0.033, 38.67), (0.010, 38.67), (-0.011, 88.57)]) {
        let change = (values[1] - values[0]) / per_mmol;
        assert!((change - expected).abs() < 1e-5, "{change} mmol/L, expected {expected}");
    }
}

#[test]
fn a_thousand_adults_have_the_published_ranges() {
    let adults = adults(1000);
    let names =
        ["ldl_cholesterol", "hdl_cholesterol", "triglycerides", "alanine_aminotransferase", "liver_fat_fraction"];
    let [ldl, hdl, triglycerides, alt, fat] = drawn("lipids", &names, 1.0, &adults).try_into().unwrap();
    let logs = |values: &[f64]| values.iter().map(|value| value.ln()).collect::<Vec<_>>();
    let (x, y) = (logs(&fat), logs(&alt));
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_x, mean_y) = (mean(&x), mean(&y));
    let sum = |a: &[f64], ma: f64, b: &[f64], mb: f64| a.iter().zip(b).map(|(a, b)| (a - ma) * (b - mb)).sum::<f64>();
    let r = sum(&x, mean_x, &y, mean_y) / (sum(&x, mean_x, &x, mean_x) * sum(&y, mean_y, &y, mean_y)).sqrt();
    // Martin-Rodriguez et al. 2017: r = 0.58 in 129 people without known disease.
    assert!((r - 0.58).abs() < 0.15, "liver fat and aminotransferase: r = {r}");
    println!("liver fat and aminotransferase: r = {r:.2}");
    range("LDL cholesterol [mg/dL]", ldl, [65.0, 175.0], [5.0, 800.0]);
    range("HDL cholesterol [mg/dL]", hdl, [34.0, 85.0], [3.0, 200.0]);
    range("triglycerides [mg/dL]", triglycerides, [50.0, 290.0], [10.0, 10_000.0]);
    range("HbA1c [%]", drawn("hba1c", &["hba1c"], 1.0, &adults).remove(0), [4.9, 6.9], [3.5, 20.0]);
}

fn glycated(glucose: f64, change: f64, days: f64) -> Person {
    let mut person = Person::new(with_words("hba1c", &[]), &[], days);
    person.set("usual_glucose", glucose).constant("mean_glucose_change", change);
    person
}

#[test]
fn glycated_haemoglobin_has_the_published_line() {
    // ADAG's own table (Nathan et al. 2008): HbA1c and mean glucose in whole mg/dL.
    for (hba1c, glucose) in [
        (5.0, 97.0),
        (6.0, 126.0),
        (7.0, 154.0),
        (8.0, 183.0),
        (9.0, 212.0),
        (10.0, 240.0),
        (11.0, 269.0),
        (12.0, 298.0),
    ] {
        let found = glycated(glucose, 0.0, 400.0).outputs(&["hba1c"], &[0.0, 400.0]).remove(0);
        assert!((found[0] - hba1c).abs() < 0.5 / 28.7 + 1e-6, "{} % at {glucose} mg/dL", found[0]);
        assert!((found[0] - found[1]).abs() < 1e-8, "not at rest: {found:?}");
    }
}

/// Share of its whole effect that a change of glucose has after a time of `x` stages: means over six stages of what reaches each.
fn through_six_stages(x: f64) -> f64 {
    let reached = |stage: u32| {
        let terms = (0..stage).scan(1.0, |term, index| {
            let now = *term;
            *term *= x / f64::from(index + 1);
            Some(now)
        });
        1.0 - (-x).exp() * terms.sum::<f64>()
    };
    (1..=6).map(|stage| (1..=stage).map(reached).sum::<f64>()).sum::<f64>() / 21.0
}

#[test]
fn glycated_haemoglobin_follows_glucose_as_ageing_cells_do() {
    let days: Vec<f64> = (0..=12).map(|tenth| f64::from(tenth) * 10.6).collect();
    let found = glycated(120.0, 60.0, 400.0).outputs(&["hba1c"], &days).remove(0);
    let mut farthest = 0.0f64;
    for (day, value) in days.iter().zip(&found) {
        let share = (value - found[0]) / (60.0 / 28.7);
        assert!((share - through_six_stages(6.0 * day / 106.0)).abs() < 1e-5, "{share} after {day} d");
        // Cells that all live for L days, of all ages alike, have done 1 - (1 - t / L)^2 after t.
        let equally_long = 1.0 - (1.0 - (day / 106.0).min(1.0)).powi(2);
        farthest = farthest.max((share - equally_long).abs());
    }
    println!("six stages are at most {farthest:.3} of a step from cells that live equally long");
    assert!(farthest < 0.13, "{farthest}");
}
