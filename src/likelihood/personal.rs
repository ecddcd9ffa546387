//! Fits a model to what a bundle says of how this person was measured: devices that may read wrong, tests that follow
//! from the state, a genotype that is not certain. The twin keeps it beside the model's text.

use serde::{Deserialize, Serialize};

use super::amounts::{self, UnknownAmount};
use super::matching::hours_to_model;
use super::over_time;
use super::within_person::WithinPerson;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::{
    Composed, ErrorFamily, Initial, NodeId, Observation, Op, Origin, Parameter, ParameterValue, State, Symbol,
};
use crate::patient::{Genotype, Patient};
use crate::population::{Alternative, Alternatives};
use crate::stats::Distribution;
use crate::units::{Unit, mismatch};

/// Degrees of freedom of the errors of a robust device: heavy tails, with a variance.
const ROBUST_DF: f64 = 4.0;

/// Spread of the logarithm of the factor on a robust device's errors, unless the bundle says it: a factor of 10 is within two.
const ROBUST_NOISE: f64 = 1.2;

/// Spread of the logarithm of a device's lag around the usual one.
const LAG_SPREAD: f64 = 0.5;

/// What is added to a model for one person.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Personal {
    pub devices: Vec<Nuisance>,
    pub tested: Vec<TestedMore>,
    pub alternatives: Vec<Alternatives>,
    #[serde(default)]
    pub unknown: Vec<UnknownAmount>,
    /// How much what the model says to vary within a person does so.
    #[serde(default)]
    pub within_person: Vec<WithinPerson>,
    /// Inputs that the model takes at an instant and the bundle gives over a time.
    #[serde(default)]
    pub lasting: Vec<String>,
}

/// How one device, or all, may differ in what they measure; spreads as the bundle gives them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Nuisance {
    pub observation: String,
    pub device: Option<String>,
    pub gain: Option<f64>,
    /// In the unit of the model's observation.
    pub offset: Option<f64>,
    /// The usual time by which the device follows, in the model's time unit.
    #[serde(default)]
    pub lag: Option<f64>,
    pub noise: Option<f64>,
    /// Per day.
    pub drift: Option<f64>,
    /// Time of the first reading, in the model's time unit: what drifts begins there.
    pub since: f64,
    pub robust: bool,
}

/// That the rate of testing follows what is tested.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestedMore {
    pub observation: String,
    /// Difference for which the ln rate changes by the parameter: in the unit of the model's observation, or of its
    /// logarithm where the errors are log-normal.
    pub per: f64,
}

impl TestedMore {
    /// The name of the parameter: change of the ln rate of testing per `per`.
    pub fn parameter(&self) -> String {
        format!("{}.tested_more", self.observation)
    }
}

impl Personal {
    /// What a bundle says of the measurements that a model knows.
    ///
    /// # Errors
    /// L1006 to L1010 and U1002 where an entry cannot be used with this model.
    pub fn of(model: &Composed, patient: &Patient) -> Result<(Self, Diagnostics), Diagnostics> {
        let mut found = Diagnostics::new();
        let per_hour = hours_to_model(model);
        let mut personal = Self::default();
        for device in &patient.devices {
            let Some(observation) = model.observations.iter().find(|known| known.name == device.observation) else {
                continue;
            };
            let readings = patient.observations.iter().filter(|readings| {
                readings.name == device.observation && (device.device.is_none() || readings.device == device.device)
            });
            let first = readings.filter_map(|readings| readings.readings.first()).map(|reading| reading.time_h);
            let Some(first) = first.reduce(f64::min) else {
                let which = device.device.as_deref().map(|device| format!(" of `{device}`")).unwrap_or_default();
                let message = format!("the bundle has no readings of `{}`{which}", device.observation);
                let finding = Diagnostic::warning("L1006", message).at_location(device.place.clone());
                found.push(finding.help("this [[device]] entry changes nothing"));
                continue;
            };
            let offset = device.offset.as_ref().map(|(value, unit)| match unit.factor_to(&observation.unit) {
                Some(factor) => value * factor,
                None => {
                    found.push(mismatch(unit, &observation.unit).at_location(device.place.clone()));
                    f64::NAN
                }
            });
            let noise = device.noise.or(device.robust.then_some(ROBUST_NOISE));
            personal.devices.push(Nuisance {
                observation: device.observation.clone(),
                device: device.device.clone(),
                gain: device.gain,
                offset,
                lag: device.lag_h.map(|lag| lag * per_hour),
                noise,
                drift: device.drift,
                since: first * per_hour,
                robust: device.robust,
            });
        }
        for tested in &patient.tested {
            let Some(observation) = model.observations.iter().find(|known| known.name == tested.observation) else {
                continue;
            };
            let (value, unit) = &tested.per;
            let refuse = |message: String| Diagnostic::error("L1007", message).at_location(tested.place.clone());
            let per = match observation.family {
                ErrorFamily::Normal => {
                    unit.factor_to(&observation.unit).map(|factor| value * factor).ok_or_else(|| {
                        let message = format!("`per` is in {unit}, `{}` in {}", tested.observation, observation.unit);
                        refuse(message).help("write a difference in its unit")
                    })
                }
                ErrorFamily::LogNormal => {
                    let ratio = unit.convert(*value, &Unit::one()).filter(|ratio| *ratio > 1.0);
                    let message = format!("the errors of `{}` are log-normal: `per` is a ratio", tested.observation);
                    ratio.map(f64::ln).ok_or_else(|| refuse(message).help("write per = \"2\" for a doubling"))
                }
                _ => Err(refuse(format!("the errors of `{}` are neither normal nor log-normal", tested.observation))
                    .help("only then is it known how tests that follow the state distort what they show")),
            };
            match per {
                Ok(per) => personal.tested.push(TestedMore { observation: tested.observation.clone(), per }),
                Err(finding) => found.push(finding),
            }
        }
        for genotype in &patient.genotypes {
            personal.alternatives.extend(alternatives(model, patient, genotype, &mut found));
        }
        personal.unknown = amounts::of(model, patient, &mut found);
        personal.vary(model, patient, &mut found);
        personal.lasting = over_time::of(model, patient);
        found.or_value(personal)
    }

    /// Adds the parameters, the observations of single devices, and the person's own variation.
    pub fn apply(&self, model: &mut Composed) {
        for name in &self.lasting {
            if let Some(input) = model.inputs.iter().position(|input| input.name == *name) {
                over_time::receive(model, input);
            }
        }
        self.add_amounts(model);
        for nuisance in &self.devices {
            let Some(base) = model.observations.iter().find(|known| known.name == nuisance.observation).cloned() else {
                continue;
            };
            let observation = nuisance.observation(model, base);
            let same = |known: &&mut Observation| known.name == observation.name && known.device == observation.device;
            match model.observations.iter_mut().find(same) {
                Some(known) => *known = observation,
                None => model.observations.push(observation),
            }
        }
        for tested in &self.tested {
            let distribution = Distribution::Normal { mean: 0.0, sd: 1.0 };
            let about = "Change of the logarithm of the rate of testing per difference that the bundle names.";
            parameter(model, tested.parameter(), about, Unit::one(), distribution);
        }
        // After the devices: their factor on errors is one on the method's.
        self.add_variation(model);
    }
}

impl Nuisance {
    /// The base observation as this device sees it.
    fn observation(&self, model: &mut Composed, base: Observation) -> Observation {
        let prefix = match &self.device {
            Some(device) => format!("{}.{}", self.observation, slug(device)),
            None => self.observation.clone(),
        };
        let mut arguments = base.arguments.clone();
        let centre = usize::from(base.family == ErrorFamily::StudentT);
        let spread = centre + 1;
        let ln_normal = |sigma| Distribution::LogNormal { median: 1.0, sigma };
        if let Some(median) = self.lag {
            arguments[centre] = follow(model, &prefix, arguments[centre], &base.unit, median);
        }
        let mut factor: Option<NodeId> = self.gain.map(|sigma| {
            let about = "Factor on what the device measures.";
            parameter(model, format!("{prefix}.gain"), about, Unit::one(), ln_normal(sigma))
        });
        if let Some(sd) = self.drift {
            let about = "Relative change of the device's factor in a day.";
            let distribution = Distribution::Normal { mean: 0.0, sd };
            let unit = Unit::parse("/d").unwrap_or_else(|_| Unit::one());
            let per_day = parameter(model, format!("{prefix}.drift"), about, unit, distribution);
            let days = 1.0 / (24.0 * hours_to_model(model));
            let graph = &mut model.graph;
            let (time, since) = (graph.symbol(Symbol::Time), graph.constant(self.since));
            let (passed, days) = (graph.op(Op::Sub, &[time, since]), graph.constant(days));
            let passed = graph.op(Op::Mul, &[passed, days]);
            let (change, one) = (graph.op(Op::Mul, &[per_day, passed]), graph.constant(1.0));
            let change = graph.op(Op::Add, &[one, change]);
            factor = Some(factor.map_or(change, |factor| model.graph.op(Op::Mul, &[factor, change])));
        }
        if let Some(factor) = factor {
            arguments[centre] = model.graph.op(Op::Mul, &[arguments[centre], factor]);
        }
        let varies = base.varies.map(|_| arguments[centre]);
        if let Some(sd) = self.offset {
            let about = "What the device adds.";
            let distribution = Distribution::Normal { mean: 0.0, sd };
            let offset = parameter(model, format!("{prefix}.offset"), about, base.unit.clone(), distribution);
            arguments[centre] = model.graph.op(Op::Add, &[arguments[centre], offset]);
        }
        if let Some(sigma) = self.noise {
            let about = "Factor on the device's errors.";
            let noise = parameter(model, format!("{prefix}.noise"), about, Unit::one(), ln_normal(sigma));
            // Of counts the spread beyond that of chance grows as the size falls.
            let by = if base.family == ErrorFamily::NegativeBinomial { Op::Div } else { Op::Mul };
            arguments[spread] = model.graph.op(by, &[arguments[spread], noise]);
        }
        let mut family = base.family;
        if self.robust && family == ErrorFamily::Normal {
            family = ErrorFamily::StudentT;
            arguments.insert(0, model.graph.constant(ROBUST_DF));
        }
        Observation { family, arguments, varies, device: self.device.clone(), ..base }
    }
}

/// Adds a state that follows a node after a lag, as a first-order delay does; its node. It begins where the node does where nothing acts.
fn follow(model: &mut Composed, prefix: &str, node: NodeId, unit: &Unit, median: f64) -> NodeId {
    let about = "Time by which the device follows.";
    let distribution = Distribution::LogNormal { median, sigma: LAG_SPREAD };
    let time_unit = model.time_unit.clone();
    let lag = parameter(model, format!("{prefix}.lag"), about, time_unit, distribution);
    let initial: Vec<NodeId> = model.states.iter().map(|state| state.initial.value).collect();
    let (zero, index) = (model.graph.constant(0.0), model.states.len());
    let begins = model.graph.substitute(node, &|symbol| match symbol {
        Symbol::State(state) => Some(initial[state]),
        Symbol::Input(_) | Symbol::Time | Symbol::Amount => Some(zero),
        Symbol::Parameter(_) | Symbol::Covariate(_) | Symbol::Steady(_) => None,
    });
    let own = model.graph.symbol(Symbol::State(index));
    let behind = model.graph.op(Op::Sub, &[node, own]);
    let derivative = model.graph.op(Op::Div, &[behind, lag]);
    let origin = model.parameters[model.parameters.len() - 1].origin.clone();
    model.states.push(State {
        name: format!("{prefix}.delayed"),
        about: "What the device follows, with its lag.".into(),
        unit: unit.clone(),
        initial: Initial { value: begins, steady: false, held: false, near: None },
        derivative,
        origin,
    });
    model.close_steady_state();
    own
}

/// Adds a calibrated parameter; its node.
pub(super) fn parameter(
    model: &mut Composed,
    name: String,
    about: &str,
    unit: Unit,
    distribution: Distribution,
) -> NodeId {
    let origin = model.observations.first().map(|known| known.origin.clone());
    let origin = origin.unwrap_or_else(|| Origin {
        source: crate::diagnostic::Source::new("patient.toml", ""),
        span: crate::diagnostic::Span::default(),
    });
    model.parameters.push(Parameter {
        name,
        about: about.into(),
        unit,
        value: ParameterValue::Prior(distribution),
        scales: None,
        source: Some("of this person's bundle".into()),
        origin,
    });
    model.graph.symbol(Symbol::Parameter(model.parameters.len() - 1))
}

/// A device's name as a part of a parameter's.
fn slug(device: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' };
    device.chars().map(letter).collect()
}

/// The cases of a genotype as the model's covariates have them; `None` where the model has none of them, or there is no doubt.
fn alternatives(
    model: &Composed,
    patient: &Patient,
    genotype: &Genotype,
    found: &mut Diagnostics,
) -> Option<Alternatives> {
    if genotype.diplotypes.len() < 2 {
        return None;
    }
    let known = |name: &str| model.covariates.iter().position(|covariate| covariate.name == name);
    let names = genotype.diplotypes.iter().flat_map(|diplotype| &diplotype.covariates).map(|(name, _)| name);
    let numbers: Vec<usize> = names.filter_map(|name| known(name)).collect();
    numbers.first()?;
    // A value of the bundle's own is taken for certain.
    let own = |number: &usize| {
        let given = patient.covariate(&model.covariates[*number].name);
        given.is_some_and(|given| &*given.origin.file == "patient.toml")
    };
    if numbers.iter().any(own) {
        return None;
    }
    let in_equations = model.graph.symbols(&model.roots());
    if let Some(entering) = numbers.iter().find(|number| in_equations.contains(&Symbol::Covariate(**number))) {
        let message = format!(
            "`{}` of the model `{}` enters its equations, not only typical values: its expected value is taken",
            model.covariates[*entering].name, model.name
        );
        let finding = Diagnostic::warning("L1008", message);
        found.push(finding.help(format!("the genotype of {} is not certain", genotype.gene)));
        return None;
    }
    // Diplotypes that say the same of the model's covariates are one case; of some it is not known what they say.
    let mut cases: Vec<(Alternative, usize)> = Vec::new();
    for diplotype in &genotype.diplotypes {
        let of_model = diplotype.covariates.iter().filter_map(|(name, value)| {
            let covariate = &model.covariates[known(name)?];
            let given = patient.covariate(name)?;
            Some((name.clone(), given.unit.convert(*value, &covariate.unit)?))
        });
        let mut covariates: Vec<(String, f64)> = of_model.collect();
        covariates.sort_by(|a, b| a.0.cmp(&b.0));
        let complete =
            numbers.iter().all(|number| covariates.iter().any(|(name, _)| *name == model.covariates[*number].name));
        if !complete {
            continue;
        }
        match cases.iter_mut().find(|(case, _)| case.covariates == covariates) {
            Some((case, count)) => {
                case.weight += diplotype.weight;
                *count += 1;
                match *count {
                    ..=3 => case.name = format!("{}, {}", case.name, diplotype.name),
                    4 => case.name.push_str(" or rarer"),
                    _ => {}
                }
            }
            None => {
                cases.push((Alternative { name: diplotype.name.clone(), weight: diplotype.weight, covariates }, 1));
            }
        }
    }
    let total: f64 = cases.iter().map(|(case, _)| case.weight).sum();
    let mut cases: Vec<Alternative> = cases.into_iter().map(|(case, _)| case).collect();
    cases.iter_mut().for_each(|case| case.weight /= total);
    (cases.len() > 1).then(|| Alternatives { name: genotype.gene.clone(), cases })
}
