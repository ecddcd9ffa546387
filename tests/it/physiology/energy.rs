//! Energy balance over ten years against two public codes, the published rule of thumb, and its own conservation.

use super::{Person, golden, number, rows, with_words};

/// Sex, body mass, height and age of the cases.
const PEOPLE: [(&str, [f64; 4]); 3] = [
    ("M80_1.80_23y", [1.0, 80.0, 1.80, 23.0]),
    ("F90_1.65_45y", [0.0, 90.0, 1.65, 45.0]),
    ("M100_1.80_40y", [1.0, 100.0, 1.80, 40.0]),
];

/// The R package bw adds the rate of glycogen, in kg/d, to energies, in kcal/d.
const AS_IN_BW: [(&str, &str); 1] =
    [("(intake - into_glycogen - ", "(intake - into_glycogen / rho_glycogen * 1 [kcal/kg] - ")];

fn person(who: [f64; 4], days: f64) -> Person {
    with(&[], who, days)
}

fn with(words: &[(&str, &str)], [sex, weight, height, age]: [f64; 4], days: f64) -> Person {
    let covariates = [("sex", sex), ("weight", weight), ("height", height), ("age", age)];
    let mut person = Person::new(with_words("energy_balance", words), &covariates, days);
    // Both codes take 1.5 where nothing is said.
    person.set("PAL", 1.5);
    person
}

#[test]
fn ten_years_of_a_diet_lie_by_those_of_two_codes() {
    let (one, other) = farthest(&[]);
    assert!(one < 0.05 && other < 0.3, "{one} and {other} kg away");
    let (one, other) = farthest(&AS_IN_BW);
    assert!(one < 2e-4 && other < 0.3, "{one} and {other} kg away");
}

/// Largest differences of body mass and fat from the R package bw and from the planner.
fn farthest(words: &[(&str, &str)]) -> (f64, f64) {
    let all = rows(&golden("energy/two_codes.csv"));
    let (mut package, mut planner) = (0.0f64, 0.0f64);
    for (name, who) in PEOPLE {
        for change in [-500.0, -250.0, 250.0] {
            let case = format!("{name}_dEI{change}");
            let expected: Vec<_> = all.iter().filter(|row| row["case"] == case).collect();
            assert_eq!(expected.len(), 29);
            let times: Vec<f64> = expected.iter().map(|row| number(row, "day")).collect();
            let mut person = with(words, who, 3650.0);
            person.constant("energy_intake_change", change);
            let found = person.outputs(&["body_mass", "fat_mass"], &times);
            for (values, columns) in found.iter().zip([["bw_pkg_kg", "nih_js_kg"], ["bw_pkg_fat", "nih_js_fat"]]) {
                for (value, row) in values.iter().zip(&expected) {
                    let [one, other] = columns.map(|column| (value - number(row, column)).abs());
                    (package, planner) = (package.max(one), planner.max(other));
                }
            }
        }
    }
    println!("at most {package} kg from the R package bw, {planner} kg from the planner");
    (package, planner)
}

#[test]
fn ten_kilocalories_a_day_are_a_pound_in_the_end_and_half_of_it_in_a_year() {
    // Hall et al. 2011: about 10 kcal/d a pound, half of it after about a year; for the average adult.
    let mut person = person([1.0, 90.0, 1.77, 40.0], 36_500.0);
    person.constant("energy_intake_change", -100.0);
    let mass = person.outputs(&["body_mass"], &[0.0, 365.0, 36_500.0]).remove(0);
    let (year, end) = ((mass[0] - mass[1]) / 0.4536, (mass[0] - mass[2]) / 0.4536);
    assert!((8.0..12.0).contains(&end), "{end} lb for 100 kcal/d");
    assert!((0.4..0.65).contains(&(year / end)), "{year} of {end} lb");
    println!("100 kcal/d less: {end} lb, {year} lb of it in a year");
}

#[test]
fn energy_is_kept() {
    // What is eaten is spent or stored: fat, lean tissue and glycogen hold the difference.
    let days: Vec<f64> = (0..=20_000).map(|step| f64::from(step) * 0.02).collect();
    let mut person = person([0.0, 90.0, 1.65, 45.0], 400.0);
    person.constant("energy_intake_change", -600.0).constant("activity_change", 0.5);
    person.tolerance = 1e-10;
    let names = ["energy_intake", "energy_expenditure", "stored_energy"];
    let [intake, spent, stored] = person.outputs(&names, &days).try_into().unwrap();
    // Simpson's rule; nothing jumps after the start.
    let balance: Vec<f64> = intake.iter().zip(&spent).map(|(intake, spent)| intake - spent).collect();
    let sum: f64 = balance.windows(3).step_by(2).map(|w| (w[0] + 4.0 * w[1] + w[2]) / 3.0 * 0.02).sum();
    let kept = stored[20_000] - stored[0];
    assert!((kept / sum - 1.0).abs() < 1e-8, "{kept} kcal stored, {sum} kcal eaten and not spent");
}

#[test]
fn who_changes_nothing_stays() {
    for (_, who) in PEOPLE {
        let mass = person(who, 3650.0).outputs(&["body_mass", "fat_mass"], &[0.0, 365.0, 3650.0]);
        assert!((mass[0][0] - who[1]).abs() < 1e-9);
        for values in mass {
            assert!(values.iter().all(|value| (value / values[0] - 1.0).abs() < 1e-9), "{values:?}");
        }
    }
}
