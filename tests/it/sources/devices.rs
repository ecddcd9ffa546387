//! Two devices that count the same, and many amounts at one time.

use super::apple_health::{PATIENT, at, by, events, export, of, quantity};
use super::{codes, read};

#[test]
fn steps_of_two_devices_are_not_added_up() {
    let steps = |device: &str, start: &str, end: &str, value: &str| {
        by(device, "HKQuantityTypeIdentifierStepCount", "count", &at(start), &at(end), value, "")
    };
    let mut records = steps("iPhone", "09:00:00", "09:10:00", "400");
    records += &steps("Anna&#8217;s Apple Watch", "09:02:00", "09:08:00", "420");
    records += &steps("Anna&#8217;s Apple Watch", "10:00:00", "10:05:00", "300");
    let (_, found) = of(&records);
    assert_eq!(codes(&found), ["P2040"]);
    let told = found.to_string();
    assert!(
        told.contains("step_rate = \"Anna’s Apple Watch\"") && told.contains("`iPhone` (1 values, 0.2 h)"),
        "{told}"
    );
    for (only, count) in [
        ("\"apple watch\"", 2),
        ("{ step_rate = \"iPhone\" }", 1),
        ("{ heart_rate = \"x\", step_rate = \"Anna's\" }", 2),
    ] {
        let manifest = format!("{PATIENT}only = {only}\n");
        let (patient, found) =
            read(&[("patient.toml", manifest.as_bytes()), ("export.xml", export(&records).as_bytes())]);
        assert!(!found.has_errors(), "{found}");
        assert_eq!(events(&patient, "step_rate").len(), count, "{only}");
        assert_eq!(patient.left_out.iter().find(|left| left.why.contains("only")).unwrap().count, 3 - count);
    }
    // A name for the whole entry does not make one device of two.
    let manifest = format!("{PATIENT}device = \"mine\"\n");
    let (_, found) = read(&[("patient.toml", manifest.as_bytes()), ("export.xml", export(&records).as_bytes())]);
    assert_eq!(codes(&found), ["P2040"]);
    // One after the other, and of no steps at all, is no overlap.
    let mut records = steps("iPhone", "09:00:00", "09:10:00", "400");
    records += &steps("Watch", "09:10:00", "09:20:00", "420");
    records += &steps("iPhone", "09:10:00", "09:20:00", "0");
    let (patient, found) = of(&records);
    assert!(!found.has_errors(), "{found}");
    assert_eq!(events(&patient, "step_rate").len(), 3);
    for wrong in ["only = 3", "only = { step_rate = 3 }"] {
        let manifest = format!("{PATIENT}{wrong}\n");
        let (_, found) = read(&[("patient.toml", manifest.as_bytes()), ("export.xml", export(&records).as_bytes())]);
        assert!(codes(&found).contains(&"P2006"), "{found}");
    }
}

#[test]
fn many_amounts_at_one_time_take_no_time() {
    let count = 20_000;
    let records: String = (0..count)
        .map(|value| {
            quantity("DietaryEnergyConsumed", "kcal", &at("08:00:00"), &at("08:00:00"), &format!("{value}e-3"))
        })
        .collect();
    let begin = std::time::Instant::now();
    let (patient, found) = of(&records);
    assert!(!found.has_errors(), "{found}");
    assert_eq!(events(&patient, "dietary_energy").len(), count);
    assert!(begin.elapsed().as_secs() < 10, "{:?}", begin.elapsed());
    let (patient, _) = of(&[&*records, &records].concat());
    assert_eq!(events(&patient, "dietary_energy").len(), count);
}

#[test]
fn a_name_that_the_vocabulary_lacks_keeps_one_unit() {
    let water = |time: &str, unit: &str, value: &str| quantity("DietaryWater", unit, &at(time), &at(time), value);
    let told = |records: &str| {
        let manifest = format!("{PATIENT}as = {{ HKQuantityTypeIdentifierDietaryWater = \"my_water\" }}\n");
        read(&[("patient.toml", manifest.as_bytes()), ("export.xml", export(records).as_bytes())])
    };
    let (patient, found) = told(&(water("08:00:00", "mL", "250") + &water("09:00:00", "L", "0.5")));
    assert_eq!(codes(&found), ["P2009"], "{found}");
    let [water_read] = patient.observations.as_slice() else { panic!("{:?}", patient.observations) };
    let values: Vec<f64> = water_read.readings.iter().map(|reading| reading.value).collect();
    assert_eq!((water_read.unit.text(), values), ("mL", vec![250.0, 500.0]));
    let (_, found) = told(&(water("08:00:00", "mL", "250") + &water("09:00:00", "mg", "3")));
    assert!(found.has_errors() && codes(&found).contains(&"U1002"), "{found}");
}

#[test]
fn amounts_of_more_devices_than_there_can_be_are_left_out() {
    let eaten = |number: usize| {
        let time = at(&format!("{:02}:{:02}:{:02}", number / 3600, number / 60 % 60, number % 60));
        by(
            &format!("app {}", number % 1500),
            "HKQuantityTypeIdentifierDietaryEnergyConsumed",
            "kcal",
            &time,
            &time,
            "5",
            "",
        )
    };
    let (patient, found) = of(&(0..3000).map(eaten).collect::<String>());
    assert!(!found.has_errors(), "{found}");
    assert_eq!(events(&patient, "dietary_energy").len(), 2000);
    let left = patient.left_out.iter().find(|left| left.what == "dietary_energy").unwrap();
    assert!(left.count == 1000 && left.why.contains("more than 1000 devices"), "{left:?}");
}

#[test]
fn an_epoch_with_an_offset_that_its_zone_does_not_have_is_told_once() {
    let manifest = "epoch = \"2016-10-24T00:00:00+01:00[Europe/Berlin]\"\n[[source]]\nfile = \"heart_rate-a.json\"\nformat = \"fitbit\"\n";
    let file = b"[{\"dateTime\": \"10/24/16 01:00:00\", \"value\": {\"bpm\": 61, \"confidence\": 3}}]";
    let (_, found) = read(&[("patient.toml", manifest.as_bytes()), ("heart_rate-a.json", file)]);
    assert_eq!(codes(&found).iter().filter(|code| **code == "P2015").count(), 1, "{found}");
    assert!(found.to_string().contains("2016-10-24T00:00:00+02:00[Europe/Berlin]"), "{found}");
}
