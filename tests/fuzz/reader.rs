//! Fuzzes the reader that `HOMEOSTAT_TARGET` names (`fhir`, `manifest`, …) with files of any bytes.
#![no_main]

#[allow(dead_code)]
mod targets;

use std::path::PathBuf;
use std::sync::LazyLock;

use homeostat::patient::Vocabulary;
use targets::{TARGETS, Target};

struct Setting {
    target: &'static Target,
    folder: PathBuf,
    vocabulary: &'static Vocabulary,
}

static SETTING: LazyLock<Setting> = LazyLock::new(|| {
    let name = std::env::var("HOMEOSTAT_TARGET").expect("HOMEOSTAT_TARGET names what is fuzzed");
    let target = TARGETS.iter().find(|target| target.name == name).expect("HOMEOSTAT_TARGET is a row of targets.rs");
    Setting { target, folder: targets::scratch(), vocabulary: Vocabulary::embedded().expect("the vocabulary is right") }
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    targets::read(SETTING.target, bytes, &SETTING.folder, SETTING.vocabulary);
});
