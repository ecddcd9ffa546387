//! Interventions on a twin, outcomes, and paired contrasts against doing nothing; uses no files and no threads.

mod apply;
mod contrast;
mod outcome;
// mod read;
mod run;

pub use contrast::{Contrast, Spread, contrasts};
pub use outcome::{Better, Measure, Outcome};
// pub use read::read;
pub use run::{Band, Block, Parallel, ScenarioRun, run, serial};

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
    /// Adds an event, repeated `times` times every `every`.
    Add {
        input: usize,
        time: f64,
        given: Given,
        every: f64,
        times: usize,
    },
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
    pub fn holds(&self, time: f64) -> bool {
        // Times come from decimal text in several units: equal ones may differ by rounding.
        let slack = 1e-9 * time.abs().max(1.0);
        time >= self.from - slack && time < self.to - slack
    }
}

/// What an added event gives, in the input's units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Given {
    Bolus { amount: f64 },
    Infusion { rate: f64, duration: f64 },
    Held { rate: f64 },
}

/// A new value of a parameter, in its unit, or a factor on every draw's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    Value(f64),
    Factor(f64),
}
