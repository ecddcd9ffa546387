//! A drink of glucose in health: C-peptide in closed form, the whole against a second implementation, people from the prior, and
//! twenty real people.

use std::sync::Arc;

use homeostat::model::{Library, Program};
use homeostat::population::Prior;
use homeostat::sim::{Ensemble, Infusion, Schedule, Series, Settings};
use homeostat::stats::Seed;

use super::{Person, golden, number, reference, rows, with_words};

#[test]
fn c_peptide_falls_as_two_exponentials() {
    let (weight, height, age): (f64, f64, f64) = (69.4, 174.4666, 28.1);
    let surface = 0.007184 * weight.powf(0.425) * height.powf(0.725);
    for (sex, volume) in [(0.0, 1.11 * surface + 2.04), (1.0, 1.92 * surface + 0.64)] {
        let covariates = [("weight", weight), ("height", height), ("age", age), ("sex", sex)];
        let mut person = Person::new(with_words("c_peptide", &[]), &covariates, 240.0);
        let input = person.input("secretion");
        let (times, values) = (vec![0.0, 30.0, 30.0 + 1e-9, 240.0], vec![2.0, 2.0, 0.0, 0.0]);
        person.schedule.series.push(Series { input, times, values });
        let at = [0.0, 30.0, 35.0, 60.0, 120.0, 240.0];
        let found = person.outputs(&["c_peptide"], &at).remove(0);
        // What a pulse leaves is 0.76 of it at the fast rate, 0.24 at the slow one, over the volume: Van Cauter 1992.
        let (fast, slow) = (2f64.ln() / 4.95, 2f64.ln() / (29.16 + 0.14 * age));
        for (time, found) in at.iter().zip(found) {
            let t = (time - 30.0).max(0.0);
            let left = 0.76 / fast * (-fast * t).exp() + 0.24 / slow * (-slow * t).exp();
            let expected = 2.0 * weight / volume / 1000.0 * left;
            assert!((found / expected - 1.0).abs() < 1e-6, "sex {sex}, {time} min: {found}, closed form {expected}");
        }
    }
}

#[test]
fn a_drink_in_health_is_that_of_the_second_implementation() {
    let expected = rows(&golden("ogtt/drink_75g.csv"));
    let mut worst = 0.0f64;
    for name in ["typical", "other"] {
        let mine: Vec<_> = expected.iter().filter(|row| row["person"] == name).collect();
        let times: Vec<f64> = mine.iter().map(|row| number(row, "time_min")).collect();
        let [weight, age, height, sex] =
            if name == "typical" { [57.0, 29.0, 164.0, 0.0] } else { [85.0, 45.0, 180.0, 1.0] };
        let covariates = [("weight", weight), ("height", height), ("age", age), ("sex", sex)];
        let mut person = Person::new(with_words("ogtt", &[]), &covariates, 300.0);
        person.infuse("carbohydrate_intake", 15.0, 5.0).set("HEb", 0.6).set("gush", 0.12);
        if name == "other" {
            person.set("Gb", 100.0).set("sensitivity", 0.8).set("responsivity", 0.1).set("emptying_rate", 0.35);
            person.set("HEb", 0.5).set("volume_ratio", 1.1);
        }
        let outputs = [
            ("plasma_glucose", "glucose_mg_dl"),
            ("plasma_insulin", "insulin_pmol_l"),
            ("c_peptide", "c_peptide_nmol_l"),
        ];
        let found = person.outputs(&outputs.map(|(ours, _)| ours), &times);
        for (values, (ours, column)) in found.iter().zip(outputs) {
            for (value, row) in values.iter().zip(&mine) {
                let difference = (value / number(row, column) - 1.0).abs();
                worst = worst.max(difference);
                assert!(
                    difference < 1e-4,
                    "{name}, {ours} at {} min: {value}, second {}",
                    row["time_min"],
                    row[column]
                );
            }
        }
    }
    println!("largest relative difference: {worst:e}");
}

/// Glucose of people from the prior, `[person][time]`, after 75 g at time 0.
fn people(model: &str, covariates: &[(&str, f64)], times: &[f64], draws: u64) -> Vec<Vec<f64>> {
    let (model, _) = Library::embedded().load(model).unwrap_or_else(|found| panic!("{found}"));
    let value = |name: &str| covariates.iter().find(|(known, _)| *known == name).map(|(_, value)| *value).unwrap();
    let covariates: Vec<f64> = model.covariates.iter().map(|covariate| value(&covariate.name)).collect();
    let prior = Prior::new(&model, &covariates).unwrap();
    let input = model.inputs.iter().position(|input| input.name == "carbohydrate_intake").unwrap();
    let output = model.outputs.iter().position(|output| output.name == "plasma_glucose").unwrap();
    let end = *times.last().unwrap();
    let infusions = vec![Infusion { input, time: 0.0, rate: 15.0, duration: 5.0 }];
    let schedule = Schedule { end, infusions, ..Schedule::default() };
    let program = Program::compile(Arc::new(model));
    let ensemble = Ensemble {
        program: &program,
        covariates: &covariates,
        schedule: &schedule,
        times,
        settings: Settings::default(),
    };
    let drawn: Vec<Vec<f64>> = (0..draws)
        .map(|draw| prior.complete(&prior.natural(&prior.draw(&mut Seed(1).stream("people", draw)))))
        .collect();
    let mut workspace = ensemble.workspace();
    let found = drawn.chunks(4).flat_map(|few| ensemble.outputs(&mut workspace, few, &[output]));
    found.map(|person| person.unwrap_or_else(|failure| panic!("{failure}"))).collect()
}

fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(share * (values.len() - 1) as f64).round() as usize]
}

#[test]
fn people_from_the_priors_are_healthy() {
    let times: Vec<f64> = (0..=36).map(|at| f64::from(at) * 10.0).collect();
    for (model, covariates) in [
        ("ogtt", &[("weight", 65.0), ("height", 170.0), ("age", 35.0), ("sex", 1.0)][..]),
        ("dalla_man_2007", &[("weight", 65.0)][..]),
    ] {
        let people = people(model, covariates, &times, 400);
        let nadirs: Vec<f64> =
            people.iter().map(|person| person.iter().copied().fold(f64::INFINITY, f64::min)).collect();
        let found = [0.025, 0.1, 0.5].map(|share| quantile(nadirs.clone(), share));
        println!("{model}: nadirs of one in forty, a tenth, half of the people: {found:.0?} mg/dL");
        // Lev-Ran & Anderson 1981, 650 people without symptoms over five hours: 39, 47 and 64 mg/dL.
        assert!(found[0] > 25.0 && found[1] > 40.0 && (55.0..90.0).contains(&found[2]), "{model}: {found:?}");
        let late = quantile(people.iter().map(|person| *person.last().unwrap()).collect(), 0.05);
        assert!(late > 50.0, "{model}: one in twenty is below {late} mg/dL after six hours");
    }
}

#[test]
fn twenty_real_people_are_nearer_to_the_typical_one_than_to_their_own_last_value() {
    let Some(path) = reference("ogtt/fujita2022_ogtt75g_long.csv") else { return };
    let readings: Vec<_> = rows(&path).into_iter().filter(|row| row["analyte"] == "Glucose").collect();
    let at = |subject: usize, time: f64| {
        let row = readings.iter().find(|row| row["subject"] == subject.to_string() && number(row, "time_min") == time);
        number(row.unwrap_or_else(|| panic!("subject {subject} at {time} min")), "value")
    };
    let late = [120.0, 150.0, 180.0, 210.0, 240.0];
    let covariates = [("weight", 57.0), ("height", 164.0), ("age", 29.0), ("sex", 1.0)];
    let mut person = Person::new(with_words("ogtt", &[]), &covariates, 240.0);
    person.infuse("carbohydrate_intake", 15.0, 5.0);
    let typical = person.outputs(&["plasma_glucose"], &late).remove(0);
    let (mut model, mut stays, mut n) = (0.0, 0.0, 0.0);
    for subject in 1..=20 {
        for (time, typical) in late.iter().zip(&typical) {
            let measured = at(subject, *time);
            model += (typical / measured - 1.0).abs();
            stays += (at(subject, 90.0) / measured - 1.0).abs();
            n += 1.0;
        }
    }
    println!("from the typical person {:.1} %, from the last value {:.1} %", 100.0 * model / n, 100.0 * stays / n);
    assert!(model / n < 0.25 && stays / n > 0.5);
}
