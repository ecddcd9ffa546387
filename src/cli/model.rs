//! `homeostat model`: model files checked, listed and made into a document.

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::check::problem;
use super::columns::{Align, aligned, wrapped};
use super::{Context, Done, Stop, output, warn};
use crate::diagnostic::Diagnostics;
use crate::likelihood::{WithinPerson, variation};
use crate::model::{Composed, InputKind, ParameterValue};
use crate::patient::Vocabulary;

const WIDTH: usize = 100;

/// Checks a model file, lists the models or makes a document of them
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  homeostat model list
  homeostat model check my.model
  homeostat model check t1d_day --json | jq '.parameters[] | select(.prior)'
  homeostat model doc t1d_day cgm_sensor
  homeostat model doc -o docs/models.md --figures figures/models

models/README.md describes the language of model files.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Reads a model with all that it uses and shows what is in it, or everything that is wrong with it
    Check {
        /// A path that ends in .model, or the name of a model in the library
        model: String,
        /// Print one JSON object and nothing else
        #[arg(long)]
        json: bool,
    },
    /// Writes what model files say, in Markdown: purpose, limits, equations, parameters with units, priors and sources
    Doc {
        /// Paths that end in .model, or names of models in the library [default: all of the library]
        #[arg(value_name = "MODEL")]
        names: Vec<String>,
        /// Where to write, in place of standard output
        #[arg(short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Folder of pictures NAME.svg, seen from the document's folder; a model that has one shows it
        #[arg(long, value_name = "DIR", requires = "output")]
        figures: Option<PathBuf>,
    },
    /// Lists the models of the library
    List {
        /// Print one JSON object and nothing else
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(context: &Context, arguments: Arguments) -> Done {
    match arguments.command {
        Command::Check { model, json } => check(context, &model, json),
        Command::Doc { names, output, figures } => document(context, names, output.as_deref(), figures.as_deref()),
        Command::List { json } => list(context, json),
    }
}

fn list(context: &Context, json: bool) -> Done {
    let models = context.library()?.names();
    if json {
        let models: Vec<Json> = models.iter().map(|(name, about)| json!({ "name": name, "about": about })).collect();
        println!("{:#}", json!({ "models": models }));
        return Ok(());
    }
    let mut rows = vec![vec!["model".to_string(), "what it is".into()]];
    rows.extend(models.into_iter().map(|(name, about)| vec![name, about]));
    aligned(&rows, &[Align::Left; 2], WIDTH).iter().for_each(|line| println!("{line}"));
    Ok(())
}

fn document(context: &Context, models: Vec<String>, to: Option<&Path>, figures: Option<&Path>) -> Done {
    let library = context.library()?;
    let all = models.is_empty();
    let names: Vec<(String, String)> =
        if all { library.names() } else { models.into_iter().map(|name| (name, String::new())).collect() };
    let mut text = String::new();
    if all {
        text.push_str(
            "# Models\n\nMade from the model files by `homeostat model doc`; what they are written in is described in \
             `models/README.md`.\n\n",
        );
        for (name, about) in &names {
            text.push_str(&format!("- [{name}](#{name}): {about}\n"));
        }
        text.push('\n');
    }
    let folder = to.and_then(Path::parent).unwrap_or(Path::new(""));
    let mut pages = Vec::new();
    for (name, _) in &names {
        let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy();
        let figure = figures.map(|figures| figures.join(format!("{stem}.svg")));
        let figure = figure.filter(|figure| folder.join(figure).is_file()).map(|figure| figure.display().to_string());
        pages.push(library.document(name, figure.as_deref()).map_err(Stop::Files)?);
    }
    text.push_str(&pages.join("\n"));
    match to {
        Some(path) => output::write(path, text.as_bytes()),
        None => {
            print!("{text}");
            Ok(())
        }
    }
}

fn check(context: &Context, name: &str, json: bool) -> Done {
    let loaded = context.library().and_then(|library| library.load(name)).and_then(|(model, warnings)| {
        let varying = variation(&model, Vocabulary::embedded()?)?;
        Ok((model, warnings, varying))
    });
    match loaded {
        Ok((model, warnings, varying)) => {
            if json {
                println!("{:#}", as_json(&model, &varying, &warnings));
            } else {
                print!("{}", as_text(&model, &varying));
            }
            warn(&warnings);
            Ok(())
        }
        Err(found) => {
            if json {
                println!("{:#}", json!({ "problems": found.iter().map(problem).collect::<Vec<Json>>() }));
            }
            Err(Stop::Files(found))
        }
    }
}

fn as_text(model: &Composed, varying: &[WithinPerson]) -> String {
    let mut lines = wrapped(&model.name, &model.about, WIDTH);
    let files: Vec<&str> = model.sources.iter().map(|source| &*source.name).collect();
    lines.push(format!("Files: {}", files.join(", ")));
    let mut section = |titles: &[&str], body: Vec<Vec<String>>| {
        if !body.is_empty() {
            let mut rows = vec![titles.iter().map(ToString::to_string).collect()];
            rows.extend(body);
            lines.push(String::new());
            let table = aligned(&rows, &vec![Align::Left; titles.len()], WIDTH);
            lines.extend(table.into_iter().map(|line| line.trim_end().to_string()));
        }
    };
    let unit = |unit: &crate::units::Unit| format!("[{unit}]");
    let covariates = model.covariates.iter().map(|c| {
        let default = c.default.map_or("needed".into(), |value| value.to_string());
        vec![c.name.clone(), unit(&c.unit), default, c.about.clone()]
    });
    section(&["covariate", "unit", "if not given", "about"], covariates.collect());
    let inputs = model
        .inputs
        .iter()
        .map(|input| vec![input.name.clone(), unit(&input.unit), kind(&input.kind).into(), input.about.clone()]);
    section(&["input", "unit", "acts as", "about"], inputs.collect());
    let calibrated: Vec<Vec<String>> = model
        .parameters
        .iter()
        .filter_map(|p| match &p.value {
            ParameterValue::Prior(prior) => {
                Some(vec![p.name.clone(), unit(&p.unit), prior.to_string(), p.about.clone()])
            }
            ParameterValue::Fixed(_) => None,
        })
        .collect();
    let fixed = model.parameters.len() - calibrated.len();
    let count = format!("Parameters: {} calibrated, {fixed} fixed; states: {}", calibrated.len(), model.states.len());
    section(&["calibrated parameter", "unit", "prior", "about"], calibrated);
    let states = model.states.iter().map(|s| vec![s.name.clone(), unit(&s.unit), s.about.clone()]);
    section(&["state", "unit", "about"], states.collect());
    let outputs = model.outputs.iter().map(|o| vec![o.name.clone(), unit(&o.unit), o.about.clone()]);
    section(&["output", "unit", "about"], outputs.collect());
    let observed = model.observations.iter();
    let observed = observed.map(|o| {
        let own = varying.iter().find(|known| known.observation == o.name);
        let own = own.map(|known| format!("; from day to day {}", known.describe())).unwrap_or_default();
        vec![o.name.clone(), unit(&o.unit), format!("{:?}{own}", o.family)]
    });
    section(&["compared with data", "unit", "error"], observed.collect());
    lines.extend([String::new(), count]);
    lines.join("\n") + "\n"
}

fn kind(kind: &InputKind) -> &'static str {
    match kind {
        InputKind::Bolus => "bolus",
        InputKind::Rate(_) => "rate",
        InputKind::SeriesConstant => "series, constant in between",
        InputKind::SeriesLinear => "series, straight in between",
    }
}

fn as_json(model: &Composed, varying: &[WithinPerson], warnings: &Diagnostics) -> Json {
    let parameters: Vec<Json> = model
        .parameters
        .iter()
        .map(|p| {
            let (prior, value) = match &p.value {
                ParameterValue::Prior(prior) => (Some(prior.to_string()), None),
                ParameterValue::Fixed(value) => (None, Some(value)),
            };
            json!({ "name": p.name, "unit": p.unit.text(), "about": p.about, "prior": prior, "value": value,
                    "source": p.source })
        })
        .collect();
    let covariates: Vec<Json> = model
        .covariates
        .iter()
        .map(|c| json!({ "name": c.name, "unit": c.unit.text(), "default": c.default, "about": c.about }))
        .collect();
    let inputs: Vec<Json> = model
        .inputs
        .iter()
        .map(|i| json!({ "name": i.name, "unit": i.unit.text(), "kind": kind(&i.kind), "about": i.about }))
        .collect();
    let states: Vec<Json> =
        model.states.iter().map(|s| json!({ "name": s.name, "unit": s.unit.text(), "about": s.about })).collect();
    let outputs: Vec<Json> =
        model.outputs.iter().map(|o| json!({ "name": o.name, "unit": o.unit.text(), "about": o.about })).collect();
    let observations: Vec<Json> = model
        .observations
        .iter()
        .map(|o| {
            let own = varying.iter().find(|known| known.observation == o.name);
            json!({ "name": o.name, "unit": o.unit.text(), "error": format!("{:?}", o.family), "within_person": own })
        })
        .collect();
    json!({
        "name": model.name,
        "about": model.about,
        "time_unit": model.time_unit.text(),
        "files": model.sources.iter().map(|source| source.name.to_string()).collect::<Vec<_>>(),
        "covariates": covariates,
        "inputs": inputs,
        "parameters": parameters,
        "states": states,
        "outputs": outputs,
        "observations": observations,
        "problems": warnings.iter().map(problem).collect::<Vec<Json>>(),
    })
}
