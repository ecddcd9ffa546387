//! Exercise on glucose: closed forms of its two states, and what it does to a person.

use homeostat::sim::Series;

use super::{Person, with_words};

fn at(model: &str, times: Vec<f64>, heart_rate: Vec<f64>, end: f64) -> Person {
    let covariates: &[(&str, f64)] = if model == "exercise" { &[] } else { &[("weight", 70.0)] };
    let mut person = Person::new(with_words(model, &[]), covariates, end);
    let input = person.input("heart_rate");
    person.schedule.series.push(Series { input, times, values: heart_rate });
    person
}

#[test]
fn effort_and_what_lasts_follow_their_closed_forms() {
    // An hour at twice the resting rate, which the lasting effect meets as fully on, then rest.
    let person = at("exercise", vec![0.0, 60.0, 60.000001, 900.0], vec![130.0, 130.0, 40.0, 40.0], 900.0);
    let times = [2.0, 5.0, 20.0, 60.0, 200.0, 500.0, 900.0];
    let [uptake, sensitivity] =
        person.outputs(&["exercise_uptake", "exercise_sensitivity"], &times).try_into().unwrap();
    let effort = |t: f64| {
        65.0 * if t <= 60.0 { 1.0 - (-t / 5.0).exp() } else { (1.0 - (-12f64).exp()) * (-(t - 60.0) / 5.0).exp() }
    };
    for (found, time) in uptake.iter().zip(times) {
        assert!((found - 0.01 * effort(time)).abs() < 1e-5, "{time} min: {found}");
    }
    // On: (effort / 6.5)^4 is near 10^4, and the balance of filling and fading within a thousandth of full.
    let on = 1e4 / (1.0 + 1e4);
    assert!((sensitivity[3] / 0.6 - on / (on + 1.0 / 600.0)).abs() < 1e-5, "{}", sensitivity[3]);
    // Off, after some delays: it fades with its own time alone, but for the 1e-6 that is always on.
    assert!(((sensitivity[5] / sensitivity[6]).ln() - 400.0 / 600.0).abs() < 2e-3);
    assert!((0.75..0.90).contains(&(sensitivity[4] / 0.6)), "{}", sensitivity[4]);
}

#[test]
fn activity_does_as_much_as_the_heart_rate_that_it_raises() {
    let by_heart = at("exercise", vec![0.0], vec![65.0 + 12.0 * 4.0], 60.0);
    let mut by_activity = Person::new(with_words("exercise", &[]), &[], 60.0);
    by_activity.constant("activity", 5.0);
    let names = ["exercise_uptake", "exercise_sensitivity"];
    let (first, second) = (by_heart.outputs(&names, &[10.0, 60.0]), by_activity.outputs(&names, &[10.0, 60.0]));
    assert!(
        first.iter().flatten().zip(second.iter().flatten()).all(|(a, b)| (a - b).abs() < 1e-9),
        "{first:?} {second:?}"
    );
}

#[test]
fn exercise_lowers_glucose_and_rest_leaves_it() {
    let times: Vec<f64> = (0..=48).map(|at| f64::from(at) * 10.0).collect();
    for model in ["metabolic_day", "metabolic_day_type2"] {
        let glucose = |heart: f64| {
            let beats = vec![45.0, 45.0, heart, heart, 45.0];
            let mut person = at(model, vec![0.0, 120.0, 121.0, 165.0, 166.0], beats, 480.0);
            person.infuse("carbohydrate_intake", 5.0, 12.0);
            person.outputs(&["plasma_glucose"], &times).remove(0)
        };
        let mut without = Person::new(with_words(model, &[]), &[("weight", 70.0)], 480.0);
        without.infuse("carbohydrate_intake", 5.0, 12.0);
        let without = without.outputs(&["plasma_glucose"], &times).remove(0);
        let (rest, run) = (glucose(45.0), glucose(140.0));
        assert!(rest.iter().zip(&without).all(|(a, b)| (a - b).abs() < 1e-4), "{model}: rest is not rest");
        assert!((0..=12).all(|at| (rest[at] - run[at]).abs() < 1e-4), "{model}: an effect before its cause");
        assert!(run[16] < rest[16] - 3.0, "{model}: at the end of the run {} without {}", run[16], rest[16]);
        assert!(run.iter().all(|glucose| *glucose > 50.0), "{model}: {run:?}");
    }
}
