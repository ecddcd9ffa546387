//! Numbers that sum up readings: mean, spread, extremes, slope, a value at a time, the share beyond a limit.

/// A number made of readings in order of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    Mean,
    /// Standard deviation, of n − 1.
    Sd,
    Min,
    Max,
    /// Time of the greatest reading, the first of those that are equal.
    TimeOfMax,
    /// Of the least-squares line, a unit of time.
    Slope,
    /// At this time, on the straight line between the readings on either side.
    ValueAt(f64),
    /// Share of the readings above this limit.
    FractionAbove(f64),
    /// Share of the readings below this limit.
    FractionBelow(f64),
}

/// The statistics as a bundle writes them.
pub(super) const NAMES: [&str; 9] =
    ["mean", "sd", "min", "max", "time_of_max", "slope", "value_at", "fraction_above", "fraction_below"];

impl Statistic {
    /// As a bundle writes it, without its time or limit.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Sd => "sd",
            Self::Min => "min",
            Self::Max => "max",
            Self::TimeOfMax => "time_of_max",
            Self::Slope => "slope",
            Self::ValueAt(_) => "value_at",
            Self::FractionAbove(_) => "fraction_above",
            Self::FractionBelow(_) => "fraction_below",
        }
    }

    /// Readings that it takes at least.
    pub fn least(self) -> usize {
        if matches!(self, Self::Sd | Self::Slope) { 2 } else { 1 }
    }

    /// The same of readings in other units: its time and its limit times these factors.
    pub fn rescaled(self, time: f64, value: f64) -> Self {
        match self {
            Self::ValueAt(at) => Self::ValueAt(at * time),
            Self::FractionAbove(limit) => Self::FractionAbove(limit * value),
            Self::FractionBelow(limit) => Self::FractionBelow(limit * value),
            other => other,
        }
    }

    /// Its value, of readings in order of time, no two at the same; NaN of fewer than [`Self::least`], and of a time that no
    /// readings are around.
    pub fn of(self, times: &[f64], values: &[f64]) -> f64 {
        let count = values.len();
        if count < self.least() {
            return f64::NAN;
        }
        let mean = |numbers: &[f64]| numbers.iter().sum::<f64>() / count as f64;
        let share = |number: usize| number as f64 / count as f64;
        match self {
            Self::Mean => mean(values),
            Self::Sd => {
                let middle = mean(values);
                (values.iter().map(|x| (x - middle).powi(2)).sum::<f64>() / (count - 1) as f64).sqrt()
            }
            Self::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
            Self::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Self::TimeOfMax => {
                let greatest = (1..count).fold(0, |best, at| if values[at] > values[best] { at } else { best });
                times[greatest]
            }
            Self::Slope => {
                let (middle, centre) = (mean(times), mean(values));
                let pairs = times.iter().zip(values).map(|(t, x)| ((t - middle) * (x - centre), (t - middle).powi(2)));
                let (joint, own) = pairs.fold((0.0, 0.0), |(joint, own), (a, b)| (joint + a, own + b));
                joint / own
            }
            Self::ValueAt(at) => {
                let after = times.partition_point(|time| *time < at);
                match (after.checked_sub(1), times.get(after)) {
                    (_, Some(time)) if *time == at => values[after],
                    (Some(before), Some(time)) => {
                        let way = (at - times[before]) / (time - times[before]);
                        values[before] + way * (values[after] - values[before])
                    }
                    _ => f64::NAN,
                }
            }
            Self::FractionAbove(limit) => share(values.iter().filter(|x| **x > limit).count()),
            Self::FractionBelow(limit) => share(values.iter().filter(|x| **x < limit).count()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_those_by_hand() {
        let (times, values) = ([0.0, 1.0, 2.0, 4.0], [1.0, 5.0, 5.0, 3.0]);
        let of = |statistic: Statistic| statistic.of(&times, &values);
        assert_eq!(of(Statistic::Mean), 3.5);
        // Squares of −2.5, 1.5, 1.5, −0.5 are 6.25, 2.25, 2.25, 0.25: 11 in all, over 3.
        assert!((of(Statistic::Sd) - (11.0f64 / 3.0).sqrt()).abs() < 1e-15);
        assert_eq!((of(Statistic::Min), of(Statistic::Max), of(Statistic::TimeOfMax)), (1.0, 5.0, 1.0));
        // Times from their mean 1.75: Σ = −1.75·−2.5 − 0.75·1.5 + 0.25·1.5 + 2.25·−0.5 = 2.5; squares 8.75.
        assert!((of(Statistic::Slope) - 2.5 / 8.75).abs() < 1e-15);
        for (at, value) in [(0.0, 1.0), (0.25, 2.0), (1.0, 5.0), (3.0, 4.0), (4.0, 3.0)] {
            assert_eq!(of(Statistic::ValueAt(at)), value, "{at}");
        }
        assert!([-0.1, 4.1].into_iter().all(|at| of(Statistic::ValueAt(at)).is_nan()));
        assert_eq!((of(Statistic::FractionAbove(3.0)), of(Statistic::FractionAbove(0.0))), (0.5, 1.0));
        assert_eq!((of(Statistic::FractionBelow(3.0)), of(Statistic::FractionBelow(5.0))), (0.25, 0.5));
        assert_eq!(Statistic::ValueAt(2.0).rescaled(60.0, 3.0), Statistic::ValueAt(120.0));
        assert_eq!(Statistic::FractionBelow(2.0).rescaled(60.0, 3.0), Statistic::FractionBelow(6.0));
        for lone in [Statistic::Sd, Statistic::Slope] {
            assert!(lone.of(&[1.0], &[2.0]).is_nan());
        }
        assert!(Statistic::Max.of(&[], &[]).is_nan());
    }
}
