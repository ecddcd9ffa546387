//! Numbers that sum up a trajectory: peak, trough, area, time in range, value at a time, change.

/// What is asked of one output of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub name: String,
    /// Number in the model's list of outputs.
    pub output: usize,
    pub measure: Measure,
    /// Where in the horizon, in the model's time unit.
    pub from: f64,
    pub to: f64,
    pub better: Option<Better>,
    /// Unit of the outcome, as shown.
    pub unit: String,
    /// Shown value = value in the model's units × this.
    pub shown: f64,
}

/// Which direction is good for the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    Lower,
    Higher,
}

/// How a trajectory becomes a number; levels are in the output's unit, times in the model's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    Peak,
    Trough,
    Mean,
    /// Area under the curve.
    Area,
    /// Time from the window's start to the peak.
    TimeOfPeak,
    /// Share of the time at or above `low` and at or below `high`.
    TimeInRange {
        low: f64,
        high: f64,
    },
    TimeAbove {
        level: f64,
    },
    TimeBelow {
        level: f64,
    },
    ValueAt {
        time: f64,
    },
    /// Value at a time less the value at the window's start.
    ChangeFromBaseline {
        time: f64,
    },
}

impl Outcome {
    /// Times at which the trajectory must be known for the outcome to be exact, in the model's time unit.
    pub(super) fn knots(&self) -> impl Iterator<Item = f64> {
        let at = match self.measure {
            Measure::ValueAt { time } | Measure::ChangeFromBaseline { time } => Some(time),
            _ => None,
        };
        [self.from, self.to].into_iter().chain(at)
    }

    /// The outcome of a trajectory at increasing times, in the model's units times `shown`; straight lines between.
    pub(super) fn of(&self, times: &[f64], values: &[f64]) -> f64 {
        let slack = 1e-9 * self.to.abs().max(1.0);
        let start = times.partition_point(|t| *t < self.from - slack);
        let end = times.partition_point(|t| *t <= self.to + slack);
        let (times, values) = (&times[start..end.max(start)], &values[start..end.max(start)]);
        let (Some(first), Some(last)) = (times.first(), times.last()) else { return f64::NAN };
        if !values.iter().all(|value| value.is_finite()) {
            return f64::NAN;
        }
        let span = last - first;
        let value = match self.measure {
            Measure::Peak => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Measure::Trough => values.iter().copied().fold(f64::INFINITY, f64::min),
            Measure::Mean => area(times, values) / span,
            Measure::Area => area(times, values),
            Measure::TimeOfPeak => {
                let peak = times.iter().zip(values).fold((*first, f64::NEG_INFINITY), |best, (time, value)| {
                    if *value > best.1 { (*time, *value) } else { best }
                });
                peak.0 - first
            }
            Measure::TimeInRange { low, high } => 1.0 - below(times, values, low) - above(times, values, high),
            Measure::TimeAbove { level } => above(times, values, level),
            Measure::TimeBelow { level } => below(times, values, level),
            Measure::ValueAt { time } => at(times, values, time),
            Measure::ChangeFromBaseline { time } => at(times, values, time) - values[0],
        };
        value * self.shown
    }
}

fn area(times: &[f64], values: &[f64]) -> f64 {
    times.windows(2).zip(values.windows(2)).map(|(t, v)| 0.5 * (v[0] + v[1]) * (t[1] - t[0])).sum()
}

fn at(times: &[f64], values: &[f64], time: f64) -> f64 {
    let after = times.partition_point(|t| *t < time - 1e-9 * time.abs().max(1.0));
    match (after.checked_sub(1), times.get(after)) {
        (_, None) => f64::NAN,
        (None, Some(_)) => values[0],
        (Some(before), Some(next)) => {
            let share = ((time - times[before]) / (next - times[before])).min(1.0);
            values[before] + share * (values[after] - values[before])
        }
    }
}

/// Share of the time above a level, by straight lines between the points.
fn above(times: &[f64], values: &[f64], level: f64) -> f64 {
    let span = times[times.len() - 1] - times[0];
    let time: f64 = times
        .windows(2)
        .zip(values.windows(2))
        .map(|(t, v)| {
            let (low, high) = if v[0] < v[1] { (v[0], v[1]) } else { (v[1], v[0]) };
            let share = if low >= level {
                f64::from(u8::from(high > level))
            } else if high <= level {
                0.0
            } else {
                (high - level) / (high - low)
            };
            share * (t[1] - t[0])
        })
        .sum();
    if span > 0.0 { time / span } else { f64::from(u8::from(values[0] > level)) }
}

fn below(times: &[f64], values: &[f64], level: f64) -> f64 {
    let negated: Vec<f64> = values.iter().map(|value| -value).collect();
    above(times, &negated, -level)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(measure: Measure) -> Outcome {
        Outcome {
            name: String::new(),
            output: 0,
            measure,
            from: 0.0,
            to: 4.0,
            better: None,
            unit: String::new(),
            shown: 1.0,
        }
    }

    #[test]
    fn a_triangle_gives_the_numbers_of_geometry() {
        // Up from 0 to 10 in an hour, down to 0 at hour 3, then flat.
        let (times, values) = ([0.0, 1.0, 3.0, 4.0], [0.0, 10.0, 0.0, 0.0]);
        let of = |measure| outcome(measure).of(&times, &values);
        assert_eq!(of(Measure::Peak), 10.0);
        assert_eq!(of(Measure::Trough), 0.0);
        assert_eq!(of(Measure::Area), 15.0);
        assert_eq!(of(Measure::Mean), 3.75);
        assert_eq!(of(Measure::TimeOfPeak), 1.0);
        assert!((of(Measure::TimeAbove { level: 5.0 }) - 1.5 / 4.0).abs() < 1e-12);
        assert!((of(Measure::TimeBelow { level: 5.0 }) - 2.5 / 4.0).abs() < 1e-12);
        assert!((of(Measure::TimeInRange { low: 2.0, high: 8.0 }) - (0.6 * 3.0) / 4.0).abs() < 1e-12);
        assert_eq!(of(Measure::ValueAt { time: 2.0 }), 5.0);
        assert_eq!(of(Measure::ChangeFromBaseline { time: 2.0 }), 5.0);
        assert!(of(Measure::ValueAt { time: 9.0 }).is_nan());
    }
}
