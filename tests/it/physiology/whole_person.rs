//! A person seen by all kinds of data at once: few parameters, a plausible day, and what one kind of data says of another.

use homeostat::model::{Parameter, ParameterValue, Symbol};
use homeostat::patient::Vocabulary;
use homeostat::population::Prior;
use homeostat::sim::{Ensemble, Infusion, Series, Settings};
use homeostat::stats::Seed;

use super::{Person, with_words};

/// In the model's units.
const WHO: [(&str, f64); 4] = [("sex", 1.0), ("age", 45.0), ("height", 1.78), ("weight", 78.0)];

/// What is measured, one of each kind of data at least.
const OBSERVED: [&str; 11] = [
    "cgm_glucose",
    "heart_rate",
    "plasma_glucose",
    "plasma_insulin",
    "creatinine",
    "ldl_cholesterol",
    "hba1c",
    "liver_volume",
    "kidney_volume",
    "spleen_volume",
    "plasma_omeprazole",
];

/// A day from midnight, in minutes: three meals, a tablet before breakfast, three quarters of an hour of running.
fn day(covariates: &[(&str, f64)]) -> Person {
    let mut person = Person::new(with_words("whole_person", &[]), covariates, 1440.0);
    person.tolerance = 1e-7;
    for (hour, grams) in [(8.0, 50.0), (13.0, 80.0), (19.0, 70.0)] {
        let input = person.input("carbohydrate_intake");
        person.schedule.infusions.push(Infusion { input, time: hour * 60.0, rate: 5.0, duration: grams / 5.0 });
    }
    person.give("oral_omeprazole", 7.5 * 60.0, 20.0);
    let input = person.input("activity");
    let times = [0.0, 7.0, 17.0, 17.75, 23.0].map(|hour| hour * 60.0).to_vec();
    person.schedule.series.push(Series { input, times, values: vec![0.95, 1.4, 7.0, 1.3, 0.95] });
    person
}

fn quarters() -> Vec<f64> {
    (0..=96).map(|quarter| f64::from(quarter) * 15.0).collect()
}

#[test]
fn few_parameters_and_every_kind_of_data() {
    let model = with_words("whole_person", &[]);
    let calibrated = model.parameters.iter().filter(|p| matches!(p.value, ParameterValue::Prior(_))).count();
    println!("{calibrated} parameters");
    assert!(calibrated <= 31, "{calibrated} parameters");
    for name in OBSERVED {
        assert!(model.observations.iter().any(|observation| observation.name == name), "{name} is not observed");
        assert!(model.outputs.iter().any(|output| output.name == name), "{name} is no output");
    }
    // Genotype acts on the typical value alone, so that an uncertain one is a mixture over the prior.
    let covariate = model.covariates.iter().position(|covariate| covariate.name == "cyp2c19_score").unwrap();
    let symbol = Symbol::Covariate(covariate);
    assert!(!model.graph.symbols(&model.roots()).contains(&symbol), "the genotype is in an equation");
    let scaled = |p: &&Parameter| p.scales.is_some_and(|scales| model.graph.symbols(&[scales]).contains(&symbol));
    assert_eq!(model.parameters.iter().filter(scaled).count(), 1);
}

#[test]
fn days_of_people_from_the_prior_are_plausible() {
    let person = day(&WHO);
    let (program, covariates) = (&person.program, &person.covariates);
    let model = &program.model;
    let prior = Prior::new(model, covariates).unwrap();
    let mut people = vec![prior.typical().to_vec()];
    people.extend((0..12).map(|index| {
        let position = prior.draw(&mut Seed(5).stream("whole person", index));
        prior.complete(&prior.natural(&position))
    }));
    let places = OBSERVED.map(|name| model.outputs.iter().position(|output| output.name == name).unwrap());
    let times = quarters();
    let settings = Settings::default();
    let ensemble = Ensemble { program, covariates, schedule: &person.schedule, times: &times, settings };
    let vocabulary = Vocabulary::embedded().unwrap_or_else(|found| panic!("{found}"));
    for (index, found) in ensemble.outputs(&mut ensemble.workspace(), &people, &places).into_iter().enumerate() {
        let found = found.unwrap_or_else(|failure| panic!("person {index}: {failure}"));
        for ((name, place), values) in OBSERVED.iter().zip(places).zip(found.chunks(times.len())) {
            let term = vocabulary.term(name).unwrap();
            let (least, most) = term.range.unwrap();
            for value in values {
                let value = model.outputs[place].unit.convert(*value, &term.unit).unwrap();
                // A step of the solver may leave a level that is not there yet a little below zero.
                assert!((least - 1e-9..=most).contains(&value), "person {index}: {name} is {value}");
            }
        }
    }
}

#[test]
fn a_typical_day_has_meals_effort_and_a_tablet_in_it() {
    let names = ["plasma_glucose", "cgm_glucose", "plasma_insulin", "heart_rate", "plasma_omeprazole"];
    let found = day(&WHO).outputs(&names, &quarters());
    let at = |output: usize, hour: f64| found[output][(hour * 4.0) as usize];
    let most = |output: usize, from: f64, to: f64| {
        found[output][(from * 4.0) as usize..=(to * 4.0) as usize].iter().copied().fold(0.0, f64::max)
    };
    println!("glucose {:.1}, {:.1}; heart rate {:.1}, {:.1}", at(0, 6.0), most(0, 8.0, 11.0), at(3, 4.0), at(3, 17.75));
    // At rest through the night, then meals.
    assert!((at(0, 6.0) / 87.0 - 1.0).abs() < 1e-3, "{} mg/dL", at(0, 6.0));
    assert!((100.0..180.0).contains(&most(0, 8.0, 11.0)) && most(2, 8.0, 11.0) > 3.0 * at(2, 6.0));
    // The sensor follows plasma by some minutes.
    assert!(at(1, 8.25) < at(0, 8.25) && most(1, 8.0, 11.0) < most(0, 8.0, 11.0));
    assert!(at(3, 4.0) < 67.0 && (110.0..170.0).contains(&at(3, 17.75)), "{} and {} /min", at(3, 4.0), at(3, 17.75));
    assert!(at(4, 7.5).abs() < 1e-9 && most(4, 7.5, 10.0) > 0.1 && at(4, 23.0) < 0.01);
}

#[test]
fn one_kind_of_data_says_something_of_another() {
    let at_ten = |covariates: &[(&str, f64)], set: &[(&str, f64)], output: &str| {
        let mut person = day(covariates);
        for (name, value) in set {
            person.set(name, *value);
        }
        person.outputs(&[output], &[600.0])[0][0]
    };
    let level = |covariates: &[(&str, f64)], set: &[(&str, f64)]| at_ten(covariates, set, "plasma_omeprazole");
    // Imaging and genome: a larger liver and more alleles with function clear more of the drug.
    let usual = level(&WHO, &[]);
    assert!(level(&WHO, &[("organs.liver_size", 2.4)]) < 0.9 * usual);
    let poor: Vec<(&str, f64)> = WHO.into_iter().chain([("cyp2c19_score", 0.0)]).collect();
    assert!(level(&poor, &[]) > 2.0 * usual);
    // Sensor and laboratory: HbA1c is of the basal glucose.
    let hba1c = |basal: f64| at_ten(&WHO, &[("Gb", basal)], "hba1c");
    assert!((hba1c(97.0) - hba1c(87.0) - 1.12 * 10.0 / 28.7).abs() < 1e-6);
    // Watch and sensor: an effort after lunch lowers glucose.
    let glucose = |activity: f64| {
        let mut person = day(&WHO);
        let input = person.input("activity");
        person.schedule.series.clear();
        let (times, values) = (vec![0.0, 840.0, 885.0], vec![1.0, activity, 1.0]);
        person.schedule.series.push(Series { input, times, values });
        person.outputs(&["cgm_glucose"], &[885.0])[0][0]
    };
    assert!(glucose(1.0) - glucose(6.0) > 5.0, "{} mg/dL", glucose(1.0) - glucose(6.0));
}

/// `routine_labs` says what kidney, lipids and hba1c say where nothing changes, by the same parameters.
#[test]
fn routine_laboratory_values_are_the_steady_state_of_their_parts() {
    let [few, all] = ["routine_labs", "labs_year"].map(|name| with_words(name, &[]));
    let mut shared = 0;
    for parameter in few.parameters.iter().filter(|parameter| parameter.name != "ldl_usual") {
        let other = all.parameters.iter().find(|other| other.name == parameter.name);
        let other = other.unwrap_or_else(|| panic!("no {} in labs_year", parameter.name));
        assert_eq!(format!("{:?}", parameter.value), format!("{:?}", other.value), "{}", parameter.name);
        shared += 1;
    }
    assert!(shared >= 10, "{shared} parameters in common");
    let names = ["creatinine", "ldl_cholesterol", "hba1c", "glomerular_filtration"];
    for (sex, age, height, weight) in [(0.0, 25.0, 160.0, 52.0), (1.0, 45.0, 178.0, 78.0), (0.0, 80.0, 155.0, 95.0)] {
        let who = [("sex", sex), ("age", age), ("height", height), ("weight", weight)];
        let set = [("filtration", 81.0), ("usual_glucose", 131.0), ("cell_life", 97.0)];
        let [found, expected] = ["routine_labs", "labs_year"].map(|name| {
            let mut person = Person::new(with_words(name, &[]), &who, 3.0);
            for (name, value) in set {
                person.set(name, value);
            }
            person.outputs(&names, &[0.0, 3.0])
        });
        for ((name, found), expected) in names.iter().zip(&found).zip(&expected) {
            // LDL's typical value is rounded where it is one number.
            let limit = if *name == "ldl_cholesterol" { 1e-4 } else { 1e-8 };
            for (found, expected) in found.iter().zip(expected) {
                assert!((found / expected - 1.0).abs() < limit, "{name}: {found}, expected {expected}");
            }
        }
    }
}
