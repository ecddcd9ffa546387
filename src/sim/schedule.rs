//! What acts on the person, and when: the schedule of one simulation, in the model's units.

/// Everything that acts on the person from `start` to `end`; times in the model's time unit since the epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schedule {
    pub start: f64,
    pub end: f64,
    pub boluses: Vec<Bolus>,
    pub infusions: Vec<Infusion>,
    pub held: Vec<Held>,
    pub series: Vec<Series>,
    /// Value of every input before the start, where it is not the one in force from the start on: the person comes from
    /// the steady state under these.
    pub before: Option<Vec<f64>>,
}

/// An amount at an instant, in the input's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bolus {
    pub input: usize,
    pub time: f64,
    pub amount: f64,
}

/// A rate for a duration, in the input's unit; infusions that overlap add up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Infusion {
    pub input: usize,
    pub time: f64,
    pub rate: f64,
    pub duration: f64,
}

/// A rate that holds from a time on until the next held rate of the same input; infusions come on top.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Held {
    pub input: usize,
    pub time: f64,
    pub rate: f64,
}

/// Values of an input at increasing times; before the first and after the last the nearest value holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub input: usize,
    pub times: Vec<f64>,
    pub values: Vec<f64>,
}

impl Series {
    /// The line that is in force just after `time`: (time, value, slope).
    pub(crate) fn line(&self, time: f64, linear: bool) -> (f64, f64, f64) {
        let after = self.times.partition_point(|t| *t <= time);
        match (after, after.checked_sub(1)) {
            (_, None) => (time, self.values.first().copied().unwrap_or(0.0), 0.0),
            (after, Some(before)) if linear && after < self.times.len() => {
                let slope = (self.values[after] - self.values[before]) / (self.times[after] - self.times[before]);
                (self.times[before], self.values[before], slope)
            }
            (_, Some(before)) => (self.times[before], self.values[before], 0.0),
        }
    }
}

/// Something that happens at a time and makes the integrator stop there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Action {
    Bolus { input: usize, amount: f64 },
    InfusionStart { infusion: usize },
    InfusionEnd { infusion: usize },
    Held { input: usize, rate: f64 },
    Knot { series: usize },
}

/// An action before the input's lag is added.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Planned {
    pub time: f64,
    pub action: Action,
    /// The input whose lag delays it.
    pub input: usize,
}

impl Schedule {
    /// Every action after `start`, and those at it, in the order given; not yet delayed by lags.
    ///
    /// Held rates in force at the start and series values are not among them: see [`Schedule::held_at`].
    pub(crate) fn planned(&self) -> Vec<Planned> {
        let mut planned = Vec::new();
        for (index, infusion) in self.infusions.iter().enumerate() {
            let input = infusion.input;
            planned.push(Planned { time: infusion.time, action: Action::InfusionStart { infusion: index }, input });
            let end = infusion.time + infusion.duration;
            planned.push(Planned { time: end, action: Action::InfusionEnd { infusion: index }, input });
        }
        for bolus in &self.boluses {
            let action = Action::Bolus { input: bolus.input, amount: bolus.amount };
            planned.push(Planned { time: bolus.time, action, input: bolus.input });
        }
        for held in self.held.iter().filter(|held| held.time > self.start) {
            let action = Action::Held { input: held.input, rate: held.rate };
            planned.push(Planned { time: held.time, action, input: held.input });
        }
        for (index, series) in self.series.iter().enumerate() {
            for time in series.times.iter().filter(|time| **time > self.start) {
                planned.push(Planned { time: *time, action: Action::Knot { series: index }, input: series.input });
            }
        }
        planned
    }

    /// The value of an input in force at the start, infusions aside; `linear` says how its series is read.
    pub(crate) fn value_at_start(&self, input: usize, linear: bool) -> f64 {
        match self.series.iter().rfind(|series| series.input == input) {
            Some(series) => {
                let (from, value, slope) = series.line(self.start, linear);
                value + slope * (self.start - from)
            }
            None => self.held_at_start(input),
        }
    }

    /// The held rate of an input in force at the start.
    pub(crate) fn held_at_start(&self, input: usize) -> f64 {
        let before = self.held.iter().filter(|held| held.input == input && held.time <= self.start);
        before.max_by(|a, b| a.time.total_cmp(&b.time)).map_or(0.0, |held| held.rate)
    }
}
