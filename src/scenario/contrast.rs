//! Paired contrasts: the difference an intervention makes to the same person, draw by draw.

use super::outcome::{Better, Outcome};
use super::run::{ScenarioRun, quantile};

/// Median and 5–95 % interval over draws.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Spread {
    pub median: f64,
    pub q05: f64,
    pub q95: f64,
}

impl Spread {
    /// Over the finite values.
    pub fn of(values: &[f64]) -> Self {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        Self { median: quantile(&sorted, 0.5), q05: quantile(&sorted, 0.05), q95: quantile(&sorted, 0.95) }
    }
}

/// One outcome of one scenario against the same draws without it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Contrast {
    pub scenario: String,
    pub outcome: String,
    pub output: String,
    pub unit: String,
    pub value: Spread,
    /// Scenario less baseline, draw by draw; `None` for the baseline itself.
    pub effect: Option<Spread>,
    /// Share of draws in which the scenario is better than the baseline, ties counted half.
    pub p_better: Option<f64>,
    /// "lower" or "higher".
    pub better: Option<&'static str>,
}

/// Every outcome of a run, against the baseline's draws if one is given.
pub fn contrasts(
    outputs: &[String],
    outcomes: &[Outcome],
    run: &ScenarioRun,
    baseline: Option<&ScenarioRun>,
) -> Vec<Contrast> {
    outcomes
        .iter()
        .enumerate()
        .map(|(index, outcome)| {
            let values = &run.outcomes[index];
            let differences: Option<Vec<f64>> =
                baseline.map(|baseline| values.iter().zip(&baseline.outcomes[index]).map(|(a, b)| a - b).collect());
            let p_better = differences.as_ref().zip(outcome.better).map(|(differences, better)| {
                let known: Vec<f64> = differences.iter().copied().filter(|d| d.is_finite()).collect();
                let wins: f64 = known
                    .iter()
                    .map(|d| match better {
                        _ if *d == 0.0 => 0.5,
                        Better::Lower => f64::from(u8::from(*d < 0.0)),
                        Better::Higher => f64::from(u8::from(*d > 0.0)),
                    })
                    .sum();
                wins / known.len() as f64
            });
            Contrast {
                scenario: run.name.clone(),
                outcome: outcome.name.clone(),
                output: outputs[outcome.output].clone(),
                unit: outcome.unit.clone(),
                value: Spread::of(values),
                effect: differences.map(|differences| Spread::of(&differences)),
                p_better,
                better: outcome.better.map(|better| match better {
                    Better::Lower => "lower",
                    Better::Higher => "higher",
                }),
            }
        })
        .collect()
}
