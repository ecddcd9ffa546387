//! FIT files: shared recordings against another reader, and small ones made here, whole and broken.

use homeostat::diagnostic::Diagnostics;
use homeostat::patient::Patient;
use proptest::prelude::*;

use super::{codes, fuzzed, read, shared};

/// 2026-01-05 00:00 UTC in the format's seconds.
const MIDNIGHT: u32 = 1_136_505_600;
const FIT_EPOCH: &str = "1989-12-31T00:00:00+00:00[UTC]";

fn manifest(epoch: &str) -> String {
    format!("name = \"fit\"\nepoch = \"{epoch}\"\n[[source]]\nfile = \"a.fit\"\n")
}

fn of(bytes: &[u8]) -> (Patient, Diagnostics) {
    read(&[("patient.toml", manifest("2026-01-05T00:00:00+00:00[UTC]").as_bytes()), ("a.fit", bytes)])
}

fn shared_file(name: &str, epoch: &str) -> Option<(Patient, Diagnostics)> {
    let bytes = std::fs::read(shared(&format!("exports/fit/{name}"))?).unwrap();
    Some(read(&[("patient.toml", manifest(epoch).as_bytes()), ("a.fit", &bytes)]))
}

fn values(patient: &Patient, name: &str) -> Vec<f64> {
    let readings = patient.observations.iter().filter(|known| known.name == name).flat_map(|known| &known.readings);
    let events = patient.exposures.iter().filter(|known| known.name == name).flat_map(|known| &known.events);
    readings.map(|reading| reading.value).chain(events.map(|event| event.value)).collect()
}

fn crc(bytes: &[u8]) -> u16 {
    // Two nibbles a byte, as the format's own description has it; the reader goes bit by bit.
    const TABLE: [u16; 16] = [
        0x0000, 0xcc01, 0xd801, 0x1400, 0xf001, 0x3c00, 0x2800, 0xe401, 0xa001, 0x6c00, 0x7800, 0xb401, 0x5000, 0x9c01,
        0x8801, 0x4400,
    ];
    let nibble = |crc: u16, nibble: u8| (crc >> 4) ^ TABLE[usize::from(crc & 15)] ^ TABLE[usize::from(nibble & 15)];
    bytes.iter().fold(0, |crc, byte| nibble(nibble(crc, *byte), byte >> 4))
}

/// A file of these messages, with its header and checksum.
fn file(messages: &[u8]) -> Vec<u8> {
    let mut bytes = vec![14, 0x20, 0x54, 0x08];
    bytes.extend((messages.len() as u32).to_le_bytes());
    bytes.extend(b".FIT");
    bytes.extend(crc(&bytes).to_le_bytes());
    bytes.extend(messages);
    bytes.extend(crc(&bytes).to_le_bytes());
    bytes
}

/// A definition of a message of local kind 0, little-endian.
fn define(number: u16, fields: &[[u8; 3]]) -> Vec<u8> {
    let mut bytes = vec![0x40, 0, 0];
    bytes.extend(number.to_le_bytes());
    bytes.push(fields.len() as u8);
    bytes.extend(fields.iter().flatten());
    bytes
}

/// Records of heart rate, every 10 s from 08:00.
fn records(pulses: &[u8]) -> Vec<u8> {
    let mut bytes = define(20, &[[253, 4, 0x86], [3, 1, 0x02]]);
    for (at, pulse) in pulses.iter().enumerate() {
        bytes.push(0);
        bytes.extend((MIDNIGHT + 8 * 3600 + 10 * at as u32).to_le_bytes());
        bytes.push(*pulse);
    }
    bytes
}

/// Counts and sums of PyPI fitparse 1.2.0:
/// `[m.get_value('heart_rate') for m in fitparse.FitFile(name).get_messages('record')]`, all `time` of `hrv`.
#[test]
fn a_shared_ride_is_read_as_another_reader_does() {
    let Some((patient, found)) = shared_file("hrv-activity.fit", "2022-02-07T00:00:00+00:00[UTC]") else { return };
    assert!(!found.has_errors(), "{found}");
    for (name, count, sum) in [
        ("heart_rate", 1072, 167_199.0),
        ("mechanical_power", 1071, 196_808.0),
        ("cadence", 1072, 83_595.0),
        ("rr_interval", 2705, 1_074_010.0),
    ] {
        let found = values(&patient, name);
        assert_eq!((found.len(), (found.iter().sum::<f64>() - sum).abs() < 1e-6), (count, true), "{name}");
    }
    let pulse = patient.observations.iter().find(|known| known.name == "heart_rate").unwrap();
    let (first, last) = (&pulse.readings[0], pulse.readings.last().unwrap());
    assert!((first.time_h - (16.0 + 47.0 / 60.0 + 52.0 / 3600.0)).abs() < 1e-9, "{}", first.time_h);
    assert!((last.time_h - (17.0 + 5.0 / 60.0 + 44.0 / 3600.0)).abs() < 1e-9, "{}", last.time_h);
    assert_eq!((first.value, last.value), (128.0, 150.0));
    assert_eq!(pulse.device.as_deref(), Some("maker 1, product 3121, serial number 3376547458"));
    let beats = patient.observations.iter().find(|known| known.name == "rr_interval").unwrap();
    let length = beats.readings.last().unwrap().time_h - beats.readings[0].time_h;
    assert!((length * 3600.0 - 1074.0).abs() < 3.0, "{length}");
    let ride = &patient.exposure("exercise").unwrap().events[0];
    assert!((ride.duration_h * 3600.0 - 1072.488).abs() < 0.01, "{}", ride.duration_h);
    assert!(patient.left_out.iter().any(|left| left.what == "message 104" && left.count == 18));
}

/// Steps: PyPI fitparse, the differences of `2 * cycles` of walking and running from the local midnight on, 3173.
#[test]
fn a_shared_day_of_steps() {
    let Some((patient, found)) = shared_file("MonitoringFile.fit", "2014-12-27T00:00:00-06:00[America/Chicago]") else {
        return;
    };
    assert!(!found.has_errors(), "{found}");
    let steps = patient.exposure("step_rate").unwrap();
    let sum: f64 = steps.events.iter().map(|event| event.value * 60.0 * event.duration_h).sum();
    let left: Vec<_> = patient.left_out.iter().filter(|left| left.what == "step_rate").collect();
    assert!((sum - 3173.0).abs() < 0.01, "{sum} {left:?}");
    assert!(steps.events.iter().all(|event| event.time_h >= 0.0 && event.time_h < 25.0));
}

#[test]
fn shared_scales_and_fields_of_apps() {
    let Some((patient, found)) = shared_file("WeightScaleSingleUser.fit", "2009-09-09T00:00:00+00:00[UTC]") else {
        return;
    };
    assert!(!found.has_errors(), "{found}");
    assert_eq!(values(&patient, "body_mass"), [75.8, 76.09]);
    for (name, value) in [("weight", 71.0), ("height", 179.0), ("age", 47.0), ("sex", 1.0), ("body_fat", 22.3)] {
        let found = patient.covariates.iter().find(|known| known.name == name).unwrap_or_else(|| panic!("no {name}"));
        assert!((found.value - value).abs() < 1e-9, "{name} {}", found.value);
    }
    let Some((patient, found)) = shared_file("DeveloperData.fit", FIT_EPOCH) else { return };
    assert!(!found.has_errors(), "{found}");
    let left = patient.left_out.iter().find(|left| left.what == "record.doughnuts_earned").unwrap();
    assert_eq!(left.count, 3);
    let Some((patient, found)) = shared_file("Activity.fit", "2012-04-09T00:00:00+00:00[UTC]") else { return };
    assert!(!found.has_errors(), "{found}");
    assert_eq!(values(&patient, "exercise"), [1.0]);
}

#[test]
fn invalid_numbers_big_endian_short_times_and_files_in_a_row() {
    let (patient, found) = of(&file(&records(&[60, 0xff, 64])));
    assert!(!found.has_errors(), "{found}");
    assert_eq!(values(&patient, "heart_rate"), [60.0, 64.0]);
    assert!((patient.observations[0].readings[1].time_h - (8.0 + 20.0 / 3600.0)).abs() < 1e-12);
    assert_eq!(patient.observations[0].readings[1].origin.to_string(), "a.fit#message 3");
    // A weight in big-endian.
    let mut bytes = vec![0x40, 0, 1, 0, 30, 2, 253, 4, 0x86, 0, 2, 0x84, 0];
    bytes.extend((MIDNIGHT + 3600).to_be_bytes());
    bytes.extend(7012_u16.to_be_bytes());
    let (patient, _) = of(&file(&bytes));
    assert_eq!(values(&patient, "body_mass"), [70.12]);
    // Compressed headers: five bits of the time.
    let mut bytes = records(&[60]);
    bytes.extend(define(20, &[[3, 1, 0x02]]));
    let base = MIDNIGHT + 8 * 3600;
    bytes.extend([0x80 | ((base + 5) & 31) as u8, 61, 0x80 | ((base + 30) & 31) as u8, 62]);
    let (patient, found) = of(&file(&bytes));
    assert!(!found.has_errors(), "{found}");
    let times: Vec<f64> =
        patient.observations[0].readings.iter().map(|reading| reading.time_h * 3600.0 - 28_800.0).collect();
    assert!(times.iter().zip([0.0, 5.0, 30.0]).all(|(time, wanted)| (time - wanted).abs() < 1e-6), "{times:?}");
    // Sixteen bits of the time, past their end; a pulse of monitoring.
    let mut bytes = define(103, &[[253, 4, 0x86]]);
    bytes.push(0);
    let before = (MIDNIGHT + 3600) | 0xff00;
    bytes.extend(before.to_le_bytes());
    bytes.extend(define(55, &[[26, 2, 0x84], [27, 1, 0x02]]));
    bytes.push(0);
    bytes.extend((before.wrapping_add(600) as u16).to_le_bytes());
    bytes.push(71);
    let (patient, found) = of(&file(&bytes));
    assert!(!found.has_errors(), "{found}");
    let time = patient.observations[0].readings[0].time_h * 3600.0;
    assert!((time - f64::from(before + 600 - MIDNIGHT)).abs() < 1e-6, "{time}");
    let mut both = file(&records(&[60]));
    both.extend(file(&records(&[0xff, 66])));
    let (patient, found) = of(&both);
    assert!(!found.has_errors(), "{found}");
    assert_eq!(values(&patient, "heart_rate"), [60.0, 66.0]);
}

#[test]
fn counters_begin_at_midnight_and_again() {
    let step = |time: u32, steps: u32, kind: u8| {
        let mut bytes = vec![0];
        bytes.extend(time.to_le_bytes());
        bytes.extend(steps.to_le_bytes());
        bytes.push(kind);
        bytes
    };
    let monitoring = define(55, &[[253, 4, 0x86], [3, 4, 0x86], [5, 1, 0x00]]);
    let day = [
        step(MIDNIGHT + 600, 100, 6),
        step(MIDNIGHT + 1200, 250, 6),
        step(MIDNIGHT + 1800, 40, 1),
        step(MIDNIGHT + 2400, 30, 6),
        step(MIDNIGHT + 3000, 500, 2),
    ]
    .concat();
    // Without a beginning the first value of each type is none.
    let (patient, found) = of(&file(&[monitoring.clone(), day.clone()].concat()));
    assert!(!found.has_errors(), "{found}");
    assert_eq!(values(&patient, "step_rate"), [15.0, 3.0]);
    let left = |patient: &Patient, what: &str| {
        patient.left_out.iter().filter(|left| left.why.contains(what)).map(|left| left.count).sum::<usize>()
    };
    assert_eq!((left(&patient, "first value"), left(&patient, "none on foot")), (2, 1));
    // A pulse on the way does not shorten the time in which was counted.
    let mut beat = define(55, &[[253, 4, 0x86], [27, 1, 0x02]]);
    beat.push(0);
    beat.extend((MIDNIGHT + 1140).to_le_bytes());
    beat.push(80);
    let steps = [step(MIDNIGHT + 600, 100, 6), beat, monitoring.clone(), step(MIDNIGHT + 1200, 250, 6)].concat();
    let (patient, _) = of(&file(&[monitoring.clone(), steps].concat()));
    assert_eq!((values(&patient, "step_rate"), values(&patient, "heart_rate")), (vec![15.0], vec![80.0]));
    let mut info = define(103, &[[253, 4, 0x86], [0, 4, 0x86]]);
    info.push(0);
    info.extend(MIDNIGHT.to_le_bytes());
    info.extend(MIDNIGHT.to_le_bytes());
    let (patient, found) = of(&file(&[info, monitoring, day].concat()));
    assert!(!found.has_errors(), "{found}");
    assert_eq!(values(&patient, "step_rate"), [10.0, 15.0, 4.0, 3.0]);
}

#[test]
fn fields_of_apps_can_be_named() {
    let mut bytes = define(206, &[[0, 1, 2], [1, 1, 2], [2, 1, 2], [3, 8, 7], [8, 4, 7]]);
    bytes.extend([0, 0, 0, 0x84]);
    bytes.extend(b"lactate\0mmol");
    // The unit ends with the text.
    bytes.truncate(bytes.len() - 4);
    bytes.extend(b"g\0\0\0");
    bytes.extend([0x60, 0, 0, 20, 0, 1, 253, 4, 0x86, 1, 0, 2, 0]);
    bytes.push(0);
    bytes.extend((MIDNIGHT + 60).to_le_bytes());
    bytes.extend(12_u16.to_le_bytes());
    let manifest =
        format!("{}as = {{ \"record.lactate\" = \"carbohydrate_intake\" }}\n", manifest("2026-01-05T00:00:00Z"));
    let (patient, found) = read(&[("patient.toml", manifest.as_bytes()), ("a.fit", &file(&bytes))]);
    assert_eq!(values(&patient, "carbohydrate_intake"), [12.0], "{found}");
}

#[test]
fn broken_files_have_their_byte_and_the_rest_is_shown() {
    let whole = file(&records(&[60, 62, 64]));
    let (patient, found) = of(&whole[..whole.len() - 5]);
    assert_eq!(codes(&found), ["P2033"], "{found}");
    assert_eq!(values(&patient, "heart_rate"), [60.0, 62.0]);
    assert!(found.to_string().contains("within a message"), "{found}");
    let (patient, found) = of(&whole[..whole.len() - 2]);
    assert_eq!(codes(&found), ["P2033"], "{found}");
    assert_eq!(values(&patient, "heart_rate").len(), 3);
    let mut wrong = whole.clone();
    let at = wrong.len() - 3;
    wrong[at] = 65;
    let (patient, found) = of(&wrong);
    assert_eq!(codes(&found), ["P2042"], "{found}");
    assert_eq!(values(&patient, "heart_rate"), [60.0, 62.0, 65.0]);
    let mut wrong = whole.clone();
    wrong.extend(b"something else");
    let (_, found) = of(&wrong);
    assert_eq!(codes(&found), ["P2033"], "{found}");
    let (_, found) = of(&file(&[3, 0, 0]));
    assert!(found.to_string().contains("before its definition"), "{found}");
    let mut wrong = whole;
    wrong[4..8].copy_from_slice(&20_u32.to_le_bytes());
    let (_, found) = of(&wrong);
    assert_eq!(codes(&found)[0], "P2033", "{found}");
    // A clock that was never set.
    let mut unset = define(20, &[[253, 4, 0x86], [3, 1, 0x02]]);
    unset.extend([0, 16, 0, 0, 0, 60]);
    let (patient, _) = of(&file(&unset));
    assert!(patient.left_out.iter().any(|left| left.what == "record.heart_rate"), "{:?}", patient.left_out);
}

/// An interval of 1e300 s would put the next beat beyond every time: its sum with the format's epoch overflowed.
#[test]
fn an_interval_between_beats_beyond_every_time_is_left_out() {
    let mut messages = records(&[60, 62]);
    messages.extend(define(78, &[[0, 8, 0x89]]));
    messages.push(0);
    messages.extend(1e300_f64.to_le_bytes());
    let (patient, found) = of(&file(&messages));
    assert!(!found.has_errors(), "{found}");
    assert!(patient.observations.iter().all(|known| known.name != "rr_interval"));
    assert!(patient.left_out.iter().any(|left| left.what == "hrv.time" && left.count == 1), "{:?}", patient.left_out);
}

#[test]
fn many_empty_messages_take_no_time() {
    let mut bytes = define(20, &[]);
    bytes.extend(vec![0; 300_000]);
    let begin = std::time::Instant::now();
    let (_, found) = of(&file(&bytes));
    assert!(!found.has_errors(), "{found}");
    assert!(begin.elapsed().as_secs() < 10, "{:?}", begin.elapsed());
}

proptest! {
    #![proptest_config(fuzzed())]
    #[test]
    fn no_bytes_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20), cut in any::<prop::sample::Index>()) {
        let mut messages = records(&[60, 62]);
        messages.extend(define(55, &[[26, 2, 0x84], [3, 4, 0x86], [24, 1, 0x0d]]));
        messages.extend([0, 1, 2, 3, 0, 0, 0, 6]);
        messages.extend(define(78, &[[0, 10, 0x84]]));
        messages.extend([0, 0xd2, 3, 0xd2, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        messages.extend(define(18, &[[2, 4, 0x86], [7, 4, 0x86], [11, 2, 0x84]]));
        messages.extend([0, 1, 2, 3, 60, 5, 6, 7, 0, 3, 0]);
        let mut bytes = file(&messages);
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        let keep = cut.index(2 * bytes.len());
        bytes.truncate(keep);
        let manifest = format!("{}format = \"fit\"\n", manifest(FIT_EPOCH));
        read(&[("patient.toml", manifest.as_bytes()), ("a.fit", &bytes)]);
    }
}
