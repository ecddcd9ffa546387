//! `homeostat simulate`: a forward run without a person.

use super::{Context, Done, Stop};

/// Simulates a model forward, without a person
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Context, _: Arguments) -> Done {
    Err(Stop::Internal("`simulate` is not written yet".into()))
}
