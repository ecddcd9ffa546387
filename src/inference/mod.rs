//! Samplers and their diagnostics for any target density; knows no physiology.

mod density;
mod diagnostics;
mod draws;
mod laplace;
mod mode;
mod nuts;
mod target;
mod verdict;
mod whiten;

pub use diagnostics::{diagnose, e_bfmi, ess_bulk, ess_mean, ess_tail, mcse_mean, r_hat};
pub use draws::{Draws, ParameterDiagnostics, Verdict};
pub use laplace::{Laplace, laplace};
pub use mode::{Mode, ModeSettings, maximise, modes};
pub use nuts::{Metric, NutsSettings, Progress, SampleError, nuts};
pub use target::{LogDensityGradient, Rejection};
pub use verdict::{LEAST_E_BFMI, LEAST_ESS, WORST_R_HAT};
pub use whiten::{Whitened, nuts_from};
