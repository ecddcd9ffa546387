//! Integrates a program through a schedule: trajectories, sensitivities, ensembles; uses no files and no threads.

mod bdf;
mod ensemble;
mod esdirk;
mod events;
mod explicit;
mod integrate;
mod linear;
mod order;
mod schedule;
mod steady;
mod tsit5;
mod workspace;

pub use ensemble::{Ensemble, LANES};
pub use integrate::{Failure, Method, Settings, Solve, Statistics, Used};
pub use schedule::{Bolus, Held, Infusion, Schedule, Series};
pub use workspace::Workspace;
