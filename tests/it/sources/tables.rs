//! Declared tables: amounts nobody knows, conditions on rows, words for "nothing was measured".

use homeostat::diagnostic::Diagnostics;
use homeostat::patient::{ExposureKind, Patient};

use super::{codes, read};

fn diary(manifest: &str) -> (Patient, Diagnostics) {
    let table = "hour,carbs,kind\n7,45,food\n12,?,food\n13,unknown,drink\n19,,food\n19.5,Unknown,food\n19.5,?,drink\n";
    read(&[("patient.toml", manifest.as_bytes()), ("diary.csv", table.as_bytes())])
}

const MEALS: &str =
    "[[exposure]]\nname = \"carbohydrate_intake\"\nfile = \"diary.csv\"\ntime = \"hour [h]\"\namount = \"carbs [g]\"\n";

#[test]
fn an_unknown_amount_is_an_event_and_never_nothing() {
    let (patient, found) = diary(MEALS);
    assert!(!found.has_errors(), "{found}");
    let food = patient.exposure("carbohydrate_intake").unwrap();
    assert_eq!((food.kind, food.events.len(), food.events[0].value), (ExposureKind::Bolus, 1, 45.0));
    let unknown: Vec<(f64, bool)> = food.unknown.iter().map(|event| (event.time_h, event.value.is_nan())).collect();
    assert_eq!(unknown, [(12.0, true), (13.0, true), (19.5, true)]);
    let why: Vec<&str> = patient.left_out.iter().map(|one| one.why.as_str()).collect();
    assert!(why.contains(&"another event of unknown amount has the same time"), "{why:?}");
    assert!(why.contains(&"the cell of its amount is empty"), "{why:?}");
    let times = MEALS.replace("amount = \"carbs [g]\"", "unknown = true\nduration = \"15 min\"");
    let (patient, found) = diary(&times);
    assert!(!found.has_errors(), "{found}");
    let food = patient.exposure("carbohydrate_intake").unwrap();
    assert_eq!((food.events.len(), food.unknown.len(), food.unknown[0].duration_h), (0, 5, 0.25));
    assert_eq!(food.unit.text(), "g");
}

#[test]
fn events_written_in_place_may_be_unknown() {
    let (patient, found) = diary(
        "[[exposure]]\nname = \"carbohydrate_intake\"\nevents = [{ time = \"1 h\", amount = \"unknown\" }, { time = \"2 h\", amount = \"30 g\" }]\n\
         [[exposure]]\nname = \"carbohydrate_intake\"\nevents = [{ time = \"1 h\", amount = \"?\" }]\n",
    );
    assert!(!found.has_errors(), "{found}");
    let food = patient.exposure("carbohydrate_intake").unwrap();
    assert_eq!((food.events.len(), food.unknown.len()), (1, 1));
}

#[test]
fn rows_are_chosen_by_other_columns() {
    let chosen = |keys: &str| {
        let (patient, found) = diary(&format!("{MEALS}{keys}"));
        let food = patient.exposure("carbohydrate_intake").map(|food| (food.events.len(), food.unknown.len()));
        (food, codes(&found), found.has_errors(), patient.left_out)
    };
    assert_eq!(chosen("where = { kind = \"= drink\" }\n").0, Some((0, 2)));
    assert_eq!(chosen("where = { kind = \"!= drink\", hour = \"< 13\" }\n").0, Some((1, 1)));
    let (food, _, _, left_out) = chosen("missing = [\"45\", \"?\"]\n");
    assert_eq!(food, Some((0, 2)));
    assert!(left_out.iter().any(|one| one.why == "`45` is declared to mean that nothing was measured"), "{left_out:?}");
    let (.., left_out) = chosen("where = { hour = \">= 8\" }\n");
    assert!(left_out.iter().any(|one| one.why == "`hour` is not >= 8" && one.count == 1), "{left_out:?}");
    for (keys, code) in [
        ("where = { kind = \"drink\" }\n", "P2080"),
        ("where = { kind = \">= much\" }\n", "P2080"),
        ("where = { kinds = \"= drink\" }\n", "P2007"),
        ("where = { kind = 3 }\n", "P2006"),
        ("where = \"kind\"\n", "P2006"),
        ("missing = \"0\"\n", "P2006"),
        ("missing = [0]\n", "P2006"),
        ("unknown = true\n", "P2006"),
        ("unknown = \"yes\"\n", "P2006"),
    ] {
        let (_, codes, wrong, _) = chosen(keys);
        assert!(wrong && codes.contains(&code), "{keys}: {codes:?}");
    }
    let in_place = "[[exposure]]\nname = \"carbohydrate_intake\"\nwhere = { a = \"= 1\" }\nevents = []\n";
    assert!(codes(&diary(in_place).1).contains(&"P2006"));
}
