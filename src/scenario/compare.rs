//! Runs scenarios beside "as it was" on the same draws, those with one horizon together.

use std::collections::HashMap;

use crate::diagnostic::{Diagnostic, Diagnostics, Location, Source};
use crate::likelihood::{Posterior, hours_to_model};

use super::contrast::{Contrast, contrasts};
use super::outcome::Outcome;
use super::run::{Parallel, ScenarioRun, run};
use super::{AS_IT_WAS, Scenario, extrapolation};

/// Every scenario against "as it was", in groups of one horizon.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// How many draws of the twin were run.
    pub draws: usize,
    /// In the order in which their horizons are first named.
    pub groups: Vec<Group>,
}

/// Scenarios with the same horizon, all asked the same.
#[derive(Clone, Debug)]
pub struct Group {
    /// Hours since the epoch.
    pub from_h: f64,
    pub to_h: f64,
    pub outcomes: Vec<Outcome>,
    /// "As it was" first, then the scenarios in the order given.
    pub runs: Vec<ScenarioRun>,
    /// `[run][outcome]`
    pub contrasts: Vec<Vec<Contrast>>,
    /// For each run, where it leaves what the person's data can tell, a sentence each.
    pub extrapolations: Vec<Vec<String>>,
}

/// Runs all scenarios on the draws (natural values of the calibrated parameters).
///
/// One that is called [`AS_IT_WAS`] stands for a horizon and outcomes in which nothing is changed.
pub fn compare(posterior: &Posterior, draws: &[Vec<f64>], scenarios: &[Scenario], parallel: Parallel) -> Comparison {
    let model = &posterior.program.model;
    let per_hour = hours_to_model(model);
    let outputs: Vec<String> = model.outputs.iter().map(|output| output.name.clone()).collect();
    let mut horizons: Vec<(f64, f64, f64)> = Vec::new();
    for scenario in scenarios {
        let horizon = horizon(scenario);
        if !horizons.contains(&horizon) {
            horizons.push(horizon);
        }
    }
    let groups = horizons.into_iter().map(|(from, to, step)| {
        let mine: Vec<&Scenario> = scenarios.iter().filter(|s| horizon(s) == (from, to, step)).collect();
        let mut outcomes: Vec<Outcome> = Vec::new();
        for outcome in mine.iter().flat_map(|scenario| &scenario.outcomes) {
            if !outcomes.contains(outcome) {
                outcomes.push(outcome.clone());
            }
        }
        let as_it_was = Scenario {
            name: AS_IT_WAS.into(),
            about: "Nothing is changed.".into(),
            from,
            to,
            step,
            interventions: Vec::new(),
            outcomes: Vec::new(),
        };
        let mut group = Group {
            from_h: from / per_hour,
            to_h: to / per_hour,
            outcomes,
            runs: Vec::new(),
            contrasts: Vec::new(),
            extrapolations: Vec::new(),
        };
        let changed = mine.into_iter().filter(|scenario| scenario.name != AS_IT_WAS);
        for scenario in std::iter::once(&as_it_was).chain(changed) {
            let run = run(posterior, draws, scenario, &group.outcomes, parallel);
            group.contrasts.push(contrasts(&outputs, &group.outcomes, &run, group.runs.first()));
            group.extrapolations.push(extrapolation::warnings(posterior, draws, scenario, &run));
            group.runs.push(run);
        }
        group
    });
    Comparison { draws: draws.len(), groups: groups.collect() }
}

fn horizon(scenario: &Scenario) -> (f64, f64, f64) {
    (scenario.from, scenario.to, scenario.step)
}

/// What is wrong between scenarios that are each right: names that mean two things (S5014).
pub fn check_together(scenarios: &[(Source, Scenario)]) -> Diagnostics {
    let mut found = Diagnostics::new();
    let mut names: HashMap<String, &str> = HashMap::from([(file_stem(AS_IT_WAS), "")]);
    let mut outcomes: Vec<((f64, f64, f64), &Outcome, &str)> = Vec::new();
    for (source, scenario) in scenarios {
        let at = Location::file(&*source.name);
        match names.insert(file_stem(&scenario.name), &source.name) {
            None => {}
            Some("") => {
                let message = format!("`{}` is what the run without any change is called", scenario.name);
                found.push(Diagnostic::error("S5014", message).at_location(at.clone()).help("give another `name`"));
            }
            Some(other) => {
                let message = format!("`{}` is also what the scenario in {other} is called", scenario.name);
                let help = "give each a `name` of its own: it also names the table that is written";
                found.push(Diagnostic::error("S5014", message).at_location(at.clone()).help(help));
            }
        }
        for outcome in &scenario.outcomes {
            let key = horizon(scenario);
            let same = outcomes.iter().find(|(known, other, _)| {
                *known == key && other.output == outcome.output && other.name == outcome.name
            });
            match same {
                Some((_, other, place)) if *other != outcome => {
                    let message = format!("the outcome `{}` asks something else in {place}", outcome.name);
                    let finding = Diagnostic::error("S5014", message).at_location(at.clone());
                    found.push(finding.help("ask the same in both, or give each a `name` of its own"));
                }
                Some(_) => {}
                None => outcomes.push((key, outcome, &source.name)),
            }
        }
    }
    found
}

/// The name of the files that belong to a scenario, without ending: letters, digits, `-`, `_` and `.` stay.
pub fn file_stem(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    let stem: String = name.chars().map(plain).collect();
    let stem = stem.trim_start_matches('.');
    if stem.is_empty() { "scenario".into() } else { stem.to_string() }
}
