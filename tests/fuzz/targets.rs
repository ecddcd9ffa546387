//! What is fuzzed: bytes as a file of each format of a bundle, as its manifest, and as a model file.

use std::fs;
use std::path::{Path, PathBuf};

use homeostat::model::{Library, Program};
use homeostat::patient::{Patient, Vocabulary};

/// A file of a bundle whose bytes are anything.
pub struct Target {
    /// Name of the corpus: that of the format, with a word more where a format is read in two ways.
    pub name: &'static str,
    /// Name of the file in the bundle.
    file: &'static str,
    /// Keys of the `[[source]]` beside the file.
    keys: &'static str,
}

const fn target(name: &'static str, file: &'static str, keys: &'static str) -> Target {
    Target { name, file, keys }
}

/// Every format that a `[[source]]` may have, and the manifest itself.
pub const TARGETS: &[Target] = &[
    target("apple_health", "export.xml", r#"format = "apple_health""#),
    target("dexcom", "a.csv", "format = \"dexcom\"\nwarmup = \"1 h\""),
    target("dicom_seg", "a.dcm", "format = \"dicom_seg\"\ndice = \"0.9\""),
    target("diplotypes", "a.csv", r#"format = "diplotypes""#),
    target("fhir", "a.json", "format = \"fhir\"\ntake_requests = true"),
    target("fit", "a.fit", r#"format = "fit""#),
    // The name of the file says what it holds.
    target("fitbit", "heart_rate-2026-01-05.json", "format = \"fitbit\"\nzone = \"local\""),
    target("fitbit_sleep", "sleep-2026-01-05.json", "format = \"fitbit\"\nzone = \"local\""),
    target("fitbit_csv", "steps-2026-01-05.csv", "format = \"fitbit\"\nzone = \"UTC\""),
    target("lab_csv", "a.csv", r#"format = "lab_csv""#),
    target("libreview", "a.csv", "format = \"libreview\"\nwarmup = \"1 h\""),
    target("nifti", "a.nii", "format = \"nifti\"\nlabels = \"totalsegmentator_total\"\ndice = \"0.9\""),
    // The map is its own second image.
    target(
        "nifti_image",
        "a.nii",
        "format = \"nifti\"\nlabels = \"totalsegmentator_total\"\nimage = \"a.nii\"\nintensity = \"hu\"",
    ),
    target("nightscout", "a.json", r#"format = "nightscout""#),
    target("nightscout_profile", "a.json", "format = \"nightscout\"\nprofile = \"a.json\""),
    target(
        "nonmem",
        "a.csv",
        "format = \"nonmem\"\ndose = { \"1\" = \"oral_theophylline\" }\nobserved = { \"2\" = \"plasma_theophylline\" }\n\
         units = { AMT = \"mg\", DV = \"mg/L\", WT = \"kg\" }\ncovariates = { WT = \"weight\" }",
    ),
    target("open_mhealth", "a.json", r#"format = "open_mhealth""#),
    target("pharmcat", "a.json", r#"format = "pharmcat""#),
    target("pump", "a.csv", "format = \"pump\"\nwarmup = \"1 h\""),
    target("rna_counts", "a.csv", r#"format = "rna_counts""#),
    target("tidepool", "a.json", r#"format = "tidepool""#),
    target("vcf", "a.vcf", r#"format = "vcf""#),
    target("volume_table", "a.csv", r#"format = "volume_table""#),
    target("manifest", "patient.toml", ""),
];

/// A folder of this process, in memory where the system has such a place.
#[allow(dead_code)]
pub fn scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    let folder = base.join(format!("homeostat-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

/// Reads a bundle in which the target's file has these bytes; findings are what they should be, panics are not.
pub fn read(target: &Target, bytes: &[u8], folder: &Path, vocabulary: &Vocabulary) {
    if target.file != "patient.toml" {
        let manifest = format!(
            "epoch = \"2026-01-05T00:00:00+01:00[Europe/Berlin]\"\nstart = \"-100000 h\"\n[[source]]\nfile = \"{}\"\n{}\n",
            target.file, target.keys
        );
        fs::write(folder.join("patient.toml"), manifest).expect("the folder can be written");
    }
    fs::write(folder.join(target.file), bytes).expect("the folder can be written");
    match Patient::load_with(folder, vocabulary) {
        Ok((_, found)) | Err(found) => {
            let _ = found.to_string();
        }
    }
}

/// Loads and compiles a model file with these bytes, beside the library.
pub fn compile(bytes: &[u8], folder: &Path, library: &Library) {
    let path = folder.join("a.model");
    fs::write(&path, bytes).expect("the folder can be written");
    match library.load(&path.display().to_string()) {
        Ok((model, found)) => {
            let _ = found.to_string();
            let _ = Program::compile(model.into());
        }
        Err(found) => {
            let _ = found.to_string();
        }
    }
}
