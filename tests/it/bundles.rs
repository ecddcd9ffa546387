//! Bundles with every mistake a user can make: each is refused, or warned of, with its code, place and a way out.

use std::fs;
use std::path::Path;

use homeostat::diagnostic::{Diagnostic, Diagnostics, Severity, explain};
use homeostat::patient::{Censoring, ExposureKind, Patient};
use tempfile::TempDir;

type Loaded = Result<(Patient, Diagnostics), Diagnostics>;

/// A folder with these files.
fn folder<T: AsRef<[u8]>>(files: &[(&str, T)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn load<T: AsRef<[u8]>>(files: &[(&str, T)]) -> Loaded {
    Patient::load(folder(files).path())
}

/// A bundle that is nothing but this `patient.toml`.
fn alone(manifest: &str) -> Loaded {
    load(&[("patient.toml", manifest)])
}

const LEVELS: &str =
    "[[observation]]\nname = \"plasma_theophylline\"\nfile = \"levels.csv\"\ntime = \"t [h]\"\nvalue = \"c [mg/L]\"\n";

/// A bundle with one table of levels, columns `t` and `c`.
fn levels(csv: impl AsRef<[u8]>) -> Loaded {
    load(&[("patient.toml", LEVELS.as_bytes()), ("levels.csv", csv.as_ref())])
}

/// A bundle with sensor readings in a unit, one every hour, and more lines in the entry.
fn sensor(unit: &str, values: &[&str], more: &str) -> Loaded {
    let manifest = format!(
        "[[observation]]\nname = \"cgm_glucose\"\nfile = \"cgm.csv\"\ntime = \"t [h]\"\nvalue = \"g [{unit}]\"\n{more}"
    );
    let rows = values.iter().enumerate().map(|(hour, value)| format!("{hour},{value}\n")).collect::<String>();
    load(&[("patient.toml", manifest), ("cgm.csv", format!("t,g\n{rows}"))])
}

/// A bundle with a table of doses, columns `t` and `dose`.
fn doses(csv: &str) -> Loaded {
    let entry =
        "[[exposure]]\nname = \"oral_theophylline\"\nfile = \"doses.csv\"\ntime = \"t [h]\"\namount = \"dose [mg]\"\n";
    load(&[
        ("patient.toml", format!("{LEVELS}{entry}")),
        ("levels.csv", "t,c\n9,5\n".into()),
        ("doses.csv", csv.into()),
    ])
}

/// The one finding of a load that fails.
#[track_caller]
fn only(loaded: Loaded) -> Diagnostic {
    let found = loaded.expect_err("must be refused");
    let all: Vec<&Diagnostic> = found.iter().collect();
    assert_eq!(all.len(), 1, "{found}");
    explain(all[0].code).expect("every code has a page");
    all[0].clone()
}

/// The one warning of a load that passes, and what was read.
#[track_caller]
fn warned(loaded: Loaded) -> (Patient, Diagnostic) {
    let (patient, found) = loaded.unwrap_or_else(|found| panic!("{found}"));
    let all: Vec<&Diagnostic> = found.iter().collect();
    assert_eq!((all.len(), all[0].severity), (1, Severity::Warning), "{found}");
    (patient, all[0].clone())
}

/// What a load gives that nothing is to be said of.
#[track_caller]
fn fine(loaded: Loaded) -> Patient {
    let (patient, found) = loaded.unwrap_or_else(|found| panic!("{found}"));
    assert!(found.is_empty(), "{found}");
    patient
}

/// Checks code, place (`file:line:column` without the folder), and parts of the text.
#[track_caller]
fn expect(finding: &Diagnostic, code: &str, place: &str, words: &[&str]) {
    let text = finding.to_string();
    assert_eq!(finding.code, code, "{text}");
    let location = finding.location.as_ref().map(ToString::to_string).unwrap_or_default();
    assert!(location.ends_with(place), "{location} is not {place}: {text}");
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
}

fn values(patient: &Patient) -> Vec<f64> {
    patient.observations[0].readings.iter().map(|reading| reading.value).collect()
}

// --- the folder and its files -----------------------------------------------------------------------------------------

#[test]
fn a_folder_that_is_none() {
    let parent = folder(&[("notes.txt", "")]);
    fs::create_dir(parent.path().join("anna")).unwrap();
    fs::write(parent.path().join("anna/patient.toml"), LEVELS).unwrap();
    expect(&only(Patient::load(&parent.path().join("ana"))), "P2001", "", &["no folder", "did you mean", "anna"]);
    expect(&only(Patient::load(&parent.path().join("notes.txt"))), "P2001", "", &["is a file; a bundle is a folder"]);
    expect(&only(Patient::load(parent.path())), "P2001", "", &["holds no `patient.toml`", "bundles in it: `anna`"]);
    expect(&only(Patient::load(Path::new("/nowhere/at/all"))), "P2001", "", &["no folder"]);
}

#[test]
fn a_file_that_is_missing_or_outside() {
    let found = only(load(&[("patient.toml", LEVELS), ("level.csv", "t,c\n1,2\n")]));
    expect(&found, "P2002", "patient.toml:3:8", &["no file `levels.csv`", "did you mean `level.csv`?"]);
    let outside = LEVELS.replace("levels.csv", "../levels.csv");
    expect(&only(alone(&outside)), "P2002", "patient.toml:3:8", &["not a file inside the bundle"]);
}

#[test]
fn bytes_that_are_no_text() {
    let found = only(levels(b"t,c\n1,2\n2,5\xb5\n"));
    expect(&found, "P2002", "patient.toml:3:8", &["not UTF-8", "line 3, byte 4", "CSV UTF-8"]);
    let found = only(load(&[("patient.toml", b"about = \"M\xfcller\"\n")]));
    expect(&found, "P2002", "patient.toml", &["not UTF-8", "line 1"]);
}

#[test]
fn empty_files() {
    expect(&only(levels("")), "P2011", "levels.csv", &["the table is empty"]);
    expect(&only(levels("\n\n")), "P2011", "levels.csv", &["the table is empty"]);
    let (_, found) = warned(alone(""));
    expect(&found, "P2023", "patient.toml:1:1", &["no observations"]);
    let (_, found) = warned(levels("t,c\n"));
    expect(&found, "P2023", "patient.toml:1:1", &["no observations"]);
}

#[test]
fn tables_as_programs_write_them() {
    let expected = [5.4, 6.0];
    for csv in [
        "t,c\n1,5.4\n2,6.0\n",
        "\u{feff}t,c\n1,5.4\n2,6.0\n",
        "t,c\r\n1,5.4\r\n2,6.0\r\n",
        "t,c\r1,5.4\r2,6.0\r",
        "t;c\n1;5.4\n2;6.0\n",
        "t\tc\n1\t5.4\n2\t6.0\n",
        "\n\"t\",\"c\"\n1, 5.4\n\n2,\"6.0\"\n,\n",
    ] {
        assert_eq!(values(&fine(levels(csv))), expected, "{csv:?}");
    }
    // Nothing tells a file that a program leaves without its last line break from one that was cut short.
    let (patient, warning) = warned(levels("\u{feff}t,c\n1,5.4\n2,6.0"));
    assert_eq!((values(&patient), warning.code), (expected.to_vec(), "P2029"));
    // Places are right with CR LF and a byte order mark.
    expect(&only(levels("\u{feff}t,c\r\n1,5.4\r\n2,x\r\n")), "P2013", "levels.csv:3:3", &["`x` is not a number"]);
    let marked = format!("\u{feff}{}", LEVELS.replace('\n', "\r\n"));
    assert_eq!(values(&fine(load(&[("patient.toml", marked.as_str()), ("levels.csv", "t,c\n1,5\n")]))), [5.0]);
}

#[test]
fn decimal_commas() {
    let found = only(levels("t;c\n1;5,4\n"));
    expect(&found, "P2013", "levels.csv:2:3", &["`5,4` is not a number", "with a point, not a comma: 5.4"]);
    expect(&only(levels("t,c\n1,5,4\n")), "P2012", "levels.csv:2", &["3 fields, the header 2", "with a point"]);
}

#[test]
fn a_table_cut_short() {
    let found = only(levels("t,c\n0,5.4\n1,6.1\n2"));
    expect(&found, "P2012", "levels.csv:4", &["1 field, the header 2", "cut short"]);
    // Of 10.5 a copy that was broken off may leave a number like any other.
    let (patient, warning) = warned(levels("t,c\n0,5.4\n1,10."));
    assert_eq!(values(&patient), [5.4, 10.0]);
    expect(&warning, "P2029", "levels.csv:3", &["cut short", "line break"]);
    fine(levels("t,c\r\n0,5.4\r\n1,10.\r\n"));
    // A quotation mark that is not closed swallows the rows below it, even in a column that nobody reads.
    expect(&only(levels("t,c\n0,5.4\n1,\"6.1\n2,7\n")), "P2012", "levels.csv:3", &["not closed"]);
    expect(&only(levels("t,c,note\n0,5,\"a\n1,6,b\n2,7,c\n")), "P2012", "levels.csv:2", &["not closed"]);
    assert_eq!(values(&fine(levels("t,note,c\n0,\"two\nlines\",5\n"))), [5.0]);
}

#[test]
fn tables_without_names() {
    expect(&only(levels("0,5.4\n1,6.1\n")), "P2011", "levels.csv:1", &["names of the columns belong"]);
    expect(&only(levels("t,c,c\n1,2,3\n")), "P2011", "levels.csv:1", &["two columns are named `c`"]);
}

#[test]
fn an_unknown_column() {
    let found = only(levels("t,conc\n1,2\n"));
    expect(&found, "P2007", "patient.toml:5:9", &["no column `c`", "`t`, `conc`"]);
}

// --- patient.toml -----------------------------------------------------------------------------------------------------

#[test]
fn toml_that_is_none() {
    let found = alone("[covariates]\nweight = 79.6 kg\n").unwrap_err();
    expect(found.iter().next().unwrap(), "P2003", "patient.toml:2:10", &["not valid TOML", "quotation marks"]);
    let found = alone("model = \"a\"\nmodel = \"b\"\n").unwrap_err();
    expect(found.iter().next().unwrap(), "P2003", "patient.toml:2:1", &["duplicate key"]);
}

#[test]
fn keys_that_mean_nothing_or_are_missing() {
    let found = only(alone(&format!("modle = \"x\"\n{}", in_place("hba1c", "6 %"))));
    expect(&found, "P2004", "patient.toml:1:1", &["`modle` means nothing in patient.toml", "did you mean `model`?"]);
    let found = only(sensor("mg/dL", &["100"], "lower_limt = \"40 mg/dL\"\n"));
    expect(&found, "P2004", "patient.toml:6:1", &["did you mean `lower_limit`?"]);
    let found = only(alone("[[observation]]\nname = \"hba1c\"\n"));
    expect(&found, "P2005", "patient.toml:1:1", &["no `file`", "readings"]);
    let found =
        only(load(&[("patient.toml", LEVELS.replace("time = \"t [h]\"\n", "")), ("levels.csv", "t,c\n1,2\n".into())]));
    expect(&found, "P2005", "patient.toml:1:1", &["no `time`"]);
}

/// A bundle's entry of one reading.
fn in_place(name: &str, value: &str) -> String {
    format!("[[observation]]\nname = \"{name}\"\nreadings = [{{ time = \"1 h\", value = \"{value}\" }}]\n")
}

#[test]
fn units_that_are_missing_wrong_or_unreadable() {
    let with = |line: &str| alone(&format!("[covariates]\n{line}\n{}", in_place("hba1c", "6 %")));
    expect(&only(with("weight = 79.6")), "P2006", "patient.toml:2:10", &["has no unit", "weight = \"79.6 kg\""]);
    expect(
        &only(with("weight = \"79.6\"")),
        "U1002",
        "patient.toml:2:10",
        &["`1` cannot be converted into `kg`", "beside the number"],
    );
    expect(&only(with("weight = \"79.6 L\"")), "U1002", "patient.toml:2:10", &["into `kg`"]);
    expect(&only(with("weight = \"79,6 kg\"")), "U1001", "patient.toml:2:10", &["with a point"]);
    expect(&only(with("weight = \"heavy\"")), "U1003", "patient.toml:2:10", &["not a quantity"]);
    expect(&only(with("sex = \"femal\"")), "P2010", "patient.toml:2:7", &["did you mean `female`?"]);
    expect(&only(with("sex = 1")), "P2006", "patient.toml:2:7", &["`female`, `male`"]);
    let found = only(load(&[("patient.toml", LEVELS.replace("c [mg/L]", "c")), ("levels.csv", "t,c\n1,2\n".into())]));
    expect(&found, "P2006", "patient.toml:5:9", &["no unit", "value = \"c [mg/L]\""]);
    let bolus = "[[exposure]]\nname = \"bolus_insulin\"\nevents = [{ time = \"0 h\", amount = \"4 U\" }]\n";
    let found = only(alone(&format!("{bolus}{}", in_place("hba1c", "6 %"))));
    expect(&found, "U1002", "patient.toml:3:36", &["the international unit is `[iU]`"]);
}

#[test]
fn a_value_of_a_json_file() {
    let manifest = format!(
        "[covariates]\nweight = {{ file = \"p.json\", key = \"w\", unit = \"kg\" }}\n{}",
        in_place("hba1c", "6 %")
    );
    let with = |json: &str| load(&[("patient.toml", manifest.as_str()), ("p.json", json)]);
    assert_eq!(fine(with("{\"w\": 70}")).covariate("weight").unwrap().value, 70.0);
    expect(&only(with("{\"wt\": 70}")), "P2008", "patient.toml:2:35", &["no key `w`"]);
    expect(&only(with("{\"w\":\n \"70\"}")), "P2008", "p.json:1:2", &["not a number"]);
    expect(&only(with("{\"w\": 70,\n}")), "P2008", "p.json:2:1", &["not valid JSON"]);
    let found =
        only(load(&[("patient.toml", manifest.replace(", unit = \"kg\"", "").as_str()), ("p.json", "{\"w\": 70}")]));
    expect(&found, "P2005", "patient.toml:2:10", &["no `unit`"]);
}

#[test]
fn a_name_that_nobody_knows() {
    let (patient, found) = warned(alone(&in_place("plasma_glucos", "5 mmol/L")));
    expect(&found, "P2009", "patient.toml:2:8", &["did you mean `plasma_glucose`?"]);
    assert_eq!(patient.observations[0].unit.text(), "mmol/L");
}

// --- values -----------------------------------------------------------------------------------------------------------

#[test]
fn glucose_in_the_other_unit() {
    let found = only(sensor("mg/dL", &["5.4", "6.1", "7.9"], ""));
    expect(&found, "P2020", "cgm.csv:2:3", &["these look like mmol/L, not mg/dL", "write [mmol/L] instead of [mg/dL]"]);
    let found = only(sensor("mmol/L", &["98", "120", "160"], ""));
    expect(&found, "P2020", "cgm.csv:2:3", &["these look like mg/dL, not mmol/L"]);
    // A device's limits must not hide it: every reading would be "Low".
    let limits = "lower_limit = \"40 mg/dL\"\nupper_limit = \"400 mg/dL\"\n";
    expect(&only(sensor("mg/dL", &["5.4", "6.1", "7.9"], limits)), "P2020", "cgm.csv:2:3", &["mmol/L"]);
    let right = fine(sensor("mmol/L", &["5", "6.1"], limits));
    assert!((values(&right)[0] - 90.078).abs() < 1e-9, "5 mmol/L × 180.156 g/mol = 90.078 mg/dL");
}

#[test]
fn one_value_beyond_belief() {
    let found = only(sensor("mg/dL", &["100", "110", "4000", "120"], ""));
    expect(&found, "P2019", "cgm.csv:4:3", &["4000 mg/dL is no plausible", "39 to 500 mg/dL"]);
    let thousand: Vec<&str> = std::iter::repeat_n("9999", 1000).collect();
    let found = sensor("mg/dL", &thousand, "").unwrap_err();
    assert_eq!(found.iter().count(), 6, "five in full, then one that counts: {found}");
    assert!(found.to_string().contains("and 995 more like this"));
}

#[test]
fn cells_that_are_no_numbers() {
    expect(&only(levels("t,c\n1,NaN\n")), "P2014", "levels.csv:2:3", &["not a finite number", "leave the cell empty"]);
    expect(&only(levels("t,c\n1,inf\n")), "P2014", "levels.csv:2:3", &[]);
    expect(&only(levels("t,c\n1,high?\n")), "P2013", "levels.csv:2:3", &["`high?` is not a number"]);
    expect(&only(levels("t,c\n1,5.3 mg/L\n")), "P2013", "levels.csv:2:3", &["the unit stands in patient.toml"]);
    expect(&only(levels("t,c\nNaN,5.3\n")), "P2014", "levels.csv:2:1", &[]);
    expect(&only(levels("t,c\n<3,5.3\n")), "P2013", "levels.csv:2:1", &["not a time"]);
    expect(&only(levels("t,c\n1,Low\n")), "P2013", "levels.csv:2:3", &["lower_limit"]);
    let patient = fine(levels("t,c\n0,5\n1,\n2,NA\n,4\n"));
    assert_eq!(values(&patient), [5.0]);
    let left: Vec<(usize, &str)> = patient.left_out.iter().map(|left| (left.count, left.why.as_str())).collect();
    assert_eq!(left, [(2, "the cell of its value is empty"), (1, "the cell of its time is empty")]);
}

#[test]
fn bounds_and_limits() {
    let limits = "lower_limit = \"40 mg/dL\"\nupper_limit = \"400 mg/dL\"\n";
    let patient = fine(sensor("mg/dL", &["Low", "40", "<45", "100", ">400", "HIGH", "<450", ">39"], limits));
    let readings: Vec<(f64, Censoring)> =
        patient.observations[0].readings.iter().map(|reading| (reading.value, reading.censoring)).collect();
    use Censoring::{Above, Below, None};
    // A bound on the side away from a limit stays the bound it is.
    assert_eq!(
        readings,
        [
            (40.0, Below),
            (40.0, Below),
            (45.0, Below),
            (100.0, None),
            (400.0, Above),
            (400.0, Above),
            (450.0, Below),
            (39.0, Above),
        ]
    );
    let swapped = "lower_limit = \"400 mg/dL\"\nupper_limit = \"40 mg/dL\"\n";
    expect(&only(sensor("mg/dL", &["100"], swapped)), "P2006", "patient.toml:7:15", &["not above `lower_limit`"]);
    let wrong_unit = "lower_limit = \"40 mmol/L\"\n";
    expect(
        &only(sensor("mg/dL", &["100"], wrong_unit)),
        "P2006",
        "patient.toml:6:15",
        &["every reading would be below"],
    );
}

#[test]
fn scales_that_only_look_alike() {
    assert_eq!(values(&fine(alone(&in_place("hba1c", "7 %")))), [7.0]);
    assert_eq!(values(&fine(alone(&in_place("hba1c_ifcc", "53 mmol/mol")))), [53.0]);
    let refused = [("hba1c", "53 mmol/mol", "`hba1c_ifcc`"), ("hba1c_ifcc", "7 %", "name it `hba1c`")];
    for (name, value, word) in refused.into_iter().chain([("hba1c", "0.07", "`hba1c` is read in % only")]) {
        expect(&only(alone(&in_place(name, value))), "P2025", "patient.toml:3:37", &[word]);
    }
    let mislabelled = only(alone(&in_place("hba1c", "53 %")));
    expect(
        &mislabelled,
        "P2019",
        "patient.toml:3:37",
        &["53 % is no plausible `hba1c`", "in mmol/mol it is `hba1c_ifcc`"],
    );
}

#[test]
fn conversions_by_hand() {
    for (name, value, expected) in [
        ("plasma_glucose", "5.5 mmol/L", 99.0858),  // × 180.156 g/mol / 10
        ("plasma_insulin", "10 m[iU]/L", 60.0),     // × 6 nmol/[iU]
        ("plasma_insulin", "10 u[IU]/mL", 60.0),    // the same
        ("c_peptide", "3.02 ng/mL", 1.0),           // ÷ 3020 g/mol
        ("creatinine", "88.4 umol/L", 0.999_980_8), // × 113.12 g/mol
        ("bilirubin", "17.1 umol/L", 0.999_768_6),  // × 584.66 g/mol
        ("ldl_cholesterol", "3 mmol/L", 115.995),   // × 386.65 g/mol
        ("triglycerides", "1 mmol/L", 88.57),       // × 885.7 g/mol
        ("albumin", "42 g/L", 4.2),
        ("haemoglobin", "140 g/L", 14.0),
        ("haematocrit", "0.45 1", 45.0),
        ("body_temperature", "98.6 [degF]", 37.0),
        ("body_temperature", "310.15 K", 37.0),
        ("systolic_pressure", "16 kPa", 120.010_2), // 1 mmHg = 133.322 Pa in UCUM
        ("heart_rate", "1.2 Hz", 72.0),
        ("plasma_digoxin", "1.28 nmol/L", 0.999_603_2), // × 780.94 g/mol
    ] {
        let found = values(&fine(alone(&in_place(name, value))))[0];
        assert!((found / expected - 1.0).abs() < 1e-6, "{name} {value}: {found}, not {expected}");
    }
}

// --- times ------------------------------------------------------------------------------------------------------------

#[test]
fn times_that_go_back_or_stand_twice() {
    let found = only(levels("t,c\n0,1\n2,2\n1,3\n3,4\n"));
    expect(&found, "P2017", "levels.csv:4:1", &["times go back: 1 h comes after 2 h"]);
    let found = only(levels("t,c\n0,1\n1,2\n1,3\n"));
    expect(&found, "P2016", "levels.csv:4:1", &["two readings at 1 h: 2 and 3", "levels.csv:3"]);
    expect(&only(levels("t,c\n1,2\n1,2\n")), "P2016", "levels.csv:3:1", &["stands twice"]);
}

#[test]
fn events_outside_the_record() {
    let found = only(doses("t,dose\n-1,300\n2,300\n"));
    expect(&found, "P2021", "doses.csv:2:1", &["-1 h is before the start", "start = \"-1 h\""]);
    let (patient, found) = warned(doses("t,dose\n0,300\n480,300\n"));
    expect(&found, "P2022", "doses.csv:3", &["after the last observation (9 h)"]);
    assert_eq!(patient.exposures[0].events.len(), 2, "kept");
    let early = alone(&format!("start = \"2 h\"\n{}", in_place("hba1c", "6 %")));
    expect(&only(early), "P2021", "patient.toml:4:22", &["before the start of the record (2 h)"]);
}

#[test]
fn doses_that_cannot_be() {
    expect(&only(doses("t,dose\n0,-300\n")), "P2018", "doses.csv:2:3", &["the amount is negative"]);
    expect(&only(doses("t,dose\n0,90000\n")), "P2019", "doses.csv:2:3", &["no plausible"]);
    let (patient, found) = warned(doses("t,dose\n0,300\n0,300\n"));
    expect(&found, "P2016", "doses.csv:3:1", &["the same event stands twice", "both are taken"]);
    assert_eq!(patient.exposures[0].events.len(), 2);
    let held = |csv: &str| {
        let manifest =
            "[[exposure]]\nname = \"basal_insulin\"\nfile = \"b.csv\"\ntime = \"t [h]\"\nrate = \"r [[iU]/h]\"\n";
        load(&[("patient.toml", format!("{manifest}{}", in_place("hba1c", "6 %"))), ("b.csv", csv.into())])
    };
    expect(&only(held("t,r\n0,1\n0,1\n")), "P2016", "b.csv:3:1", &["two values at 0 h"]);
    let (patient, found) = warned(held("t,r\n0.5,1\n"));
    expect(&found, "P2027", "b.csv:2:1", &["says nothing from 0 h to 0.5 h: no rate is taken"]);
    assert_eq!(patient.exposures[0].kind, ExposureKind::Held);
}

#[test]
fn one_dose_in_two_tables() {
    let entry = |file: &str| {
        format!(
            "[[exposure]]\nname = \"oral_theophylline\"\nfile = \"{file}\"\ntime = \"t [h]\"\namount = \"d [mg]\"\n"
        )
    };
    let manifest = format!("{}{}{}", entry("a.csv"), entry("b.csv"), in_place("plasma_theophylline", "5 mg/L"));
    let (patient, found) =
        warned(load(&[("patient.toml", manifest.as_str()), ("a.csv", "t,d\n0,300\n"), ("b.csv", "t,d\n0,300\n")]));
    expect(&found, "P2016", "b.csv:2:1", &["the same event stands twice", "a.csv:2"]);
    assert_eq!(patient.exposures[0].events.len(), 2);
}

#[test]
fn time_stamps() {
    let stamped = |epoch: &str, when: &str| {
        let manifest = format!("{epoch}\n{}", LEVELS.replace("t [h]", "t"));
        load(&[("patient.toml", manifest), ("levels.csv", format!("t,c\n{when},5\n"))])
    };
    let hours = |patient: &Patient| patient.observations[0].readings[0].time_h;
    let berlin = "epoch = \"2024-03-30T00:00:00+01:00[Europe/Berlin]\"";
    assert_eq!(hours(&fine(stamped(berlin, "2024-03-30 08:30"))), 8.5);
    assert_eq!(hours(&fine(stamped(berlin, "2024-03-31 12:00"))), 35.0, "the night has one hour less");
    // An offset alone is the zone of the stamps that have none.
    assert_eq!(hours(&fine(stamped("epoch = 2024-03-30T00:00:00+01:00", "2024-03-30 08:30"))), 8.5);
    assert_eq!(hours(&fine(stamped(berlin, "2024-03-30T08:30:00Z"))), 9.5);
    expect(&only(stamped("", "2024-03-30 08:30")), "P2015", "patient.toml:5:8", &["needs an epoch"]);
    expect(&only(stamped("epoch = \"2024-03-30T00:00:00\"", "x")), "P2015", "patient.toml:1:9", &["with a time zone"]);
    for wrong in ["30.03.2024 08:30", "03/30/2024", "2024-03-30 08:30 PM", "8.5"] {
        expect(&only(stamped(berlin, wrong)), "P2015", "levels.csv:2:1", &["not a time stamp"]);
    }
    expect(&only(stamped(berlin, "2024-03-31 02:30")), "P2026", "levels.csv:2:1", &["never showed", "Europe/Berlin"]);
    let (patient, found) = warned(stamped(berlin, "2024-03-31"));
    expect(&found, "P2026", "levels.csv:2:1", &["midnight is taken"]);
    assert_eq!(hours(&patient), 24.0);
    let (patient, found) = warned(stamped(berlin, "2024-10-27 02:30"));
    expect(&found, "P2026", "levels.csv:2:1", &["showed `2024-10-27 02:30` twice: the first is taken"]);
    assert_eq!(
        hours(&patient),
        211.0 * 24.0 + 1.5,
        "26 October, 23:30 in winter time, is 211 days after the epoch less an hour"
    );
}

#[test]
fn all_mistakes_are_told_at_once() {
    let manifest =
        "modle = \"x\"\n[covariates]\nweight = 70\n[[exposure]]\nname = \"oral_theophylline\"\nrate = \"x\"\n";
    let found =
        load(&[("patient.toml", format!("{manifest}{LEVELS}")), ("levels.csv", "t,c\n1,x\n".into())]).unwrap_err();
    let codes: Vec<&str> = found.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["P2004", "P2006", "U1003", "P2013"], "{found}");
}
