//! Samplers and their diagnostics for any target density; knows no physiology.

mod abc;
mod blocks;
mod density;
mod diagnostics;
mod draws;
mod ensemble;
mod gaussian;
mod laplace;
mod mode;
mod nuts;
mod pathfinder;
mod psis;
mod quick;
mod resample;
mod smc;
mod target;
mod verdict;
mod whiten;

pub use abc::{
    AbcGeneration, AbcKernel, AbcParticle, AbcReport, AbcRun, AbcSettings, AbcState, Projection, abc, abc_from,
};
pub use diagnostics::{diagnose, e_bfmi, ess_bulk, ess_mean, ess_tail, mcse_between, mcse_mean, r_hat};
pub use draws::{Draws, ParameterDiagnostics, Verdict};
pub use ensemble::{EnsembleReport, EnsembleSettings, ensemble};
pub use laplace::{Laplace, laplace};
pub use mode::{Mode, ModeSettings, maximise, modes};
pub use nuts::{Metric, NutsSettings, Progress, SampleError, nuts};
pub use psis::psis;
pub use quick::{Approximation, QuickReport, QuickSettings, RELIABLE_K, quick};
pub use smc::{Particle, SmcMove, SmcReport, SmcRun, SmcSettings, SmcStage, SmcState, StageProgress, smc, smc_from};
pub use target::{LogDensity, LogDensityGradient, Rejection, Simulator, Tempered};
pub use verdict::{LEAST_E_BFMI, LEAST_ESS, WORST_R_HAT};
pub use whiten::{Whitened, nuts_from};
