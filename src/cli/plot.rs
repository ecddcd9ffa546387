//! `homeostat plot`: figures of a twin.

use super::{Context, Done, Stop};

/// Draws a twin and its scenarios
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Context, _: Arguments) -> Done {
    Err(Stop::Internal("`plot` is not written yet".into()))
}
