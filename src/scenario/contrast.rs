//! Paired contrasts: the difference an intervention makes to the same person, draw by draw.

use super::outcome::{Better, Outcome};
use super::run::{ScenarioRun, quantile};

/// Median, 50 % and 90 % interval over draws.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Spread {
    pub median: f64,
    pub q05: f64,
    pub q25: f64,
    pub q75: f64,
    pub q95: f64,
}

impl Spread {
    /// Over the finite values.
    pub fn of(values: &[f64]) -> Self {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let at = |share| quantile(&sorted, share);
        Self { median: at(0.5), q05: at(0.05), q25: at(0.25), q75: at(0.75), q95: at(0.95) }
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
    /// Share of draws in which the scenario is better than the baseline, ties counted half; `None` where no direction
    /// was named.
    pub p_better: Option<f64>,
    /// Share of draws in which the outcome is higher than in the baseline, ties counted half.
    pub p_higher: Option<f64>,
    /// "lower" or "higher".
    pub better: Option<&'static str>,
    /// Draws in which the outcome cannot be computed; they are left out.
    pub missing: usize,
}

/// Outcomes that differ by no more than this share are the same: the solver's error is of that size.
const TIE: f64 = 1e-6;

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
            let pairs = baseline.map(|baseline| values.iter().copied().zip(baseline.outcomes[index].iter().copied()));
            let pairs: Option<Vec<(f64, f64)>> =
                pairs.map(|pairs| pairs.filter(|(a, b)| a.is_finite() && b.is_finite()).collect());
            let p_higher = pairs.as_deref().map(share_higher);
            let effect = pairs.map(|pairs| Spread::of(&pairs.iter().map(|(a, b)| a - b).collect::<Vec<f64>>()));
            Contrast {
                scenario: run.name.clone(),
                outcome: outcome.name.clone(),
                output: outputs[outcome.output].clone(),
                unit: outcome.unit.clone(),
                value: Spread::of(values),
                effect,
                p_better: outcome.better.zip(p_higher).map(|(better, p_higher)| match better {
                    Better::Higher => p_higher,
                    Better::Lower => 1.0 - p_higher,
                }),
                p_higher,
                better: outcome.better.map(|better| match better {
                    Better::Lower => "lower",
                    Better::Higher => "higher",
                }),
                missing: values.iter().filter(|value| !value.is_finite()).count(),
            }
        })
        .collect()
}

/// Share of pairs whose first is the higher one, ties counted half; NaN of none.
fn share_higher(pairs: &[(f64, f64)]) -> f64 {
    let wins = pairs
        .iter()
        .map(|(a, b)| if (a - b).abs() <= TIE * a.abs().max(b.abs()) { 0.5 } else { f64::from(u8::from(a > b)) });
    wins.sum::<f64>() / pairs.len() as f64
}
