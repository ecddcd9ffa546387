//! Modes searched in units of scales that are known beforehand, so that a climb that starts without curvature has steps of the right size.

use super::along::{Along, Axes};
use super::mode::{Mode, ModeSettings, modes};
use super::target::{LogDensityGradient, Rejection};

/// One scale a parameter.
struct Scales(Vec<f64>);

impl Axes for Scales {
    fn position(&self, along: &[f64]) -> Vec<f64> {
        along.iter().zip(&self.0).map(|(z, scale)| z * scale).collect()
    }

    fn slopes(&self, gradient: &mut [f64]) {
        gradient.iter_mut().zip(&self.0).for_each(|(slope, scale)| *slope *= scale);
    }
}

/// [`modes`] searched in units of the scales; the norm of the gradient is in those units, too.
///
/// Scales that are missing, not finite or not positive are taken as 1.
pub fn modes_scaled<T: LogDensityGradient>(
    target: &T,
    scales: &[f64],
    starts: &[Vec<f64>],
    settings: &ModeSettings,
) -> Vec<Result<Mode, Rejection>> {
    let scale = |at: usize| scales.get(at).copied().filter(|scale| scale.is_finite() && *scale > 0.0).unwrap_or(1.0);
    let axes = Scales((0..target.dimension()).map(scale).collect());
    let starts: Vec<Vec<f64>> =
        starts.iter().map(|start| start.iter().zip(&axes.0).map(|(x, scale)| x / scale).collect()).collect();
    let back = |mode: Mode| Mode { position: axes.position(&mode.position), ..mode };
    modes(&Along { target, axes: &axes }, &starts, settings).into_iter().map(|mode| mode.map(back)).collect()
}
