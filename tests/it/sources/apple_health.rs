//! Apple Health's export: units, times, devices, metadata that decides, the person; cut short, and of a gigabyte.

use homeostat::patient::{ExposureKind, Patient};

use super::{codes, read, shared};

pub(super) const PATIENT: &str = r#"
name = "apple"
epoch = "2026-01-05T00:00:00+01:00[Europe/Berlin]"
[[source]]
file = "export.xml"
"#;

pub(super) const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE HealthData [
<!-- HealthKit Export Version: 14; it's a comment with a quote " and a > in it -->
<!ELEMENT HealthData (ExportDate,Me,(Record|Correlation|Workout|ActivitySummary|ClinicalRecord)*)>
<!ATTLIST HealthData
  locale CDATA #REQUIRED
>
<!ELEMENT Record ((MetadataEntry|HeartRateVariabilityMetadataList)*)>
]>
<HealthData locale="en_GB">
 <ExportDate value="2026-01-07 09:00:00 +0100"/>
 <Me HKCharacteristicTypeIdentifierDateOfBirth="1965-03-02" HKCharacteristicTypeIdentifierBiologicalSex="HKBiologicalSexFemale" HKCharacteristicTypeIdentifierBloodType="HKBloodTypeNotSet"/>
"#;

pub(super) fn record(kind: &str, unit: &str, start: &str, end: &str, value: &str, inside: &str) -> String {
    by("Anna&#8217;s&#160;Apple&#xA0;Watch", kind, unit, start, end, value, inside)
}

pub(super) fn by(device: &str, kind: &str, unit: &str, start: &str, end: &str, value: &str, inside: &str) -> String {
    let head = format!(
        " <Record type=\"{kind}\" sourceName=\"{device}\" unit=\"{unit}\" creationDate=\"{end}\" startDate=\"{start}\" endDate=\"{end}\" value=\"{value}\""
    );
    if inside.is_empty() { format!("{head}/>\n") } else { format!("{head}>\n  {inside}\n </Record>\n") }
}

pub(super) fn quantity(kind: &str, unit: &str, start: &str, end: &str, value: &str) -> String {
    record(&format!("HKQuantityTypeIdentifier{kind}"), unit, start, end, value, "")
}

/// A time of 2026-01-05 in winter time.
pub(super) fn at(time: &str) -> String {
    format!("2026-01-05 {time} +0100")
}

pub(super) fn export(records: &str) -> String {
    format!("{HEAD}{records}</HealthData>\n")
}

pub(super) fn of(records: &str) -> (Patient, homeostat::diagnostic::Diagnostics) {
    read(&[("patient.toml", PATIENT.as_bytes()), ("export.xml", export(records).as_bytes())])
}

pub(super) fn readings(patient: &Patient, name: &str) -> Vec<(f64, f64)> {
    let found = patient.observations.iter().find(|known| known.name == name).unwrap_or_else(|| panic!("no {name}"));
    found.readings.iter().map(|reading| (reading.time_h, reading.value)).collect()
}

pub(super) fn events(patient: &Patient, name: &str) -> Vec<(f64, f64, f64)> {
    let found = patient.exposure(name).unwrap_or_else(|| panic!("no {name}"));
    found.events.iter().map(|event| (event.time_h, event.value, event.duration_h)).collect()
}

#[test]
fn every_kind_is_read_in_its_unit() {
    let eight = at("08:00:00");
    let mut records = String::new();
    for (kind, unit, value) in [
        ("HeartRate", "count/min", "57.2"),
        ("HeartRateVariabilitySDNN", "ms", "41.5"),
        ("BloodGlucose", "mmol&lt;180.1558800000541&gt;/L", "10"),
        ("BloodPressureSystolic", "mmHg", "121"),
        ("BloodPressureDiastolic", "mmHg", "78"),
        ("OxygenSaturation", "%", "0.97"),
        ("RespiratoryRate", "count/min", "14"),
        ("BodyTemperature", "degF", "98.6"),
        ("VO2Max", "mL/min·kg", "33.1"),
        ("BodyMass", "lb", "150"),
        ("Height", "ft", "6"),
        ("BodyFatPercentage", "%", "0.25"),
        ("DietaryCarbohydrates", "g", "60"),
        ("DietaryCaffeine", "mg", "95"),
        ("DietaryEnergyConsumed", "Cal", "500"),
        ("FlightsClimbed", "count", "3"),
        ("DistanceWalkingRunning", "km", "1.2"),
    ] {
        records += &quantity(kind, unit, &eight, &eight, value);
    }
    records += &quantity("RestingHeartRate", "count/min", &at("00:00:00"), &at("20:00:00"), "51");
    records += &quantity("ActiveEnergyBurned", "kcal", &at("09:00:00"), &at("09:30:00"), "100");
    records += &quantity("BasalEnergyBurned", "kJ", &at("09:00:00"), &at("10:00:00"), "418.4");
    records += &quantity("StepCount", "count", &at("09:00:00"), &at("09:02:00"), "200");
    let (patient, found) = of(&records);
    assert!(!found.has_errors(), "{found}");
    for (name, time, value) in [
        ("heart_rate", 8.0, 57.2),
        ("heart_rate_variability_sdnn", 8.0, 41.5),
        ("cgm_glucose", 8.0, 180.156),
        ("systolic_pressure", 8.0, 121.0),
        ("diastolic_pressure", 8.0, 78.0),
        ("oxygen_saturation", 8.0, 97.0),
        ("respiratory_rate", 8.0, 14.0),
        ("body_temperature", 8.0, 37.0),
        ("maximal_oxygen_uptake", 8.0, 33.1),
        ("resting_heart_rate", 10.0, 51.0),
    ] {
        let all = readings(&patient, name);
        assert!(
            all.len() == 1 && (all[0].0 - time).abs() < 1e-12 && (all[0].1 - value).abs() < 1e-9,
            "{name}: {all:?}"
        );
    }
    for (name, time, value, duration) in [
        ("carbohydrate_intake", 8.0, 60.0, 0.0),
        ("oral_caffeine", 8.0, 95.0, 0.0),
        ("dietary_energy", 8.0, 500.0, 0.0),
        ("active_energy_rate", 9.0, 200.0, 0.5),
        ("resting_energy_rate", 9.0, 100.0, 1.0),
        ("step_rate", 9.0, 100.0, 2.0 / 60.0),
    ] {
        let all = events(&patient, name);
        assert!(
            all.len() == 1 && all[0].0 == time && (all[0].1 - value).abs() < 1e-9 && (all[0].2 - duration).abs() < 1e-7,
            "{name}: {all:?}"
        );
    }
    let covariates: Vec<(&str, f64)> =
        patient.covariates.iter().map(|known| (known.name.as_str(), known.value)).collect();
    for (name, value) in [("weight", 68.038_855_5), ("height", 182.88), ("body_fat", 25.0), ("sex", 0.0)] {
        let found = covariates.iter().find(|known| known.0 == name).unwrap_or_else(|| panic!("{name}: {covariates:?}"));
        assert!((found.1 - value).abs() < 1e-9, "{name}: {covariates:?}");
    }
    let age = covariates.iter().find(|known| known.0 == "age").unwrap().1;
    assert!((age - 60.8).abs() < 0.1, "{age}");
    let pulse = patient.observations.iter().find(|known| known.name == "heart_rate").unwrap();
    assert_eq!(pulse.device.as_deref(), Some("Anna’s\u{a0}Apple\u{a0}Watch"));
    assert_eq!(pulse.readings[0].origin.to_string(), "export.xml:13");
    let left: Vec<&str> = patient.left_out.iter().map(|left| left.what.as_str()).collect();
    for what in ["HKQuantityTypeIdentifierFlightsClimbed", "HKCharacteristicTypeIdentifierBloodType"] {
        assert!(left.contains(&what), "{left:?}");
    }
}

#[test]
fn metadata_and_duration_decide_what_a_dose_is() {
    let insulin = |start: &str, end: &str, value: &str, reason: &str| {
        let inside = format!("<MetadataEntry key=\"HKInsulinDeliveryReason\" value=\"{reason}\"/>");
        record("HKQuantityTypeIdentifierInsulinDelivery", "IU", &at(start), &at(end), value, &inside)
    };
    let mut records = insulin("08:00:00", "08:00:00", "4.5", "2");
    records += &insulin("08:00:00", "08:30:00", "0.4", "1");
    records += &insulin("22:00:00", "22:00:00", "18", "1");
    records += &quantity("InsulinDelivery", "IU", &at("09:00:00"), &at("09:00:00"), "3");
    records += &record(
        "HKQuantityTypeIdentifierBloodGlucose",
        "mg/dL",
        &at("08:00:00"),
        &at("08:00:00"),
        "140",
        "<MetadataEntry key=\"HKWasUserEntered\" value=\"1\"/>",
    );
    records += &quantity("BloodGlucose", "mg/dL", &at("08:00:00"), &at("08:00:00"), "151");
    let (patient, found) = of(&records);
    assert!(!found.has_errors(), "{found}");
    assert_eq!(events(&patient, "bolus_insulin"), [(8.0, 4.5, 0.0)]);
    assert_eq!(events(&patient, "basal_insulin"), [(8.0, 0.8, 0.5)]);
    assert_eq!(events(&patient, "long_acting_insulin"), [(22.0, 18.0, 0.0)]);
    assert_eq!(readings(&patient, "capillary_glucose"), [(8.0, 140.0)]);
    assert_eq!(readings(&patient, "cgm_glucose"), [(8.0, 151.0)]);
    let left = patient.left_out.iter().find(|left| left.what == "HKQuantityTypeIdentifierInsulinDelivery").unwrap();
    assert_eq!(left.count, 1);
}

#[test]
fn sleep_workouts_and_correlations() {
    let sleep = |start: &str, end: &str, stage: &str| {
        let value = format!("HKCategoryValueSleepAnalysis{stage}");
        record("HKCategoryTypeIdentifierSleepAnalysis", "", &at(start), &at(end), &value, "")
    };
    let mut records = sleep("00:00:00", "06:00:00", "InBed");
    records += &sleep("00:30:00", "02:00:00", "AsleepCore");
    records += &sleep("02:00:00", "02:10:00", "Awake");
    records += &sleep("02:10:00", "03:00:00", "AsleepREM");
    records += &format!(
        " <Workout workoutActivityType=\"HKWorkoutActivityTypeWalking\" duration=\"45\" durationUnit=\"min\" sourceName=\"Watch\" startDate=\"{}\" endDate=\"{}\">\n  <WorkoutStatistics type=\"HKQuantityTypeIdentifierActiveEnergyBurned\" sum=\"240\" unit=\"kcal\"/>\n </Workout>\n",
        at("17:30:00"),
        at("18:15:00")
    );
    let pressure = quantity("BloodPressureSystolic", "mmHg", &at("08:00:00"), &at("08:00:00"), "121");
    records += &format!(
        " <Correlation type=\"HKCorrelationTypeIdentifierBloodPressure\" sourceName=\"Cuff\">\n{pressure} </Correlation>\n{pressure}"
    );
    records += " <ActivitySummary dateComponents=\"2026-01-05\" activeEnergyBurned=\"412\"/>\n";
    let (patient, found) = of(&records);
    assert!(!found.has_errors(), "{found}");
    let asleep: f64 = events(&patient, "asleep").iter().map(|(_, value, hours)| value * hours).sum();
    assert!((asleep - (1.5 + 50.0 / 60.0)).abs() < 1e-6, "{asleep}");
    assert_eq!(events(&patient, "exercise"), [(17.5, 1.0, 0.75)]);
    assert_eq!(readings(&patient, "systolic_pressure"), [(8.0, 121.0)]);
    assert!(patient.left_out.iter().all(|left| left.why != "it stands twice"), "{:?}", patient.left_out);
    assert!(patient.left_out.iter().any(|left| left.what == "ActivitySummary"));
}

#[test]
fn offsets_are_those_of_each_record() {
    let mut records =
        quantity("HeartRate", "count/min", "2026-01-05 08:00:00 +0100", "2026-01-05 08:00:00 +0100", "60");
    records += &quantity("HeartRate", "count/min", "2026-01-05 08:00:00 -0500", "2026-01-05 08:00:00 -0500", "61");
    let (patient, _) = of(&records);
    assert_eq!(readings(&patient, "heart_rate"), [(8.0, 60.0), (14.0, 61.0)]);
}

#[test]
fn mistakes_have_their_line_and_the_rest_is_shown() {
    let good = quantity("HeartRate", "count/min", &at("08:00:00"), &at("08:00:00"), "60");
    let whole =
        export(&format!("{good}{}", quantity("HeartRate", "count/min", &at("09:00:00"), &at("09:00:00"), "62")));
    let cut = whole.rfind("value=\"62").unwrap();
    let line = 1 + whole[..cut].matches('\n').count();
    let (patient, found) = read(&[("patient.toml", PATIENT.as_bytes()), ("export.xml", &whole.as_bytes()[..cut])]);
    assert_eq!(codes(&found), ["P2033", "P2033"], "{found}");
    assert_eq!(readings(&patient, "heart_rate"), [(8.0, 60.0)]);
    let place = found.iter().next().unwrap().location.as_ref().unwrap().to_string();
    assert!(place.contains(&format!("export.xml:{line}")), "{place} {line}");
    // After a whole record.
    let cut = whole.rfind("</HealthData>").unwrap();
    let (patient, found) = read(&[("patient.toml", PATIENT.as_bytes()), ("export.xml", &whole.as_bytes()[..cut])]);
    assert_eq!(codes(&found), ["P2033"], "{found}");
    assert!(found.to_string().contains(&format!("at byte {cut}")), "{found}");
    assert_eq!(readings(&patient, "heart_rate").len(), 2);
    for (record, what) in [
        (quantity("HeartRate", "count/min", "yesterday", &at("08:00:00"), "60"), "startDate"),
        (quantity("HeartRate", "count/min", &at("08:00:00"), &at("07:00:00"), "60"), "endDate"),
        (quantity("HeartRate", "count/min", &at("08:00:00"), &at("08:00:00"), ""), "no `value`"),
    ] {
        let (patient, found) = of(&format!("{record}{good}"));
        assert_eq!(codes(&found), ["P2033"], "{found}");
        assert!(found.to_string().contains(what), "{found}");
        assert_eq!(readings(&patient, "heart_rate"), [(8.0, 60.0)]);
    }
    let (_, found) = of(&quantity("HeartRate", "count/fortnight", &at("08:00:00"), &at("08:00:00"), "60"));
    assert!(codes(&found)[0].starts_with('U'), "{found}");
    let deep = format!("{HEAD}{}", "<a>".repeat(100_000));
    let (_, found) = read(&[("patient.toml", PATIENT.as_bytes()), ("export.xml", deep.as_bytes())]);
    assert!(found.to_string().contains("too deep"), "{found}");
    let long = format!("{HEAD}<Record type=\"{}\"/></HealthData>", "x".repeat(3 << 20));
    let (_, found) = read(&[("patient.toml", PATIENT.as_bytes()), ("export.xml", long.as_bytes())]);
    assert!(found.to_string().contains("longer than"), "{found}");
    let mut bytes = whole.clone().into_bytes();
    let at = whole.find("Anna").unwrap();
    bytes[at] = 0xff;
    let (patient, found) = read(&[("patient.toml", PATIENT.as_bytes()), ("export.xml", &bytes)]);
    assert!(codes(&found).contains(&"P2033"), "{found}");
    assert!(patient.observations.len() <= 1);
    let marked = format!("\u{feff}{}", whole.replace('\n', "\r\n"));
    let (patient, found) = read(&[("patient.toml", PATIENT.as_bytes()), ("export.xml", marked.as_bytes())]);
    assert!(!found.has_errors(), "{found}");
    assert_eq!(readings(&patient, "heart_rate").len(), 2);
}

#[test]
fn the_shared_look_alike() {
    let Some(path) = shared("exports/wearable/apple_health_synthetic_export.xml") else { return };
    let bytes = std::fs::read(path).unwrap();
    let (patient, found) = read(&[("patient.toml", PATIENT.as_bytes()), ("export.xml", &bytes)]);
    assert!(codes(&found).iter().all(|code| *code == "P2040" || *code == "P2022"), "{found}");
    assert_eq!(readings(&patient, "heart_rate").len(), 288);
    assert_eq!(readings(&patient, "cgm_glucose").len(), 96);
    assert_eq!(events(&patient, "carbohydrate_intake").len(), 6);
    assert_eq!(events(&patient, "bolus_insulin").len(), 6);
    assert_eq!(patient.exposure("step_rate").unwrap().kind, ExposureKind::Rate);
}
