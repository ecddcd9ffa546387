//! Fuzzes the model language: text to a composed and compiled model.
#![no_main]

#[allow(dead_code)]
mod targets;

use std::path::PathBuf;
use std::sync::LazyLock;

use homeostat::model::Library;

static SETTING: LazyLock<(PathBuf, Library)> = LazyLock::new(|| (targets::scratch(), Library::embedded()));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::compile(bytes, &SETTING.0, &SETTING.1));
