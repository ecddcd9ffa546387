//! The times of planned doses: so many a period, at clock times, or listed.

use jiff::civil::Time;
use serde_json::Value as Json;

use crate::units::{Clock, instant, local};

/// More doses than this are no plan of a person.
const MOST: usize = 100_000;

/// What is known of when doses are to be taken.
pub(super) struct Plan<'p> {
    /// The request or statement.
    pub whole: &'p Json,
    pub timing: &'p Json,
    /// Where the bundle lets the record end [h].
    pub end_h: Option<f64>,
}

/// Hours since the epoch of each dose, or why there are none.
pub(super) fn schedule(plan: &Plan, clock: &Clock) -> Result<Vec<f64>, &'static str> {
    let hours = |stamp: &str| clock.stamp(stamp).and_then(crate::units::Stamp::hours);
    if let Some(events) = plan.timing["event"].as_array() {
        let times: Option<Vec<f64>> = events.iter().map(|event| hours(event.as_str()?)).collect();
        return times.ok_or("one of its times cannot be read");
    }
    let repeat = &plan.timing["repeat"];
    for key in ["when", "dayOfWeek"] {
        if !repeat[key].is_null() {
            return Err("they are tied to other things of the day, or to days of the week");
        }
    }
    let (bounds, whole) = (&repeat["boundsPeriod"], plan.whole);
    let first =
        [&bounds["start"], &whole["effectivePeriod"]["start"], &whole["effectiveDateTime"], &whole["authoredOn"]];
    let first = first.iter().find_map(|stamp| stamp.as_str()).ok_or("it is not told when they begin")?;
    let start = hours(first).ok_or("the time at which they begin cannot be read")?;
    let last = bounds["end"].as_str().or(whole["effectivePeriod"]["end"].as_str());
    let last = last.map(|stamp| end_of(stamp, clock).ok_or("the time at which they end cannot be read")).transpose()?;
    let lasts = length(&repeat["boundsDuration"]["value"], repeat["boundsDuration"]["code"].as_str());
    let end = [last, lasts.map(|lasts| start + lasts - 1e-6), plan.end_h].into_iter().flatten().reduce(f64::min);
    let count = repeat["count"].as_u64().map(|count| count.min(MOST as u64 + 1) as usize);
    if end.is_none() && count.is_none() {
        return Err("it is not told when they end (write `to` in the source)");
    }
    let times = match repeat["timeOfDay"].as_array() {
        Some(times) => at_clock_times(times, first, start, end, count, clock)?,
        None => {
            let step = step(plan.timing).ok_or("it is not told how often they are taken")?;
            let number = end.map_or(MOST as f64 + 1.0, |end| ((end - start) / step + 1e-9).floor() + 1.0).max(0.0);
            let number = (number.min(MOST as f64 + 1.0) as usize).min(count.unwrap_or(MOST + 1));
            (0..number).map(|at| start + at as f64 * step).collect()
        }
    };
    if times.len() > MOST { Err("there are more than a person can take") } else { Ok(times) }
}

/// The last moment that a stamp includes: of a date the end of the day.
fn end_of(stamp: &str, clock: &Clock) -> Option<f64> {
    let hours = clock.stamp(stamp)?.hours()?;
    Some(if stamp.contains(['T', ' ']) { hours } else { hours + 24.0 - 1e-6 })
}

/// Hours between doses.
fn step(timing: &Json) -> Option<f64> {
    let repeat = &timing["repeat"];
    if let Some(period) = length(&repeat["period"], repeat["periodUnit"].as_str()) {
        let frequency = repeat["frequency"].as_f64().unwrap_or(1.0);
        return Some(period / frequency).filter(|step| step.is_finite() && *step > 0.0);
    }
    // Codes of HL7's GTSAbbreviation with one reading.
    let code = timing["code"]["coding"][0]["code"].as_str()?;
    let steps = [("QD", 24.0), ("QOD", 48.0), ("BID", 12.0), ("TID", 8.0), ("QID", 6.0), ("Q1H", 1.0), ("Q2H", 2.0)];
    let more = [("Q3H", 3.0), ("Q4H", 4.0), ("Q6H", 6.0), ("Q8H", 8.0)];
    steps.iter().chain(&more).find(|(known, _)| *known == code).map(|(_, step)| *step)
}

/// A length of time [h]; months and years have none.
fn length(value: &Json, unit: Option<&str>) -> Option<f64> {
    let hours = match unit? {
        "s" => 1.0 / 3600.0,
        "min" => 1.0 / 60.0,
        "h" => 1.0,
        "d" => 24.0,
        "wk" => 168.0,
        _ => return None,
    };
    value.as_f64().map(|value| value * hours).filter(|hours| hours.is_finite() && *hours > 0.0)
}

fn at_clock_times(
    times: &[Json],
    first: &str,
    start: f64,
    end: Option<f64>,
    count: Option<usize>,
    clock: &Clock,
) -> Result<Vec<f64>, &'static str> {
    let times: Option<Vec<Time>> = times.iter().map(|time| time.as_str()?.parse().ok()).collect();
    let times = times.filter(|times| !times.is_empty()).ok_or("one of the clock times cannot be read")?;
    let zone = clock.epoch.as_ref().map(|epoch| epoch.time_zone().clone());
    let day = instant(first)
        .map(|first| zone.map_or(first.datetime(), |zone| first.timestamp().to_zoned_datetime(zone).datetime()));
    let mut day = day.or(local(first)).ok_or("the time at which they begin cannot be read")?.date();
    let mut all = Vec::new();
    let most = count.unwrap_or(MOST + 1);
    while all.len() < most {
        let mut later = false;
        for time in &times {
            let Some(hours) = clock.local(day.to_datetime(*time)).and_then(crate::units::Stamp::hours) else {
                continue;
            };
            let over = end.is_some_and(|end| hours > end);
            later |= !over;
            if hours >= start && !over && all.len() < most {
                all.push(hours);
            }
        }
        match day.tomorrow() {
            Ok(next) if later || day_is_before(start, day, clock) => day = next,
            _ => break,
        }
    }
    Ok(all)
}

/// Whether the whole day lies before a time.
fn day_is_before(start: f64, day: jiff::civil::Date, clock: &Clock) -> bool {
    clock
        .local(day.to_datetime(Time::midnight()))
        .and_then(crate::units::Stamp::hours)
        .is_some_and(|hours| hours + 24.0 <= start)
}
