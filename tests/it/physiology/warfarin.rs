//! Warfarin: stable doses of people whose doses gave no parameter, levels of 32 people, and the program against closed forms.

use std::sync::Arc;

use homeostat::model::Program;
use homeostat::population::Prior;
use homeostat::sim::{Ensemble, Held, Schedule, Settings};

use super::{Person, Row, reference, rows, with_words};

/// The model with warfarin given all the time, at its steady state from the start.
const AT_REST: [(&str, &str); 13] = [
    (
        "input      oral_warfarin [mg] bolus                   \"Amount swallowed, both enantiomers.\"",
        "input oral_warfarin [mg/d] rate",
    ),
    ("depot [mg] = 0      receives oral_warfarin", "depot [mg] = steady"),
    ("s [mg] = 0 ", "s [mg] = steady "),
    ("r [mg] = 0 ", "r [mg] = steady "),
    ("d depot      = -ka * depot", "d depot = oral_warfarin - ka * depot"),
    ("fast_1 [1] = 1", "fast_1 [1] = steady near 1"),
    ("fast_2 [1] = 1", "fast_2 [1] = steady near 1"),
    ("fast_3 [1] = 1", "fast_3 [1] = steady near 1"),
    ("slow_1 [1] = 1", "slow_1 [1] = steady near 1"),
    ("slow_2 [1] = 1", "slow_2 [1] = steady near 1"),
    ("slow_3 [1] = 1", "slow_3 [1] = steady near 1"),
    ("state      eliminated [mg] = 0                          \"Eliminated so far, both enantiomers.\"", ""),
    ("d eliminated = elimination_s + elimination_r", ""),
];

/// Doses in mg/d, evenly spaced in their logarithm.
fn doses() -> Vec<f64> {
    (0..120).map(|step| 0.2 * (f64::from(step) * 0.042).exp()).collect()
}

/// INR at the steady state: `[person][dose]`, from the program.
fn steady_inr(people: &[Vec<(&str, f64)>], doses: &[f64]) -> Vec<Vec<f64>> {
    let mut words = AT_REST.to_vec();
    words.push((
        "output     drug_eliminated [mg] = eliminated            \"Amount eliminated so far, both enantiomers.\"",
        "",
    ));
    let program = Program::compile(Arc::new(with_words("warfarin", &words)));
    let model = &program.model;
    let input = model.inputs.iter().position(|input| input.name == "oral_warfarin").unwrap();
    let inr = model.outputs.iter().position(|output| output.name == "inr").unwrap();
    let covariates = |person: &Vec<(&str, f64)>| -> Vec<f64> {
        let value = |name: &str, default: Option<f64>| {
            person.iter().find(|(given, _)| *given == name).map(|(_, value)| *value).or(default).unwrap()
        };
        model.covariates.iter().map(|covariate| value(&covariate.name, covariate.default)).collect()
    };
    // Covariates act through the typical values alone.
    let values: Vec<Vec<f64>> =
        people.iter().map(|person| Prior::new(model, &covariates(person)).unwrap().typical().to_vec()).collect();
    let some = covariates(&people[0]);
    let mut found = vec![Vec::new(); people.len()];
    for dose in doses {
        let held = vec![Held { input, time: 0.0, rate: *dose }];
        let schedule = Schedule { held, end: 1e-3, ..Schedule::default() };
        let settings = Settings::default();
        let ensemble = Ensemble { program: &program, covariates: &some, schedule: &schedule, times: &[0.0], settings };
        let mut workspace = ensemble.workspace();
        // As many at a time as the simulator takes.
        let inr = values.chunks(8).flat_map(|some| ensemble.outputs(&mut workspace, some, &[inr]));
        found.iter_mut().zip(inr).for_each(|(row, inr)| row.push(inr.unwrap()[0]));
    }
    found
}

/// The dose in mg/d that gives an INR, between the neighbours in a table.
fn dose_for(inr: f64, doses: &[f64], table: &[f64]) -> f64 {
    let above = table.partition_point(|found| *found < inr).clamp(1, doses.len() - 1);
    let (low, high) = (table[above - 1], table[above]);
    let share = (inr - low) / (high - low);
    (doses[above - 1].ln() * (1.0 - share) + doses[above].ln() * share).exp()
}

#[test]
fn the_program_s_steady_inr_is_the_closed_form_and_what_daily_doses_come_to() {
    let person = vec![("weight", 80.0), ("age", 71.0), ("cyp2c9_star2", 0.0), ("cyp2c9_star3", 0.0), ("vkorc1_a", 1.0)];
    let doses = [1.0, 4.0, 7.0];
    let found = &steady_inr(std::slice::from_ref(&person), &doses)[0];
    for (dose, found) in doses.iter().zip(found) {
        // The published numbers: clearance of two alleles *1, EC50 of an allele G and an A.
        let level: f64 = dose / 2.0 / 24.0 / (2.0 * 0.174);
        let effect = level.powf(1.15) / (level.powf(1.15) + (2.05f64 + 0.96).powf(1.15));
        let expected = 1.0 + 20.0 * effect;
        println!("{dose} mg/d: INR {found:.4}, by hand {expected:.4}");
        assert!((found / expected - 1.0).abs() < 3e-3, "{found} {expected}");
    }
    let mut daily = Person::new(with_words("warfarin", &[]), &person, 80.0 * 24.0);
    daily.tolerance = 1e-6;
    (0..80).for_each(|day| {
        daily.give("oral_warfarin", 24.0 * f64::from(day), 4.0);
    });
    let times: Vec<f64> = (0..24).map(|hour| 79.0 * 24.0 + f64::from(hour)).collect();
    let mean = daily.outputs(&["inr"], &times)[0].iter().sum::<f64>() / 24.0;
    println!("4 mg a day for 80 days: mean INR {mean:.4}");
    assert!((mean / found[1] - 1.0).abs() < 0.02, "{mean} {}", found[1]);
}

fn given(row: &Row, column: &str) -> Option<f64> {
    row[column].parse().ok()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Expected alleles CYP2C9*2, *3 and VKORC1 -1639A of somebody of whom a genotype is not known: 1000 Genomes, in Shendre et al. 2018,
/// doi:10.2217/pgs-2018-0146, table 1. The dose is proportional to clearance and to EC50, both linear in alleles, so that the dose
/// at the expected count is the expected dose.
fn expected_alleles(race: &str) -> [f64; 3] {
    match race {
        "Asian" => [0.001, 0.034, 0.885],
        "Black or African American" => [0.008, 0.002, 0.054],
        _ => [0.124, 0.073, 0.388],
    }
    .map(|frequency| 2.0 * frequency)
}

fn covariates(row: &Row, weights: &dyn Fn(&Row) -> f64) -> Vec<(&'static str, f64)> {
    let expected = expected_alleles(&row["race_omb"]);
    let age =
        row["age_decade"].get(..2).and_then(|decade| decade.parse().ok()).map_or(65.0, |decade: f64| decade + 5.0);
    let count = |gene: &str, alleles: &[&str]| gene.split('/').filter(|allele| alleles.contains(allele)).count() as f64;
    let [two, three] = match row["cyp2c9"].as_str() {
        "NA" => [expected[0], expected[1]],
        // By function as CPIC has it: *5, *11 and *14 as *2, *13 as *3.
        known => [count(known, &["*2", "*5", "*11", "*14"]), count(known, &["*3", "*13"])],
    };
    let vkorc1 = match row["vkorc1_1639"].as_str() {
        "NA" => expected[2],
        known => count(known, &["A"]),
    };
    let amiodarone = f64::from(row["amiodarone"] == "1");
    vec![
        ("weight", given(row, "weight_kg").unwrap_or_else(|| weights(row))),
        ("age", age),
        ("cyp2c9_star2", two),
        ("cyp2c9_star3", three),
        ("vkorc1_a", vkorc1),
        ("amiodarone", amiodarone),
    ]
}

/// Mean absolute error in mg/week, share within 20 %, mean error.
fn errors(people: &[(&Row, f64)]) -> (f64, f64, f64) {
    let of = |what: &dyn Fn(f64, f64) -> f64| {
        let each = people.iter().map(|(row, found)| what(*found, given(row, "dose_mg_per_week").unwrap()));
        each.sum::<f64>() / people.len() as f64
    };
    (
        of(&|found, dose| (found - dose).abs()),
        of(&|found, dose| f64::from((found - dose).abs() <= 0.2 * dose)),
        of(&|found, dose| found - dose),
    )
}

#[test]
fn stable_doses_follow_from_covariates_and_genotype() {
    let Some(path) = reference("iwpc/iwpc_half.csv") else { return };
    let all = rows(&path);
    let people: Vec<&Row> =
        all.iter().filter(|row| row["stable"] == "1" && given(row, "dose_mg_per_week").is_some()).collect();
    let weights = |person: &Row| {
        let alike = |row: &&Row| row["race_omb"] == person["race_omb"] && row["gender"] == person["gender"];
        median(all.iter().filter(alike).filter_map(|row| given(row, "weight_kg")).collect())
    };
    // One reading scatters around the person's INR by 0.20 of the logarithm (Hamberg 2010); the rest of the scatter of readings is
    // between people. What is expected of a person given the reading lies between it and the mean of all. No dose is used.
    let readings: Vec<f64> = people.iter().filter_map(|row| given(row, "inr_at_dose")).map(f64::ln).collect();
    let mean = readings.iter().sum::<f64>() / readings.len() as f64;
    let variance = readings.iter().map(|reading| (reading - mean).powi(2)).sum::<f64>() / readings.len() as f64;
    let trust = (1.0 - 0.20f64.powi(2) / variance).max(0.0);
    println!(
        "{} people, INR {:.3}, sd of its logarithm {:.3}, a reading counts {trust:.3}",
        people.len(),
        mean.exp(),
        variance.sqrt()
    );

    let (doses, known) = (doses(), people.iter().map(|row| covariates(row, &weights)).collect::<Vec<_>>());
    let table = steady_inr(&known, &doses);
    let found: Vec<(&Row, f64)> = people
        .iter()
        .zip(&table)
        .map(|(row, table)| {
            let reading = given(row, "inr_at_dose").map_or(mean, f64::ln);
            (*row, 7.0 * dose_for((mean + trust * (reading - mean)).exp(), &doses, table))
        })
        .collect();

    let report = |label: &str, which: &dyn Fn(&Row) -> bool| {
        let chosen: Vec<(&Row, f64)> = found.iter().filter(|(row, _)| which(row)).copied().collect();
        let fixed: Vec<(&Row, f64)> = chosen.iter().map(|(row, _)| (*row, 35.0)).collect();
        let ((error, near, bias), (fixed, fixed_near, _)) = (errors(&chosen), errors(&fixed));
        println!(
            "{label}: {} people, error {error:.2} mg/week, {:.1} % within 20 %, bias {bias:.2}; 35 mg for all: {fixed:.2}, {:.1} %",
            chosen.len(),
            100.0 * near,
            100.0 * fixed_near
        );
        (error, near)
    };
    let everybody = report("everybody", &|_| true);
    let genotyped = report("VKORC1 known", &|row| row["vkorc1_1639"] != "NA");
    report("both genes, weight and age known", &|row| {
        row["vkorc1_1639"] != "NA"
            && row["cyp2c9"] != "NA"
            && given(row, "weight_kg").is_some()
            && row["age_decade"] != "NA"
    });
    for column in ["vkorc1_1639", "cyp2c9", "race_omb", "age_decade", "gender", "amiodarone", "smoker"] {
        let mut values: Vec<&str> = people.iter().map(|row| row[column].as_str()).collect();
        values.sort_unstable();
        values.dedup();
        values.iter().for_each(|value| {
            report(&format!("  {column} {value}"), &|row| row[column] == *value);
        });
    }
    report("  an inducer", &|row| ["carbamazepine", "phenytoin", "rifampin"].iter().any(|drug| row[*drug] == "1"));
    assert!(genotyped.0 <= 9.5 && genotyped.1 >= 0.42, "{genotyped:?}");
    assert!(everybody.0 <= 9.5 && everybody.1 >= 0.40, "{everybody:?}");
}

#[test]
fn levels_of_32_people_after_one_dose() {
    let Some(path) = reference("warfarin/warfarin.csv") else { return };
    let all = rows(&path);
    let mut folds: Vec<(f64, f64)> = Vec::new();
    let ids: std::collections::BTreeSet<&str> = all.iter().map(|row| row["id"].as_str()).collect();
    assert_eq!(ids.len(), 32);
    for id in ids {
        let own: Vec<&Row> = all.iter().filter(|row| row["id"] == id).collect();
        let covariates = [("weight", given(own[0], "wt").unwrap()), ("age", given(own[0], "age").unwrap())];
        let mut person = Person::new(with_words("warfarin", &[]), &covariates, 150.0);
        person.give("oral_warfarin", 0.0, given(own[0], "amt").unwrap());
        let level = |row: &&&Row| row["dvid"] == "cp" && row["evid"] == "0" && given(row, "dv").unwrap() > 0.0;
        let (times, measured): (Vec<f64>, Vec<f64>) =
            own.iter().filter(level).map(|row| (given(row, "time").unwrap(), given(row, "dv").unwrap())).unzip();
        let found = person.outputs(&["plasma_warfarin"], &times).remove(0);
        folds.extend(
            times.iter().zip(found.iter().zip(measured)).map(|(time, (found, measured))| (*time, found / measured)),
        );
    }
    for (from, to) in [(0.0, 2.0), (2.0, 24.0), (24.0, 72.0), (72.0, 150.0)] {
        let chosen: Vec<f64> =
            folds.iter().filter(|(time, _)| *time > from && *time <= to).map(|(_, fold)| *fold).collect();
        println!("{from} to {to} h: {} levels, ours are {:.2} of them", chosen.len(), median(chosen.clone()));
    }
    let late: Vec<f64> = folds.iter().filter(|(time, _)| *time > 2.0).map(|(_, fold)| *fold).collect();
    let twofold = late.iter().filter(|fold| (0.5..=2.0).contains(*fold)).count() as f64 / late.len() as f64;
    println!("after 2 h: {:.2}, {:.0} % within twofold", median(late.clone()), 100.0 * twofold);
    // Far from a good prediction of a single dose of 1.5 mg/kg in young men: recorded so that it is not worse unseen.
    assert!(median(late) > 0.55 && twofold > 0.7);
}
