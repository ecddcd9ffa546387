//! Scenario files, what they do to a schedule, what comes out of a run, and the command.

mod command;
mod mistakes;
mod runs;
mod schedules;

use std::sync::{Arc, OnceLock};

use homeostat::diagnostic::{Diagnostics, Source};
use homeostat::likelihood::{Matched, Posterior, Term, TermReading};
use homeostat::model::{Composed, Library, Program};
use homeostat::patient::{Censoring, Vocabulary};
use homeostat::population::Prior;
use homeostat::scenario::{self, Scenario, Setting};
use homeostat::sim::{Bolus, Held, Infusion, Schedule, Series, Settings};
use homeostat::units::{Clock, Unit, instant};

/// A drug that is swallowed, dripped and eaten, in a person at the drip's steady state; minutes, so that units show.
const MODEL: &str = r#"component person
  "Every kind of input, for tests."
time       [min]
covariate  weight [kg] = 70
input      dose [mg] bolus
input      drip [mg/min] rate
input      meal [g/min] rate at 5 [g/min]
input      effort [1] series constant
input      heat [1] series linear
parameter  CL [L/min] ~ LogNormal(0.05, 27%)  scales weight / 70 [kg]  source "assumed"
parameter  V [L]      ~ LogNormal(30, 14%)                             source "assumed"
parameter  gain [1]   = 1                                              source "assumed"
state      central [mg] = steady near 0 [mg]  receives dose
state      gut [g] = 0
d central  = drip - CL * (1 + effort) * central / V
d gut      = meal - gut * 0.01 [1/min] * (1 + heat)
output     level [mg/L] = central / V
output     food [g] = gut
output     plasma_glucose [mg/dL] = gain * 5 [mg/dL] * central / (1 [mg])
observe    level ~ Normal(level, 0.5 [mg/L])
"#;

fn model() -> Composed {
    let library = Library::of(vec![Source::new("person.model", MODEL)]);
    library.load("person").unwrap_or_else(|found| panic!("{found}")).0
}

fn shared() -> &'static Composed {
    static MODEL: OnceLock<Composed> = OnceLock::new();
    MODEL.get_or_init(model)
}

const DOSE: usize = 0;
const DRIP: usize = 1;
const MEAL: usize = 2;
const EFFORT: usize = 3;
const HEAT: usize = 4;
const HOUR: f64 = 60.0;

/// Two days: doses, meals, a held drip with an infusion on top, a step of effort, a ramp of heat.
fn record() -> Schedule {
    let bolus = |hours: f64, amount| Bolus { input: DOSE, time: hours * HOUR, amount };
    let meal = |hours: f64, grams: f64| Infusion { input: MEAL, time: hours * HOUR, rate: 5.0, duration: grams / 5.0 };
    Schedule {
        start: 0.0,
        end: 48.0 * HOUR,
        boluses: vec![bolus(8.0, 100.0), bolus(20.0, 50.0), bolus(32.0, 100.0)],
        infusions: vec![
            meal(7.0, 60.0),
            meal(12.0, 80.0),
            meal(31.0, 60.0),
            Infusion { input: DRIP, time: 22.0 * HOUR, rate: 0.2, duration: 6.0 * HOUR },
        ],
        held: vec![Held { input: DRIP, time: 0.0, rate: 0.1 }, Held { input: DRIP, time: 30.0 * HOUR, rate: 0.3 }],
        series: vec![
            Series { input: EFFORT, times: vec![0.0, 600.0, 660.0], values: vec![0.0, 1.0, 0.0] },
            Series { input: HEAT, times: vec![0.0, 1440.0, 2880.0], values: vec![0.0, 1.0, 0.0] },
        ],
        ..Schedule::default()
    }
}

fn posterior(schedule: Schedule) -> Posterior {
    let model = model();
    let readings = [(60.0, 2.0), (600.0, 5.0), (1500.0, 3.0), (2880.0, 8.0)];
    let terms = vec![Term {
        name: "level".into(),
        device: None,
        observation: 0,
        family: model.observations[0].family,
        unit: Unit::parse("mg/L").unwrap(),
        readings: readings
            .map(|(time, value)| TermReading { time, value, censoring: Censoring::None, sd: 0.0 })
            .to_vec(),
    }];
    let prior = Prior::new(&model, &[70.0]).unwrap();
    let matched = Matched { covariates: vec![70.0], schedule, terms, ..Matched::default() };
    let settings = Settings { tolerance: 1e-9, ..Settings::default() };
    Posterior::new(Arc::new(Program::compile(Arc::new(model))), prior, matched, settings)
}

fn vocabulary() -> &'static Vocabulary {
    Vocabulary::embedded().unwrap()
}

fn read_with(text: &str, epoch: Option<&str>) -> Result<(Scenario, Diagnostics), Diagnostics> {
    let clock = Clock { epoch: epoch.and_then(instant) };
    let schedule = record();
    let setting =
        Setting { model: shared(), schedule: &schedule, covariates: &[70.0], clock: &clock, vocabulary: vocabulary() };
    scenario::read(&Source::new("walk.toml", text), "walk", &setting)
}

/// A scenario that is right, with no warning.
fn read(text: &str) -> Scenario {
    let (scenario, warnings) = read_with(text, None).unwrap_or_else(|found| panic!("{found}"));
    assert!(warnings.is_empty(), "{warnings}");
    scenario
}

/// The record as a scenario makes it.
fn under(text: &str) -> Schedule {
    read(text).schedule(shared(), &record())
}
