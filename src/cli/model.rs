//! `homeostat model`: model files checked and listed.

use super::{Context, Done, Stop};

/// Checks a model file or lists the models
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Context, _: Arguments) -> Done {
    Err(Stop::Internal("`model` is not written yet".into()))
}
