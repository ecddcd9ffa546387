//! Power-scaling sensitivity: how the posterior moves when prior or likelihood counts a little more or less.
//!
//! Kallioinen, Paananen, Bürkner & Vehtari 2024, "Detecting and diagnosing prior and likelihood sensitivity with
//! power-scaling", Statistics and Computing 34. Computed as ArviZ does.

use super::psis::psis;

/// Sensitivity from which on a parameter counts as sensitive.
pub const SENSITIVE: f64 = 0.05;
/// Powers are 1 / (1 + δ) and 1 + δ.
const DELTA: f64 = 0.01;

/// Draws weighted as if one component of the density, prior or likelihood, had another power.
#[derive(Clone, Debug, PartialEq)]
pub struct PowerScaling {
    /// Of each draw, summing to 1, for the lower and the upper power.
    weights: [Vec<f64>; 2],
}

/// Sensitivity of one parameter: distance that its distribution moves, a doubling of a component's power.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Sensitivity {
    pub prior: f64,
    pub likelihood: f64,
}

impl PowerScaling {
    /// Weights by the component's ln density under each draw, up to a constant; `[draw]`.
    pub fn new(ln_component: &[f64]) -> Self {
        let weights = [1.0 / (1.0 + DELTA), 1.0 + DELTA].map(|power| {
            let ln_ratios: Vec<f64> = ln_component.iter().map(|value| (power - 1.0) * value).collect();
            let smoothed = psis(&ln_ratios, 1.0);
            smoothed.ln_weights.iter().map(|weight| weight.exp()).collect()
        });
        Self { weights }
    }

    /// How sensitive a quantity is to the component; `values` are those under the same draws, `[draw]`.
    ///
    /// The gradient of the cumulative Jensen–Shannon distance by log₂ of the power, the mean of both sides. NaN for a
    /// quantity that is constant.
    pub fn sensitivity(&self, values: &[f64]) -> f64 {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
        let widths: Vec<f64> = order.windows(2).map(|pair| values[pair[1]] - values[pair[0]]).collect();
        let of_power = |weights: &Vec<f64>| {
            let Some(weights) = order.iter().map(|draw| weights.get(*draw).copied()).collect::<Option<Vec<f64>>>()
            else {
                return f64::NAN;
            };
            let forward = distance(widths.iter().zip(&weights));
            let backward = distance(widths.iter().rev().zip(weights.iter().rev()));
            // `f64::max` would hide a NaN.
            if forward.is_nan() || backward.is_nan() { f64::NAN } else { forward.max(backward) }
        };
        let [lower, upper] = &self.weights;
        (of_power(lower) + of_power(upper)) / (2.0 * (1.0 + DELTA).log2())
    }
}

impl Sensitivity {
    /// Whether prior and data both move the parameter: they may pull it in different directions.
    pub fn conflict(&self) -> bool {
        self.prior >= SENSITIVE && self.likelihood >= SENSITIVE
    }

    /// What the pair says of a parameter, if anything: its prior matters.
    pub fn diagnosis(&self) -> Option<&'static str> {
        match (self.conflict(), self.prior >= SENSITIVE) {
            (true, _) => Some("prior-data conflict"),
            (false, true) => Some("strong prior or weak likelihood"),
            (false, false) => None,
        }
    }
}

/// Normalised cumulative Jensen–Shannon distance between the draws as they are and as weighted (Nguyen & Vreeken 2015):
/// the distance to the next draw and the weight of each draw, in order.
fn distance<'a>(steps: impl ExactSizeIterator<Item = (&'a f64, &'a f64)>) -> f64 {
    let count = steps.len() as f64 + 1.0;
    let (mut before, mut after) = (0.0, 0.0);
    let (mut of_before, mut of_after) = (0.0, 0.0);
    let mut q = 0.0;
    for (below, (width, weight)) in steps.enumerate() {
        let p = (below as f64 + 1.0) / count;
        q += weight;
        let middle = (0.5 * (p + q)).log2();
        before += width * p;
        after += width * q;
        of_before += width * p * (p.log2() - middle);
        if q > 0.0 {
            of_after += width * q * (q.log2() - middle);
        }
    }
    let shift = 0.5 / std::f64::consts::LN_2 * (after - before);
    (((of_before + shift).max(0.0) + (of_after - shift).max(0.0)) / (before + after)).sqrt()
}
