//! Posterior predictive p-values: is a statistic of the readings one that the model would produce?
//!
//! Gelman, Meng & Stern 1996, "Posterior predictive assessment of model fitness via realized discrepancies", Statistica
//! Sinica 6. Near 0 or 1 the model does not produce what was seen; they are not uniform under a true model, but nearer
//! to 0.5, since the readings are used twice.

/// p-values of four statistics of one quantity's readings.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct PredictivePValues {
    pub mean: f64,
    pub sd: f64,
    pub min: f64,
    pub max: f64,
}

impl PredictivePValues {
    /// Of readings `[reading]` and replicates of all of them, `[draw, reading]`; a draw with a NaN is left out.
    pub fn of(observed: &[f64], replicates: &[f64]) -> Self {
        let count = observed.len().max(1);
        let draws: Vec<&[f64]> =
            replicates.chunks_exact(count).filter(|draw| draw.iter().all(|value| !value.is_nan())).collect();
        let p = |statistic: fn(&[f64]) -> f64| {
            let of_draws: Vec<f64> = draws.iter().map(|draw| statistic(draw)).collect();
            predictive_p_value(statistic(observed), &of_draws)
        };
        Self {
            mean: p(mean),
            sd: p(sd),
            min: p(|values| values.iter().copied().fold(f64::INFINITY, f64::min)),
            max: p(|values| values.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        }
    }
}

/// Share of the replicates of a statistic that are at or above the observed one, equal ones counting half; NaN of none.
pub fn predictive_p_value(observed: f64, replicates: &[f64]) -> f64 {
    if observed.is_nan() {
        return f64::NAN;
    }
    let known = replicates.iter().filter(|replicate| !replicate.is_nan());
    let (mut above, mut count) = (0.0, 0.0);
    for replicate in known {
        count += 1.0;
        above += match *replicate {
            replicate if replicate > observed => 1.0,
            replicate if replicate == observed => 0.5,
            _ => 0.0,
        };
    }
    above / count
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Standard deviation with n − 1.
fn sd(values: &[f64]) -> f64 {
    let mean = mean(values);
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)).sqrt()
}
