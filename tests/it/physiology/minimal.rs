//! The oral minimal model against SciPy (`tests/golden/minimal/oral_minimal.py`).

use homeostat::sim::Series;

use super::{Person, golden, number, rows, with_words};

#[test]
fn the_oral_minimal_model_is_that_of_scipy() {
    let expected = rows(&golden("minimal/oral_minimal.csv"));
    let times: Vec<f64> = expected.iter().map(|row| number(row, "time_min")).collect();
    let mut person = Person::new(with_words("oral_minimal_model", &[]), &[("weight", 70.0)], 300.0);
    person.give("swallowed_glucose", 0.0, 75.0);
    let input = person.input("measured_insulin");
    person.schedule.series.push(Series {
        input,
        times: vec![0.0, 30.0, 60.0, 90.0, 120.0, 180.0, 240.0, 300.0],
        values: vec![31.0, 250.0, 300.0, 260.0, 220.0, 110.0, 50.0, 31.0],
    });
    let found = person.outputs(&["plasma_glucose", "glucose_appearance"], &times);
    let mut worst = 0.0f64;
    for (at, row) in expected.iter().enumerate() {
        let glucose = number(row, "glucose_mg_dl");
        worst = worst.max((found[0][at] / glucose - 1.0).abs());
        assert!((found[0][at] / glucose - 1.0).abs() < 1e-6, "{} min: {} not {glucose}", times[at], found[0][at]);
        let appearance = number(row, "appearance_mg_kg_min");
        assert!((found[1][at] - appearance).abs() < 1e-6, "{} min: {} not {appearance}", times[at], found[1][at]);
    }
    println!("largest relative difference of glucose: {worst:e}");
}

#[test]
fn all_that_is_absorbed_appears() {
    let times: Vec<f64> = (0..=310).map(f64::from).collect();
    let mut person = Person::new(with_words("oral_minimal_model", &[]), &[("weight", 70.0)], 310.0);
    person.give("swallowed_glucose", 0.0, 75.0).constant("measured_insulin", 31.0);
    let appearance = person.outputs(&["glucose_appearance"], &times).remove(0);
    // Straight lines between whole minutes: the trapezoid sum is exact.
    let appeared: f64 = appearance.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).sum();
    assert!((appeared / (0.9 * 75_000.0 / 70.0) - 1.0).abs() < 1e-6, "{appeared}");
}
