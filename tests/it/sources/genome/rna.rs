//! Counts of reads a gene.

use homeostat::patient::Patient;
use proptest::prelude::*;

use super::super::{codes, folder, read};

fn counts(text: &str) -> (Patient, Vec<&'static str>) {
    let toml = b"[[source]]\nfile = \"liver.csv\"\ndevice = \"sequencer\"\ntime = \"24 h\"\n";
    let (patient, found) = read(&[("patient.toml", toml), ("liver.csv", text.as_bytes())]);
    let codes = codes(&found);
    (patient, codes)
}

#[test]
fn counts_and_their_total_are_observations() {
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
        assert_eq!(told, [("cyp2d6_rna", 24.0, 812.0), ("cyp3a4_rna", 24.0, 5210.0), ("rna_total", 24.0, 436_022.0)]);
        assert_eq!(patient.observations[0].device.as_deref(), Some("sequencer"));
        let others = patient.left_out.iter().find(|left| left.what == "counts of other genes").unwrap();
        assert_eq!(others.count, 2);
    }
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
