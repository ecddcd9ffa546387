//! What interventions do to small schedules written by hand.

use homeostat::sim::{Bolus, Held, Infusion, Schedule};

use super::{DOSE, DRIP, EFFORT, HEAT, HOUR, MEAL, read, read_with, record, shared, under};

fn doses(schedule: &Schedule) -> Vec<(f64, f64)> {
    let mut all: Vec<(f64, f64)> = schedule.boluses.iter().map(|b| (b.time / HOUR, b.amount)).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all
}

/// (begin [h], rate, duration [h]) of an input.
fn deliveries(schedule: &Schedule, input: usize) -> Vec<(f64, f64, f64)> {
    let of_input = schedule.infusions.iter().filter(|i| i.input == input);
    let mut all: Vec<(f64, f64, f64)> = of_input.map(|i| (i.time / HOUR, i.rate, i.duration / HOUR)).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all
}

/// The held rate at a time [h].
fn rate(schedule: &Schedule, hours: f64) -> f64 {
    let steps = schedule.held.iter().filter(|h| h.input == DRIP && h.time <= hours * HOUR);
    steps.max_by(|a, b| a.time.total_cmp(&b.time)).map_or(0.0, |held| held.rate)
}

/// The value of a series at a time [h], as the simulation reads it.
fn sampled(schedule: &Schedule, input: usize, hours: f64) -> f64 {
    let series = schedule.series.iter().find(|series| series.input == input).unwrap();
    let after = series.times.partition_point(|time| *time <= hours * HOUR);
    let Some(before) = after.checked_sub(1) else { return series.values[0] };
    if input == EFFORT || after == series.times.len() {
        return series.values[before];
    }
    let share = (hours * HOUR - series.times[before]) / (series.times[after] - series.times[before]);
    series.values[before] + share * (series.values[after] - series.values[before])
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

#[test]
fn a_factor_of_one_and_a_shift_by_nothing_change_nothing() {
    for input in ["dose", "drip", "meal", "effort", "heat"] {
        for change in ["[[scale]]\nfactor = 1", "[[shift]]\nby = \"0 min\"", "[[scale]]\nfactor = \"100 %\""] {
            for window in ["", "from = \"10 h\"\nto = \"25 h\""] {
                assert_eq!(under(&format!("{change}\ninput = \"{input}\"\n{window}\n")), record(), "{input} {change}");
            }
        }
    }
}

#[test]
fn factors_multiply() {
    for input in ["dose", "drip", "meal", "effort", "heat"] {
        let scale =
            |factor: f64| format!("[[scale]]\ninput = \"{input}\"\nfactor = {factor}\nfrom = \"9 h\"\nto = \"25 h\"\n");
        let (twice, once) = (under(&(scale(0.5) + &scale(3.0))), under(&scale(1.5)));
        assert_eq!(doses(&twice), doses(&once));
        for index in [DRIP, MEAL] {
            let (twice, once) = (deliveries(&twice, index), deliveries(&once, index));
            assert_eq!(twice.len(), once.len());
            for (a, b) in twice.iter().zip(&once) {
                assert!(close(a.0, b.0) && close(a.1, b.1) && close(a.2, b.2), "{a:?} {b:?}");
            }
        }
        for quarter in 0..192 {
            let hours = f64::from(quarter) / 4.0 + 0.01;
            assert!(close(rate(&twice, hours), rate(&once, hours)));
            for index in [EFFORT, HEAT] {
                assert!(close(sampled(&twice, index, hours), sampled(&once, index, hours)), "{hours}");
            }
        }
    }
}

#[test]
fn what_is_removed_and_added_again_is_what_was() {
    let again = under(
        r#"
        [[remove]]
        input = "dose"
        [[add]]
        input = "dose"
        events = [{ time = "8 h", amount = "100 mg" }, { time = "20 h", amount = "0.05 g" }, { time = "32 h", amount = "100 mg" }]
        [[remove]]
        input = "meal"
        from = "0 h"
        to = "24 h"
        [[add]]
        input = "meal"
        time = "7 h"
        amount = "60 g"
        [[add]]
        input = "meal"
        time = "12 h"
        amount = "80 g"
        duration = "16 min"
        [[hold]]
        input = "drip"
        rate = "18 mg/h"
        from = "30 h"
        "#,
    );
    assert_eq!(doses(&again), doses(&record()));
    assert_eq!(deliveries(&again, MEAL), deliveries(&record(), MEAL));
    assert_eq!((rate(&again, 29.0), rate(&again, 31.0)), (0.1, 0.3));
}

#[test]
fn a_window_begins_at_its_first_time_and_ends_before_its_last() {
    let text =
        |from: &str, to: &str| format!("[[scale]]\ninput = \"dose\"\nfactor = 2\nfrom = \"{from}\"\nto = \"{to}\"\n");
    assert_eq!(doses(&under(&text("8 h", "20 h"))), [(8.0, 200.0), (20.0, 50.0), (32.0, 100.0)]);
    // The same times in other units, which differ by rounding.
    assert_eq!(doses(&under(&text("480 min", "0.8333333333333334 d"))), [(8.0, 200.0), (20.0, 50.0), (32.0, 100.0)]);
}

#[test]
fn interventions_act_in_the_order_in_which_they_are_written() {
    let add = "[[add]]\ninput = \"dose\"\ntime = \"10 h\"\namount = \"10 mg\"\n";
    let scale = "[[scale]]\ninput = \"dose\"\nfactor = 2\nto = \"24 h\"\n";
    assert_eq!(doses(&under(&(add.to_string() + scale)))[1], (10.0, 20.0));
    assert_eq!(doses(&under(&(scale.to_string() + add)))[1], (10.0, 10.0));
}

#[test]
fn added_events_repeat() {
    let found = under("[[add]]\ninput = \"dose\"\ntime = \"1 h\"\namount = \"5 mg\"\nevery = \"12 h\"\ntimes = 3\n");
    let added: Vec<(f64, f64)> = doses(&found).into_iter().filter(|dose| dose.1 == 5.0).collect();
    assert_eq!(added, [(1.0, 5.0), (13.0, 5.0), (25.0, 5.0)]);
    let listed = under(
        "[[add]]\ninput = \"dose\"\nevery = \"24 h\"\ntimes = 2\nevents = [{ time = \"1 h\", amount = \"5 mg\" }]\n",
    );
    assert_eq!(doses(&listed).iter().filter(|dose| dose.1 == 5.0).count(), 2);
}

#[test]
fn shifted_events_keep_their_amounts_even_past_others() {
    let found = under("[[shift]]\ninput = \"dose\"\nby = \"14 h\"\nfrom = \"8 h\"\nto = \"9 h\"\n");
    assert_eq!(doses(&found), [(20.0, 50.0), (22.0, 100.0), (32.0, 100.0)]);
    let found = under("[[shift]]\ninput = \"meal\"\nby = \"-90 min\"\nfrom = \"12 h\"\nto = \"13 h\"\n");
    assert_eq!(deliveries(&found, MEAL)[1].0, 10.5);
    let earlier_than_others = under("[[shift]]\ninput = \"dose\"\nby = \"-13 h\"\nfrom = \"20 h\"\nto = \"21 h\"\n");
    assert_eq!(doses(&earlier_than_others)[0], (7.0, 50.0));
}

#[test]
fn an_infusion_is_cut_at_the_edges_of_a_window_and_a_meal_is_not() {
    // The infusion runs from 22 h to 28 h.
    let found = under("[[scale]]\ninput = \"drip\"\nfactor = 0.5\nfrom = \"24 h\"\nto = \"26 h\"\n");
    assert_eq!(deliveries(&found, DRIP), [(22.0, 0.2, 2.0), (24.0, 0.1, 2.0), (26.0, 0.2, 2.0)]);
    assert_eq!([23.0, 25.0, 27.0].map(|hours| rate(&found, hours)), [0.1, 0.05, 0.1]);
    let found = under("[[remove]]\ninput = \"drip\"\nfrom = \"24 h\"\nto = \"40 h\"\n");
    assert_eq!(deliveries(&found, DRIP), [(22.0, 0.2, 2.0)]);
    assert_eq!([23.0, 25.0, 35.0, 41.0].map(|hours| rate(&found, hours)), [0.1, 0.0, 0.0, 0.3]);
    // The meal of 7 h takes 12 min; from 7.1 h on it is left as it is, and that is said.
    let text = "[[remove]]\ninput = \"meal\"\nfrom = \"7.1 h\"\nto = \"24 h\"\n";
    let (scenario, warnings) = read_with(text, None).unwrap();
    assert_eq!(warnings.iter().map(|w| w.code).collect::<Vec<_>>(), ["S5017"]);
    let left = deliveries(&scenario.schedule(shared(), &record()), MEAL);
    assert_eq!(left.iter().map(|meal| meal.0).collect::<Vec<_>>(), [7.0, 31.0]);
}

#[test]
fn more_of_a_meal_at_a_given_speed_takes_longer_and_none_is_no_meal() {
    let found = under("[[scale]]\ninput = \"meal\"\nfactor = 1.5\nto = \"10 h\"\n");
    assert_eq!(deliveries(&found, MEAL)[0], (7.0, 5.0, 0.3));
    let found = under("[[scale]]\ninput = \"meal\"\nfactor = 0\nto = \"10 h\"\n");
    assert_eq!(deliveries(&found, MEAL).len(), 2);
}

#[test]
fn a_rate_is_held_in_a_window_and_comes_back() {
    let found = under("[[hold]]\ninput = \"drip\"\nrate = \"60 mg/h\"\nfrom = \"10 h\"\nto = \"31 h\"\n");
    assert_eq!([9.9, 10.0, 30.5, 31.0].map(|hours| rate(&found, hours)), [0.1, 1.0, 1.0, 0.3]);
    let found = under("[[hold]]\ninput = \"effort\"\nvalue = 2\nfrom = \"10.5 h\"\nto = \"12 h\"\n");
    assert_eq!([9.9, 10.2, 10.6, 11.5, 12.5].map(|hours| sampled(&found, EFFORT, hours)), [0.0, 1.0, 2.0, 2.0, 0.0]);
    let found = under("[[hold]]\ninput = \"heat\"\nvalue = 2\nfrom = \"12 h\"\nto = \"24 h\"\n");
    for (hours, value) in [(6.0, 0.25), (11.999999, 0.5), (12.0, 2.0), (23.9, 2.0), (24.0, 1.0), (36.0, 0.5)] {
        assert!((sampled(&found, HEAT, hours) - value).abs() < 1e-6, "{hours}");
    }
}

#[test]
fn a_shifted_rate_leaves_a_gap_that_keeps_what_was() {
    // The step of 30 h comes three hours later; the rate at the start is no step and stays.
    let found = under("[[shift]]\ninput = \"drip\"\nby = \"3 h\"\n");
    assert_eq!([0.0, 1.0, 29.9, 30.0, 32.9, 33.0].map(|hours| rate(&found, hours)), [0.1, 0.1, 0.1, 0.1, 0.1, 0.3]);
    assert_eq!(deliveries(&found, DRIP)[0].0, 25.0);
    assert_eq!(found.before, None);
    let found = under("[[shift]]\ninput = \"drip\"\nby = \"-3 h\"\n");
    assert_eq!([0.0, 26.9, 27.0, 40.0].map(|hours| rate(&found, hours)), [0.1, 0.1, 0.3, 0.3]);
    let found = under("[[shift]]\ninput = \"effort\"\nby = \"1 h\"\nfrom = \"9 h\"\nto = \"12 h\"\n");
    assert_eq!([9.5, 10.5, 11.5, 12.5].map(|hours| sampled(&found, EFFORT, hours)), [0.0, 0.0, 1.0, 0.0]);
    let found = under("[[shift]]\ninput = \"heat\"\nby = \"6 h\"\nfrom = \"12 h\"\nto = \"24 h\"\n");
    for (hours, value) in [(6.0, 0.25), (15.0, 0.5), (18.0, 0.5), (24.0, 0.75), (29.9999, 1.0), (30.0, 0.75)] {
        assert!((sampled(&found, HEAT, hours) - value).abs() < 1e-4, "{hours} {}", sampled(&found, HEAT, hours));
    }
}

#[test]
fn a_change_from_the_start_on_leaves_the_state_that_the_person_comes_from() {
    let found = under("[[scale]]\ninput = \"drip\"\nfactor = 0.5\n");
    assert_eq!((rate(&found, 0.0), rate(&found, 31.0)), (0.05, 0.15));
    assert_eq!(found.before, Some(vec![0.0, 0.1, 0.0, 0.0, 0.0]));
    assert_eq!(under("[[scale]]\ninput = \"drip\"\nfactor = 0.5\nfrom = \"1 h\"\n").before, None);
}

#[test]
fn a_rate_without_a_duration_lasts_to_the_end_on_top_of_what_is_held() {
    let found = under("to = \"60 h\"\n[[add]]\ninput = \"drip\"\nrate = \"0.5 mg/min\"\ntime = \"40 h\"\n");
    assert_eq!(deliveries(&found, DRIP)[1], (40.0, 0.5, 20.0));
    assert_eq!(rate(&found, 45.0), 0.3);
    assert_eq!(found.end, 60.0 * HOUR);
}

#[test]
fn the_horizon_may_go_on_beyond_the_record() {
    let scenario =
        read("from = \"40 h\"\nto = \"96 h\"\n[[add]]\ninput = \"dose\"\ntime = \"72 h\"\namount = \"1 mg\"\n");
    assert_eq!((scenario.from, scenario.to), (40.0 * HOUR, 96.0 * HOUR));
    let found = scenario.schedule(shared(), &record());
    assert_eq!(found.boluses[3], Bolus { input: DOSE, time: 72.0 * HOUR, amount: 1.0 });
    assert_eq!(found.held.last(), Some(&Held { input: DRIP, time: 30.0 * HOUR, rate: 0.3 }));
    assert_eq!(found.infusions, record().infusions);
    let drip = Infusion { input: DRIP, time: 22.0 * HOUR, rate: 0.2, duration: 6.0 * HOUR };
    assert_eq!(found.infusions[3], drip);
}

#[test]
fn nothing_before_the_horizon_changes() {
    let found = under("from = \"24 h\"\n[[scale]]\ninput = \"dose\"\nfactor = 2\n[[remove]]\ninput = \"drip\"\n");
    assert_eq!(doses(&found), [(8.0, 100.0), (20.0, 50.0), (32.0, 200.0)]);
    assert_eq!(deliveries(&found, DRIP), [(22.0, 0.2, 2.0)]);
    assert_eq!((rate(&found, 23.9), rate(&found, 24.0)), (0.1, 0.0));
    assert_eq!(found.before, None);
}
