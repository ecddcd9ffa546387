//! `homeostat calibrate`: calibration of a bundle to a twin.

use super::{Context, Done, Stop};

/// Calibrates a twin to a patient bundle
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Context, _: Arguments) -> Done {
    Err(Stop::Internal("`calibrate` is not written yet".into()))
}
