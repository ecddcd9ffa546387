//! `homeostat check`: what was read of a bundle.

use super::{Context, Done, Stop};

/// Shows what was read of a patient bundle, from where and in which unit, and every problem
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Context, _: Arguments) -> Done {
    Err(Stop::Internal("`check` is not written yet".into()))
}
