//! Drugs in the whole body: against a matrix exponential, closed forms, published partition coefficients and kinetics.

use std::collections::HashMap;

use homeostat::population::Prior;
use homeostat::sim::{Ensemble, Method, Settings};
use homeostat::stats::Seed;
use nalgebra::{DMatrix, DVector};

use super::{Person, golden, number, rows, with_words};

const TISSUES: [&str; 12] =
    ["lung", "heart", "brain", "kidney", "muscle", "adipose", "skin", "bone", "spleen", "gut", "liver", "rest"];
/// A drug that differs in every tissue, and is cleared by all that clears.
const DRUG: [(&str, f64); 9] = [
    ("ka", 1.4),
    ("F_absorbed", 0.8),
    ("gut_extraction", 0.5),
    ("unbound", 0.3),
    ("blood_to_plasma", 0.8),
    ("hepatic_intrinsic", 150.0),
    ("filtration", 7.0),
    ("renal_filtered", 0.6),
    ("secretion", 9.0),
];

fn drug() -> Person {
    let mut person = Person::new(with_words("pbpk", &[]), &[], 48.0);
    DRUG.iter().for_each(|(name, value)| {
        person.set(name, *value);
    });
    for (number, tissue) in TISSUES.iter().enumerate() {
        person.set(&format!("Kp_{tissue}"), 0.4 * 1.35f64.powi(i32::try_from(number).unwrap()));
    }
    person.tolerance = 1e-10;
    person
}

/// Values of all parameters by name.
fn values(person: &Person) -> HashMap<String, f64> {
    let model = &person.program.model;
    let typical = Prior::new(model, &person.covariates).unwrap().typical().to_vec();
    let mut values: HashMap<String, f64> =
        model.parameters.iter().zip(typical).map(|(parameter, value)| (parameter.name.clone(), value)).collect();
    for (parameter, value) in &person.set {
        values.insert(model.parameters[*parameter].name.clone(), *value);
    }
    values
}

/// Rates of change of amounts, written as flows from one place to another: gut content, venous and arterial blood, tissues in
/// the order of [`TISSUES`], then what has left. Not the model's equations: every flow stands once, as what leaves and arrives.
fn matrix(value: &HashMap<String, f64>) -> DMatrix<f64> {
    let at = |name: &str| value[name];
    let (content, venous, arterial, left) = (0, 1, 2, 15);
    let place = |tissue: &str| 3 + TISSUES.iter().position(|known| *known == tissue).unwrap();
    let mut rates = DMatrix::zeros(16, 16);
    let mut flow = |from: usize, to: usize, rate: f64| {
        rates[(from, from)] -= rate;
        rates[(to, from)] += rate;
    };
    let blood = at("V_blood");
    let (v_arterial, v_venous) = (at("arterial_part") * blood, (1.0 - at("arterial_part")) * blood);
    let ratio = at("blood_to_plasma");
    let leaves = |tissue: &str| ratio / (at(&format!("V_{tissue}")) * at(&format!("Kp_{tissue}")));
    let mut total = 0.0;
    for tissue in TISSUES {
        let to_vein = match tissue {
            "lung" => continue,
            "spleen" | "gut" => place("liver"),
            _ => venous,
        };
        let supply = at(&format!("Q_{}", if tissue == "liver" { "artery" } else { tissue }));
        let drain = if tissue == "liver" { supply + at("Q_gut") + at("Q_spleen") } else { supply };
        total += supply;
        flow(arterial, place(tissue), supply / v_arterial);
        flow(place(tissue), to_vein, drain * leaves(tissue));
    }
    flow(venous, place("lung"), total / v_venous);
    flow(place("lung"), arterial, total * leaves("lung"));
    let through = 1.0 / (1.0 + at("gut_extraction"));
    flow(content, place("gut"), at("ka") * through);
    flow(content, left, at("ka") * (1.0 - through));
    let unbound = at("unbound") / ratio;
    flow(place("liver"), left, unbound * at("hepatic_intrinsic") * leaves("liver"));
    flow(place("kidney"), left, unbound * at("secretion") * leaves("kidney"));
    // Filtered from the blood that enters the kidney: it arrives there and leaves at once.
    rates[(left, arterial)] += unbound * at("filtration") * at("renal_filtered") / v_arterial;
    rates[(place("kidney"), arterial)] -= unbound * at("filtration") * at("renal_filtered") / v_arterial;
    rates
}

fn concentrations(value: &HashMap<String, f64>, amounts: &DVector<f64>) -> Vec<f64> {
    let plasma = amounts[1] / ((1.0 - value["arterial_part"]) * value["V_blood"] * value["blood_to_plasma"]);
    let tissues = TISSUES.iter().enumerate().map(|(at, name)| amounts[3 + at] / value[&format!("V_{name}")]);
    std::iter::once(plasma).chain(tissues).collect()
}

/// What the model says at times, `[output][time]`, with a method of its own choosing or not.
fn solved(person: &Person, times: &[f64], method: Method, tolerance: f64) -> Vec<Vec<f64>> {
    let model = &person.program.model;
    let mut parameters = Prior::new(model, &person.covariates).unwrap().typical().to_vec();
    person.set.iter().for_each(|(parameter, value)| parameters[*parameter] = *value);
    let names: Vec<String> =
        std::iter::once("plasma").chain(TISSUES).chain(["body"]).map(|name| format!("drug_in_{name}")).collect();
    let position = |name: &String| model.outputs.iter().position(|output| output.name == *name).unwrap();
    let ensemble = Ensemble {
        program: &person.program,
        covariates: &person.covariates,
        schedule: &person.schedule,
        times,
        // The lung alone takes hundreds of explicit steps an hour.
        settings: Settings { tolerance, method, max_steps: 1_000_000 },
    };
    let outputs: Vec<usize> = names.iter().map(position).collect();
    let found = ensemble.outputs(&mut ensemble.workspace(), &[parameters], &outputs).remove(0);
    found.unwrap_or_else(|failure| panic!("{failure}")).chunks(times.len()).map(<[f64]>::to_vec).collect()
}

#[test]
fn every_tissue_follows_the_matrix_exponential_and_both_solvers_agree() {
    let times = [0.02, 0.1, 0.5, 1.0, 3.0, 8.0, 24.0, 48.0];
    let (mut worst, mut apart) = (0.0f64, 0.0f64);
    for way in ["oral_dose", "injected_dose", "infusion"] {
        let mut person = drug();
        match way {
            "infusion" => person.infuse(way, 25.0, 0.5),
            _ => person.give(way, 0.0, 100.0),
        };
        let value = values(&person);
        let rates = matrix(&value);
        let mut start = DVector::zeros(16);
        match way {
            "oral_dose" => start[0] = 80.0,
            "injected_dose" => start[1] = 100.0,
            _ => {}
        }
        // A constant inflow is one more place, of 1, that gives without losing.
        let mut fed = DMatrix::zeros(17, 17);
        fed.view_mut((0, 0), (16, 16)).copy_from(&rates);
        fed[(1, 16)] = 25.0;
        let after = |time: f64| {
            if way != "infusion" {
                return (&rates * time).exp() * &start;
            }
            let mut full = DVector::zeros(17);
            full[16] = 1.0;
            let fed = ((&fed * time.min(0.5)).exp() * full).rows(0, 16).into_owned();
            (&rates * (time - 0.5).max(0.0)).exp() * fed
        };
        let explicit = solved(&person, &times, Method::Explicit, 1e-12);
        let implicit = solved(&person, &times, Method::Implicit, 1e-10);
        for (at, time) in times.iter().enumerate() {
            let expected = concentrations(&value, &after(*time));
            for (output, expected) in expected.iter().enumerate() {
                worst = worst.max((explicit[output][at] / expected - 1.0).abs());
                apart = apart.max((implicit[output][at] / explicit[output][at] - 1.0).abs());
            }
        }
    }
    println!("from the matrix exponential {worst:e}, implicit from explicit {apart:e}");
    assert!(worst < 1e-8, "{worst:e}");
    assert!(apart < 1e-6, "{apart:e}");
}

#[test]
fn nothing_is_lost_in_people_drawn_from_the_prior() {
    let times = [0.05, 0.3, 1.0, 4.0, 12.0, 48.0];
    let mut worst = 0.0f64;
    for (name, oral, injected) in [
        ("midazolam_pbpk", "oral_midazolam", "injected_midazolam"),
        ("caffeine_pbpk", "oral_caffeine", "injected_caffeine"),
    ] {
        let covariates = [("sex", 0.0), ("age", 61.0), ("height", 1.58), ("weight", 88.0)];
        let mut person = Person::new(with_words(name, &[]), &covariates, 48.0);
        person.give(oral, 0.0, 40.0).give(injected, 0.1, 10.0).infuse("infusion", 5.0, 2.0);
        let model = &person.program.model;
        let prior = Prior::new(model, &person.covariates).unwrap();
        let mut stream = Seed(1).stream("balance", 0);
        let people: Vec<Vec<f64>> = (0..16).map(|_| prior.complete(&prior.natural(&prior.draw(&mut stream)))).collect();
        let outputs: Vec<usize> = ["drug_in_body", "drug_eliminated"]
            .map(|name| model.outputs.iter().position(|output| output.name == name).unwrap())
            .to_vec();
        let settings = Settings { tolerance: 1e-8, ..Settings::default() };
        let ensemble = Ensemble {
            program: &person.program,
            covariates: &person.covariates,
            schedule: &person.schedule,
            times: &times,
            settings,
        };
        for found in ensemble.outputs(&mut ensemble.workspace(), &people, &outputs) {
            let found = found.unwrap_or_else(|failure| panic!("{failure}"));
            for (at, time) in times.iter().enumerate() {
                let given = 40.0 + if *time < 0.1 { 0.0 } else { 10.0 } + 5.0 * time.min(2.0);
                worst = worst.max(((found[at] + found[times.len() + at]) / given - 1.0).abs());
            }
        }
    }
    println!("amount given less amount in the body and eliminated: {worst:e}");
    assert!(worst < 1e-9, "{worst:e}");
}

#[test]
fn clearance_of_the_liver_is_well_stirred() {
    let mut person = drug();
    person.set("secretion", 0.0).hold("infusion", 20.0);
    person.schedule.end = 2000.0;
    let value = values(&person);
    let level = person.outputs(&["drug_in_plasma"], &[2000.0])[0][0];
    let flow = value["Q_artery"] + value["Q_gut"] + value["Q_spleen"];
    let bound = value["unbound"] * value["hepatic_intrinsic"];
    let liver = flow * bound / (flow + bound / value["blood_to_plasma"]);
    let kidney = value["unbound"] * value["filtration"] * value["renal_filtered"];
    assert!((20.0 / level / (liver + kidney) - 1.0).abs() < 1e-8, "{} {}", 20.0 / level, liver + kidney);
}

/// Tissue over plasma, of a base or a neutral compound.
fn rodgers_rowland(log_p: f64, unbound: f64, base: Option<f64>) -> HashMap<String, f64> {
    let table = rows(&golden("pbpk/tissue_composition.csv"));
    let plasma = table.iter().find(|row| row["tissue"] == "plasma").unwrap();
    let (octanol, oil) = (10f64.powf(log_p), 10f64.powf(1.115 * log_p - 1.35));
    let charged = |ph: f64| base.map_or(0.0, |pka| 10f64.powf(pka - ph));
    let (cell, blood) = (1.0 + charged(7.0), 1.0 + charged(7.4));
    let lipid = |row: &super::Row, p: f64| {
        (p * number(row, "neutral_lipid") + (0.3 * p + 0.7) * number(row, "neutral_phospholipid")) / blood
    };
    let protein = 1.0 / unbound - 1.0 - lipid(plasma, octanol);
    let ratio = if base.is_some() { "albumin_ratio" } else { "lipoprotein_ratio" };
    let tissue = |row: &super::Row| {
        let p = if row["tissue"] == "adipose" { oil } else { octanol };
        let water = number(row, "extracellular_water") + cell / blood * number(row, "intracellular_water");
        (row["tissue"].clone(), unbound * (water + lipid(row, p) + protein * number(row, ratio)))
    };
    with_rest(table.iter().filter(|row| row["tissue"] != "plasma").map(tissue).collect())
}

fn poulin_theil(log_p: f64, unbound: f64) -> HashMap<String, f64> {
    let table = rows(&golden("pbpk/tissue_lipids.csv"));
    let plasma = table.iter().find(|row| row["tissue"] == "plasma").unwrap();
    let dissolves = |row: &super::Row, p: f64| {
        let phospholipid = number(row, "phospholipid");
        p * (number(row, "neutral_lipid") + 0.3 * phospholipid) + number(row, "water") + 0.7 * phospholipid
    };
    let tissue = |row: &super::Row| {
        let adipose = row["tissue"] == "adipose";
        let p = 10f64.powf(if adipose { 1.115 * log_p - 1.35 } else { log_p });
        let in_tissue = if adipose { 1.0 } else { 1.0 / (1.0 + 0.5 * (1.0 - unbound) / unbound) };
        (row["tissue"].clone(), dissolves(row, p) / dissolves(plasma, p) * unbound / in_tissue)
    };
    with_rest(table.iter().filter(|row| row["tissue"] != "plasma").map(tissue).collect())
}

fn with_rest(mut found: HashMap<String, f64>) -> HashMap<String, f64> {
    let lean: Vec<f64> = found.iter().filter(|(name, _)| *name != "adipose").map(|(_, value)| *value).collect();
    found.insert("rest".into(), lean.iter().sum::<f64>() / lean.len() as f64);
    found
}

fn typical(name: &str) -> Person {
    let covariates = [("sex", 1.0), ("age", 35.0), ("height", 1.76), ("weight", 73.0)];
    Person::new(with_words(name, &[]), &covariates, 72.0)
}

#[test]
fn partition_coefficients_follow_from_tissue_composition() {
    let expected =
        [("midazolam_pbpk", rodgers_rowland(2.9, 0.031, Some(6.2))), ("caffeine_pbpk", poulin_theil(-0.07, 0.681))];
    for (name, expected) in expected {
        let value = values(&typical(name));
        for tissue in TISSUES {
            let (found, expected) = (value[&format!("Kp_{tissue}")], expected[tissue]);
            assert!((found / expected - 1.0).abs() < 2e-3, "{name}, {tissue}: {found} {expected}");
        }
    }
}

/// Area under the curve, highest level and half-life (between two times) after a dose, by Simpson's rule.
fn kinetics(name: &str, input: &str, dose: f64, output: &str, late: [f64; 2]) -> [f64; 3] {
    let mut person = typical(name);
    person.give(input, 0.0, dose);
    let grid = |from: f64, to: f64| (0..=200).map(move |step| from + (to - from) / 200.0 * f64::from(step));
    let sections = [[0.0, 0.02], [0.02, 0.2], [0.2, 2.0], [2.0, 12.0], [12.0, 72.0]];
    let (mut area, mut highest) = (0.0, 0.0f64);
    for [from, to] in sections {
        let times: Vec<f64> = grid(from, to).collect();
        let levels = person.outputs(&[output], &times).remove(0);
        let parts = levels.windows(3).step_by(2).map(|part| part[0] + 4.0 * part[1] + part[2]);
        area += parts.sum::<f64>() * (to - from) / 600.0;
        highest = levels.into_iter().fold(highest, f64::max);
    }
    let levels = person.outputs(&[output], &late).remove(0);
    [area, highest, (late[1] - late[0]) * 2f64.ln() / (levels[0] / levels[1]).ln()]
}

/// Asserts that a number lies within a factor of 1.5 of what was published.
fn near(what: &str, found: f64, published: f64) {
    println!("{what}: {found:.3}, published {published:.3}, ratio {:.2}", found / published);
    assert!((found / published).ln().abs() < 1.5f64.ln(), "{what}: {found}, published {published}");
}

#[test]
fn midazolam_in_the_reference_man_is_as_published() {
    let [injected, _, half_life] =
        kinetics("midazolam_pbpk", "injected_midazolam", 5.0, "plasma_midazolam", [4.0, 10.0]);
    let [swallowed, highest, _] = kinetics("midazolam_pbpk", "oral_midazolam", 7.5, "plasma_midazolam", [4.0, 10.0]);
    // Heizmann 1983, doi:10.1111/j.1365-2125.1983.tb02270.x: 323 mL/min. Saari 2006, doi:10.1016/j.clpt.2005.12.305: 2.8 h, 31 %
    // bioavailable. Backman 1998, doi:10.1007/s002280050420: 277 ug h/L after 15 mg.
    near("midazolam, clearance [L/h]", 5000.0 / injected, 19.4);
    near("midazolam, half-life [h]", half_life, 2.8);
    near("midazolam, share that reaches blood", swallowed / 7.5 / (injected / 5.0), 0.31);
    near("midazolam, area after 7.5 mg [ug h/L]", swallowed, 138.5);
    // Highest level after 7.5 mg: 31 in 9 people (PMC2015005), 62 in 10 (191 nmol/L, Acta Pharmacol Sin 2001, 22:634).
    near("midazolam, highest level after 7.5 mg [ug/L]", highest, (31.0f64 * 62.2).sqrt());
}

#[test]
fn caffeine_in_the_reference_man_is_as_published() {
    let [area, highest, half_life] = kinetics("caffeine_pbpk", "oral_caffeine", 365.0, "plasma_caffeine", [8.0, 24.0]);
    // 0.078 L/h/kg and 5 h: Institute of Medicine 2001. 10 mg/L after 5 mg/kg: Blanchard & Sawers 1983, doi:10.1007/BF00613933.
    near("caffeine, clearance [L/h/kg]", 365.0 / area / 73.0, 0.078);
    near("caffeine, half-life [h]", half_life, 5.0);
    near("caffeine, highest level after 5 mg/kg [mg/L]", highest, 10.0);
}
