//! Functions of time that act on the person (held rates, sampled series): what becomes of one when a window of it changes.

use crate::sim::{Held, Schedule, Series};

use super::Window;

/// A change of a function inside a window; outside it stays as it was.
#[derive(Clone, Copy, Debug)]
pub(super) enum Alter {
    Scale(f64),
    /// Moves what happens in the window in time. The gap that this leaves keeps what was in force before it.
    Shift(f64),
    Hold(f64),
}

/// Changes held rates and series of an input; nothing earlier than `floor` changes.
pub(super) fn alter(
    schedule: &mut Schedule,
    input: usize,
    linear: bool,
    window: Window,
    change: Alter,
    floor: f64,
) -> bool {
    if matches!(change, Alter::Scale(factor) if factor == 1.0) || matches!(change, Alter::Shift(by) if by == 0.0) {
        return false;
    }
    let start = schedule.start;
    let held: Vec<Held> = schedule.held.iter().filter(|held| held.input == input).copied().collect();
    let mut changed = false;
    if !held.is_empty() || (matches!(change, Alter::Hold(_)) && schedule.series.iter().all(|s| s.input != input)) {
        let before = Steps::new(0.0, held.iter().map(|held| (held.time, held.rate)));
        let after = before.alter(window, change, floor, start);
        changed |= after != before;
        schedule.held.retain(|held| held.input != input);
        schedule.held.extend(after.steps.iter().map(|(time, rate)| Held { input, time: *time, rate: *rate }));
    }
    for series in schedule.series.iter_mut().filter(|series| series.input == input) {
        let before = series.clone();
        if linear {
            series.alter_linear(window, change, floor);
        } else {
            let first = series.values.first().copied().unwrap_or(0.0);
            let steps = Steps::new(first, series.times.iter().copied().zip(series.values.iter().copied()));
            let after = steps.alter(window, change, floor, start);
            if after != steps {
                // The first value also holds before its time: it must stand first.
                let first = (series.times[0].min(after.steps.first().map_or(f64::INFINITY, |step| step.0)), first);
                let points: Vec<(f64, f64)> = std::iter::once(first).chain(after.steps).collect();
                (series.times, series.values) = points.into_iter().unzip();
            }
        }
        changed |= *series != before;
    }
    changed
}

/// A function that is constant between steps: a value until the first, then one from each on.
#[derive(Clone, Debug, PartialEq)]
struct Steps {
    before: f64,
    /// In order of time, no two at one time, none without a change.
    steps: Vec<(f64, f64)>,
}

impl Steps {
    /// Of steps in any order; of those at one time the last given counts.
    fn new(before: f64, steps: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let mut given: Vec<(f64, f64)> = steps.into_iter().collect();
        given.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut found = Self { before, steps: Vec::with_capacity(given.len()) };
        for (index, (time, value)) in given.iter().enumerate() {
            let last = given.get(index + 1).is_none_or(|next| next.0 > *time);
            if last && found.steps.last().map_or(found.before, |step| step.1) != *value {
                found.steps.push((*time, *value));
            }
        }
        found
    }

    /// The value from a time on.
    fn at(&self, time: f64) -> f64 {
        let after = self.steps.partition_point(|step| step.0 <= time);
        after.checked_sub(1).map_or(self.before, |index| self.steps[index].1)
    }

    /// The value until a time.
    fn until(&self, time: f64) -> f64 {
        let after = self.steps.partition_point(|step| step.0 < time);
        after.checked_sub(1).map_or(self.before, |index| self.steps[index].1)
    }

    /// The time of a step that differs from this time by rounding only, else the time.
    fn snap(&self, time: f64) -> f64 {
        let slack = Window::slack(time);
        self.steps.iter().map(|step| step.0).find(|step| (step - time).abs() <= slack).unwrap_or(time)
    }

    fn alter(&self, window: Window, change: Alter, floor: f64, start: f64) -> Self {
        let (from, to) = (self.snap(window.from), self.snap(window.to));
        let inside = |time: f64| time >= from && time < to;
        let mut breaks: Vec<f64> = self.steps.iter().map(|step| step.0).collect();
        breaks.extend([from, to]);
        if let Alter::Shift(by) = change {
            breaks.extend(self.steps.iter().map(|step| step.0).filter(|time| inside(*time)).map(|time| time + by));
            breaks.extend([from + by, to + by, floor]);
        }
        // The rate at the start is also the one before it: the person comes from its steady state.
        let entering = if from <= start { self.at(from) } else { self.until(from) };
        let leaving = self.until(to);
        let value = |time: f64| match change {
            Alter::Scale(factor) if inside(time) => self.at(time) * factor,
            Alter::Hold(value) if inside(time) => value,
            Alter::Shift(by) if time >= floor && time >= from + by && time < to + by => {
                // Breaks are sums of the same two numbers: the difference may miss the step by rounding.
                self.at(self.snap(time - by))
            }
            Alter::Shift(by) if inside(time) => {
                if by > 0.0 {
                    entering
                } else {
                    leaving
                }
            }
            _ => self.at(time),
        };
        Self::new(self.before, breaks.into_iter().map(|time| (time, value(time))))
    }
}

impl Series {
    /// Straight lines between points; a jump is two points at one time.
    fn alter_linear(&mut self, window: Window, change: Alter, floor: f64) {
        let value = |time: f64| {
            let (from, value, slope) = self.line(time, true);
            value + slope * (time - from)
        };
        let until = |time: f64| {
            let first = self.times.partition_point(|known| *known < time);
            if self.times.get(first) == Some(&time) { self.values[first] } else { value(time) }
        };
        let Window { from, to } = window;
        let between = |from: f64, to: f64| {
            let inner = self.times.iter().copied().zip(self.values.iter().copied());
            let mut points = vec![(from, value(from))];
            points.extend(inner.filter(|(time, _)| *time > from && *time < to));
            points.push((to, until(to)));
            points
        };
        let (left, right, inner) = match change {
            Alter::Scale(factor) => {
                (from, to, between(from, to).into_iter().map(|(time, value)| (time, value * factor)).collect())
            }
            Alter::Hold(value) => (from, to, vec![(from, value), (to, value)]),
            Alter::Shift(by) => {
                let moved = between((floor - by).max(from), to).into_iter().map(|(time, value)| (time + by, value));
                let mut inner: Vec<(f64, f64)> = Vec::new();
                if by > 0.0 {
                    inner.extend([(from, until(from)), (from + by, until(from))]);
                    inner.extend(moved);
                } else {
                    inner.extend(moved);
                    inner.extend([(to + by, until(to)), (to, until(to))]);
                }
                ((from + by.min(0.0)).max(floor), to + by.max(0.0), inner)
            }
        };
        let points = self.times.iter().copied().zip(self.values.iter().copied());
        let mut after: Vec<(f64, f64)> = points.clone().filter(|(time, _)| *time < left).collect();
        after.push((left, until(left)));
        after.extend(inner);
        after.push((right, value(right)));
        after.extend(points.filter(|(time, _)| *time > right));
        after.dedup();
        (self.times, self.values) = after.into_iter().unzip();
    }
}
