//! Warfarin: stable doses of people whose doses gave no parameter, levels of 32 people, and the program against closed forms.

use std::sync::Arc;

use homeostat::model::Program;
use homeostat::population::Prior;
use homeostat::sim::{Ensemble, Held, Schedule, Settings};

use super::{Person, Row, reference, rows, with_words};

/// The model with warfarin given all the time, at its steady state from the start.
const AT_REST: [(&str, &str); 15] = [
    // The spreads below are the model's.
    ("CL_s [L/h] ~ LogNormal(0.2436, 0.30)", "CL_s [L/h] ~ LogNormal(0.2436, 0.30)"),
    ("EC50 [mg/L] ~ LogNormal(5.857, 0.34)", "EC50 [mg/L] ~ LogNormal(5.857, 0.34)"),
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

const CLEARANCE_SPREAD: f64 = 0.30;
const EC50_SPREAD: f64 = 0.34;

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

/// Frequencies of CYP2C9*2, *3, *8, VKORC1 -1639A and CYP4F2 rs2108622 T: 1000 Genomes, in Shendre et al. 2018, doi:10.2217/pgs-2018-0146,
/// table 1.
fn frequencies(race: &str) -> [f64; 5] {
    match race {
        "Asian" => [0.001, 0.034, 0.0, 0.885, 0.214],
        "Black or African American" => [0.008, 0.002, 0.053, 0.054, 0.082],
        _ => [0.124, 0.073, 0.002, 0.388, 0.290],
    }
}

/// The genotypes that somebody may have, each with its probability: alleles CYP2C9*2 (and those of its function), *3, and VKORC1 A.
fn genotypes(row: &Row) -> Vec<(f64, [f64; 3])> {
    let [two, three, eight, a, _] = frequencies(&row["race_omb"]);
    let count = |gene: &str, alleles: &[&str]| gene.split('/').filter(|allele| alleles.contains(allele)).count() as f64;
    let normal = 1.0 - two - three;
    let mut cyp2c9 = match row["cyp2c9"].as_str() {
        "NA" => vec![
            (normal * normal, 0.0, 0.0),
            (2.0 * normal * two, 1.0, 0.0),
            (2.0 * normal * three, 0.0, 1.0),
            (two * two, 2.0, 0.0),
            (2.0 * two * three, 1.0, 1.0),
            (three * three, 0.0, 2.0),
        ],
        // By function as CPIC has it: *5, *11 and *14 as *2, *13 as *3.
        known => vec![(1.0, count(known, &["*2", "*5", "*11", "*14"]), count(known, &["*3", "*13"]))],
    };
    // Nobody in the table has *8, as common as *2 elsewhere: it was not looked for. By function as *2.
    cyp2c9.iter_mut().for_each(|(_, two, three)| *two += eight * (2.0 - *two - *three));
    let vkorc1 = match row["vkorc1_1639"].as_str() {
        "NA" => vec![((1.0 - a) * (1.0 - a), 0.0), (2.0 * a * (1.0 - a), 1.0), (a * a, 2.0)],
        known => vec![(1.0, count(known, &["A"]))],
    };
    let pairs = cyp2c9.iter().flat_map(|c| vkorc1.iter().map(move |v| (c.0 * v.0, [c.1, c.2, v.1])));
    pairs.filter(|(probability, _)| *probability > 1e-4).collect()
}

fn covariates(row: &Row, alleles: [f64; 3], weights: &dyn Fn(&Row) -> f64) -> Vec<(&'static str, f64)> {
    let age =
        row["age_decade"].get(..2).and_then(|decade| decade.parse().ok()).map_or(65.0, |decade: f64| decade + 5.0);
    let mut all = vec![
        ("weight", given(row, "weight_kg").unwrap_or_else(|| weights(row))),
        ("age", age),
        ("cyp2c9_star2", alleles[0]),
        ("cyp2c9_star3", alleles[1]),
        ("vkorc1_a", alleles[2]),
        ("cyp4f2_t", 2.0 * frequencies(&row["race_omb"])[4]),
        ("amiodarone", f64::from(row["amiodarone"] == "1")),
    ];
    // Not known: the model's own share.
    all.extend(given(row, "smoker").map(|smokes| ("smoker", smokes)));
    all
}

/// The dose that is within 20 % of what is needed with the highest probability: what is needed scatters around the dose of each genotype as
/// clearance and EC50 scatter between people (the model's priors), and a genotype may be unknown.
fn likeliest(doses: &[(f64, f64)]) -> f64 {
    let spread = CLEARANCE_SPREAD.hypot(EC50_SPREAD);
    let below = |z: f64| 0.5 * statrs::function::erf::erfc(-z / 2f64.sqrt());
    let hit = |dose: f64| -> f64 {
        let of = |(p, needed): &(f64, f64)| {
            p * (below((dose / 0.8 / needed).ln() / spread) - below((dose / 1.2 / needed).ln() / spread))
        };
        doses.iter().map(of).sum()
    };
    let (low, high) = doses.iter().fold((f64::INFINITY, 0.0f64), |(low, high), (_, d)| (low.min(*d), high.max(*d)));
    let grid = (0..=400).map(|step| 0.9 * low * (high / low * 1.1 / 0.9).powf(f64::from(step) / 400.0));
    grid.max_by(|a, b| hit(*a).total_cmp(&hit(*b))).unwrap()
}

/// The consortium's pharmacogenetic formula (2009), made from these and other people: what can be expected of these columns. mg/week.
fn formula(row: &Row, weights: &dyn Fn(&Row) -> f64, heights: &dyn Fn(&Row) -> f64) -> f64 {
    let decade = row["age_decade"].get(..1).and_then(|decade| decade.parse().ok()).unwrap_or(6.0);
    let of = |column: &str, terms: &[(&str, f64)]| {
        terms.iter().find(|(value, _)| row[column] == *value).map_or(0.0, |(_, term)| *term)
    };
    let induced = ["carbamazepine", "phenytoin", "rifampin"].iter().any(|drug| row[*drug] == "1");
    let root = 5.6044 - 0.2614 * decade
        + 0.0087 * given(row, "height_cm").unwrap_or_else(|| heights(row))
        + 0.0128 * given(row, "weight_kg").unwrap_or_else(|| weights(row))
        + of("vkorc1_1639", &[("A/G", -0.8677), ("A/A", -1.6974), ("NA", -0.4854)])
        + of("cyp2c9", &[("*1/*2", -0.5211), ("*1/*3", -0.9357), ("*2/*2", -1.0616)])
        + of("cyp2c9", &[("*2/*3", -1.9206), ("*3/*3", -2.3312), ("NA", -0.2188)])
        + of("race_omb", &[("Asian", -0.1092), ("Black or African American", -0.2760), ("Unknown", -0.1032)])
        + if induced { 1.1816 } else { 0.0 }
        + of("amiodarone", &[("1", -0.5503)]);
    root * root
}

/// Their formula without genes (2009). mg/week.
fn clinical(row: &Row, weights: &dyn Fn(&Row) -> f64, heights: &dyn Fn(&Row) -> f64) -> f64 {
    let decade = row["age_decade"].get(..1).and_then(|decade| decade.parse().ok()).unwrap_or(6.0);
    let race = match row["race_omb"].as_str() {
        "Asian" => -0.6752,
        "Black or African American" => 0.4060,
        "Unknown" => 0.0443,
        _ => 0.0,
    };
    let induced = ["carbamazepine", "phenytoin", "rifampin"].iter().any(|drug| row[*drug] == "1");
    let root = 4.0376 - 0.2546 * decade
        + 0.0118 * given(row, "height_cm").unwrap_or_else(|| heights(row))
        + 0.0134 * given(row, "weight_kg").unwrap_or_else(|| weights(row))
        + race
        + if induced { 1.2799 } else { 0.0 }
        - if row["amiodarone"] == "1" { 0.5695 } else { 0.0 };
    root * root
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
    let usual = |person: &Row, column: &str| {
        let alike = |row: &&Row| row["race_omb"] == person["race_omb"] && row["gender"] == person["gender"];
        median(all.iter().filter(alike).filter_map(|row| given(row, column)).collect())
    };
    let weights = |person: &Row| usual(person, "weight_kg");
    let heights = |person: &Row| usual(person, "height_cm");
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

    let doses = doses();
    let genotypes: Vec<Vec<(f64, [f64; 3])>> = people.iter().map(|row| genotypes(row)).collect();
    let each =
        people.iter().zip(&genotypes).flat_map(|(row, some)| some.iter().map(move |(_, alleles)| (row, *alleles)));
    let known: Vec<_> = each.map(|(row, alleles)| covariates(row, alleles, &weights)).collect();
    let mut tables = steady_inr(&known, &doses).into_iter();
    let mut found: Vec<(&Row, f64)> = Vec::new();
    let mut expected: Vec<(&Row, f64)> = Vec::new();
    for (row, some) in people.iter().zip(&genotypes) {
        let reading = given(row, "inr_at_dose").map_or(mean, f64::ln);
        let inr = (mean + trust * (reading - mean)).exp();
        let needed: Vec<(f64, f64)> =
            some.iter().map(|(p, _)| (*p, 7.0 * dose_for(inr, &doses, &tables.next().unwrap()))).collect();
        found.push((*row, likeliest(&needed)));
        expected.push((
            *row,
            needed.iter().map(|(p, dose)| p * dose).sum::<f64>() / some.iter().map(|(p, _)| p).sum::<f64>(),
        ));
    }
    let formulas: Vec<(&Row, f64)> = people.iter().map(|row| (*row, formula(row, &weights, &heights))).collect();
    for (label, some) in [("the expected dose instead", &expected), ("the consortium's formula", &formulas)] {
        let known: Vec<(&Row, f64)> = some.iter().filter(|(row, _)| row["vkorc1_1639"] != "NA").copied().collect();
        for (who, (error, near, bias)) in [("everybody", errors(some)), ("VKORC1 known", errors(&known))] {
            println!("{label}, {who}: error {error:.2} mg/week, {:.1} % within 20 %, bias {bias:.2}", 100.0 * near);
        }
    }

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
    // Without an own value for anything that the consortium's formulas take, but for VKORC1, of which both have "unknown".
    let whole = |row: &Row| {
        ["cyp2c9", "age_decade", "gender"].iter().all(|column| row[*column] != "NA")
            && ["weight_kg", "height_cm"].iter().all(|column| given(row, column).is_some())
    };
    let complete = report("CYP2C9, weight, height, age and sex known", &whole);
    let clinical: Vec<(&Row, f64)> = people.iter().map(|row| (*row, clinical(row, &weights, &heights))).collect();
    for (label, some) in [("the consortium's formula", &formulas), ("its formula without genes", &clinical)] {
        let some: Vec<(&Row, f64)> = some.iter().filter(|(row, _)| whole(row)).copied().collect();
        let (error, near, bias) = errors(&some);
        println!(
            "  {label}, the same people: error {error:.2} mg/week, {:.1} % within 20 %, bias {bias:.2}",
            100.0 * near
        );
    }
    report("VKORC1 not known", &|row| row["vkorc1_1639"] == "NA");
    report("  an inducer", &|row| ["carbamazepine", "phenytoin", "rifampin"].iter().any(|drug| row[*drug] == "1"));
    assert!(complete.0 <= 9.5 && complete.1 >= 0.42, "{complete:?}");
    assert!(genotyped.0 <= 9.5 && genotyped.1 >= 0.42, "{genotyped:?}");
    assert!(everybody.0 <= 9.5 && everybody.1 >= 0.415, "{everybody:?}");
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
