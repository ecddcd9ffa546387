//! Drugs against every group of people whose levels could be found, one by one and pooled: none is chosen.

use std::collections::BTreeMap;

use super::drug_values::{Dose, METOPROLOL, MIDAZOLAM, OMEPRAZOLE, OMEPRAZOLE_INJECTED, WARFARIN, profile};
use super::{Person, golden, number, rows, with_words};

const MIDAZOLAM_INJECTED: Dose = Dose { input: "injected_midazolam", ..MIDAZOLAM };
const METOPROLOL_INJECTED: Dose = Dose { input: "injected_metoprolol", ..METOPROLOL };
const BOTH: Dose = Dose { output: "plasma_warfarin", ..WARFARIN };

/// A quantity that a study tells, of the typical person.
fn ours(drug: &str, quantity: &str, dose: f64) -> f64 {
    let of = |of: &Dose, covariates: &[(&str, f64)]| profile(&Dose { amount: dose, ..*of }, covariates);
    let cyp2c19 = |score: f64| of(&OMEPRAZOLE, &[("cyp2c19_score", score)]);
    let cyp2d6 = |score: f64| of(&METOPROLOL, &[("cyp2d6_score", score)]);
    // Those who swallow a drug for science are young; genes of Europeans where nobody looked.
    let young = [("weight", 72.0), ("age", 28.0)];
    let patient = [("weight", 70.0), ("age", 69.8), ("cyp2c9_star2", 0.0), ("cyp2c9_star3", 0.0)];
    match (drug, quantity) {
        ("midazolam", "area") => of(&MIDAZOLAM, &[]).area,
        ("midazolam", "peak") => of(&MIDAZOLAM, &[]).peak,
        ("midazolam", "clearance") => dose / of(&MIDAZOLAM_INJECTED, &[]).area,
        ("omeprazole", "area") => cyp2c19(2.0).area,
        ("omeprazole", "area, one allele") => cyp2c19(1.0).area,
        ("omeprazole", "area, poor") => cyp2c19(0.0).area,
        ("omeprazole", "area, injected") => of(&OMEPRAZOLE_INJECTED, &[]).area,
        ("omeprazole", "area, poor, injected") => of(&OMEPRAZOLE_INJECTED, &[("cyp2c19_score", 0.0)]).area,
        ("omeprazole", "one allele over two") => cyp2c19(1.0).area / cyp2c19(2.0).area,
        ("omeprazole", "none over two") => cyp2c19(0.0).area / cyp2c19(2.0).area,
        ("omeprazole", "days over first") => {
            let mut person = Person::new(with_words("omeprazole", &[]), &[], 120.0);
            person.tolerance = 1e-8;
            (0..5).for_each(|day| {
                person.give("oral_omeprazole", 24.0 * f64::from(day), dose);
            });
            let area = |from: f64| {
                let times: Vec<f64> = (1..1200).map(|step| from + f64::from(step) * 0.01).collect();
                person.outputs(&["plasma_omeprazole"], &times)[0].iter().sum::<f64>()
            };
            area(96.0) / area(0.0)
        }
        ("warfarin", "S-warfarin, area") => of(&WARFARIN, &young).area,
        ("warfarin", "R-warfarin, area") => of(&BOTH, &young).area - of(&WARFARIN, &young).area,
        ("warfarin", "S-warfarin, clearance") => dose / 2.0 / of(&WARFARIN, &patient).area,
        ("dapagliflozin", "area") => of(&super::drug_values::DAPAGLIFLOZIN, &[]).area,
        ("dapagliflozin", "peak") => of(&super::drug_values::DAPAGLIFLOZIN, &[]).peak,
        ("dapagliflozin", "glucose in urine, first day") => {
            let mut person = Person::new(with_words("dapagliflozin", &[]), &[], 24.0);
            person.give("oral_dapagliflozin", 0.0, dose);
            person.outputs(&["urinary_glucose"], &[24.0])[0][0]
        }
        ("metoprolol", "area, poor over extensive") => cyp2d6(0.0).area / cyp2d6(2.0).area,
        ("metoprolol", "half-life, poor over extensive") => cyp2d6(0.0).half_life / cyp2d6(2.0).half_life,
        ("metoprolol", "half-life, poor over ultrarapid") => cyp2d6(0.0).half_life / cyp2d6(3.0).half_life,
        // An allele *10 counts a quarter (CPIC).
        ("metoprolol", "area, *1/*10 over *1/*1") => cyp2d6(1.25).area / cyp2d6(2.0).area,
        ("metoprolol", "area, *10/*10 over *1/*1") => cyp2d6(0.5).area / cyp2d6(2.0).area,
        ("metoprolol", "half-life, *10/*10 over *1/*1") => cyp2d6(0.5).half_life / cyp2d6(2.0).half_life,
        ("metoprolol", "clearance") => dose / of(&METOPROLOL_INJECTED, &[]).area,
        other => panic!("{other:?}"),
    }
}

/// Beyond 1.5 when pooled: what it may be, so that it is not worse unseen. An activity that is proportional to CPIC's score is not what *10 does to
/// metoprolol.
const BEYOND: [(&str, &str, f64); 3] = [
    ("metoprolol", "area, *1/*10 over *1/*1", 1.7),
    ("metoprolol", "area, *10/*10 over *1/*1", 2.5),
    ("omeprazole", "area, poor, injected", 1.8),
];

/// ln of ours over a study's, its number of people, whether they are typical; by drug and quantity.
type Groups = BTreeMap<(String, String), Vec<(f64, f64, bool)>>;

#[test]
fn every_study_that_was_found_and_all_of_them_pooled() {
    let all = rows(&golden("drugs/studies.csv"));
    let mut groups = Groups::new();
    let mut known: BTreeMap<String, f64> = BTreeMap::new();
    for row in &all {
        let (drug, quantity, dose, value) =
            (&row["drug"], &row["quantity"], number(row, "dose_mg"), number(row, "value"));
        let ours = *known.entry(format!("{drug} {quantity} {dose}")).or_insert_with(|| ours(drug, quantity, dose));
        // Where a paper's number of people is not in the source, it counts as ten.
        let people: f64 = row["n"].parse().unwrap_or(10.0);
        println!(
            "{drug} {dose} mg, {quantity}: {} ({people} people) {value:.4}, ours {ours:.4}, {:.2}-fold {}",
            row["study"],
            (ours / value).max(value / ours),
            row["remark"]
        );
        let typical = row["remark"].is_empty();
        groups.entry((drug.clone(), quantity.clone())).or_default().push(((ours / value).ln(), people, typical));
    }
    let pooled = |rows: &[(f64, f64, bool)], typical_only: bool| {
        let chosen = rows.iter().filter(|(_, _, typical)| *typical || !typical_only);
        let (sum, weight) = chosen.fold((0.0, 0.0), |(sum, weight), (log, n, _)| (sum + n * log, weight + n));
        (sum / weight).exp()
    };
    for ((drug, quantity), rows) in &groups {
        let folds = rows.iter().map(|(log, _, _)| log.exp());
        let (low, high) = folds.fold((f64::INFINITY, 0.0f64), |(low, high), fold| (low.min(fold), high.max(fold)));
        let near = rows.iter().filter(|(log, _, _)| log.abs() <= 1.5f64.ln()).count();
        let (every, typical) = (pooled(rows, false), pooled(rows, true));
        println!(
            "pooled: {drug}, {quantity}: {} groups, ours over theirs {every:.2} ({low:.2} to {high:.2}; {near} within 1.5), without remarks {typical:.2}",
            rows.len()
        );
        let bound = BEYOND.iter().find(|(d, q, _)| d == drug && q == quantity).map_or(1.5, |(_, _, bound)| *bound);
        for fold in [every, typical] {
            assert!(fold.max(1.0 / fold) <= bound, "{drug} {quantity}: {fold}");
        }
    }
}
