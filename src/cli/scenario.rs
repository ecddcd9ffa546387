//! `homeostat scenario`: what-ifs on a twin.

use super::{Context, Done, Stop};

/// Runs scenarios on a twin and compares them with what was
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Context, _: Arguments) -> Done {
    Err(Stop::Internal("`scenario` is not written yet".into()))
}
