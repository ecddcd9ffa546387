//! `homeostat summary`: a twin in numbers.

use super::{Context, Done, Stop};

/// Shows a twin's parameters, what the data taught, and its verdict
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Context, _: Arguments) -> Done {
    Err(Stop::Internal("`summary` is not written yet".into()))
}
