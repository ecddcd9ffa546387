//! DICOM segmentations: volumes against pydicom and highdicom, names of segments, and wrong files.

use std::fs;
use std::path::Path;

use homeostat::diagnostic::Diagnostics;
use homeostat::patient::Patient;
use proptest::prelude::*;

use super::{codes, read, shared, values, why};

fn bundle(keys: &str, bytes: &[u8]) -> (Patient, Diagnostics) {
    let manifest = format!("name = \"scan\"\n[[source]]\nfile = \"seg.dcm\"\n{keys}");
    read(&[("patient.toml", manifest.as_bytes()), ("seg.dcm", bytes)])
}

#[test]
fn volumes_are_those_of_pydicom() {
    // Voxels: numpy sums of pydicom 3.0's pixel_array by segment (over 255 where fractional). Spacing: pixel spacing, and slices by
    // highdicom 0.28's get_volume(allow_missing_positions=True).
    let pixel = 0.488281 * 0.488281 * 1.25;
    for (file, names, expected) in [
        ("dcmqi_liver.dcm", "\"T-62000\" = \"v1\"", vec![107_098.0 * 0.810547 * 0.810547]),
        ("dcmqi_sparse-labelmap-noppv.dcm", "\"10200004\" = \"v1\"", vec![630.0 * 0.49 * 2.5]),
        ("highdicom_seg_image_ct_binary.dcm", "\"first segment\" = \"v1\"", vec![638.0 * pixel]),
        (
            "highdicom_seg_image_ct_binary_overlap.dcm",
            "\"first segment\" = \"v1\", \"421060004\" = \"v2\"",
            vec![64.0 * pixel, 16.0 * pixel],
        ),
        ("highdicom_seg_image_ct_true_fractional.dcm", "\"272673000\" = \"v1\"", vec![326.023_529_411_764_7 * pixel]),
    ] {
        let Some(path) = shared(&format!("exports/dicom/{file}")) else { return };
        let keys = format!("dice = \"0.9\"\nborder = \"whole\"\nas = {{ {names} }}\n");
        let (patient, found) = bundle(&keys, &fs::read(path).unwrap());
        assert!(!found.has_errors(), "{file}: {found}");
        let read = values(&patient);
        assert_eq!(read.len(), expected.len(), "{file}: {:?}", patient.left_out);
        for (at, volume) in expected.iter().enumerate() {
            let mine = read[&format!("v{}", at + 1)].0 * 1000.0;
            // Planes are written to a millionth of a millimetre.
            assert!((mine / volume - 1.0).abs() < 1e-6, "{file}: {mine} mm³, {volume} mm³");
        }
    }
    // Cells on a slide have no place in a patient.
    let slide = fs::read(shared("exports/dicom/highdicom_seg_image_sm_control_labelmap.dcm").unwrap()).unwrap();
    assert_eq!(codes(&bundle("dice = \"0.9\"\n", &slide).1), ["P2056"]);
}

#[test]
fn compressed_segmentations_have_the_volumes_of_pydicom() {
    // Written and decoded by pydicom 3.0: `tests/validation/dicom_compressed.py`.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/dicom");
    let golden = fs::read_to_string(folder.join("volumes.csv")).unwrap();
    let mut compared = 0;
    for line in golden.lines().skip(1) {
        let [file, label, expected] = line.split(',').collect::<Vec<_>>().try_into().unwrap();
        let keys = format!("dice = \"0.9\"\nborder = \"whole\"\nas = {{ {label} = \"volume_{label}\" }}\n");
        let (patient, found) = bundle(&keys, &fs::read(folder.join(file)).unwrap());
        assert!(!found.has_errors(), "{file}: {found}");
        let (mine, expected) =
            (values(&patient)[&format!("volume_{label}")].0 * 1000.0, expected.parse::<f64>().unwrap());
        assert!((mine / expected - 1.0).abs() < 1e-9, "{file} {label}: {mine} mm³, {expected} mm³");
        compared += 1;
    }
    assert_eq!(compared, 15);
}

#[test]
fn damaged_compressed_segmentations_are_told() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/dicom");
    let code = |bytes: &[u8]| codes(&bundle("format = \"dicom_seg\"\ndice = \"0.9\"\n", bytes).1).first().copied();
    let runs = fs::read(folder.join("label_map_runs.dcm")).unwrap();
    // The header of the last frame's runs, and what follows it; the parts end with a delimiter of eight bytes.
    let header = runs.windows(8).rposition(|window| window == [1, 0, 0, 0, 64, 0, 0, 0]).unwrap();
    for (place, byte) in [(header, 2), (header, 0), (header + 4, 63), (header + 6, 9), (header + 64, 127)] {
        let mut damaged = runs.clone();
        damaged[place] = byte;
        assert_eq!(code(&damaged), Some("P2033"), "{place} {byte}");
    }
    assert_eq!(code(&runs[..runs.len() - 8]), Some("P2033"));
    // A frame fewer than there should be.
    let item = header - 8;
    let fewer = [&runs[..item], &runs[runs.len() - 8..]].concat();
    assert_eq!(code(&fewer), Some("P2056"));
    let deflated = fs::read(folder.join("fractional_deflated.dcm")).unwrap();
    assert_eq!(code(&deflated[..deflated.len() - 60]), Some("P2033"));
    let mut damaged = deflated.clone();
    let last = damaged.len() - 200;
    damaged[last..last + 40].fill(0xA5);
    assert!(code(&damaged).is_some());
    // The other ways to compress pixels say which they are, and what to write instead.
    let plain = two_sides().bytes();
    let syntax = element(0x0002_0010, b"UI", b"1.2.840.10008.1.2.1\0");
    let at = plain.windows(syntax.len()).position(|window| window == syntax).unwrap();
    for (other, word) in
        [("4.70", "as JPEG ("), ("4.80", "JPEG-LS"), ("4.90", "JPEG 2000"), ("4.201", "JPEG 2000"), ("2", "big-endian")]
    {
        let other = element(0x0002_0010, b"UI", format!("1.2.840.10008.1.2.{other}").as_bytes());
        let bytes = [&plain[..at], &other, &plain[at + syntax.len()..]].concat();
        let (_, found) = bundle("dice = \"0.9\"\n", &bytes);
        assert_eq!(codes(&found), ["P2056"], "{found}");
        assert!(found.to_string().contains(word) && found.to_string().contains("uncompressed"), "{found}");
    }
}

/// An element with a kind, little-endian.
fn element(tag: u32, kind: &[u8; 2], value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(((tag >> 16) as u16).to_le_bytes());
    bytes.extend((tag as u16).to_le_bytes());
    bytes.extend(kind);
    let mut value = value.to_vec();
    if value.len() % 2 == 1 {
        value.push(b' ');
    }
    if [b"SQ", b"OB", b"OW", b"UN"].contains(&kind) {
        bytes.extend([0, 0]);
        bytes.extend((value.len() as u32).to_le_bytes());
    } else {
        bytes.extend((value.len() as u16).to_le_bytes());
    }
    bytes.extend(value);
    bytes
}

/// A sequence of items; every other one of undefined length.
fn sequence(tag: u32, items: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, item) in items.iter().enumerate() {
        bytes.extend([0xFE, 0xFF, 0x00, 0xE0]);
        if at % 2 == 0 {
            bytes.extend((item.len() as u32).to_le_bytes());
            bytes.extend(item);
        } else {
            bytes.extend([0xFF; 4]);
            bytes.extend(item);
            bytes.extend([0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0]);
        }
    }
    element(tag, b"SQ", &bytes)
}

/// A segmentation of frames of 5 × 3 pixels (so that no frame but the first begins at a byte), of 2 × 1 × 4 mm.
struct Segmentation {
    /// Label, scheme, code, modifier.
    segments: Vec<(&'static str, &'static str, &'static str, &'static str)>,
    /// Segment, height, pixels (only those of the inner three count as inside).
    frames: Vec<(u16, f64, [u8; 15])>,
    spacing: &'static str,
}

impl Segmentation {
    fn bytes(&self) -> Vec<u8> {
        let mut data = vec![0; 128];
        data.extend(b"DICM");
        data.extend(element(0x0002_0010, b"UI", b"1.2.840.10008.1.2.1\0"));
        data.extend(element(0x0008_0016, b"UI", b"1.2.840.10008.5.1.4.1.1.66.4"));
        data.extend(element(0x0028_0008, b"IS", self.frames.len().to_string().as_bytes()));
        data.extend(element(0x0028_0010, b"US", &3_u16.to_le_bytes()));
        data.extend(element(0x0028_0011, b"US", &5_u16.to_le_bytes()));
        data.extend(element(0x0028_0100, b"US", &1_u16.to_le_bytes()));
        data.extend(element(0x0062_0001, b"CS", b"BINARY"));
        let segments = self.segments.iter().enumerate().map(|(at, (label, scheme, code, modifier))| {
            let coded = |code: &str, more: Vec<u8>| {
                let mut item = element(0x0008_0100, b"SH", code.as_bytes());
                item.extend(element(0x0008_0102, b"SH", scheme.as_bytes()));
                item.extend(more);
                item
            };
            let side = if modifier.is_empty() { Vec::new() } else { sequence(0x0062_0011, &[coded(modifier, vec![])]) };
            let mut item = element(0x0062_0004, b"US", &(at as u16 + 1).to_le_bytes());
            item.extend(element(0x0062_0005, b"LO", label.as_bytes()));
            if !code.is_empty() {
                item.extend(sequence(0x0062_000F, &[coded(code, side)]));
            }
            item
        });
        data.extend(sequence(0x0062_0002, &segments.collect::<Vec<_>>()));
        let mut measures = element(0x0028_0030, b"DS", b"2\\1");
        measures.extend(element(0x0018_0050, b"DS", b"9"));
        if !self.spacing.is_empty() {
            measures.extend(element(0x0018_0088, b"DS", self.spacing.as_bytes()));
        }
        let mut shared = sequence(0x0028_9110, &[measures]);
        shared.extend(sequence(0x0020_9116, &[element(0x0020_0037, b"DS", b"1\\0\\0\\0\\1\\0")]));
        data.extend(sequence(0x5200_9229, &[shared]));
        let frames = self.frames.iter().map(|(segment, height, _)| {
            let place = format!("10\\20\\{height}");
            let mut frame = sequence(0x0020_9113, &[element(0x0020_0032, b"DS", place.as_bytes())]);
            frame.extend(sequence(0x0062_000A, &[element(0x0062_000B, b"US", &segment.to_le_bytes())]));
            frame
        });
        data.extend(sequence(0x5200_9230, &frames.collect::<Vec<_>>()));
        let bits: Vec<u8> = self.frames.iter().flat_map(|(_, _, pixels)| *pixels).collect();
        let packed = bits.chunks(8).map(|bits| bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | bit << at));
        data.extend(element(0x7FE0_0010, b"OB", &packed.collect::<Vec<_>>()));
        data
    }
}

const SCT: &str = "SCT";

/// Three pixels in the middle, or at the left edge.
const MIDDLE: [u8; 15] = [0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0];
const EDGE: [u8; 15] = [0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];

fn two_sides() -> Segmentation {
    Segmentation {
        segments: vec![("left", SCT, "64033007", "7771000"), ("right", SCT, "64033007", "24028007")],
        // Not in order, with a plane left out, and overlapping.
        frames: vec![
            (1, 8.0, MIDDLE),
            (2, 4.0, MIDDLE),
            (1, 0.0, MIDDLE),
            (2, 0.0, MIDDLE),
            (1, 4.0, MIDDLE),
            (2, 12.0, MIDDLE),
        ],
        spacing: "4",
    }
}

#[test]
fn segments_have_names_and_sides_add_up() {
    // Six frames of three pixels of 8 mm³.
    let keys = "dice = \"0.9\"\nas = { \"64033007\" = \"both\" }\n";
    let (patient, found) = bundle(keys, &two_sides().bytes());
    assert_eq!(codes(&found), ["P2009"], "{found}");
    let (volume, sd) = values(&patient)["both"];
    assert!((volume - 0.144).abs() < 1e-12, "{volume}");
    let drawn = 2.0 * 0.1 * 18.0 / 3.0_f64.sqrt();
    assert!((sd.unwrap() / (0.008 * (18.0 / 12.0 + drawn * drawn).sqrt()) - 1.0).abs() < 1e-6);
    assert_eq!(patient.observations[0].readings[0].origin.to_string(), "seg.dcm#segments 1, 2");
    // One side alone, a side that is not told, one that is cut off, and two of one name.
    let mut one = two_sides();
    one.frames.retain(|(segment, ..)| *segment == 1);
    assert!(why(&bundle(keys, &one.bytes()).0, "64033007").contains("`the other side` is not in the file"));
    one.segments[0].3 = "";
    assert!(why(&bundle(keys, &one.bytes()).0, "64033007").contains("whether this is one or both"));
    let mut cut = two_sides();
    cut.frames[1].2 = EDGE;
    assert!(why(&bundle(keys, &cut.bytes()).0, "64033007").contains("border"));
    let mut same = two_sides();
    same.segments[1].3 = "7771000";
    assert!(why(&bundle(keys, &same.bytes()).0, "64033007:7771000").contains("several segments"));
    // By label: the bundle's word, or a table's.
    let (patient, found) = bundle("dice = \"1\"\nas = { left = \"mine\" }\n", &same.bytes());
    assert!(codes(&found) == ["P2009"] && (values(&patient)["mine"].0 - 0.072).abs() < 1e-12, "{found}");
    let mut named = two_sides();
    (named.segments[0].0, named.segments[1].0) = ("kidney_left", "kidney_right");
    let (patient, _) = bundle("labels = \"totalsegmentator_total\"\nas = { kidneys = \"both\" }\n", &named.bytes());
    assert!((values(&patient)["both"].0 - 0.144).abs() < 1e-12);
    // Without a spacing the positions tell; where the two disagree, that is said.
    for (spacing, warnings) in [("", vec!["P2009"]), ("4.01", vec!["P2009"]), ("9", vec!["P2059", "P2009"])] {
        let (patient, found) = bundle(keys, &Segmentation { spacing, ..two_sides() }.bytes());
        let mut told = codes(&found);
        told.sort_unstable();
        let mut warnings = warnings;
        warnings.sort_unstable();
        assert_eq!(told, warnings, "{spacing}: {found}");
        let expected = if spacing == "4.01" { 0.14436 } else { 0.144 };
        assert!((values(&patient)["both"].0 - expected).abs() < 1e-12, "{spacing}");
    }
    let (patient, found) = bundle("as = { \"64033007\" = \"both\" }\n", &two_sides().bytes());
    assert!(codes(&found).contains(&"P2057") && values(&patient).len() == 1);
}

#[test]
fn wrong_files_are_told() {
    let good = two_sides();
    let bytes = good.bytes();
    let replaced = |old: &[u8], new: &[u8]| {
        let at = bytes.windows(old.len()).position(|window| window == old).unwrap();
        let mut bytes = bytes.clone();
        bytes[at..at + new.len()].copy_from_slice(new);
        bytes
    };
    let uneven =
        Segmentation { frames: vec![(1, 0.0, MIDDLE), (1, 4.0, MIDDLE), (1, 9.0, MIDDLE)], spacing: "", ..two_sides() };
    let twice = Segmentation { frames: vec![(1, 0.0, MIDDLE), (1, 0.0, MIDDLE)], ..two_sides() };
    let mut deep = bytes[..180].to_vec();
    for _ in 0..50_000 {
        deep.extend([
            0x62, 0x00, 0x02, 0x00, b'S', b'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF,
            0xFF,
        ]);
    }
    for (at, (bytes, code)) in [
        (bytes[..bytes.len() - 4].to_vec(), "P2033"),
        (bytes[..400].to_vec(), "P2033"),
        (bytes[..100].to_vec(), "P2033"),
        (deep, "P2033"),
        (replaced(b"DICM", b"MICD"), "P2033"),
        (replaced(b"10008.1.2.1", b"10008.1.2.5"), "P2056"),
        (replaced(b"1.66.4", b"1.99.4"), "P2056"),
        (replaced(b"BINARY", b"FINARY"), "P2056"),
        (replaced(b"IS\x02\x006 ", b"IS\x02\x007 "), "P2056"),
        (replaced(b"2\\1 ", b"0\\1 "), "P2056"),
        (replaced(b"1\\0\\0\\0\\1\\0", b"1\\0\\0\\1\\1\\0"), "P2056"),
        (replaced(b"1\\0\\0\\0\\1\\0", b"1\\0\\0\\0\\1  "), "P2056"),
        (uneven.bytes(), "P2056"),
        (twice.bytes(), "P2056"),
        (Segmentation { frames: vec![], ..two_sides() }.bytes(), "P2056"),
    ]
    .into_iter()
    .enumerate()
    {
        let (_, found) = bundle("format = \"dicom_seg\"\ndice = \"0.9\"\n", &bytes);
        assert_eq!(codes(&found), [code], "case {at}: {found}");
    }
    let (_, found) = bundle("labels = \"mine.csv\"\n", &bytes);
    assert_eq!(codes(&found), ["P2006"], "{found}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: std::env::var("PROPTEST_CASES").map_or(64, |cases| cases.parse().unwrap()), ..ProptestConfig::default() })]

    #[test]
    fn damaged_segmentations_are_told_without_a_panic(
        changes in prop::collection::vec((100_usize..1300, any::<u8>()), 1..6),
        end in 100_usize..3000,
        which in 0_usize..3,
    ) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/dicom");
        let mut bytes = match which {
            0 => two_sides().bytes(),
            1 => fs::read(folder.join("label_map_16_runs.dcm")).unwrap(),
            _ => fs::read(folder.join("fractional_deflated.dcm")).unwrap(),
        };
        for (at, byte) in changes {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        bytes.truncate(end);
        bundle("format = \"dicom_seg\"\n", &bytes);
    }
}
