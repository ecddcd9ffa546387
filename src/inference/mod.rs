//! Samplers and their diagnostics for any target density; knows no physiology.

mod abc;
mod along;
mod blocks;
mod chains;
mod density;
mod diagnostics;
mod discrepancy;
mod draws;
mod ensemble;
mod gaussian;
mod journal;
mod laplace;
mod loo;
mod mode;
mod nuts;
mod pathfinder;
mod power_scaling;
mod psis;
mod quick;
mod rank_check;
mod resample;
mod scaled;
mod smc;
mod stages;
mod target;
mod verdict;
mod whiten;

pub use abc::{
    AbcAdjustment, AbcGeneration, AbcKernel, AbcParticle, AbcReport, AbcRun, AbcSettings, AbcState, Projection, abc,
    abc_from,
};
pub use chains::{Chains, MemoryTrace, Statistic, Trace};
pub use diagnostics::{
    diagnose, e_bfmi, ess_bulk, ess_mean, ess_quantile, ess_tail, mcse_between, mcse_mean, mcse_quantile, mcse_sd,
    r_hat, r_hat_folded, r_hat_rank,
};
pub use discrepancy::{PredictivePValues, predictive_p_value};
pub use draws::{Draws, ParameterDiagnostics, Verdict};
pub use ensemble::{EnsembleReport, EnsembleSettings, ensemble};
pub use journal::{Forget, Journal};
pub use laplace::{Laplace, laplace};
pub use loo::{Elpd, Loo, loo, relative_efficiency};
pub use mode::{Mode, ModeSettings, maximise, modes};
pub use nuts::{Metric, NutsSettings, Progress, SampleError, nuts};
pub use power_scaling::{PowerScaling, SENSITIVE, Sensitivity};
pub use psis::{Smoothed, WORST_K_HAT, fit_pareto, psis, reliable_k_hat};
pub use quick::{Approximation, QuickReport, QuickSettings, quick};
pub use rank_check::{CONFIDENCE, Departure, RankBand, RankCheck, RankResult, ThinnedRank, thinned_rank};
pub use scaled::modes_scaled;
pub use smc::{Particle, SmcMove, SmcReport, SmcRun, SmcSettings, SmcStage, SmcState, smc, smc_from};
pub use stages::StageProgress;
pub use target::{LogDensity, LogDensityGradient, Rejection, Simulator, Target, Tempered};
pub use verdict::{LEAST_E_BFMI, LEAST_ESS, WORST_R_HAT};
pub use whiten::{nuts_from, nuts_traced};
