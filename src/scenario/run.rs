//! Runs a scenario on a twin's draws: the same person, draw by draw, in every scenario.

use crate::likelihood::Posterior;
use crate::sim::{Ensemble, LANES};

use super::Scenario;
use super::apply::{self, ParameterChange};
use super::outcome::Outcome;

/// A scenario's trajectories summed up, and its outcomes draw by draw.
#[derive(Clone, Debug)]
pub struct ScenarioRun {
    pub name: String,
    /// Times since the epoch [h].
    pub times_h: Vec<f64>,
    /// One an output of the model.
    pub bands: Vec<Band>,
    /// `[outcome][draw]`, in the outcome's unit; NaN for a draw that could not be simulated.
    pub outcomes: Vec<Vec<f64>>,
    /// Draws that could not be simulated.
    pub failed: usize,
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

/// Trajectories of up to sixteen draws: for each `[output, time]` flattened, or nothing if it failed.
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
    let model = &posterior.program.model;
    let schedule = apply::schedule(model, &posterior.schedule, &scenario.interventions);
    let covariates = apply::covariates(&posterior.covariates, &scenario.interventions);
    let change = ParameterChange::new(model, &posterior.covariates, &covariates, &scenario.interventions);
    let times = grid(scenario);
    let outputs: Vec<usize> = (0..model.outputs.len()).collect();
    let ensemble = Ensemble {
        program: &posterior.program,
        covariates: &covariates,
        schedule: &schedule,
        times: &times,
        settings: posterior.settings,
    };
    let blocks = parallel(draws.len().div_ceil(LANES), &|block| {
        let mut workspace = ensemble.workspace();
        let mine = &draws[block * LANES..draws.len().min((block + 1) * LANES)];
        let people: Vec<Vec<f64>> = mine
            .iter()
            .map(|natural| {
                let mut values = posterior.prior.complete(natural);
                change.apply(&mut values);
                values
            })
            .collect();
        ensemble.outputs(&mut workspace, &people, &outputs).into_iter().map(Result::ok).collect()
    });
    let trajectories: Vec<Option<Vec<f64>>> = blocks.into_iter().flatten().collect();
    let of_output = |trajectory: &Option<Vec<f64>>, output: usize, outcome: &Outcome| match trajectory {
        Some(values) => outcome.of(&times, &values[output * times.len()..(output + 1) * times.len()]),
        None => f64::NAN,
    };
    let outcome_draws = outcomes
        .iter()
        .map(|outcome| trajectories.iter().map(|t| of_output(t, outcome.output, outcome)).collect())
        .collect();
    let failed = trajectories.iter().filter(|trajectory| trajectory.is_none()).count();
    let kept: Vec<&Vec<f64>> = trajectories.iter().flatten().collect();
    let bands = model
        .outputs
        .iter()
        .enumerate()
        .map(|(index, output)| band(&output.name, output.unit.text(), index, times.len(), &kept))
        .collect();
    let per_hour = crate::likelihood::hours_to_model(model);
    let times_h = times.iter().map(|time| time / per_hour).collect();
    ScenarioRun { name: scenario.name.clone(), times_h, bands, outcomes: outcome_draws, failed }
}

/// Times from the horizon's start to its end, the end included.
fn grid(scenario: &Scenario) -> Vec<f64> {
    let steps = ((scenario.to - scenario.from) / scenario.step).round().max(1.0) as usize;
    let mut times: Vec<f64> =
        (0..=steps).map(|i| scenario.from + scenario.step * i as f64).filter(|t| *t < scenario.to).collect();
    times.push(scenario.to);
    times
}

fn band(output: &str, unit: &str, index: usize, times: usize, trajectories: &[&Vec<f64>]) -> Band {
    let mut band = Band {
        output: output.into(),
        unit: unit.into(),
        mean: Vec::with_capacity(times),
        q05: Vec::with_capacity(times),
        q25: Vec::with_capacity(times),
        q50: Vec::with_capacity(times),
        q75: Vec::with_capacity(times),
        q95: Vec::with_capacity(times),
    };
    let mut column = Vec::with_capacity(trajectories.len());
    for time in 0..times {
        column.clear();
        column.extend(trajectories.iter().map(|values| values[index * times + time]));
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
