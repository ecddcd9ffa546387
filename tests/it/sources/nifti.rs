//! Label maps: volumes against nibabel and TotalSegmentator, their error, what a second image has inside, and wrong files.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;

use homeostat::patient::Patient;
use proptest::prelude::*;

use super::{codes, read, shared, values, why};

/// A bundle with one label map and other files.
fn bundle(
    keys: &str,
    name: &str,
    bytes: &[u8],
    more: &[(&str, &[u8])],
) -> (Patient, homeostat::diagnostic::Diagnostics) {
    let manifest = format!("name = \"scan\"\n[[source]]\nfile = \"{name}\"\n{keys}");
    let mut files = vec![("patient.toml", manifest.as_bytes()), (name, bytes)];
    files.extend(more);
    read(&files)
}

/// `as` for labels that the vocabulary has no names for.
fn renamed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let pairs: Vec<String> = names.map(|name| format!("\"{name}\" = \"v_{name}\"")).collect();
    format!("as = {{ {} }}\n", pairs.join(", "))
}

/// A NIfTI-1 file, little-endian, of numbers of one byte, with edges of 1, 2 and 3 mm.
struct Map {
    dims: [i16; 3],
    labels: Vec<u8>,
}

impl Map {
    /// A block of a label inside so much background on every side.
    fn block(inner: [usize; 3], margin: usize, label: u8) -> Self {
        let dims = inner.map(|size| size + 2 * margin);
        let mut labels = vec![0; dims.iter().product()];
        for z in 0..inner[2] {
            for y in 0..inner[1] {
                for x in 0..inner[0] {
                    labels[(x + margin) + dims[0] * ((y + margin) + dims[1] * (z + margin))] = label;
                }
            }
        }
        Self { dims: dims.map(|size| size as i16), labels }
    }

    fn at(&self, x: usize, y: usize, z: usize) -> usize {
        x + self.dims[0] as usize * (y + self.dims[1] as usize * z)
    }

    fn header(&self, datatype: i16, bits: i16) -> Vec<u8> {
        let mut bytes = vec![0; 352];
        let mut put = |at: usize, new: &[u8]| bytes[at..at + new.len()].copy_from_slice(new);
        put(0, &348_i32.to_le_bytes());
        for (at, size) in [3, self.dims[0], self.dims[1], self.dims[2], 1, 1, 1, 1].into_iter().enumerate() {
            put(40 + 2 * at, &size.to_le_bytes());
        }
        put(70, &datatype.to_le_bytes());
        put(72, &bits.to_le_bytes());
        for (at, edge) in [1.0_f32, 1.0, 2.0, 3.0].into_iter().enumerate() {
            put(76 + 4 * at, &edge.to_le_bytes());
            put(280 + 20 * at.saturating_sub(1), &edge.to_le_bytes());
        }
        put(108, &352.0_f32.to_le_bytes());
        put(123, &[2]);
        put(254, &1_i16.to_le_bytes());
        put(344, b"n+1\0");
        bytes
    }

    fn bytes(&self) -> Vec<u8> {
        [self.header(2, 8), self.labels.clone()].concat()
    }

    /// An image of single-precision numbers on the same grid.
    fn image(&self, value: impl Fn(usize) -> f32) -> Vec<u8> {
        let values = (0..self.labels.len()).flat_map(|at| value(at).to_le_bytes());
        [self.header(16, 32), values.collect()].concat()
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

const TOTAL: &str = "labels = \"totalsegmentator_total\"\n";

#[test]
fn volumes_are_those_of_nibabel() {
    // Files and volumes: tests/validation/nifti_volumes.py.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/nifti");
    let table = fs::read_to_string(folder.join("volumes.csv")).unwrap();
    let mut expected: BTreeMap<&str, BTreeMap<String, f64>> = BTreeMap::new();
    for line in table.lines().skip(1) {
        let [file, label, volume] = line.split(',').collect::<Vec<_>>().try_into().unwrap();
        expected.entry(file).or_default().insert(format!("v_l{label}"), volume.parse().unwrap());
    }
    assert!(expected.len() >= 20);
    let names = "number,name\n1,l1\n2,l2\n5,l5\n77,l77\n";
    let keys =
        format!("labels = \"labels.csv\"\nborder = \"whole\"\n{}", renamed(["l1", "l2", "l5", "l77"].into_iter()));
    for (file, volumes) in &expected {
        let bytes = fs::read(folder.join(file)).unwrap();
        let (patient, found) = bundle(&keys, file, &bytes, &[("labels.csv", names.as_bytes())]);
        assert!(!found.has_errors(), "{file}: {found}");
        let read = values(&patient);
        assert_eq!(read.len(), volumes.len(), "{file}");
        for (name, volume) in volumes {
            let mine = read[name].0 * 1000.0;
            assert!((mine / volume - 1.0).abs() < 1e-9, "{file} {name}: {mine} mm³, nibabel {volume} mm³");
        }
        let differ = *file == "both_differ.nii" || *file == "both_differ.nii.gz";
        assert_eq!(codes(&found).contains(&"P2052"), differ, "{file}: {found}");
    }
}

#[test]
fn totalsegmentator_maps_have_its_own_volumes() {
    let Some(map) = shared("exports/nifti/totalseg_example_seg_fast.nii.gz") else { return };
    let statistics = shared("exports/nifti/totalseg_statistics.json").unwrap();
    let statistics: serde_json::Value = serde_json::from_str(&fs::read_to_string(statistics).unwrap()).unwrap();
    let expected: BTreeMap<&str, f64> = statistics
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, told)| (name.as_str(), told["volume"].as_f64().unwrap()))
        .filter(|(_, volume)| *volume > 0.0)
        .collect();
    let keys = format!("border = \"whole\"\n{}", renamed(expected.keys().copied()));
    let bytes = fs::read(map).unwrap();
    // The names are in the file itself.
    let (patient, found) = bundle(&keys, "map.nii.gz", &bytes, &[]);
    assert!(!found.has_errors(), "{found}");
    let read = values(&patient);
    assert_eq!(read.keys().filter(|name| name.starts_with("v_")).count(), expected.len());
    for (name, volume) in expected {
        let mine = read[&format!("v_{name}")].0 * 1000.0;
        assert!((mine / volume - 1.0).abs() < 1e-9, "{name}: {mine} mm³ and {volume} mm³");
    }
    // As it is: all but a few organs are cut off by a scan of 9 cm.
    let (patient, _) = bundle("", "map.nii.gz", &bytes, &[]);
    let read = values(&patient);
    assert!(why(&patient, "liver").contains("border"), "{read:?}");
    assert!(why(&patient, "sternum").is_empty());
    let (_, found) = bundle("labels = \"totalsegmentator_total_v1\"\n", "map.nii.gz", &bytes, &[]);
    assert_eq!(codes(&found), ["P2054"], "{found}");
    // Another task's names are found, too: label 23 of it is no cyst, but the aorta.
    let other = fs::read(shared("exports/nifti/totalseg_example_seg_mr.nii.gz").unwrap()).unwrap();
    let (_, found) = bundle(TOTAL, "map.nii.gz", &other, &[]);
    assert_eq!(codes(&found), ["P2054"], "{found}");
    let keys = format!("border = \"whole\"\n{}", renamed(["aorta"].into_iter()));
    let (patient, _) = bundle(&keys, "map.nii.gz", &other, &[]);
    assert!((values(&patient)["v_aorta"].0 - 18.144).abs() < 1e-9);
}

#[test]
fn parts_add_up_and_errors_are_those_of_voxels_and_of_drawing() {
    let mut map = Map::block([40, 40, 40], 1, 2);
    // The other half is the other kidney, and a spleen of one voxel touches the border.
    for z in 1..41 {
        for y in 1..41 {
            for x in 21..41 {
                let at = map.at(x, y, z);
                map.labels[at] = 3;
            }
        }
    }
    let (patient, found) = bundle(TOTAL, "map.nii", &map.bytes(), &[]);
    assert_eq!(codes(&found), Vec::<&str>::new(), "{found}");
    let (volume, sd) = values(&patient)["kidney_volume"];
    assert!((volume - 384.0).abs() < 1e-9);
    let surface: f64 = 2.0 * (20.0 * 40.0 * 40.0 - 18.0 * 38.0 * 38.0);
    let drawn = 2.0 * (1.0 - 0.943) * 64000.0 / 3.0_f64.sqrt();
    let by_hand = 0.006 * (surface / 12.0 + drawn * drawn).sqrt();
    assert!((sd.unwrap() / by_hand - 1.0).abs() < 1e-6, "{sd:?} {by_hand}");
    assert_eq!(patient.observations[0].readings[0].origin.to_string(), "map.nii#labels 2, 3");
    let (patient, _) = bundle(&format!("{TOTAL}dice = \"1\"\ntime = \"3 d\"\n"), "map.nii", &map.bytes(), &[]);
    let reading = &patient.observations[0].readings[0];
    assert!((reading.sd.unwrap() / (0.006 * (surface / 12.0).sqrt()) - 1.0).abs() < 1e-6 && reading.time_h == 72.0);
    // One kidney alone is not both; one that is cut off neither.
    let one: Vec<u8> = map.labels.iter().map(|label| if *label == 3 { 0 } else { *label }).collect();
    let (patient, _) = bundle(TOTAL, "map.nii", &Map { dims: map.dims, labels: one }.bytes(), &[]);
    assert!(patient.observations.is_empty());
    assert_eq!(why(&patient, "kidneys"), "its part `kidney_left` is not in the file");
    let mut cut = Map { dims: map.dims, labels: map.labels.clone() };
    cut.labels[0] = 3;
    let (patient, _) = bundle(TOTAL, "map.nii", &cut.bytes(), &[]);
    assert!(why(&patient, "kidneys").starts_with("its part `kidney_left`: it touches the border"));
    // A table of the bundle's own, as FreeSurfer and ITK-SNAP write them.
    for table in [
        "#No. Name R G B A\n2  Right-Thing 0 0 0 0\n3 Left-Thing 1 1 1 0\n",
        "2 1 1 1 1 1 1 \"Right-Thing\"\r\n3 1 1 1 1 1 1 \"b\"\r\n",
    ] {
        let keys = "labels = \"names.txt\"\nas = { Right-Thing = \"spleen_volume\" }\n";
        let (patient, found) = bundle(keys, "map.nii", &map.bytes(), &[("names.txt", table.as_bytes())]);
        assert_eq!(codes(&found), ["P2057"], "{found}");
        assert!((values(&patient)["spleen_volume"].0 - 192.0).abs() < 1e-9);
    }
}

#[test]
fn a_map_of_one_structure_has_its_name() {
    // TotalSegmentator writes a file a structure, all of them with the label 1, which in the table is another.
    let map = Map::block([40, 40, 40], 1, 1).bytes();
    let (_, found) = bundle(TOTAL, "liver.nii.gz", &gzip(&map), &[]);
    assert_eq!(codes(&found), ["P2054"], "{found}");
    let (patient, found) = bundle(&format!("{TOTAL}structure = \"*\"\n"), "liver.nii.gz", &gzip(&map), &[]);
    assert!(codes(&found).is_empty() && patient.observations.len() == 1, "{found}");
    assert!((values(&patient)["liver_volume"].0 - 384.0).abs() < 1e-9);
    let filled = Map::block([40, 40, 40], 1, 255);
    let image = filled.image(|_| 55.0);
    let keys = "structure = \"milt\"\ndice = \"0.9\"\nimage = \"ct.nii\"\nintensity = \"hu\"\n\
        as = { milt = \"spleen_volume\", \"milt:mean_hu\" = \"grey\" }\n";
    let (patient, found) = bundle(keys, "mask.nii", &filled.bytes(), &[("ct.nii", &image)]);
    assert!(!found.has_errors(), "{found}");
    let read = values(&patient);
    assert!((read["spleen_volume"].0 - 384.0).abs() < 1e-9 && read["grey"].0 == 55.0);
    let mut two = Map::block([4, 4, 4], 1, 1);
    let at = two.at(2, 2, 2);
    two.labels[at] = 2;
    let (_, found) = bundle(&format!("{TOTAL}structure = \"liver\"\n"), "mask.nii", &two.bytes(), &[]);
    assert_eq!(codes(&found), ["P2054"], "{found}");
}

#[test]
fn what_a_second_image_has_inside_is_what_numpy_finds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/nifti");
    let bytes = |name: &str| fs::read(folder.join(name)).unwrap();
    let golden = String::from_utf8(bytes("inside.csv")).unwrap();
    let golden: Vec<[&str; 3]> =
        golden.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>().try_into().unwrap()).collect();
    let codes: Vec<String> = golden
        .iter()
        .filter(|[_, measure, _]| *measure != "surface")
        .map(
            |[label, measure, _]| {
                if *measure == "volume" { format!("l{label}") } else { format!("l{label}:{measure}") }
            },
        )
        .collect();
    let keys = format!(
        "labels = \"labels.csv\"\nborder = \"whole\"\ndice = \"1\"\nimage = \"hu.nii.gz\"\nintensity = \"hu\"\n{}",
        renamed(codes.iter().map(String::as_str))
    );
    let (hu, names) = (bytes("inside_hu.nii.gz"), b"1,l1\n2,l2\n3,l3\n");
    let (patient, found) =
        bundle(&keys, "map.nii.gz", &bytes("inside_map.nii.gz"), &[("hu.nii.gz", &hu), ("labels.csv", names)]);
    assert!(!found.has_errors(), "{found}");
    let read = values(&patient);
    // 288 voxels, as numpy counts.
    let voxel = read["v_l1"].0 / 288.0;
    for [label, measure, expected] in golden {
        let expected: f64 = expected.parse().unwrap();
        let mine = match measure {
            "volume" => read[&format!("v_l{label}")].0,
            // Of the error of the voxels alone.
            "surface" => 12.0 * (read[&format!("v_l{label}")].1.unwrap() / voxel).powi(2),
            _ => read[&format!("v_l{label}:{measure}")].0,
        };
        // Errors are kept in single precision.
        let within = if measure == "surface" { 1e-6 } else { 1e-9 };
        assert!((mine / expected - 1.0).abs() < within, "{label} {measure}: {mine}, numpy {expected}");
    }
}

#[test]
fn a_second_image_is_measured_inside() {
    let map = Map::block([4, 4, 5], 2, 5);
    // Inside, 60 and 62 HU in turn; at the surface, which does not count, 0 as around it, and one that is no number.
    let inside = |at: usize| {
        let (x, y, z) = (at % 8, at / 8 % 8, at / 64);
        (3..5).contains(&x) && (3..5).contains(&y) && (3..6).contains(&z)
    };
    let hu = |at: usize| if inside(at) { 60.0 + 2.0 * (at % 2) as f32 } else { 0.0 };
    let image = map.image(hu);
    let keys = format!(
        "{TOTAL}image = \"ct.nii.gz\"\nintensity = \"hu\"\nignore = [\"liver\"]\nas = {{ \"liver:median_hu\" = \"median\" }}\n"
    );
    let (patient, found) = bundle(&keys, "map.nii", &map.bytes(), &[("ct.nii.gz", &gzip(&image))]);
    assert_eq!(codes(&found), ["P2009"], "{found}");
    let read = values(&patient);
    assert_eq!((read["liver_attenuation"], read["median"]), ((61.0, None), (61.0, None)));
    // A fat fraction says its unit.
    let fat = map.image(|at| if at % 8 == 3 { f32::NAN } else { 0.125 });
    let keys = format!("{TOTAL}image = \"fat.nii\"\nintensity = \"pdff\"\nignore = [\"liver\"]\n");
    let (_, found) = bundle(&keys, "map.nii", &map.bytes(), &[("fat.nii", &fat)]);
    assert_eq!(codes(&found), ["P2005"], "{found}");
    let (patient, _) = bundle(&format!("{keys}unit = \"1\"\n"), "map.nii", &map.bytes(), &[("fat.nii", &fat)]);
    assert!((values(&patient)["liver_fat_fraction"].0 - 12.5).abs() < 1e-9);
    // Fat by its window, of the voxels inside: -190 to -30 HU.
    let tissue = Map::block([4, 4, 5], 2, 2);
    let fat = tissue.image(|at| [-200.0, -190.0, -100.0, -29.0][at % 4]);
    let keys = "labels = \"totalsegmentator_tissue_types\"\nimage = \"ct.nii\"\nintensity = \"hu\"\ndice = \"0.9\"\n\
        as = { \"torso_fat:fat_volume\" = \"fat\" }\n";
    let (patient, found) = bundle(keys, "map.nii", &tissue.bytes(), &[("ct.nii", &fat)]);
    assert!(!found.has_errors(), "{found}");
    assert!((values(&patient)["fat"].0 - 0.24).abs() < 1e-12);
    // Other grids, and a kind of image that is not known.
    let mut moved = image.clone();
    moved[292..296].copy_from_slice(&0.01_f32.to_le_bytes());
    let keys = format!("{TOTAL}image = \"ct.nii\"\nintensity = \"hu\"\nignore = [\"liver\"]\n");
    for (other, code) in
        [(&moved, "P2055"), (&Map::block([4, 4, 4], 2, 0).image(|_| 0.0), "P2055"), (&image[..900].to_vec(), "P2033")]
    {
        let (_, found) = bundle(&keys, "map.nii", &map.bytes(), &[("ct.nii", other)]);
        assert_eq!(codes(&found), [code], "{found}");
        assert!(found.iter().next().unwrap().location.as_ref().unwrap().file.contains("ct.nii"), "{found}");
    }
    let (_, found) = bundle(&keys.replace("\"hu\"", "\"colour\""), "map.nii", &map.bytes(), &[("ct.nii", &image)]);
    assert_eq!(codes(&found), ["P2006"], "{found}");
}

#[test]
fn wrong_files_are_told() {
    let map = Map::block([4, 4, 4], 1, 5);
    let good = map.bytes();
    let with = |at: usize, new: &[u8]| {
        let mut bytes = good.clone();
        bytes[at..at + new.len()].copy_from_slice(new);
        bytes
    };
    let dims = |dims: [i16; 8]| with(40, &dims.map(i16::to_le_bytes).concat());
    let packed = gzip(&good);
    let floats = map.image(|at| if at == 100 { 5.5 } else { 5.0 });
    let nan = map.image(|at| if at == 100 { f32::NAN } else { 5.0 });
    let many = [
        Map { dims: [200, 200, 2], labels: Vec::new() }.header(8, 32),
        (0..80_000_i32).flat_map(|number| number.to_le_bytes()).collect(),
    ];
    let mut bomb = Map { dims: [4096, 4096, 250], labels: Vec::new() }.header(2, 8);
    bomb.extend([0; 1000]);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (packed[..packed.len() - 20].to_vec(), "P2033"),
        (packed[..packed.len() - 4].to_vec(), "P2033"),
        (packed[..5].to_vec(), "P2033"),
        (good[..good.len() - 1].to_vec(), "P2033"),
        (good[..200].to_vec(), "P2033"),
        (dims([3, 32767, 32767, 32767, 1, 1, 1, 1]), "P2050"),
        (dims([3, 1500, 1500, 1500, 1, 1, 1, 1]), "P2033"),
        (gzip(&bomb), "P2033"),
        (dims([4, 6, 6, 3, 2, 1, 1, 1]), "P2050"),
        (dims([5, 6, 6, 3, 1, 2, 1, 1]), "P2050"),
        (dims([3, 6, -6, 6, 1, 1, 1, 1]), "P2050"),
        (dims([2, 6, 36, 0, 0, 0, 0, 0]), "P2050"),
        (dims([9, 6, 6, 6, 1, 1, 1, 1]), "P2050"),
        (with(70, &128_i16.to_le_bytes()), "P2050"),
        (with(70, &32_i16.to_le_bytes()), "P2050"),
        (with(70, &77_i16.to_le_bytes()), "P2050"),
        (with(344, b"ni1\0"), "P2050"),
        (with(0, &[1]), "P2050"),
        (with(108, &f32::NAN.to_le_bytes()), "P2050"),
        (with(280, &f32::NAN.to_le_bytes()), "P2051"),
        (with(280, &0.0_f32.to_le_bytes()), "P2051"),
        (floats, "P2053"),
        (nan, "P2053"),
        (many.concat(), "P2053"),
        (Map::block([4, 4, 4], 1, 0).bytes(), "P2033"),
    ];
    for (at, (bytes, code)) in cases.iter().enumerate() {
        let (_, found) = bundle(&format!("{TOTAL}format = \"nifti\"\n"), "map.nii", bytes, &[]);
        assert_eq!(codes(&found), [*code], "case {at}: {found}");
    }
    let mut text = String::new();
    let tables: [(&str, &[u8]); 3] = [
        ("labels = \"totalsegmentator\"\n", b""),
        ("", b""),
        ("labels = \"names.csv\"\n", b"number,name\n5,a\n5,b\nsix,c\n7\n"),
    ];
    for (keys, table) in tables {
        let (_, found) = bundle(keys, "map.nii", &good, &[("names.csv", table)]);
        write!(text, "{:?} ", codes(&found)).unwrap();
    }
    assert_eq!(text, "[\"P2054\"] [\"P2054\"] [\"P2033\", \"P2033\", \"P2033\"] ");
    let (_, found) = bundle(&format!("{TOTAL}intensity = \"hu\"\n"), "map.nii", &good, &[]);
    assert_eq!(codes(&found), ["P2005"], "{found}");
    for keys in ["dice = \"94 %\"\n", "dice = \"1.5\"\n", "border = \"cut\"\n"] {
        let (_, found) = bundle(&format!("{TOTAL}{keys}"), "map.nii", &good, &[]);
        assert_eq!(codes(&found), ["P2006"], "{keys}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: std::env::var("PROPTEST_CASES").map_or(64, |cases| cases.parse().unwrap()), ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_are_told_without_a_panic(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((0_usize..700, any::<u8>()), 0..6),
        end in 0_usize..2500,
        unpacked in any::<bool>(),
    ) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/nifti");
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.retain(|name| name.extension().is_some_and(|end| end != "csv"));
        names.sort();
        let mut bytes = fs::read(which.get(&names)).unwrap();
        if unpacked && bytes.starts_with(&[0x1f, 0x8b]) {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut plain).unwrap();
            bytes = plain;
        }
        for (at, byte) in changes {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        bytes.truncate(end.max(10));
        let keys = format!("{TOTAL}format = \"nifti\"\nimage = \"map.nii\"\nintensity = \"hu\"\n");
        bundle(&keys, "map.nii", &bytes, &[]);
    }
}
