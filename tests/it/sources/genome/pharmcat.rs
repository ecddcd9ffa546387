//! Calls as PharmCAT's own tests have them (commit 5431bf11), a few of each kind.
//!
//! All of them were compared once: VCF files written of the calls in `haplotype/NamedAlleleMatcher*Test.java` and
//! `haplotype/NAT2/tests.tsv`, or the files named there. Of 58 the expected diplotypes were all among those kept, and in
//! 57 the likeliest was one of them (the other lacks the position of CYP3A5*3, which PharmCAT takes as the reference);
//! of 75 of NAT2 all were, and in 72 the likeliest was PharmCAT's pick.

use super::{genes, names, read_vcf, written};

/// A gene, what differs from the reference, what is not called, and the diplotypes.
type Case = (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str], &'static [&'static str]);

const CASES: [Case; 14] = [
    ("CYP2C19", &[("rs3758581", "G/G")], &[], &["*1/*1"]),
    ("CYP2C19", &[("rs12248560", "C/T"), ("rs28399504", "A/G"), ("rs3758581", "G/G")], &[], &["*1/*4", "*4/*17"]),
    ("CYP2C19", &[("rs12248560", "C/T"), ("rs28399504", "G/G")], &["rs3758581"], &["*4/*4"]),
    ("CYP2C19", &[("rs12248560", "T/T"), ("rs28399504", "A/G")], &[], &[]),
    ("CYP2C19", &[("rs4244285", "G/A"), ("rs3758581", "G/G")], &["rs12769205"], &["*1/*2", "*2/*35"]),
    ("CYP2C19", &[("rs3758581", "G/G")], &["rs12248560"], &["*1/*1", "*1/*17", "*17/*17"]),
    ("CYP2C19", &[("rs12769205", "A/G"), ("rs4244285", "A/A")], &[], &[]),
    ("CYP2C9", &[("rs1799853", "C/T"), ("rs1304490498", "CAATGGAAAGA/C")], &[], &["*2/*25"]),
    ("SLCO1B1", &[("rs2306283", "A/G"), ("rs11045819", "C/A"), ("rs4149056", "T/C")], &[], &["*4/*15", "*5/*14"]),
    ("SLCO1B1", &[("rs2306283", "A/G"), ("rs4149056", "C/C")], &[], &["*5/*15"]),
    ("UGT1A1", &[("rs887829", "C/T"), ("rs3064744", "CAT/CATAT")], &[], &["*1/*80+*28", "*28/*80"]),
    ("TPMT", &[("rs1142345", "T/C"), ("rs1800460", "C/T")], &[], &["*1/*3A", "*3B/*3C"]),
    ("NAT2", &[("rs1801279", "G/A"), ("rs1799930", "G/A"), ("rs1208", "G/A"), ("rs1799931", "G/A")], &[], &["*15/*40"]),
    ("NAT2", &[("rs1801280", "T/C"), ("rs1799930", "G/A"), ("rs1208", "G/A"), ("rs1799931", "G/A")], &[], &["*30/*40"]),
];

#[test]
fn calls_agree_with_pharmcat() {
    let genes = genes();
    for (gene, calls, missing, expected) in CASES {
        let text = written(&genes, |name, position| {
            if name != gene || missing.contains(&position.rsid.as_str()) {
                return None;
            }
            let (_, call) = calls.iter().find(|(rsid, _)| *rsid == position.rsid).unwrap_or(&("", ""));
            let index = |base: &str| position.bases.iter().position(|known| known == base).unwrap_or(0);
            let (first, second) = call.split_once('/').unwrap_or(("", ""));
            Some(format!("{}/{}", index(first), index(second)))
        });
        let kept = names(&read_vcf(&text).0, gene);
        let among = |name: &&str| kept.iter().any(|kept| kept == name);
        assert!(expected.iter().all(among), "{gene} {calls:?}: {kept:?}");
        assert!(kept.first().is_none_or(|first| expected.contains(&first.as_str())), "{gene} {calls:?}: {kept:?}");
        assert_eq!(kept.is_empty(), expected.is_empty(), "{gene} {calls:?}: {kept:?}");
    }
}
