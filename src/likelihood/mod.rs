//! Joins a model and a patient by name into one posterior density: the one place where they meet.

mod amounts;
mod correlated;
mod dual;
mod exposures;
mod family;
mod matching;
mod over_time;
mod personal;
mod posterior;
mod predictive;
mod replicate;
mod summaries;
mod targets;
mod testing;
mod within_person;

pub use amounts::{UnknownAmount, events_of};
pub(crate) use exposures::delivered;
pub use family::{Noise, Scored};
pub(crate) use matching::hours_to_model;
pub use matching::{Matched, Matching, Term, TermReading, fit, match_patient};
pub use personal::{Nuisance, Personal, TestedMore};
pub use posterior::{Posterior, PosteriorWorkspace};
pub use predictive::Predicted;
pub use replicate::Limits;
pub use summaries::TermSummary;
pub use targets::TargetWorkspace;
pub use within_person::{WithinPerson, variation};
