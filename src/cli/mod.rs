//! The command line: one file a command; the only printing.

mod calibrate;
mod calibrate_check;
mod calibration;
mod check;
mod columns;
mod explain;
mod model;
mod output;
mod plot;
mod run;
mod scenario;
mod simulate;
mod summary;
mod synthesize;
mod what_if;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::diagnostic::Diagnostics;
use crate::model::Library;

/// Builds a digital twin of one person and answers "what if?".
#[derive(Debug, Parser)]
#[command(
    name = "homeostat",
    version,
    about,
    long_about = "Builds a personalised, mechanistic digital twin of one person from population physiology and that \
                  person's data, and answers \"what if?\".\n\nResearch and educational software: not a medical device."
)]
struct CommandLine {
    /// Read model files from this folder instead of the library inside the program
    #[arg(long, global = true, value_name = "DIR")]
    models: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Arguments),
    Check(check::Arguments),
    Calibrate(calibrate::Arguments),
    CalibrateCheck(calibrate_check::Arguments),
    Summary(summary::Arguments),
    Scenario(scenario::Arguments),
    Plot(plot::Arguments),
    Simulate(simulate::Arguments),
    Synthesize(synthesize::Arguments),
    Model(model::Arguments),
    Explain(explain::Arguments),
}

/// Why a command stopped before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The user's files are wrong: exit code 1.
    Files(Diagnostics),
    /// The command line is wrong in a way that its grammar does not show: exit code 2.
    Usage(String),
    /// What was asked for was done, and failed its verdict: exit code 3.
    Verdict,
    /// Ours: exit code 4.
    Internal(String),
}

impl From<Diagnostics> for Stop {
    fn from(found: Diagnostics) -> Self {
        Self::Files(found)
    }
}

/// What a command returns.
pub(crate) type Done = Result<(), Stop>;

/// What every command may need beside its own arguments.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// The folder of `--models`.
    pub models: Option<PathBuf>,
}

impl Context {
    /// The library inside the program, or the folder that was named.
    pub fn library(&self) -> Result<Library, Diagnostics> {
        match &self.models {
            Some(folder) => Library::folder(folder),
            None => Ok(Library::embedded()),
        }
    }
}

/// Runs the command line and returns its exit code.
pub fn main() -> ExitCode {
    // clap itself exits with 2 on a wrong command line and 0 on --help.
    let line = CommandLine::parse();
    let context = Context { models: line.models };
    let done = match line.command {
        Command::Run(arguments) => run::run(&context, arguments),
        Command::Check(arguments) => check::run(&context, arguments),
        Command::Calibrate(arguments) => calibrate::run(&context, arguments),
        Command::CalibrateCheck(arguments) => calibrate_check::run(&context, arguments),
        Command::Summary(arguments) => summary::run(&context, arguments),
        Command::Scenario(arguments) => scenario::run(&context, arguments),
        Command::Plot(arguments) => plot::run(&context, arguments),
        Command::Simulate(arguments) => simulate::run(&context, arguments),
        Command::Synthesize(arguments) => synthesize::run(&context, arguments),
        Command::Model(arguments) => model::run(&context, arguments),
        Command::Explain(arguments) => explain::run(&context, arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Files(found)) => {
            eprint!("{found}");
            ExitCode::from(1)
        }
        Err(Stop::Usage(message)) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
        Err(Stop::Verdict) => ExitCode::from(3),
        Err(Stop::Internal(message)) => {
            eprintln!("internal error: {message}\nThis is a fault of Homeostat, not of your files: please report it.");
            ExitCode::from(4)
        }
    }
}

/// Prints findings that do not stop the command.
pub(crate) fn warn(found: &Diagnostics) {
    if !found.is_empty() {
        eprint!("{found}");
    }
}
