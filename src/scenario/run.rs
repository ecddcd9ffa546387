//! Runs a scenario on a twin's draws: the same person, draw by draw, in every scenario.

use crate::likelihood::Posterior;
use crate::model::{Composed, ErrorFamily};
use crate::sim::{Ensemble, LANES, Schedule};

use super::apply::{self, ParameterChange};
use super::outcome::Outcome;
use super::{Scenario, Window};

/// A scenario's trajectories summed up, and its outcomes draw by draw.
#[derive(Clone, Debug)]
pub struct ScenarioRun {
    pub name: String,
    /// Times since the epoch `[h]`.
    pub times_h: Vec<f64>,
    /// One an output of the model.
    pub bands: Vec<Band>,
    /// `[outcome][draw]`, in the outcome's unit; NaN for a draw that could not be simulated.
    pub outcomes: Vec<Vec<f64>>,
    /// Draws that could not be simulated.
    pub failed: usize,
    /// What devices would read, by median over draws: one for each quantity that the twin was calibrated to.
    pub readings: Vec<Reach>,
}

/// The least and the greatest value within the horizon of a quantity's median over draws, in the unit of its readings.
#[derive(Clone, Debug, PartialEq)]
pub struct Reach {
    /// Number in the model's list of observations.
    pub observation: usize,
    pub least: f64,
    pub greatest: f64,
}

/// Mean and quantiles over draws of one output at each time, in the output's unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    pub output: String,
    pub unit: String,
    pub mean: Vec<f64>,
    pub q05: Vec<f64>,
    pub q25: Vec<f64>,
    pub q50: Vec<f64>,
    pub q75: Vec<f64>,
    pub q95: Vec<f64>,
}

/// Trajectories of up to sixteen draws: for each `[row, time]` flattened, or nothing if it failed.
pub type Block = Vec<Option<Vec<f64>>>;

/// Computes blocks `0 .. n` by the function given, on as many threads as the caller likes, and returns them in order.
pub type Parallel<'a> = &'a dyn Fn(usize, &(dyn Fn(usize) -> Block + Sync)) -> Vec<Block>;

/// Computes all blocks one after another.
pub fn serial(n: usize, block: &(dyn Fn(usize) -> Block + Sync)) -> Vec<Block> {
    (0..n).map(block).collect()
}

/// Runs a scenario on draws (natural values of the calibrated parameters).
///
/// `outcomes` may hold more than the scenario's own, so that several scenarios are asked the same. Their windows are
/// used as they are.
pub fn run(
    posterior: &Posterior,
    draws: &[Vec<f64>],
    scenario: &Scenario,
    outcomes: &[Outcome],
    parallel: Parallel,
) -> ScenarioRun {
    let program = &posterior.program;
    let model = &program.model;
    let schedule = scenario.schedule(model, &posterior.schedule);
    let covariates = apply::covariates(&posterior.covariates, &scenario.interventions);
    let change = ParameterChange::new(model, &posterior.covariates, &covariates, &scenario.interventions);
    let (times, kept_times) = times(model, scenario, outcomes, &schedule);
    let mut observed: Vec<usize> = posterior.terms.iter().map(|term| term.observation).collect();
    observed.sort_unstable();
    observed.dedup();
    let outputs = model.outputs.len();
    let rows = outputs + observed.len();
    let ensemble =
        Ensemble { program, covariates: &covariates, schedule: &schedule, times: &times, settings: posterior.settings };
    let person = |natural: &Vec<f64>| {
        let mut values = posterior.prior.complete(natural);
        change.apply(&mut values);
        values
    };
    let people: Vec<Vec<f64>> = draws.iter().map(person).collect();
    // Those who need steps of like length go together.
    let order = ensemble.order(&mut ensemble.workspace(), &people);
    let blocks = parallel(draws.len().div_ceil(LANES), &|block| {
        let mut workspace = ensemble.workspace();
        let mine = &order[block * LANES..draws.len().min((block + 1) * LANES)];
        let people: Vec<Vec<f64>> = mine.iter().map(|draw| people[*draw].clone()).collect();
        let mut found = vec![vec![f64::NAN; rows * times.len()]; people.len()];
        let failures = ensemble.run(&mut workspace, &people, &mut |first, count, time, workspace| {
            let mut keep = |row: usize, values: &[f64]| {
                for (person, value) in found[first..first + count].iter_mut().zip(values) {
                    person[row * times.len() + time] = *value;
                }
            };
            for output in 0..outputs {
                keep(output, &workspace.output(program, output).0);
            }
            for (index, observation) in observed.iter().enumerate() {
                workspace.observation(program, *observation);
                let centre = usize::from(model.observations[*observation].family == ErrorFamily::StudentT);
                keep(outputs + index, &workspace.argument(program, *observation, centre).0);
            }
        });
        found.into_iter().zip(failures).map(|(values, failure)| failure.is_none().then_some(values)).collect()
    });
    let mut trajectories: Vec<Option<Vec<f64>>> = vec![None; draws.len()];
    order.iter().zip(blocks.into_iter().flatten()).for_each(|(draw, found)| trajectories[*draw] = found);
    let of_output = |trajectory: &Option<Vec<f64>>, outcome: &Outcome| match trajectory {
        Some(values) => outcome.of(&times, &values[outcome.output * times.len()..(outcome.output + 1) * times.len()]),
        None => f64::NAN,
    };
    let outcome_draws = outcomes
        .iter()
        .map(|outcome| trajectories.iter().map(|trajectory| of_output(trajectory, outcome)).collect())
        .collect();
    let failed = trajectories.iter().filter(|trajectory| trajectory.is_none()).count();
    let solved: Vec<&Vec<f64>> = trajectories.iter().flatten().collect();
    let column = |row: usize, time: usize| -> Vec<f64> {
        solved.iter().map(|values| values[row * times.len() + time]).collect()
    };
    let bands = model.outputs.iter().enumerate().map(|(row, output)| {
        let columns = kept_times.iter().map(|time| column(row, *time));
        band(&output.name, output.unit.text(), columns)
    });
    let bands = bands.collect();
    let readings = observed.iter().enumerate().map(|(index, observation)| {
        let medians = kept_times.iter().map(|time| {
            let mut values = column(outputs + index, *time);
            values.sort_by(f64::total_cmp);
            quantile(&values, 0.5)
        });
        let (least, greatest) = medians.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, greatest), median| {
            (least.min(median), greatest.max(median))
        });
        Reach { observation: *observation, least, greatest }
    });
    let readings = readings.collect();
    let per_hour = crate::likelihood::hours_to_model(model);
    let times_h = kept_times.iter().map(|time| times[*time] / per_hour).collect();
    ScenarioRun { name: scenario.name.clone(), times_h, bands, outcomes: outcome_draws, failed, readings }
}

/// All times at which trajectories are wanted, and which of them are kept for bands: those of the scenario's step.
///
/// The others make outcomes exact: edges of their windows, kinks, and the instant after a jump.
fn times(model: &Composed, scenario: &Scenario, outcomes: &[Outcome], schedule: &Schedule) -> (Vec<f64>, Vec<usize>) {
    let steps = ((scenario.to - scenario.from) / scenario.step).floor() as usize;
    let slack = Window::slack(scenario.to);
    let mut kept: Vec<f64> = (0..=steps)
        .map(|step| scenario.from + scenario.step * step as f64)
        .filter(|time| *time < scenario.to - slack)
        .collect();
    kept.push(scenario.to);
    let immediate = |input: usize| model.inputs[input].lag.is_none();
    let mut all: Vec<f64> = outcomes.iter().flat_map(Outcome::knots).collect();
    for bolus in schedule.boluses.iter().filter(|bolus| immediate(bolus.input)) {
        all.extend([bolus.time, bolus.time + 1e-6 * scenario.step]);
    }
    for infusion in schedule.infusions.iter().filter(|infusion| immediate(infusion.input)) {
        all.extend([infusion.time, infusion.time + infusion.duration]);
    }
    all.extend(schedule.held.iter().filter(|held| immediate(held.input)).map(|held| held.time));
    all.retain(|time| *time >= scenario.from && *time <= scenario.to);
    all.extend(&kept);
    all.sort_by(f64::total_cmp);
    all.dedup();
    let places = kept.iter().map(|time| all.partition_point(|known| known < time)).collect();
    (all, places)
}

/// Sums up the columns of an output, one a time, each over draws.
fn band(output: &str, unit: &str, columns: impl Iterator<Item = Vec<f64>>) -> Band {
    let mut band = Band {
        output: output.into(),
        unit: unit.into(),
        mean: Vec::new(),
        q05: Vec::new(),
        q25: Vec::new(),
        q50: Vec::new(),
        q75: Vec::new(),
        q95: Vec::new(),
    };
    for mut column in columns {
        band.mean.push(column.iter().sum::<f64>() / column.len() as f64);
        column.sort_by(f64::total_cmp);
        for (share, out) in [
            (0.05, &mut band.q05),
            (0.25, &mut band.q25),
            (0.5, &mut band.q50),
            (0.75, &mut band.q75),
            (0.95, &mut band.q95),
        ] {
            out.push(quantile(&column, share));
        }
    }
    band
}

/// Quantile of sorted values, linear between them (Hyndman and Fan 1996, type 7); NaN of none.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = share * last as f64;
    let (low, part) = (at.floor() as usize, at.fract());
    sorted[low] + part * (sorted[(low + 1).min(last)] - sorted[low])
}
