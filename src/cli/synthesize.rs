//! `homeostat synthesize`: a synthetic person as a bundle, with the truth beside it.

use std::path::PathBuf;

use serde_json::json;

use super::{Context, Done, Stop, output};
use crate::diagnostic::Source;
use crate::patient::Vocabulary;
use crate::stats::Seed;
use crate::twin::{Design, NOTICE, synthesize};

/// Designs that come with the program, by model.
const DESIGNS: [(&str, &str); 1] = [("whole_person", include_str!("../../models/designs/whole_person.toml"))];

/// Draws a synthetic person from a model and writes a patient bundle of it, in the formats that people have
///
/// Covariates, alleles and habits follow a design, parameters the model's prior, readings the model's error models. The
/// truth stands beside the bundle in `truth.json`, so that a calibration can be compared with it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  homeostat synthesize whole_person --seed 7 -o patients/synthetic_7
  homeostat synthesize my.model --design my_design.toml -o patients/somebody

Then `homeostat check patients/synthetic_7`. Nobody is described: not for use as anybody's data.")]
pub(crate) struct Arguments {
    /// The model: a name in the library, or a path that ends in .model
    model: String,
    /// What is drawn, given and measured, and in which files (docs/bundle.md) [default: the design of the model's name]
    #[arg(long, value_name = "FILE")]
    design: Option<PathBuf>,
    /// The number that every random number follows from
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// The folder to write; it must not be there yet
    #[arg(short, value_name = "FOLDER")]
    o: PathBuf,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(context: &Context, arguments: Arguments) -> Done {
    let (model, _) = context.library()?.load(&arguments.model)?;
    let design = match &arguments.design {
        Some(path) => Design::load(path)?,
        None => match DESIGNS.iter().find(|(name, _)| *name == model.name) {
            Some((name, text)) => Design::parse(&Source::new(format!("{name}.toml"), text))?,
            None => {
                let known: Vec<&str> = DESIGNS.iter().map(|(name, _)| *name).collect();
                let message = format!("no design comes with `{}`: write --design FILE", model.name);
                return Err(Stop::Usage(format!("{message} (designs come with {})", known.join(", "))));
            }
        },
    };
    let name = arguments.o.file_name().map_or_else(|| "synthetic".into(), |name| name.to_string_lossy().into_owned());
    let files = synthesize(&model, &design, (&name, Seed(arguments.seed)), Vocabulary::embedded()?)?;
    output::new_folder(&arguments.o, &files)?;
    let sizes: Vec<(&str, usize)> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.len())).collect();
    if arguments.json {
        let files: Vec<_> = sizes.iter().map(|(name, bytes)| json!({ "file": name, "bytes": bytes })).collect();
        println!("{:#}", json!({ "bundle": arguments.o.to_string_lossy(), "seed": arguments.seed, "files": files }));
    } else {
        println!("Wrote the synthetic person {name} to {}:", arguments.o.display());
        sizes.iter().for_each(|(name, bytes)| println!("  {name} ({:.1} kB)", *bytes as f64 / 1000.0));
        println!("{NOTICE}");
    }
    Ok(())
}
