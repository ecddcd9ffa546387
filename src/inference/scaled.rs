//! A target seen in units of scales that are known beforehand, so that a search that starts without curvature has steps of the right size.

use super::mode::{Mode, ModeSettings, modes};
use super::target::{LogDensityGradient, Rejection};

/// The density of z where `target` has that of x = scale · z, parameter by parameter; the constant Jacobian is left out.
#[derive(Debug)]
struct Scaled<'a, T> {
    target: &'a T,
    scales: Vec<f64>,
}

impl<'a, T: LogDensityGradient> Scaled<'a, T> {
    /// Scales that are missing, not finite or not positive are taken as 1.
    fn new(target: &'a T, scales: &[f64]) -> Self {
        let scale =
            |at: usize| scales.get(at).copied().filter(|scale| scale.is_finite() && *scale > 0.0).unwrap_or(1.0);
        Self { target, scales: (0..target.dimension()).map(scale).collect() }
    }

    /// The point of the target that a scaled one stands for.
    fn position(&self, scaled: &[f64]) -> Vec<f64> {
        scaled.iter().zip(&self.scales).map(|(z, scale)| z * scale).collect()
    }

    /// The inverse of [`Self::position`].
    fn scaled(&self, position: &[f64]) -> Vec<f64> {
        position.iter().zip(&self.scales).map(|(x, scale)| x / scale).collect()
    }
}

impl<T: LogDensityGradient> LogDensityGradient for Scaled<'_, T> {
    type Workspace = T::Workspace;

    fn dimension(&self) -> usize {
        self.scales.len()
    }

    fn workspace(&self) -> T::Workspace {
        self.target.workspace()
    }

    fn ln_density_gradient(
        &self,
        workspace: &mut T::Workspace,
        at: &[f64],
        gradient: &mut [f64],
    ) -> Result<f64, Rejection> {
        let density = self.target.ln_density_gradient(workspace, &self.position(at), gradient)?;
        gradient.iter_mut().zip(&self.scales).for_each(|(slope, scale)| *slope *= scale);
        Ok(density)
    }
}

/// [`modes`] searched in units of the scales; the norm of the gradient is in those units, too.
pub fn modes_scaled<T: LogDensityGradient>(
    target: &T,
    scales: &[f64],
    starts: &[Vec<f64>],
    settings: &ModeSettings,
) -> Vec<Result<Mode, Rejection>> {
    let scaled = Scaled::new(target, scales);
    let starts: Vec<Vec<f64>> = starts.iter().map(|start| scaled.scaled(start)).collect();
    let back = |mode: Mode| Mode { position: scaled.position(&mode.position), ..mode };
    modes(&scaled, &starts, settings).into_iter().map(|mode| mode.map(back)).collect()
}
