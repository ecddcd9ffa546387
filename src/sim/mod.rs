//! Integrates a program through a schedule: trajectories, sensitivities, ensembles; uses no files and no threads.

mod ensemble;
mod events;
mod integrate;
mod schedule;
mod steady;
mod tsit5;
mod workspace;

pub use ensemble::{Ensemble, LANES};
pub use integrate::{Failure, Settings, Solve, Statistics};
pub use schedule::{Bolus, Held, Infusion, Schedule, Series};
pub use workspace::Workspace;
