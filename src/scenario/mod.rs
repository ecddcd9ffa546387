//! Interventions on a twin, outcomes, and paired contrasts against doing nothing; uses no files and no threads.

mod apply;
mod compare;
mod contrast;
mod extrapolation;
mod outcome;
mod profile;
mod read;
mod run;

pub use compare::{Comparison, Group, check_together, compare, file_stem};
pub use contrast::{Contrast, Spread, contrasts};
pub use outcome::{Better, Measure, Outcome};
pub use read::{Setting, read};
pub use run::{Band, Block, Parallel, Reach, ScenarioRun, run, serial};

use crate::model::Composed;
use crate::sim::Schedule;
use crate::units::Unit;

/// The name of the scenario that changes nothing.
pub const AS_IT_WAS: &str = "as it was";

/// What would be done differently, and what is asked of it; resolved against a model, in its units.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    pub name: String,
    pub about: String,
    /// The horizon in which outcomes are asked, in the model's time unit since the epoch.
    pub from: f64,
    pub to: f64,
    /// Spacing of the times at which trajectories are kept, in the model's time unit.
    pub step: f64,
    pub interventions: Vec<Intervention>,
    pub outcomes: Vec<Outcome>,
}

impl Scenario {
    /// What acts on the person under the scenario, given what did act; nothing before its horizon changes, nor the
    /// steady state that the person comes from.
    pub fn schedule(&self, model: &Composed, before: &Schedule) -> Schedule {
        let mut schedule = apply::schedule(model, before, &self.interventions, self.from);
        schedule.end = schedule.end.max(self.to);
        schedule
    }
}

/// One change of what acts on the person, or of the person.
#[derive(Clone, Debug, PartialEq)]
pub enum Intervention {
    /// Takes the events of an input in a window away.
    Remove {
        input: usize,
        window: Window,
    },
    /// Multiplies their amounts or rates.
    Scale {
        input: usize,
        window: Window,
        factor: f64,
    },
    /// Moves them in time.
    Shift {
        input: usize,
        window: Window,
        by: f64,
    },
    /// Adds an event, repeated `times` times every `every`; an infusion comes on top of what is given already.
    Add {
        input: usize,
        time: f64,
        given: Given,
        every: f64,
        times: usize,
    },
    /// Holds a rate or a sampled value within a window, in place of the one that was.
    Hold {
        input: usize,
        window: Window,
        value: f64,
    },
    /// The person is, and always was, one with another value.
    SetParameter {
        parameter: usize,
        change: Change,
    },
    SetCovariate {
        covariate: usize,
        value: f64,
    },
}

/// From a time (included) to a time (excluded), in the model's time unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    pub from: f64,
    pub to: f64,
}

impl Window {
    /// How far two times may differ and be one: they come from decimal text in several units.
    pub(crate) fn slack(time: f64) -> f64 {
        1e-9 * time.abs().max(1.0)
    }

    pub fn holds(&self, time: f64) -> bool {
        let slack = Self::slack(time);
        time >= self.from - slack && time < self.to - slack
    }
}

/// What an added event gives, in the input's units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Given {
    Bolus { amount: f64 },
    Infusion { rate: f64, duration: f64 },
}

/// A new value of a parameter, in its unit, or a factor on every draw's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    Value(f64),
    Factor(f64),
}

/// The unit of what a rate gives, as people write it, and how many of it a rate over one unit of the model's time is:
/// `[iU]/min` gives `[iU]`, 60 of them in an hour at 1.
pub(crate) fn amount_unit(rate: &Unit, time_unit: &Unit) -> (Unit, f64) {
    let over = rate.times(time_unit);
    let own = rate.text().rsplit_once('/').filter(|(_, time)| Unit::parse(time).is_ok_and(|time| time.is_time()));
    let own = own.and_then(|(amount, _)| Unit::parse(amount).ok());
    let own = own.and_then(|amount| over.factor_to(&amount).map(|factor| (amount, factor)));
    own.unwrap_or((over, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_a_rate_are_told_in_its_own_unit() {
        let found = |rate: &str, time: &str| {
            let (unit, share) = amount_unit(&Unit::parse(rate).unwrap(), &Unit::parse(time).unwrap());
            (unit.text().to_string(), share)
        };
        assert_eq!(found("[iU]/min", "min"), ("[iU]".into(), 1.0));
        assert_eq!(found("g/min", "h"), ("g".into(), 60.0));
        assert_eq!(found("mg/kg/h", "d"), ("mg/kg".into(), 24.0));
        // No time stands below the line of this one.
        assert_eq!(found("W", "h").1, 1.0);
    }
}
