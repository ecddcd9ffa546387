//! What the vocabulary knows of laboratories: codes, conversions against the factors in common use, variation, scales.

use homeostat::patient::Vocabulary;
use homeostat::units::Unit;

use super::shared;

#[test]
fn labs_and_vital_signs_have_codes_and_those_at_hand_are_among_them() {
    let vocabulary = Vocabulary::embedded().unwrap();
    let coded = vocabulary.terms().filter(|term| !term.loinc.is_empty()).count();
    assert!(coded >= 80, "{coded}");
    let Some(path) = shared("loinc_map.csv") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let (mut known, mut unknown) = (0, Vec::new());
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let code = cells[0];
        let Some(term) = vocabulary.by_loinc(code) else {
            unknown.push(code);
            continue;
        };
        known += 1;
        // The list's own unit, where it is one, can be brought to the name's.
        let unit = cells.iter().skip(2).find_map(|cell| Unit::parse(cell).ok());
        let unit = unit.unwrap_or_else(|| panic!("{line}"));
        assert!(term.conversion(&unit).is_some() || unit.is_dimensionless(), "{}: {line}", term.name);
    }
    // Of wearables, of imaging, and a panel, which has no value of its own.
    assert_eq!(unknown, ["85354-9", "41950-7", "55423-8"]);
    assert!(known >= 70, "{known}");
}

/// Factors as textbooks print them (AMA Manual of Style, table of SI conversions), not from the molar masses.
#[test]
fn conversions_agree_with_the_factors_in_common_use() {
    let vocabulary = Vocabulary::embedded().unwrap();
    for (name, from, to, factor) in [
        ("plasma_glucose", "mg/dL", "mmol/L", 0.0555),
        ("blood_glucose", "mg/dL", "mmol/L", 0.0555),
        ("creatinine", "mg/dL", "umol/L", 88.4),
        ("urea_nitrogen", "mg/dL", "mmol/L", 0.357),
        ("urate", "mg/dL", "umol/L", 59.48),
        ("bilirubin", "mg/dL", "umol/L", 17.1),
        ("direct_bilirubin", "mg/dL", "umol/L", 17.1),
        ("calcium", "mg/dL", "mmol/L", 0.25),
        ("magnesium", "mg/dL", "mmol/L", 0.411),
        ("phosphate", "mg/dL", "mmol/L", 0.323),
        ("total_cholesterol", "mg/dL", "mmol/L", 0.0259),
        ("non_hdl_cholesterol", "mg/dL", "mmol/L", 0.0259),
        ("triglycerides", "mg/dL", "mmol/L", 0.0113),
        ("iron", "ug/dL", "umol/L", 0.179),
        ("free_thyroxine", "ng/dL", "pmol/L", 12.87),
        ("free_triiodothyronine", "pg/mL", "pmol/L", 1.536),
        ("cortisol", "ug/dL", "nmol/L", 27.6),
        ("testosterone", "ng/dL", "nmol/L", 0.0347),
        ("vitamin_b12", "pg/mL", "pmol/L", 0.738),
        ("folate", "ng/mL", "nmol/L", 2.266),
        ("lactate", "mg/dL", "mmol/L", 0.111),
        ("haemoglobin", "g/dL", "mmol/L", 0.6206),
        ("plasma_phenytoin", "mg/L", "umol/L", 3.96),
        ("plasma_phenobarbital", "mg/L", "umol/L", 4.31),
        ("plasma_theophylline", "mg/L", "umol/L", 5.55),
        ("plasma_digoxin", "ng/mL", "nmol/L", 1.281),
        ("plasma_insulin", "u[iU]/mL", "pmol/L", 6.0),
        ("c_peptide", "ng/mL", "nmol/L", 0.331),
        ("albumin_creatinine_ratio", "mg/g", "mg/mmol", 0.113),
        ("sodium", "meq/L", "mmol/L", 1.0),
        ("aspartate_aminotransferase", "U/L", "ukat/L", 0.0167),
    ] {
        let term = vocabulary.term(name).unwrap_or_else(|| panic!("{name}"));
        let unit = |text: &str| Unit::parse(text).unwrap();
        let stored = term.conversion(&unit(from)).unwrap_or_else(|| panic!("{name} in {from}")).apply(1.0);
        let converted = term.conversion(&unit(to)).unwrap_or_else(|| panic!("{name} in {to}")).undo(stored);
        assert!((converted / factor - 1.0).abs() < 0.006, "{name}: 1 {from} is {converted} {to}, not {factor}");
    }
    // What a generic converter would do: amounts from masses without a molar mass, equivalents of an ion with two charges.
    for (name, unit) in
        [("total_protein", "mmol/L"), ("c_reactive_protein", "nmol/L"), ("calcium", "meq/L"), ("hba1c", "1")]
    {
        let term = vocabulary.term(name).unwrap();
        assert!(term.conversion(&Unit::parse(unit).unwrap()).is_none(), "{name} in {unit}");
    }
}

#[test]
fn variation_has_a_source_and_scales_and_answers_lead_somewhere() {
    let vocabulary = Vocabulary::embedded().unwrap();
    let mut varied = 0;
    for term in vocabulary.terms() {
        let cvs = [term.within_person_cv, term.analytical_cv];
        varied += usize::from(term.within_person_cv.is_some());
        assert!(cvs.into_iter().flatten().all(|cv| cv > 0.0 && cv < 100.0), "{}", term.name);
        assert_eq!(term.within_person_cv.is_some(), term.variation_source.is_some(), "{}", term.name);
        assert_eq!(term.analytical_cv.is_some(), term.analytical_source.is_some(), "{}", term.name);
        let known = |source: &String| source.contains("doi:10.") || source.contains("PMID ");
        assert!(term.analytical_source.iter().all(known), "{}", term.name);
        assert!(term.variation_source.iter().all(|source| source.contains("doi:10.")), "{}", term.name);
        if let Some(scale) = &term.scale_of {
            let other = vocabulary.term(&scale.name).unwrap();
            assert!(
                other.other_scale.iter().any(|(unit, name)| *name == term.name && *unit == term.unit),
                "{}",
                term.name
            );
            // Both ranges hold the same people.
            let (low, high) = term.range.unwrap();
            let (from, to) = other.range.unwrap();
            assert!(scale.offset + scale.factor * low < from * 1.1 && scale.offset + scale.factor * high > to * 0.9);
        }
        for (answer, category) in &term.answers {
            assert!(*answer == answer.to_lowercase() && term.categories.contains_key(category), "{answer}");
        }
        for word in term.routes.iter().chain(term.codes.get("lab").into_iter().flatten()) {
            assert_eq!(*word, word.to_lowercase(), "{}", term.name);
        }
    }
    assert!(varied >= 30, "{varied}");
    let ifcc = vocabulary.term("hba1c_ifcc").and_then(|term| term.scale_of.clone()).unwrap();
    // The master equation's published pairs (NGSP, IFCC).
    for (ngsp, ifcc_value) in [(5.0, 31.0), (6.0, 42.0), (6.5, 48.0), (7.0, 53.0), (8.0, 64.0), (10.0, 86.0)] {
        let value: f64 = ifcc.offset + ifcc.factor * ifcc_value;
        assert!((value - ngsp).abs() < 0.06, "{ifcc_value} mmol/mol is {value} %, not {ngsp} %");
    }
}
