//! Apple Health's archive as it is, and mutated bytes of both forms.

use std::io::Write;

use proptest::prelude::*;

use super::apple_health::{HEAD, PATIENT, at, export, quantity, readings, record};
use super::{codes, fuzzed, read};

/// An archive of these files, packed or as they are.
fn zipped(files: &[(&str, &[u8])], pack: bool) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let mut packed = content.to_vec();
        if pack {
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(content).unwrap();
            packed = encoder.finish().unwrap();
        }
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let mut row = vec![20, 0, 0, 0, if pack { 8 } else { 0 }, 0, 0, 0, 0, 0];
        for number in [crc.sum(), packed.len() as u32, content.len() as u32] {
            row.extend(number.to_le_bytes());
        }
        row.extend((name.len() as u16).to_le_bytes());
        row.extend([0, 0]);
        directory.extend([b"PK\x01\x02\x14\x00", &row[..], &[0; 10]].concat());
        directory.extend((bytes.len() as u32).to_le_bytes());
        directory.extend(name.as_bytes());
        bytes.extend([b"PK\x03\x04", &row[..], name.as_bytes(), &packed].concat());
    }
    let at = bytes.len() as u32;
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([(files.len() as u16).to_le_bytes(), (files.len() as u16).to_le_bytes()].concat());
    bytes.extend((directory.len() as u32).to_le_bytes());
    bytes.extend(at.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

#[test]
fn the_archive_is_read_as_it_is() {
    let text = export(&quantity("HeartRate", "count/min", &at("08:00:00"), &at("08:00:00"), "60"));
    let files: [(&str, &[u8]); 3] = [
        ("apple_health_export/export_cda.xml", b"<ClinicalDocument/>"),
        ("apple_health_export/Exportieren.xml", text.as_bytes()),
        ("apple_health_export/workout-routes/route.gpx", b"<gpx/>"),
    ];
    let manifest = PATIENT.replace("export.xml", "export.zip");
    let of = |bytes: &[u8]| read(&[("patient.toml", manifest.as_bytes()), ("export.zip", bytes)]);
    for pack in [true, false] {
        let whole = zipped(&files, pack);
        let (patient, found) = of(&whole);
        assert!(!found.has_errors(), "{found}");
        assert_eq!(readings(&patient, "heart_rate"), [(8.0, 60.0)]);
        let (_, found) = of(&whole[..whole.len() - 30]);
        assert!(codes(&found).contains(&"P2033") && found.to_string().contains("no directory"), "{found}");
    }
    let mut wrong = zipped(&files, false);
    let place = wrong.windows(10).position(|bytes| bytes == b"value=\"60\"").unwrap();
    wrong[place + 7] = b'7';
    let (patient, found) = of(&wrong);
    assert!(codes(&found).contains(&"P2033") && found.to_string().contains("checksum"), "{found}");
    assert_eq!(readings(&patient, "heart_rate"), [(8.0, 70.0)]);
    let (_, found) = of(&zipped(&files[2..], true));
    assert!(found.to_string().contains("no XML file"), "{found}");
}

proptest! {
    #![proptest_config(fuzzed())]
    #[test]
    fn no_bytes_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20), cut in any::<prop::sample::Index>()) {
        let mut bytes = export(&format!(
            "{}{}",
            quantity("StepCount", "count", &at("09:00:00"), &at("09:02:00"), "200"),
            record("HKQuantityTypeIdentifierInsulinDelivery", "IU", &at("08:00:00"), &at("08:00:00"), "4", "<MetadataEntry key=\"HKInsulinDeliveryReason\" value=\"2\"/>")
        )).into_bytes();
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        let keep = cut.index(2 * bytes.len());
        bytes.truncate(keep.max(40));
        let manifest = format!("{PATIENT}format = \"apple_health\"\n");
        read(&[("patient.toml", manifest.as_bytes()), ("export.xml", &bytes)]);
        let mut archive = zipped(&[("apple_health_export/export.xml", HEAD.as_bytes())], true);
        for (at, byte) in &changes {
            let at = at.index(archive.len());
            archive[at] = *byte;
        }
        read(&[("patient.toml", manifest.as_bytes()), ("export.xml", &archive)]);
    }
}
