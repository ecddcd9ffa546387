//! How sensitive a twin's parameters are to its prior and to its data, by power-scaling.

use rayon::prelude::*;

use crate::inference::{PowerScaling, Sensitivity};

use super::Twin;

/// Sensitivities of every calibrated parameter; none where the draws do not say their density.
///
/// The whole prior is scaled, as a density of natural values, and the whole likelihood: what the ln density of a draw on
/// the real line has beside the prior there. All draws are used, not only those with predictions.
pub(super) fn sensitivities(twin: &Twin) -> Option<Vec<Sensitivity>> {
    let (draws, prior) = (&twin.draws, &twin.posterior.prior.calibrated);
    if draws.dimension == 0 || draws.ln_density.len() * draws.dimension != draws.values.len() {
        return None;
    }
    let (mut used, mut ln_prior, mut ln_likelihood) = (Vec::new(), Vec::new(), Vec::new());
    for (draw, ln_density) in draws.values.chunks(draws.dimension).zip(&draws.ln_density) {
        let (mut natural, mut jacobian) = (0.0, 0.0);
        for (c, value) in prior.iter().zip(draw) {
            natural += c.distribution.ln_density(*value);
            jacobian += c.transform.ln_jacobian(c.transform.to_real(*value));
        }
        // A value that was rounded onto the end of its support has no place on the real line.
        if (natural + jacobian + ln_density).is_finite() {
            used.push(draw);
            ln_prior.push(natural);
            ln_likelihood.push(ln_density - natural - jacobian);
        }
    }
    let (prior, likelihood) = (PowerScaling::new(&ln_prior), PowerScaling::new(&ln_likelihood));
    let of_parameter = |index: usize| {
        let values: Vec<f64> = used.iter().map(|draw| draw[index]).collect();
        Sensitivity { prior: prior.sensitivity(&values), likelihood: likelihood.sensitivity(&values) }
    };
    Some((0..draws.dimension).into_par_iter().map(of_parameter).collect())
}
