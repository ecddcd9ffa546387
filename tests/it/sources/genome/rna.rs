//! Counts of reads a gene.

use homeostat::patient::Patient;
use proptest::prelude::*;

use super::super::{codes, folder, read};

fn counts(text: &str) -> (Patient, Vec<&'static str>) {
    counts_with("total = \"1 000 000\"\n", text)
}

/// With more keys of the source.
fn counts_with(keys: &str, text: &str) -> (Patient, Vec<&'static str>) {
    let toml = format!("[[source]]\nfile = \"liver.csv\"\ndevice = \"sequencer\"\ntime = \"24 h\"\n{keys}");
    let (patient, found) = read(&[("patient.toml", toml.as_bytes()), ("liver.csv", text.as_bytes())]);
    let codes = codes(&found);
    (patient, codes)
}

fn total(patient: &Patient) -> Option<f64> {
    patient.covariate("rna_total").map(|total| total.value)
}

/// A table of all genes, of which CYP3A4 is one.
fn library(each: &str) -> String {
    let others: String = (0..6000).map(|gene| format!("G{gene},{each}\n")).collect();
    format!("gene,count\nCYP3A4,5210\n{others}")
}

#[test]
fn counts_are_observations_and_their_total_a_covariate() {
    for text in [
        "gene,count\nCYP3A4,5210\nCYP2D6,812\nALB,400000\nTF,30000\n__no_feature,70\n",
        "# STAR\ngene_id\tcounts\n\"ENSG00000160868.15\"\t5210\nENSG00000100197\t812\nENSG1\t400000\nENSG2\t30000\n__no_feature\t70\n",
    ] {
        let (patient, found) = counts(text);
        assert!(found.is_empty(), "{found:?}");
        let mut told: Vec<(&str, f64, f64)> = patient
            .observations
            .iter()
            .map(|one| (one.name.as_str(), one.readings[0].time_h, one.readings[0].value))
            .collect();
        told.sort_by(|a, b| a.0.cmp(b.0));
        assert_eq!(told, [("cyp2d6_rna", 24.0, 812.0), ("cyp3a4_rna", 24.0, 5210.0)]);
        assert_eq!(total(&patient), Some(1e6));
        assert_eq!(patient.observations[0].device.as_deref(), Some("sequencer"));
        let others = patient.left_out.iter().find(|left| left.what == "counts of other genes").unwrap();
        assert_eq!(others.count, 2);
    }
}

#[test]
fn a_total_is_of_a_whole_library_or_stated() {
    let (patient, found) = counts_with("", &library("70"));
    assert_eq!((found, total(&patient)), (vec![], Some(5210.0 + 6000.0 * 70.0)));
    // A few genes do not tell it.
    let few = "gene,count\nCYP3A4,5210\nCYP2D6,812\n";
    let (patient, found) = counts_with("", few);
    assert_eq!((found, total(&patient), patient.observations.len()), (vec!["P2087"], None, 2));
    for (keys, code) in
        [("total = \"6000\"\n", "P2087"), ("total = \"many\"\n", "P2006"), ("total = 31500000\n", "P2006")]
    {
        let (patient, found) = counts_with(keys, few);
        assert_eq!((found, total(&patient)), (vec![code], None), "{keys}");
    }
    // Estimated counts are rounded; shares are none.
    let (patient, found) = counts_with("", &library("70.25").replace("5210", "5210.6"));
    assert_eq!((found, patient.observations[0].readings[0].value), (vec!["P2089"], 5211.0));
    assert_eq!(total(&patient), Some((5210.6_f64 + 6000.0 * 70.25).round()));
    let (_, found) = counts_with("", &library("165.7983333"));
    assert_eq!(found, ["P2089"]);
    // Two samples have two totals.
    let source = |file: &str| format!("[[source]]\nfile = \"{file}\"\nformat = \"rna_counts\"\ndevice = \"{file}\"\n");
    let toml = source("a.csv") + &source("b.csv");
    let whole = library("70");
    let files = [("patient.toml", toml.as_bytes()), ("a.csv", whole.as_bytes()), ("b.csv", whole.as_bytes())];
    assert_eq!(codes(&read(&files).1), ["P2088"]);
}

#[test]
fn wrong_counts_are_told_and_leave_no_total() {
    let (patient, found) = counts("gene,count\nCYP3A4,5210\nCYP2D6,-3\nALB\n");
    assert_eq!(found, ["P2033", "P2033"]);
    assert_eq!(patient.observations.len(), 1);
    let toml = b"[[source]]\nfile = \"a.csv\"\nformat = \"rna_counts\"\n";
    let (_, found) = read(&[("patient.toml", toml), ("a.csv", b"name,reads\nCYP3A4,1\n")]);
    assert!(codes(&found).contains(&"P2033"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
        let mut bytes = b"gene_id,count\nENSG00000160868.15,5210\nCYP2D6,8e2\n__no_feature,70\n".to_vec();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let toml = b"[[source]]\nfile = \"a.csv\"\nformat = \"rna_counts\"\n";
        let folder = folder(&[("patient.toml", toml), ("a.csv", &bytes)]);
        let _ = Patient::read(folder.path());
    }
}
