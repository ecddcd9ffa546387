//! Formulas inside the models against worked values that others print.

use super::{Person, with_words};

/// What an output is at the start, with values put in place of words of the file.
fn start(model: &str, words: &[(&str, &str)], covariates: &[(&str, f64)], set: &[(&str, f64)], output: &str) -> f64 {
    let mut person = Person::new(with_words(model, words), covariates, 1e-3);
    for (name, value) in set {
        person.set(name, *value);
    }
    person.outputs(&[output], &[0.0])[0][0]
}

/// CKD-EPI's estimate where the blood has this much creatinine and cystatin C.
fn estimate(output: &str, [sex, age, creatinine, cystatin]: [f64; 4]) -> f64 {
    let covariates = [("sex", sex), ("age", age), ("weight", 70.0), ("height", 170.0)];
    let words = [
        ("let creatinine_ratio [1] = creatinine", "let creatinine_ratio [1] = measured_creatinine"),
        ("let cystatin_ratio [1] = cystatin_c", "let cystatin_ratio [1] = measured_cystatin"),
        (
            "# --- what a laboratory",
            "parameter measured_creatinine [mg/dL] = 1\nparameter measured_cystatin [mg/L] = 1\n# --- what a laboratory",
        ),
    ];
    start(
        "kidney",
        &words,
        &covariates,
        &[("measured_creatinine", creatinine), ("measured_cystatin", cystatin)],
        output,
    )
}

#[test]
fn filtration_from_creatinine_and_cystatin() {
    // The National Kidney Foundation's calculator as the tests of the R package admiral quote it, in whole numbers; and what the
    // documentation of the R package tabletools prints, which names the same calculator, in whole numbers and in tenths. (The
    // Foundation's example of a woman of 55 with 0.9 mg/dL, 76, is not among them: the printed coefficients give 75.4988.)
    for (sex, age, creatinine, expected, digit) in [
        (1.0, 55.0, 1.09, 80.0, 1.0),
        (0.0, 65.0, 85.0 / 88.42, 66.0, 1.0),
        (1.0, 50.0, 0.6, 118.0, 1.0),
        (1.0, 50.0, 1.0, 92.0, 1.0),
        (1.0, 50.0, 1.5, 56.0, 1.0),
        (1.0, 50.0, 2.0, 40.0, 1.0),
        (1.0, 70.0, 0.8, 95.2, 0.1),
        (0.0, 70.0, 0.8, 79.2, 0.1),
    ] {
        let found = estimate("estimated_filtration", [sex, age, creatinine, 1.0]);
        assert!((found - expected).abs() <= 0.5 * digit, "{found}, expected {expected}");
    }
    // At the knots of the equations all powers are 1, so that what is left is constants and age.
    assert!((estimate("estimated_filtration", [1.0, 0.0, 0.9, 1.0]) - 142.0).abs() < 1e-9);
    assert!((estimate("estimated_filtration", [0.0, 0.0, 0.7, 1.0]) - 142.0 * 1.012).abs() < 1e-9);
    assert!((estimate("estimated_filtration_cystatin", [1.0, 0.0, 1.0, 0.8]) - 133.0).abs() < 1e-9);
    assert!((estimate("estimated_filtration_cystatin", [0.0, 0.0, 1.0, 0.8]) - 133.0 * 0.932).abs() < 1e-9);
    // Above and below the knots.
    for (sex, creatinine, factor) in
        [(1.0, 1.8, 0.5f64.powf(1.2)), (1.0, 0.45, 2f64.powf(0.302)), (0.0, 0.35, 1.012 * 2f64.powf(0.241))]
    {
        let found = estimate("estimated_filtration", [sex, 50.0, creatinine, 1.0]);
        assert!((found / (142.0 * 0.9938f64.powi(50) * factor) - 1.0).abs() < 1e-12, "{found}");
    }
    for (cystatin, factor) in [(1.6, 0.5f64.powf(1.328)), (0.4, 2f64.powf(0.499))] {
        let found = estimate("estimated_filtration_cystatin", [1.0, 50.0, 1.0, cystatin]);
        assert!((found / (133.0 * 0.996f64.powi(50) * factor) - 1.0).abs() < 1e-12, "{found}");
    }
}

#[test]
fn surface_and_fat_free_mass() {
    // Du Bois & Du Bois 1916: 1.81 m2 at 70 kg and 170 cm, in every table; 1.73 m2 is that of 62.8 kg and 170 cm or so.
    let covariates = [("sex", 1.0), ("age", 30.0), ("weight", 70.0), ("height", 170.0)];
    let ratio = start("kidney", &[], &covariates, &[], "glomerular_filtration")
        / start("kidney", &[], &covariates, &[], "indexed_filtration");
    assert!((ratio * 1.73 - 1.81).abs() < 0.005, "{} m2", ratio * 1.73);
}

#[test]
fn greatest_heart_rate() {
    // Tanaka et al. 2001: 208 - 0.7 age: 180 /min at 40, 166 at 60.
    for (age, expected) in [(40.0, 180.0), (60.0, 166.0)] {
        let mut person = Person::new(with_words("heart_rate", &[]), &[("age", age)], 2.0);
        person.set("wave", 1e-12).constant("activity", 25.0);
        let found = person.outputs(&["demanded_heart_rate"], &[2.0])[0][0];
        assert!((found - expected).abs() < 1e-9, "{found} /min at {age}");
    }
}

#[test]
fn resting_expenditure() {
    // Mifflin et al. 1990, as clinics print it (10 weight + 6.25 height - 5 age + 5 or - 161): 1780 kcal/d for a man of 30, 80 kg and
    // 180 cm; 1320 for a woman of 40, 65 kg and 165 cm. The paper's own coefficients differ by less than 0.5 %.
    for (who, expected) in [([1.0, 80.0, 1.80, 30.0], 1780.0), ([0.0, 65.0, 1.65, 40.0], 1320.25)] {
        let [sex, weight, height, age] = who;
        let covariates = [("sex", sex), ("weight", weight), ("height", height), ("age", age)];
        let found = start("energy_balance", &[], &covariates, &[("PAL", 1.0)], "energy_expenditure");
        assert!((found / expected - 1.0).abs() < 0.005, "{found} kcal/d, expected {expected}");
    }
}
