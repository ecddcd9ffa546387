//! Axes of time: the clock and the calendar of the person where the epoch is known, else hours since it.

use jiff::civil::DateTime;
use jiff::{Span, ZonedDateTime};

use super::axis::{fixed, number};
use super::frame::TEXT;
use super::scene::{Anchor, Face, Scene, Weight};
use super::style::{AXIS, INK, MUTED};
use super::text::width;

/// Ticks of a time axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct TimeAxis {
    /// Hours since the epoch, with labels.
    pub ticks: Vec<(f64, String)>,
    /// Beginnings of days within the axis [h], with their dates; empty where the ticks are dates themselves.
    pub days: Vec<(f64, String)>,
    /// What the labels count.
    pub title: String,
}

/// Steps between ticks [h]; the last ones are whole days.
const STEPS: [f64; 18] = [
    1.0 / 60.0,
    1.0 / 30.0,
    1.0 / 12.0,
    1.0 / 6.0,
    0.25,
    0.5,
    1.0,
    2.0,
    3.0,
    6.0,
    12.0,
    24.0,
    48.0,
    96.0,
    168.0,
    336.0,
    672.0,
    1344.0,
];

/// An axis from one time to a later one [h since the epoch] with at most `most` ticks.
pub(super) fn time_axis(from_h: f64, to_h: f64, epoch: Option<&ZonedDateTime>, most: usize) -> TimeAxis {
    epoch.and_then(|epoch| calendar(from_h, to_h, epoch, most)).unwrap_or_else(|| relative(from_h, to_h, most))
}

/// Ticks at round times of the person's clock; nothing if the calendar does not reach that far.
fn calendar(from_h: f64, to_h: f64, epoch: &ZonedDateTime, most: usize) -> Option<TimeAxis> {
    let span = to_h - from_h;
    let step = STEPS.iter().copied().find(|step| span / step <= most.max(1) as f64)?;
    let start = epoch.checked_add(seconds(from_h)?).ok()?;
    let midnight = start.date().to_datetime(jiff::civil::Time::midnight());
    let hours = |local: DateTime| -> Option<(f64, bool)> {
        let zoned = local.to_zoned_datetime(epoch.time_zone().clone()).ok()?;
        let time = zoned.timestamp().duration_since(epoch.timestamp()).as_secs_f64() / 3600.0;
        // A time that a change of the clock skips becomes another one; of a repeated one the first is taken.
        Some((time, zoned.datetime() == local))
    };
    let within = |time: f64| time >= from_h - 1e-9 && time <= to_h + 1e-9;
    let mut axis = TimeAxis { title: "local time".into(), ..TimeAxis::default() };
    for number in 0.. {
        let local = midnight.checked_add(seconds(f64::from(number) * step)?).ok()?;
        let (time, exists) = hours(local)?;
        if time > to_h + 1e-9 {
            break;
        }
        let label = if step < 24.0 { local.strftime("%H:%M").to_string() } else { date(local) };
        if within(time) && exists {
            axis.ticks.push((time, label));
        }
    }
    if step < 24.0 {
        for number in 0.. {
            let local = midnight.checked_add(Span::new().try_days(number).ok()?).ok()?;
            let (time, _) = hours(local)?;
            if time > to_h + 1e-9 {
                break;
            }
            if within(time) {
                axis.days.push((time, date(local)));
            }
        }
        // The first day is named even where its midnight is not shown.
        if axis.days.first().is_none_or(|(time, _)| *time > from_h + 1e-9) {
            axis.days.insert(0, (from_h, date(start.datetime())));
        }
    } else {
        axis.title = "date".into();
    }
    Some(axis)
}

fn seconds(hours: f64) -> Option<Span> {
    Span::new().try_seconds((hours * 3600.0).round() as i64).ok()
}

fn date(local: DateTime) -> String {
    local.strftime("%a %-d %b %Y").to_string()
}

fn relative(from_h: f64, to_h: f64, most: usize) -> TimeAxis {
    let span = (to_h - from_h).max(f64::MIN_POSITIVE);
    let days = span >= 240.0;
    let per_label = if days { 24.0 } else { 1.0 };
    let title = if days { "time since the epoch [d]" } else { "time since the epoch [h]" };
    let whole = [1.0, 2.0, 3.0, 6.0, 12.0, 24.0, 48.0, 96.0, 168.0, 336.0, 672.0];
    let step = if span / most.max(1) as f64 > 1.0 {
        whole.into_iter().find(|step| span / step <= most as f64 && step % per_label == 0.0)
    } else {
        None
    };
    let axis = |step: f64| {
        let first = (from_h / step - 1e-6).ceil() as i64;
        let last = (to_h / step + 1e-6).floor() as i64;
        let decimals = if step >= 1.0 { 0 } else { (-step.log10()).ceil() as usize };
        let ticks = (first..=last).map(|n| (n as f64 * step, fixed(n as f64 * step / per_label, decimals)));
        TimeAxis { ticks: ticks.collect(), days: Vec::new(), title: title.into() }
    };
    match step {
        Some(step) => axis(step),
        None => {
            let plain = super::axis::Axis::linear(from_h / per_label, to_h / per_label, most);
            let ticks = plain.ticks.into_iter().map(|(at, _)| (at * per_label, number(at, 6))).collect();
            TimeAxis { ticks, days: Vec::new(), title: title.into() }
        }
    }
}

/// Draws the labels of the time axis; returns the height below them.
pub(super) fn draw_time(
    scene: &mut Scene,
    time: &TimeAxis,
    x: &impl Fn(f64) -> f64,
    (left, plot_width): (f64, f64),
    y: f64,
) -> f64 {
    let right = left + plot_width;
    for (at, label) in &time.ticks {
        scene.line(vec![(x(*at), y), (x(*at), y + 4.0)], AXIS, 1.0);
        let half = 0.5 * width(label, TEXT, Weight::Regular);
        let middle = x(*at).clamp(6.0 + half, scene.width - 6.0 - half);
        scene.text((middle, y + 18.0), label.clone(), Face::regular(TEXT, MUTED).anchored(Anchor::Middle));
    }
    let title_width = width(&time.title, TEXT, Weight::Regular);
    let (mut row, mut title_beside) = (y + 35.0, true);
    for (number, (at, label)) in time.days.iter().enumerate() {
        let until = time.days.get(number + 1).map_or(right, |(next, _)| x(*next));
        let needed = width(label, TEXT, Weight::Bold);
        // A date without room for itself is not shown: its neighbour's tells it.
        if needed + 10.0 <= until - x(*at) || time.days.len() == 1 {
            // Under the label of its midnight.
            scene.text((x(*at) - 16.0, row), label.clone(), Face::bold(TEXT, INK));
            title_beside &= x(*at) + needed + 16.0 < right - title_width;
        }
    }
    if !time.days.is_empty() && !title_beside {
        row += 17.0;
    }
    scene.text((right, row), time.title.clone(), Face::regular(TEXT, MUTED).anchored(Anchor::End));
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[(f64, String)]) -> Vec<&str> {
        ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn the_clock_is_the_persons() {
        let epoch: ZonedDateTime = "2024-03-30T18:00:00+01:00[Europe/Berlin]".parse().unwrap();
        let axis = time_axis(0.0, 24.0, Some(&epoch), 6);
        // The clock goes forward at 02:00 on the 31st: 06:00 is 11 hours after 18:00.
        assert_eq!(labels(&axis.ticks), ["18:00", "00:00", "06:00", "12:00", "18:00"]);
        let times: Vec<f64> = axis.ticks.iter().map(|(time, _)| *time).collect();
        assert_eq!(times, [0.0, 6.0, 11.0, 17.0, 23.0]);
        assert_eq!(labels(&axis.days), ["Sat 30 Mar 2024", "Sun 31 Mar 2024"]);
    }

    #[test]
    fn long_records_are_marked_by_dates() {
        let epoch: ZonedDateTime = "2024-01-01T00:00:00[UTC]".parse().unwrap();
        let axis = time_axis(0.0, 14.0 * 24.0, Some(&epoch), 8);
        assert_eq!(labels(&axis.ticks)[..2], ["Mon 1 Jan 2024", "Wed 3 Jan 2024"]);
        assert!(axis.days.is_empty());
    }

    #[test]
    fn without_an_epoch_hours_are_counted() {
        let axis = time_axis(0.0, 25.0, None, 12);
        assert_eq!(labels(&axis.ticks)[..3], ["0", "3", "6"]);
        assert_eq!(axis.title, "time since the epoch [h]");
        assert_eq!(labels(&time_axis(0.0, 0.5, None, 6).ticks)[1], "0.1");
        assert_eq!(labels(&time_axis(-1.0, 1000.0, None, 8).ticks)[1], "7");
        for (from, to) in [(0.0, 0.0), (0.0, 1e6), (5.0, 5.0001), (-2.0, 3.0)] {
            assert!(time_axis(from, to, None, 8).ticks.len() < 20);
        }
    }
}
