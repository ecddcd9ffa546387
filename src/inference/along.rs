//! A target seen along other axes: what lies there at z is at x = origin + axes · z.

use super::target::{LogDensityGradient, Rejection};

/// A linear change of variables.
pub(super) trait Axes: Sync {
    /// The point x that z stands for.
    fn position(&self, along: &[f64]) -> Vec<f64>;

    /// Turns the gradient by x into that by z.
    fn slopes(&self, gradient: &mut [f64]);
}

/// The density of z where `target` has that of x; the constant Jacobian is left out.
pub(super) struct Along<'a, T, A> {
    pub target: &'a T,
    pub axes: &'a A,
}

impl<T: LogDensityGradient, A: Axes> LogDensityGradient for Along<'_, T, A> {
    type Workspace = T::Workspace;

    fn dimension(&self) -> usize {
        self.target.dimension()
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
        let density = self.target.ln_density_gradient(workspace, &self.axes.position(at), gradient)?;
        self.axes.slopes(gradient);
        Ok(density)
    }
}
