//! One- and two-compartment drugs against closed forms, and their mass balance.

use super::{Person, with_words};

/// A sum of exponentials: coefficient and rate.
type Terms = Vec<(f64, f64)>;

/// Amount in plasma after 1 mg into plasma at time 0.
fn one() -> (Terms, [(&'static str, f64); 4]) {
    let (clearance, volume) = (6.0, 40.0);
    (vec![(1.0, clearance / volume)], [("CL", clearance), ("V", volume), ("ka", 1.3), ("F", 0.7)])
}

fn two() -> (Terms, [(&'static str, f64); 6]) {
    let (clearance, plasma, between, tissue) = (6.0, 15.0, 9.0, 45.0);
    let (k10, k12, k21) = (clearance / plasma, between / plasma, between / tissue);
    let (sum, product) = (k10 + k12 + k21, k10 * k21);
    let root = f64::sqrt(sum * sum - 4.0 * product);
    let (fast, slow) = ((sum + root) / 2.0, 2.0 * product / (sum + root));
    let terms = vec![((fast - k21) / (fast - slow), fast), ((k21 - slow) / (fast - slow), slow)];
    (terms, [("CL", clearance), ("V1", plasma), ("Q", between), ("V2", tissue), ("ka", 1.3), ("F", 0.7)])
}

fn injected(terms: &Terms, time: f64) -> f64 {
    terms.iter().map(|(a, rate)| a * (-rate * time).exp()).sum()
}

fn swallowed(terms: &Terms, time: f64) -> f64 {
    let ka = 1.3;
    terms.iter().map(|(a, rate)| 0.7 * a * ka / (ka - rate) * ((-rate * time).exp() - (-ka * time).exp())).sum()
}

/// 1 mg/h from 0 for a duration.
fn infused(terms: &Terms, time: f64, duration: f64) -> f64 {
    let (so_far, since) = (time.min(duration), (time - duration).max(0.0));
    terms.iter().map(|(a, rate)| a / rate * -(-rate * so_far).exp_m1() * (-rate * since).exp()).sum()
}

/// 1 mg swallowed every `interval` for ever, at a time after the last: geometric sums.
fn repeated(terms: &Terms, time: f64, interval: f64) -> f64 {
    let ka = 1.3;
    let all = |rate: f64| (-rate * time).exp() / -(-rate * interval).exp_m1();
    terms.iter().map(|(a, rate)| 0.7 * a * ka / (ka - rate) * (all(*rate) - all(ka))).sum()
}

fn person(name: &str, values: &[(&str, f64)], end: f64) -> Person {
    let mut person = Person::new(with_words(name, &[]), &[], end);
    for (parameter, value) in values {
        person.set(parameter, *value);
    }
    person.tolerance = 1e-12;
    person
}

fn check(name: &str, volume: f64, terms: &Terms, values: &[(&str, f64)]) -> (f64, f64) {
    let times: Vec<f64> = (1..=48).map(|half| f64::from(half) * 0.5).collect();
    let (mut worst, mut lost) = (0.0f64, 0.0f64);
    let mut compare = |person: &Person, times: &[f64], given: &dyn Fn(f64) -> f64, expected: &dyn Fn(f64) -> f64| {
        let found = person.outputs(&["drug_in_plasma", "drug_in_body", "drug_eliminated"], times);
        for (at, time) in times.iter().enumerate() {
            worst = worst.max((found[0][at] * volume / expected(*time) - 1.0).abs());
            lost = lost.max(((found[1][at] + found[2][at]) / given(*time) - 1.0).abs());
        }
    };
    let mut swallow = person(name, values, 24.0);
    swallow.give("oral_dose", 0.0, 100.0);
    compare(&swallow, &times, &|_| 70.0, &|time| 100.0 * swallowed(terms, time));
    let mut inject = person(name, values, 24.0);
    inject.give("injected_dose", 0.0, 100.0);
    compare(&inject, &times, &|_| 100.0, &|time| 100.0 * injected(terms, time));
    let mut infuse = person(name, values, 24.0);
    infuse.infuse("infusion", 20.0, 4.0);
    compare(&infuse, &times, &|time| 20.0 * time.min(4.0), &|time| 20.0 * infused(terms, time, 4.0));
    // So many doses that what is missing of for ever is below rounding.
    let (interval, doses) = (8.0, 60);
    let last = interval * f64::from(doses - 1);
    let mut many = person(name, values, last + interval);
    (0..doses).for_each(|dose| {
        many.give("oral_dose", interval * f64::from(dose), 100.0);
    });
    let after: Vec<f64> = (1..=8).map(|hour| last + f64::from(hour) * 0.99).collect();
    compare(&many, &after, &|_| 70.0 * f64::from(doses), &|time| 100.0 * repeated(terms, time - last, interval));
    // A rate that goes on ends where elimination equals it.
    let mut steady = person(name, values, 2000.0);
    steady.hold("infusion", 20.0);
    compare(&steady, &[2000.0], &|time| 20.0 * time, &|_| 20.0 * volume / 6.0);
    (worst, lost)
}

#[test]
fn one_and_two_compartments_are_their_closed_forms_and_lose_nothing() {
    let (terms, values) = one();
    let (single, single_lost) = check("one_compartment", 40.0, &terms, &values);
    let (terms, values) = two();
    let (double, double_lost) = check("two_compartment", 15.0, &terms, &values);
    println!("relative differences {single:e}, {double:e}; mass lost {single_lost:e}, {double_lost:e}");
    assert!(single < 1e-8 && double < 1e-8, "{single:e} {double:e}");
    assert!(single_lost < 1e-9 && double_lost < 1e-9, "{single_lost:e} {double_lost:e}");
}
