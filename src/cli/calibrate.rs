//! `homeostat calibrate`: calibration of a bundle to a twin.

use std::path::PathBuf;

use super::calibration::{Options, Prepared, unwritable};
use super::{Context, Done, Stop, summary};
use crate::twin::store::check_writable;

/// Calibrates a twin to a patient bundle
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  homeostat calibrate patients/theophylline_01 -o theo.twin
  homeostat calibrate patients/virtual_adult_001 -o day4.twin --from 72h --to 96h
  homeostat calibrate patients/anna -o anna.twin --model my.model --chains 4 --draws 2000 --seed 7 --overwrite
  homeostat calibrate patients/anna -o anna.twin --resume

A run that is interrupted leaves NAME.twin.checkpoint beside the twin; --resume goes on from it, with the same draws as if it
had not been interrupted.
The same bundle, model, settings and seed give the same draws on any number of threads.
Exits with 3 when the twin fails its verdict; it is written all the same, and says so.
Research and educational software: not a medical device.")]
pub(crate) struct Arguments {
    /// The folder with `patient.toml`
    bundle: PathBuf,
    /// Where to write the twin: a folder that does not exist yet
    #[arg(short, long, value_name = "TWIN")]
    output: PathBuf,
    #[command(flatten)]
    options: Options,
    /// Replace a twin that is at the path
    #[arg(long, visible_alias = "force")]
    overwrite: bool,
    /// Go on with a run that was interrupted, from the checkpoint beside the twin
    #[arg(long)]
    resume: bool,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(context: &Context, arguments: Arguments) -> Done {
    let Arguments { bundle, output, options, overwrite, resume, json } = arguments;
    check_writable(&output, overwrite || resume).map_err(unwritable)?;
    let found = Prepared::read(context, &bundle, &options)?.calibrate(&output, overwrite, resume, json)?;
    if json {
        println!("{}", summary::json(&found, &output)?);
    } else {
        print!("{}\nWritten to {}\n", summary::table(&found), output.display());
    }
    if found.verdict.passed { Ok(()) } else { Err(Stop::Verdict) }
}
