//! Organ volumes and blood flows against the reference adults, their sums, and people drawn from the prior.

use std::sync::Arc;

use homeostat::model::Program;
use homeostat::population::Prior;
use homeostat::sim::{Ensemble, Schedule, Settings};
use homeostat::stats::{Seed, normal_quantile};

use super::{Person, golden, number, rows, with_words};

const SOFT: [&str; 10] = ["liver", "kidney", "spleen", "heart", "lung", "brain", "gut", "muscle", "blood", "rest"];
const OTHER: [&str; 3] = ["adipose", "skin", "bone"];
const FLOWS: [&str; 11] =
    ["adipose", "brain", "gut", "heart", "kidney", "artery", "spleen", "muscle", "skin", "bone", "rest"];

/// Values of outputs of people with the same covariates, `[person][output]`.
fn people(program: &Program, covariates: &[f64], parameters: &[Vec<f64>], outputs: &[String]) -> Vec<Vec<f64>> {
    let model = &program.model;
    let position = |name: &String| model.outputs.iter().position(|output| output.name == *name).unwrap();
    let outputs: Vec<usize> = outputs.iter().map(position).collect();
    let schedule = Schedule { end: 1.0, ..Schedule::default() };
    let ensemble = Ensemble { program, covariates, schedule: &schedule, times: &[1.0], settings: Settings::default() };
    let found = ensemble.outputs(&mut ensemble.workspace(), parameters, &outputs);
    found.into_iter().map(|values| values.unwrap_or_else(|failure| panic!("{failure}"))).collect()
}

fn names() -> Vec<String> {
    let volumes = SOFT.iter().chain(&OTHER).map(|name| format!("{name}_volume"));
    volumes.chain(["cardiac_output".into()]).chain(FLOWS.iter().map(|name| format!("{name}_flow"))).collect()
}

/// Masses of all tissues, in the order of [`names`], from volumes and the model's own densities.
fn masses(program: &Program, values: &[f64]) -> Vec<f64> {
    let density = |name: &str| {
        let given = program.model.parameters.iter().position(|parameter| parameter.name == name).unwrap();
        Prior::new(&program.model, &[1.0, 35.0, 1.76, 73.0]).unwrap().typical()[given]
    };
    let other = ["adipose_density", "skin_density", "bone_density"].map(density);
    let densities = SOFT.iter().map(|_| density("soft_density")).chain(other);
    values.iter().zip(densities).map(|(volume, density)| volume * density).collect()
}

#[test]
fn the_reference_man_and_woman_have_the_organs_and_flows_of_icrp_89() {
    let program = Program::compile(Arc::new(with_words("anatomy", &[])));
    let reference = rows(&golden("anatomy/reference_adults.csv"));
    let (mut worst, mut which) = (0.0f64, String::new());
    // Sex, age, height, weight: as the model lists them.
    for (who, covariates) in [("man", [1.0, 35.0, 1.76, 73.0]), ("woman", [0.0, 35.0, 1.63, 60.0])] {
        let typical = Prior::new(&program.model, &covariates).unwrap().typical().to_vec();
        let names = names();
        let values = people(&program, &covariates, &[typical], &names).remove(0);
        let masses = masses(&program, &values);
        let at = |name: String| values[names.iter().position(|known| *known == name).unwrap()];
        for row in &reference {
            let (quantity, expected) = (&row["quantity"], number(row, who));
            let found = if let Some(tissue) = quantity.strip_suffix("_mass") {
                masses[names.iter().position(|name| *name == format!("{tissue}_volume")).unwrap()]
            } else if let Some(tissue) = quantity.strip_suffix("_share") {
                at(format!("{tissue}_flow")) / at("cardiac_output".into())
            } else {
                at(quantity.clone())
            };
            let off = (found / expected - 1.0).abs();
            assert!(off < 0.1, "{who}, {quantity}: {found}, ICRP 89 {expected}");
            if off > worst {
                (worst, which) = (off, format!("{who}, {quantity}"));
            }
        }
    }
    println!("farthest from ICRP 89: {which}, {:.1} %", worst * 100.0);
}

/// Height and weight of an adult of a sex from three numbers between 0 and 1, with the 5 and 95 % quantiles of adults of
/// 20 to 80 years in the United States, and a correlation of 0.4 between height and the logarithm of weight.
fn adult(man: bool, [first, second, third]: [f64; 3]) -> [f64; 4] {
    let ([h5, h95], [w5, w95]) =
        if man { ([1.63, 1.88], [62.0f64, 127.0f64]) } else { ([1.51, 1.74], [50.0f64, 118.0f64]) };
    let half = 1.6449;
    let (one, other) = (normal_quantile(first), normal_quantile(second));
    let height = f64::midpoint(h5, h95) + (h95 - h5) / (2.0 * half) * one;
    let with = 0.4 * one + (1.0f64 - 0.16).sqrt() * other;
    let weight = (f64::midpoint(w5.ln(), w95.ln()) + (w95.ln() - w5.ln()) / (2.0 * half) * with).exp();
    [f64::from(u8::from(man)), 20.0 + 60.0 * third, height, weight]
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

#[test]
fn ten_thousand_drawn_people_have_no_impossible_organ_and_sums_that_are_exact() {
    let program = Program::compile(Arc::new(with_words("anatomy", &[])));
    let names = names();
    let place = |name: &str| names.iter().position(|known| known == name).unwrap();
    let (mut mass_off, mut flow_off) = (0.0f64, 0.0f64);
    let mut drawn: Vec<Vec<f64>> = Vec::new();
    for group in 0..625u32 {
        // Additive recurrence: the three numbers fill the cube evenly.
        let part = |step: f64| (0.5 + step * f64::from(group + 1)).fract();
        let steps = [0.819_172_513_396_164_4, 0.671_043_606_703_789_2, 0.549_700_477_901_970_2];
        let covariates = adult(group % 2 == 0, steps.map(part));
        let prior = Prior::new(&program.model, &covariates).unwrap();
        let mut stream = Seed(1).stream("anatomy", u64::from(group));
        let draw = |_| prior.complete(&prior.natural(&prior.draw(&mut stream)));
        let parameters: Vec<Vec<f64>> = (0..16).map(draw).collect();
        for values in people(&program, &covariates, &parameters, &names) {
            assert!(values.iter().all(|value| value.is_finite() && *value > 0.0), "{covariates:?} {values:?}");
            let mass: f64 = masses(&program, &values).iter().sum();
            mass_off = mass_off.max((mass / covariates[3] - 1.0).abs());
            let flows: f64 = FLOWS.iter().map(|name| values[place(&format!("{name}_flow"))]).sum();
            flow_off = flow_off.max((flows / values[place("cardiac_output")] - 1.0).abs());
            drawn.push(values);
        }
    }
    assert_eq!(drawn.len(), 10_000);
    println!("masses are body mass within {mass_off:e}, flows cardiac output within {flow_off:e}");
    assert!(mass_off < 1e-9 && flow_off < 1e-9);
    // What a bundle may hold is survivable; nobody from the prior is beyond it.
    let plausible = [
        ("liver_volume", 0.3, 8.0),
        ("kidney_volume", 0.03, 10.0),
        ("spleen_volume", 0.01, 6.0),
        ("brain_volume", 0.5, 2.2),
        ("muscle_volume", 2.0, 90.0),
        ("adipose_volume", 0.5, 300.0),
        ("cardiac_output", 1.0, 40.0),
    ];
    let sorted = |name: &str| {
        let mut values: Vec<f64> = drawn.iter().map(|person| person[place(name)]).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    for (name, least, most) in plausible {
        let values = sorted(name);
        assert!(values[0] > least && values[9_999] < most, "{name}: {} to {}", values[0], values[9_999]);
        let [low, middle, high] = [0.05, 0.5, 0.95].map(|share| quantile(&values, share));
        println!("{name}: {low:.3}, {middle:.3}, {high:.3}; {:.3} to {:.3}", values[0], values[9_999]);
    }
    // 5 and 95 % of adults: cardiac output, and liver volume (1505 ± 385 mL in 2773 volunteers of the Study of Health in
    // Pomerania, doi:10.1016/j.ejrad.2018.07.005).
    for (name, expected) in [("cardiac_output", [3.6, 7.5]), ("liver_volume", [1.1, 2.3])] {
        let values = sorted(name);
        for (share, expected) in [0.05, 0.95].into_iter().zip(expected) {
            let found = quantile(&values, share);
            assert!((found / expected - 1.0).abs() < 0.15, "{name}, {share}: {found}, expected {expected}");
        }
    }
}

#[test]
fn a_scan_of_the_liver_is_what_the_model_reads() {
    // A liver of half the size again: volume and blood flow through its artery follow, everything else makes room.
    let covariates = [("sex", 1.0), ("age", 35.0), ("height", 1.76), ("weight", 73.0)];
    let mut person = Person::new(with_words("anatomy", &[]), &covariates, 1.0);
    let names = ["liver_volume", "artery_flow", "cardiac_output", "muscle_volume"];
    let usual: Vec<f64> = person.outputs(&names, &[1.0]).concat();
    person.set("liver_size", 2.7);
    let large: Vec<f64> = person.outputs(&names, &[1.0]).concat();
    let ratio: Vec<f64> = large.iter().zip(&usual).map(|(large, usual)| large / usual).collect();
    assert!((1.4..1.5).contains(&ratio[0]) && (1.35..1.5).contains(&ratio[1]), "{ratio:?}");
    assert!((ratio[2] - 1.0).abs() < 1e-12 && (0.95..1.0).contains(&ratio[3]), "{ratio:?}");
}
