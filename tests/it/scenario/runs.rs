//! What comes out of a run: paired, exact at jumps, in the units asked for, with what goes beyond the data said.

use homeostat::scenario::{Comparison, Measure, Scenario, compare, run, serial};
use homeostat::sim::{Held, Schedule};

use super::{DRIP, HOUR, posterior, read, read_with, record};

/// Clearance [L/min] and volume [L] of a few people.
fn draws() -> Vec<Vec<f64>> {
    (0..21).map(|i| vec![0.04 + 0.001 * f64::from(i), 25.0 + 0.5 * f64::from(i)]).collect()
}

fn compared(texts: &[&str]) -> Comparison {
    let scenarios: Vec<Scenario> = texts
        .iter()
        .map(|text| Scenario { name: (*text).into(), ..read_with(text, None).unwrap_or_else(|f| panic!("{f}")).0 })
        .collect();
    compare(&posterior(record()), &draws(), &scenarios, &serial)
}

fn asks(measure: &str) -> String {
    format!("[[outcome]]\noutput = \"level\"\nmeasure = \"{measure}\"\n")
}

#[test]
fn the_person_comes_from_the_same_steady_state_whatever_is_done_from_the_start_on() {
    let held = Schedule {
        start: 0.0,
        end: 48.0 * HOUR,
        held: vec![Held { input: DRIP, time: 0.0, rate: 0.1 }],
        ..Schedule::default()
    };
    let posterior = posterior(held);
    let halved = read("[[scale]]\ninput = \"drip\"\nfactor = 0.5\n");
    let found = run(&posterior, &draws(), &halved, &[], &serial);
    let level = found.bands.iter().find(|band| band.output == "level").unwrap();
    for (index, hours) in found.times_h.iter().enumerate() {
        let of = |draw: &Vec<f64>| {
            let (clearance, volume) = (draw[0], draw[1]);
            0.05 / clearance * (1.0 + (-clearance / volume * hours * HOUR).exp())
        };
        let expected = draws().iter().map(of).sum::<f64>() / draws().len() as f64;
        assert!((level.mean[index] / expected - 1.0).abs() < 1e-6, "{hours} h: {} {expected}", level.mean[index]);
    }
}

#[test]
fn outcomes_are_those_of_the_closed_form_even_at_a_jump_between_kept_times() {
    // One dose on a state at rest; no drip.
    let posterior = posterior(Schedule { start: 0.0, end: 48.0 * HOUR, ..Schedule::default() });
    let scenario = read(
        &("step = \"1 h\"\n[[add]]\ninput = \"dose\"\ntime = \"90 min\"\namount = \"90 mg\"\n".to_string()
            + &asks("peak")
            + &asks("time_of_peak")
            + &asks("auc")
            + "unit = \"g.h/L\"\n"
            + &asks("value_at")
            + "time = \"330 min\"\n"
            + &asks("time_above")
            + "level = \"1 mg/L\"\nunit = \"h\"\n"
            + &asks("change_from_baseline")
            + "from = \"100 min\"\ntime = \"5.5 h\"\nto = \"20 h\"\n"),
    );
    let draws = draws();
    let found = run(&posterior, &draws, &scenario, &scenario.outcomes, &serial);
    assert_eq!(found.times_h.len(), 49);
    for (index, draw) in draws.iter().enumerate() {
        let (rate, top) = (draw[0] / draw[1], 90.0 / draw[1]);
        let at = |minutes: f64| top * (-rate * (minutes - 90.0)).exp();
        let area = (top - at(48.0 * HOUR)) / rate / HOUR / 1000.0;
        let expected = [top, 1.5, area, at(330.0), top.ln() / rate / HOUR, at(330.0) - at(100.0)];
        // Straight lines between times an hour apart: their error is known to be below a thousandth here.
        for ((outcome, expected), tolerance) in
            found.outcomes.iter().zip(expected).zip([1e-4, 1e-4, 1e-2, 1e-6, 1e-2, 1e-6])
        {
            let found = outcome[index];
            assert!((found / expected - 1.0).abs() < tolerance, "draw {index}: {found}, not {expected}");
        }
    }
}

#[test]
fn a_scenario_that_changes_nothing_has_no_effect_at_all() {
    let found = compared(&[&("".to_string()
        + &asks("peak")
        + "better = \"lower\"\n"
        + &asks("time_above")
        + "level = \"1 mg/L\"\n")]);
    let group = &found.groups[0];
    assert_eq!(group.runs[0].name, "as it was");
    assert_eq!(group.runs[0].outcomes, group.runs[1].outcomes);
    let peak = &group.contrasts[1][0];
    assert_eq!((peak.effect.unwrap().q05, peak.effect.unwrap().q95), (0.0, 0.0));
    assert_eq!((peak.p_better, peak.p_higher), (Some(0.5), Some(0.5)));
    assert_eq!(group.contrasts[1][1].unit, "%");
    assert_eq!(group.contrasts[0][0].effect, None);
}

#[test]
fn contrasts_are_of_the_same_person() {
    let found = compared(&[&("[[scale]]\ninput = \"dose\"\nfactor = 0.5\n".to_string()
        + &asks("peak")
        + "better = \"lower\"\n")]);
    let (baseline, scenario) = (&found.groups[0].runs[0], &found.groups[0].runs[1]);
    let differences: Vec<f64> = scenario.outcomes[0].iter().zip(&baseline.outcomes[0]).map(|(a, b)| a - b).collect();
    let contrast = &found.groups[0].contrasts[1][0];
    let mut sorted = differences.clone();
    sorted.sort_by(f64::total_cmp);
    assert_eq!(contrast.effect.unwrap().median, sorted[10]);
    assert!(differences.iter().all(|difference| *difference < 0.0));
    assert_eq!((contrast.p_better, contrast.p_higher, contrast.missing), (Some(1.0), Some(0.0), 0));
}

#[test]
fn scenarios_of_one_horizon_are_asked_the_same() {
    let peak = asks("peak");
    let day = format!("from = \"24 h\"\n{}", asks("mean"));
    let found = compared(&[&peak, &day, "about = \"nothing is asked\"\n"]);
    let shape: Vec<(f64, f64, usize, usize)> =
        found.groups.iter().map(|g| (g.from_h, g.to_h, g.runs.len(), g.outcomes.len())).collect();
    // The second scenario of the whole record asks nothing of its own: mean, peak, trough and area of the first output.
    assert_eq!(shape, [(0.0, 48.0, 3, 4), (24.0, 48.0, 2, 1)]);
    for group in &found.groups {
        assert!(group.contrasts.iter().all(|run| run.len() == group.outcomes.len()));
    }
}

#[test]
fn parameters_and_covariates_change_every_draw() {
    // At rest under the drip: level = rate / clearance, and clearance grows with weight.
    let held =
        Schedule { end: 48.0 * HOUR, held: vec![Held { input: DRIP, time: 0.0, rate: 0.1 }], ..Schedule::default() };
    let posterior = posterior(held);
    let mean = |text: &str| {
        let scenario = read(&(text.to_string() + &asks("mean")));
        run(&posterior, &draws(), &scenario, &scenario.outcomes, &serial).outcomes[0].clone()
    };
    let was = mean("");
    for (text, factor) in [
        ("[[set]]\nparameter = \"CL\"\nfactor = 2\n", 0.5),
        ("[[set]]\nparameter = \"CL\"\nfactor = \"50 %\"\n", 2.0),
        ("[[covariate]]\nname = \"weight\"\nvalue = \"140 kg\"\n", 0.5),
        ("[[covariate]]\nname = \"weight\"\nvalue = \"70 kg\"\n", 1.0),
    ] {
        for (a, b) in mean(text).iter().zip(&was) {
            assert!((a / b / factor - 1.0).abs() < 1e-9, "{text} {a} {b}");
        }
    }
    for value in mean("[[set]]\nparameter = \"CL\"\nvalue = \"6 L/h\"\n") {
        assert!((value - 1.0).abs() < 1e-9);
    }
}

#[test]
fn levels_may_be_given_in_the_units_that_people_use() {
    let level = |text: &str| {
        let outcome = "[[outcome]]\noutput = \"plasma_glucose\"\nmeasure = \"time_below\"\n";
        match read(&format!("{outcome}level = \"{text}\"\n")).outcomes[0].measure {
            Measure::TimeBelow { level } => level,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(level("72.0624 mg/dL"), 72.0624);
    assert!((level("4 mmol/L") - 72.0624).abs() < 1e-9);
}

fn extrapolations(text: &str) -> Vec<String> {
    let found = compared(&[text]);
    assert_eq!(found.groups[0].extrapolations[0], [""; 0]);
    found.groups[0].extrapolations[1].clone()
}

#[test]
fn what_goes_beyond_the_data_is_said() {
    let told = |text: &str, words: &[&str]| {
        let found = extrapolations(text);
        assert_eq!(found.len(), words.len(), "{text} {found:?}");
        for (sentence, words) in found.iter().zip(words) {
            assert!(sentence.contains(words), "`{words}` is not in `{sentence}`");
        }
    };
    told("[[scale]]\ninput = \"dose\"\nfactor = 0.9\n", &[]);
    told("[[remove]]\ninput = \"meal\"\n", &[]);
    told(
        "[[add]]\ninput = \"dose\"\ntime = \"10 h\"\namount = \"110 mg\"\n",
        &[
            "110 mg of `dose` at 10 h is above the largest in the record, 100 mg",
            "260 mg of `dose` in the 24 h until 20 h",
        ],
    );
    told("[[add]]\ninput = \"dose\"\ntime = \"10 h\"\namount = \"10 mg\"\n", &["160 mg of `dose` in the 24 h"]);
    told(
        "[[hold]]\ninput = \"drip\"\nrate = \"0.1 mg/h\"\n",
        &["`drip` at 0.1 mg/h: the record has 6 to 18 mg/h", "`level` would fall to"],
    );
    told("[[hold]]\ninput = \"heat\"\nvalue = 1.5\n", &["`heat` at 1.5"]);
    told(
        "[[set]]\nparameter = \"CL\"\nvalue = \"0.07 L/min\"\n",
        &["`CL` at 0.07 L/min is outside what the person's data allow"],
    );
    told("[[set]]\nparameter = \"CL\"\nfactor = 1.1\n", &[]);
    told("[[set]]\nparameter = \"gain\"\nvalue = 2\n", &["`gain` is fixed in the model"]);
    told("[[covariate]]\nname = \"weight\"\nvalue = \"75 kg\"\n", &["`weight` is 75 kg instead of 70 kg"]);
}

#[test]
fn a_forecast_and_an_input_without_a_record_are_said() {
    let alone = posterior(Schedule { end: 48.0 * HOUR, ..Schedule::default() });
    let scenario = read("to = \"72 h\"\n[[add]]\ninput = \"meal\"\ntime = \"50 h\"\namount = \"10 g\"\n");
    let found = compare(&alone, &draws(), &[scenario], &serial);
    let told = &found.groups[0].extrapolations;
    assert!(told[0][0].contains("The record ends at 48 h"), "{told:?}");
    assert!(told[1].iter().any(|sentence| sentence.contains("The record has no `meal`")), "{told:?}");
}
