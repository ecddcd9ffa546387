//! Samplers and their diagnostics for any target density; knows no physiology.

mod density;
mod diagnostics;
mod discrepancy;
mod draws;
mod journal;
mod laplace;
mod loo;
mod mode;
mod nuts;
mod power_scaling;
mod psis;
mod target;
mod verdict;
mod whiten;

pub use diagnostics::{
    diagnose, e_bfmi, ess_bulk, ess_mean, ess_quantile, ess_tail, mcse_mean, mcse_quantile, mcse_sd, r_hat,
    r_hat_folded, r_hat_rank,
};
pub use discrepancy::{PredictivePValues, predictive_p_value};
pub use draws::{Draws, ParameterDiagnostics, Verdict};
pub use journal::Journal;
pub use laplace::{Laplace, laplace};
pub use loo::{Elpd, Loo, loo, relative_efficiency};
pub use mode::{Mode, ModeSettings, maximise, modes};
pub use nuts::{Metric, NutsSettings, Progress, SampleError, nuts};
pub use power_scaling::{PowerScaling, SENSITIVE, Sensitivity};
pub use psis::{Smoothed, WORST_K_HAT, fit_pareto, psis, reliable_k_hat};
pub use target::{LogDensityGradient, Rejection};
pub use verdict::{LEAST_E_BFMI, LEAST_ESS, WORST_R_HAT};
pub use whiten::{Whitened, nuts_from, nuts_resumable};
