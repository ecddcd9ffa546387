//! `homeostat explain`: the page of a code.

use super::{Context, Done, Stop};

/// Explains the code of a message
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Context, _: Arguments) -> Done {
    Err(Stop::Internal("`explain` is not written yet".into()))
}
