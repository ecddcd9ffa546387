//! Exposures as the inputs of a model take them: amounts, rates and series become each other where that is exact.

use crate::diagnostic::Diagnostic;
use crate::model::{Composed, Delivery, Input, InputKind};
use crate::patient::{Exposure, ExposureEvent, ExposureKind};
use crate::sim::{Bolus, Held, Infusion, Schedule, Series};
use crate::units::{Unit, mismatch, short};

use super::matching::hours_to_model;
use super::over_time;

/// Two intervals meet where the end of one and the start of the next differ by less: a share of the interval's length, and [h]. Readers
/// keep lengths in single precision, so that what was written as one moment may come apart by this much.
const MEETS: (f64, f64) = (1e-7, 1e-9);

/// Adds an exposure to a schedule; a sentence where it is read otherwise than it is given.
///
/// # Errors
/// L1003 where the input takes no such exposure, U1002 where its unit is of another dimension.
pub(super) fn add(
    schedule: &mut Schedule,
    model: &Composed,
    index: usize,
    exposure: &Exposure,
) -> Result<Option<String>, Box<Diagnostic>> {
    let input = &model.inputs[index];
    fits(model, index, exposure)?;
    let per_hour = hours_to_model(model);
    let expected = expected(input, exposure.kind, &model.time_unit);
    let factor = exposure.unit.factor_to(&expected).ok_or_else(|| -> Box<Diagnostic> {
        mismatch(&exposure.unit, &expected)
            .help(format!("`{}` acts on the model `{}` in `{expected}`", exposure.name, model.name))
            .into()
    })?;
    let scaled = |event: &ExposureEvent| (event.time_h * per_hour, event.value * factor, event.duration_h * per_hour);
    let events = || exposure.events.iter().map(scaled);
    let name = &exposure.name;
    match (input.kind, exposure.kind) {
        (InputKind::Bolus, _) => {
            for (time, value, duration) in events() {
                match exposure.kind {
                    ExposureKind::Bolus if duration == 0.0 => {
                        schedule.boluses.push(Bolus { input: index, time, amount: value });
                    }
                    ExposureKind::Bolus => {
                        schedule.infusions.push(Infusion { input: index, time, rate: value / duration, duration });
                    }
                    _ => schedule.infusions.push(Infusion { input: index, time, rate: value, duration }),
                }
            }
            let lasting = events().filter(|(.., duration)| *duration > 0.0).count();
            let noun = if lasting == 1 { "amount" } else { "amounts" };
            Ok((lasting > 0).then(|| {
                format!("`{name}`: {lasting} {noun} spread evenly over time, where the model takes them at an instant")
            }))
        }
        (InputKind::Rate(delivery), ExposureKind::Bolus) => {
            for (time, value, duration) in events() {
                let Some((rate, duration)) = delivered(delivery, value, duration) else {
                    let help = format!("the model `{}` takes it as an amount with a `duration`", model.name);
                    return Err(as_given(exposure, "an amount without a duration").help(help).into());
                };
                schedule.infusions.push(Infusion { input: index, time, rate, duration });
            }
            Ok(None)
        }
        (InputKind::Rate(_), ExposureKind::Rate) => {
            let of = events().map(|(time, rate, duration)| Infusion { input: index, time, rate, duration });
            schedule.infusions.extend(of);
            Ok(None)
        }
        (InputKind::Rate(_), ExposureKind::Held | ExposureKind::Series) => {
            schedule.held.extend(events().map(|(time, rate, _)| Held { input: index, time, rate }));
            let series = exposure.kind == ExposureKind::Series;
            Ok(series.then(|| format!("`{name}`: samples as rates, each until the next")))
        }
        (InputKind::SeriesConstant, ExposureKind::Series | ExposureKind::Held)
        | (InputKind::SeriesLinear, ExposureKind::Series) => {
            let (times, values) = events().map(|(time, value, _)| (time, value)).unzip();
            push(schedule, Series { input: index, times, values });
            Ok(None)
        }
        (InputKind::SeriesLinear, ExposureKind::Held) => {
            let steps: Vec<(f64, f64)> = events().map(|(time, value, _)| (time, value)).collect();
            push(schedule, jumping(index, &steps));
            Ok(Some(format!("`{name}`: each rate until the next, with jumps between them")))
        }
        (InputKind::SeriesConstant | InputKind::SeriesLinear, ExposureKind::Bolus | ExposureKind::Rate) => {
            let rate = |value: f64, duration: f64| match exposure.kind {
                ExposureKind::Bolus => value / duration,
                _ => value,
            };
            let intervals: Vec<Interval> = events()
                .map(|(begin, value, duration)| Interval { begin, end: begin + duration, rate: rate(value, duration) })
                .collect();
            let steps = steps(intervals, schedule.start, per_hour);
            let silent = silent(&steps, schedule.start, schedule.end) / per_hour;
            push(
                schedule,
                match input.kind {
                    InputKind::SeriesLinear => jumping(index, &steps),
                    _ => {
                        let (times, values) = steps.into_iter().unzip();
                        Series { input: index, times, values }
                    }
                },
            );
            let count = exposure.events.len();
            Ok(Some(format!(
                "`{name}`: {count} intervals as a series, 0 in the {} h of the record that are in none",
                short(silent)
            )))
        }
    }
}

/// What acts before the start, where intervals that begin with it stand for a series: nothing, as with any rate of which nothing is told.
pub(super) fn nothing_before(schedule: &mut Schedule, model: &Composed, of_intervals: &[usize]) {
    let value = |index: usize| schedule.value_at_start(index, model.inputs[index].kind == InputKind::SeriesLinear);
    if of_intervals.iter().all(|index| value(*index) == 0.0) {
        return;
    }
    let before = |index| if of_intervals.contains(&index) { 0.0 } else { value(index) };
    schedule.before = Some((0..model.inputs.len()).map(before).collect());
}

/// Whether an exposure becomes a series of intervals.
pub(super) fn is_of_intervals(input: &Input, exposure: &Exposure) -> bool {
    matches!(input.kind, InputKind::SeriesConstant | InputKind::SeriesLinear)
        && matches!(exposure.kind, ExposureKind::Bolus | ExposureKind::Rate)
}

/// Rate and duration of an amount.
pub(crate) fn delivered(delivery: Delivery, amount: f64, duration: f64) -> Option<(f64, f64)> {
    if duration > 0.0 {
        return Some((amount / duration, duration));
    }
    match delivery {
        Delivery::At(rate) => Some((rate, amount / rate)),
        Delivery::Over(duration) => Some((amount / duration, duration)),
        Delivery::None => None,
    }
}

/// The unit in which an exposure of a kind acts on an input.
fn expected(input: &Input, kind: ExposureKind, time: &Unit) -> Unit {
    match (input.kind, kind) {
        (InputKind::Bolus, ExposureKind::Rate) => input.unit.per(time),
        (InputKind::Bolus, _) | (_, ExposureKind::Rate | ExposureKind::Held | ExposureKind::Series) => {
            input.unit.clone()
        }
        (_, ExposureKind::Bolus) => input.unit.times(time),
    }
}

/// L1003 where there is no way from an exposure to an input without a guess.
fn fits(model: &Composed, index: usize, exposure: &Exposure) -> Result<(), Box<Diagnostic>> {
    let input = &model.inputs[index];
    let refuse = |given: &str, wanted: &str| -> Result<(), Box<Diagnostic>> {
        Err(as_given(exposure, given).help(format!("the model `{}` takes it as {wanted}", model.name)).into())
    };
    let lasting = exposure.events.iter().any(|event| event.duration_h > 0.0);
    match (input.kind, exposure.kind) {
        (InputKind::Bolus, ExposureKind::Held) => {
            refuse("a rate that never ends", "amounts: give `amount`, or a `duration` beside the rate")
        }
        (InputKind::Bolus, ExposureKind::Series) => refuse("a series", "amounts: give `amount`"),
        (InputKind::Bolus, _) if lasting && !over_time::reaches(model, index) => {
            // Without the person's additions the model could not tell what the rate does.
            refuse(
                "an amount over a duration",
                "an amount at an instant, and not in proportion to it: leave the duration out",
            )
        }
        (InputKind::Rate(_), ExposureKind::Series) if exposure.events.iter().any(|event| event.value < 0.0) => {
            refuse("a series with values below 0", "amounts or rates, which are never negative")
        }
        (InputKind::SeriesConstant | InputKind::SeriesLinear, ExposureKind::Bolus)
            if exposure.events.iter().any(|event| event.duration_h == 0.0) =>
        {
            refuse("amounts at an instant", "a series: give `value`, or a `duration` beside each amount")
        }
        _ => Ok(()),
    }
}

fn as_given(exposure: &Exposure, given: &str) -> Diagnostic {
    Diagnostic::error("L1003", format!("`{}` is given as {given}", exposure.name))
}

fn push(schedule: &mut Schedule, series: Series) {
    if !series.times.is_empty() {
        schedule.series.push(series);
    }
}

/// A rate from a time to another, in the model's units.
#[derive(Clone, Copy, Debug)]
struct Interval {
    begin: f64,
    end: f64,
    rate: f64,
}

/// The sum of intervals as steps (time, value from then on), 0 where there is none, from `start` on at the latest; no step without a change.
fn steps(mut intervals: Vec<Interval>, start: f64, per_hour: f64) -> Vec<(f64, f64)> {
    intervals.sort_by(|a, b| a.begin.total_cmp(&b.begin));
    let begins: Vec<f64> = intervals.iter().map(|interval| interval.begin).collect();
    for interval in &mut intervals {
        let slack = MEETS.0 * (interval.end - interval.begin) + MEETS.1 * per_hour;
        let after = begins.partition_point(|begin| *begin < interval.end - slack);
        if let Some(begin) =
            begins.get(after).filter(|begin| **begin <= interval.end + slack && **begin > interval.begin)
        {
            interval.end = *begin;
        }
    }
    let mut times: Vec<f64> = begins.into_iter().chain(intervals.iter().map(|interval| interval.end)).collect();
    times.push(start);
    times.sort_by(f64::total_cmp);
    times.dedup();
    let (mut steps, mut running, mut next) = (Vec::new(), Vec::<Interval>::new(), 0);
    for time in times {
        running.retain(|interval| interval.end > time);
        while let Some(interval) = intervals.get(next).filter(|interval| interval.begin <= time) {
            running.push(*interval);
            next += 1;
        }
        // Summed anew, so that nothing is left of what has ended.
        let value: f64 = running.iter().map(|interval| interval.rate).sum();
        if steps.last().is_none_or(|(_, before)| *before != value) {
            steps.push((time, value));
        }
    }
    steps
}

/// How long steps are at 0 in a record.
fn silent(steps: &[(f64, f64)], start: f64, end: f64) -> f64 {
    let ends = steps.iter().skip(1).map(|step| step.0).chain([f64::INFINITY]);
    let zero = steps.iter().zip(ends).filter(|((_, value), _)| *value == 0.0);
    zero.map(|((from, _), to)| (to.min(end) - from.max(start)).max(0.0)).sum()
}

/// Steps as a series of straight lines: two points at each jump.
fn jumping(input: usize, steps: &[(f64, f64)]) -> Series {
    let mut series = Series { input, times: Vec::new(), values: Vec::new() };
    let mut before = None;
    for (time, value) in steps {
        for value in before.into_iter().chain([*value]) {
            series.times.push(*time);
            series.values.push(value);
        }
        before = Some(*value);
    }
    series
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(begin: f64, end: f64, rate: f64) -> Interval {
        Interval { begin, end, rate }
    }

    #[test]
    fn intervals_add_up_and_nothing_is_left_between_them() {
        let found = steps(vec![interval(3.0, 5.0, 0.2), interval(1.0, 4.0, 0.1), interval(7.0, 8.0, 3.0)], 0.0, 1.0);
        assert_eq!(found, [(0.0, 0.0), (1.0, 0.1), (3.0, 0.1 + 0.2), (4.0, 0.2), (5.0, 0.0), (7.0, 3.0), (8.0, 0.0)]);
        assert_eq!(silent(&found, 0.0, 10.0), 1.0 + 2.0 + 2.0);
        assert_eq!(silent(&found, 0.0, 6.0), 1.0 + 1.0);
    }

    #[test]
    fn intervals_that_meet_are_one_step_apart_whatever_rounding_did() {
        let minute = f64::from((1.0f64 / 60.0) as f32);
        let begin = |n: u32| f64::from(n) / 60.0;
        let all: Vec<Interval> = (0..600).map(|n| interval(begin(n), begin(n) + minute, f64::from(n % 7))).collect();
        let found = steps(all, 0.0, 1.0);
        let times: Vec<f64> = found.iter().map(|step| step.0).collect();
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] > 0.016), "{found:?}");
        let area: f64 = found.windows(2).map(|pair| pair[0].1 * (pair[1].0 - pair[0].0)).sum();
        let sum: f64 = (0..600).map(|n| f64::from(n % 7) / 60.0).sum();
        assert!((area / sum - 1.0).abs() < 1e-7, "{area} {sum}");
    }

    #[test]
    fn jumps_are_two_points_at_one_time() {
        let series = jumping(2, &[(0.0, 1.0), (4.0, 3.0), (6.0, 0.0)]);
        assert_eq!(series.times, [0.0, 4.0, 4.0, 6.0, 6.0]);
        assert_eq!(series.values, [1.0, 1.0, 3.0, 3.0, 0.0]);
        // (time, value, slope) of the line from then on.
        for (time, value) in [(0.0, 1.0), (3.9, 1.0), (4.0, 3.0), (5.9, 3.0), (6.0, 0.0), (9.0, 0.0)] {
            let (_, at, slope) = series.line(time, true);
            assert_eq!((at, slope), (value, 0.0), "{time}");
        }
    }
}
