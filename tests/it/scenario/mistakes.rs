//! Every mistake in a scenario file has its code, its place and its help; all are found at once.

use homeostat::diagnostic::{Diagnostic, Source, explain};
use homeostat::scenario::check_together;

use super::{read, read_with};

const DOSE: &str = "[[add]]\ninput = \"dose\"\n";
const LEVEL: &str = "[[outcome]]\noutput = \"level\"\n";

fn found(text: &str, epoch: Option<&str>) -> Vec<Diagnostic> {
    match read_with(text, epoch) {
        Ok((_, warnings)) => warnings.iter().cloned().collect(),
        Err(found) => found.iter().cloned().collect(),
    }
}

/// The one finding of a text: its code, `line:column`, and words that it must say in message, label or help.
fn expect(text: &str, code: &str, place: &str, words: &[&str]) {
    let all = found(text, None);
    let told: String = all.iter().map(ToString::to_string).collect();
    assert_eq!(all.len(), 1, "{text}\n{told}");
    let location = all[0].location.as_ref().unwrap();
    assert_eq!((all[0].code, location.to_string()), (code, format!("walk.toml:{place}")), "{text}\n{told}");
    for word in words {
        assert!(told.contains(word), "{word} is not in\n{told}");
    }
    assert!(explain(code).is_some(), "{code} has no page");
}

#[test]
fn keys_and_kinds() {
    expect("name = \"a", "S5002", "1:10", &["TOML"]);
    expect("frmo = \"1 h\"\n", "S5003", "1:1", &["did you mean `from`"]);
    expect(&format!("{DOSE}time = \"1 h\"\namuont = \"1 mg\"\namount = \"1 mg\"\n"), "S5003", "4:1", &["amount"]);
    expect("[[scale]]\nfactor = 2\n", "S5004", "1:1", &["`input`"]);
    expect("[[scale]]\ninput = \"dose\"\n", "S5004", "1:1", &["factor = 0.7"]);
    expect("[[shift]]\ninput = \"dose\"\n", "S5004", "1:1", &["60 min"]);
    expect(&format!("{DOSE}amount = \"1 mg\"\n"), "S5004", "1:1", &["`time`"]);
    expect("[[add]]\ninput = \"meal\"\ntime = \"1 h\"\n", "S5004", "1:1", &["amount = \"… g\""]);
    expect(&format!("{DOSE}time = \"1 h\"\namount = \"1 mg\"\nevery = \"1 h\"\n"), "S5004", "1:1", &["`times`"]);
    expect("[[set]]\nparameter = \"CL\"\n", "S5004", "1:1", &["factor = 0.5"]);
    expect(&format!("{LEVEL}measure = \"time_above\"\n"), "S5004", "1:1", &["`level`"]);
    expect(&format!("{DOSE}time = 1\namount = \"1 mg\"\n"), "S5005", "3:8", &["time = \"1 h\""]);
    expect(&format!("{DOSE}time = \"1 h\"\namount = 1.5\n"), "S5005", "4:10", &["amount = \"1.5 mg\""]);
    expect("name = 3\n", "S5005", "1:8", &["text"]);
    expect("scale = 3\n", "S5005", "1:9", &["list of tables"]);
    expect(&format!("{DOSE}time = true\namount = \"1 mg\"\n"), "S5005", "3:8", &["a time"]);
}

#[test]
fn names() {
    expect("[[remove]]\ninput = \"does\"\n", "S5006", "2:9", &["did you mean `dose`"]);
    expect("[[set]]\nparameter = \"Vmax\"\nvalue = \"1 L\"\n", "S5006", "2:13", &["`CL`"]);
    expect("[[covariate]]\nname = \"wieght\"\nvalue = \"1 kg\"\n", "S5006", "2:8", &["did you mean `weight`"]);
    expect("[[outcome]]\noutput = \"levle\"\nmeasure = \"peak\"\n", "S5006", "2:10", &["did you mean `level`"]);
    expect(&format!("{LEVEL}measure = \"peek\"\n"), "S5007", "3:11", &["did you mean `peak`"]);
    expect(&format!("{LEVEL}measure = \"peak\"\nbetter = \"less\"\n"), "S5007", "4:10", &["lower"]);
    let twice = "measure = \"peak\"\nname = \"a\"\n";
    expect(
        &format!("{LEVEL}{twice}[[outcome]]\noutput = \"level\"\nmeasure = \"trough\"\nname = \"a\"\n"),
        "S5014",
        "8:8",
        &["called `a`"],
    );
}

#[test]
fn times() {
    expect("from = \"-2 h\"\n", "S5008", "1:8", &["begins at 0 h"]);
    expect("from = \"40 h\"\nto = \"40 h\"\n", "S5008", "2:6", &["empty", "0 h to 48 h"]);
    expect("from = \"50 h\"\n", "S5008", "1:8", &["empty"]);
    expect("[[remove]]\ninput = \"dose\"\nfrom = \"9 h\"\nto = \"9 h\"\n", "S5008", "4:6", &["empty"]);
    expect(&format!("{DOSE}time = \"49 h\"\namount = \"1 mg\"\n"), "S5009", "3:8", &["after the horizon", "48 h"]);
    expect(
        &format!("from = \"24 h\"\n{DOSE}time = \"9 h\"\namount = \"1 mg\"\n"),
        "S5009",
        "4:8",
        &["before", "epoch"],
    );
    let every = "time = \"1 h\"\namount = \"1 mg\"\nevery = \"24 h\"\ntimes = 3\n";
    expect(&format!("{DOSE}{every}"), "S5009", "1:1", &["49 h"]);
    expect("[[remove]]\ninput = \"dose\"\nto = \"72 h\"\n", "S5009", "3:6", &["72 h"]);
    expect(&format!("{LEVEL}measure = \"value_at\"\ntime = \"50 h\"\n"), "S5009", "4:8", &["50 h"]);
    expect("[[shift]]\ninput = \"dose\"\nby = \"-9 h\"\n", "S5009", "1:1", &["8 h", "-1 h"]);
    expect(&format!("{DOSE}time = \"2026-03-01T08:00\"\namount = \"1 mg\"\n"), "S5016", "3:8", &["epoch"]);
    expect(&format!("{DOSE}time = \"1 mg\"\namount = \"1 mg\"\n"), "U1002", "3:8", &[]);
    expect(&format!("{DOSE}time = \"tea time\"\namount = \"1 mg\"\n"), "U1003", "3:8", &[]);
    let epoch = Some("2026-03-01T00:00:00+00:00[UTC]");
    let text = format!("{DOSE}time = 2026-03-01T08:00:00\namount = \"1 mg\"\n");
    assert_eq!(found(&text, epoch), []);
    let text = format!("{DOSE}time = \"2026-13-01\"\namount = \"1 mg\"\n");
    assert_eq!(found(&text, epoch)[0].code, "S5016");
}

#[test]
fn numbers_and_kinds_of_input() {
    expect(&format!("{DOSE}time = \"1 h\"\namount = \"-1 mg\"\n"), "S5010", "4:10", &["below 0"]);
    expect("[[scale]]\ninput = \"dose\"\nfactor = -1\n", "S5010", "3:10", &["below 0"]);
    expect("[[scale]]\ninput = \"dose\"\nfactor = inf\n", "S5010", "3:10", &["inf"]);
    expect("[[set]]\nparameter = \"CL\"\nfactor = 0\n", "S5010", "3:10", &["above 0"]);
    expect("step = \"0 min\"\n", "S5010", "1:8", &["longer than 0"]);
    expect("step = \"1 ms\"\n", "S5010", "1:8", &["too short"]);
    expect(
        &format!("{DOSE}time = \"1 h\"\namount = \"1 mg\"\nevery = \"1 h\"\ntimes = 0\n"),
        "S5010",
        "6:9",
        &["between 1"],
    );
    let range = "measure = \"time_in_range\"\nlow = \"9 mg/L\"\nhigh = \"3 mg/L\"\n";
    expect(&format!("{LEVEL}{range}"), "S5010", "4:7", &["below `high`"]);
    expect(&format!("{DOSE}time = \"1 h\"\namount = \"1 mL\"\n"), "U1002", "4:10", &["mL"]);
    expect(&format!("{DOSE}time = \"1 h\"\namount = \"1 pints\"\n"), "U1001", "4:10", &["pints"]);
    expect(&format!("{DOSE}time = \"1 h\"\nrate = \"1 mg/h\"\n"), "S5011", "4:1", &["`amount`"]);
    let lasting = "time = \"1 h\"\namount = \"1 mg\"\nduration = \"1 h\"\n";
    expect(&format!("{DOSE}{lasting}"), "S5011", "5:1", &["at an instant"]);
    expect("[[add]]\ninput = \"drip\"\ntime = \"1 h\"\namount = \"1 mg\"\n", "S5011", "4:10", &["duration"]);
    expect("[[add]]\ninput = \"heat\"\ntime = \"1 h\"\namount = \"1\"\n", "S5011", "1:1", &["[[hold]]"]);
    expect("[[hold]]\ninput = \"dose\"\nrate = \"1 mg/h\"\n", "S5011", "1:1", &["[[add]]"]);
    expect("[[hold]]\ninput = \"drip\"\nvalue = \"1 mg/h\"\n", "S5011", "3:1", &["`rate`"]);
    expect(&format!("{DOSE}time = \"1 h\"\namount = \"1 mg\"\nrate = \"1 mg/h\"\n"), "S5015", "5:1", &["`amount`"]);
    expect("[[set]]\nparameter = \"CL\"\nfactor = 2\nvalue = \"1 L/h\"\n", "S5015", "4:1", &["`value`"]);
    let both = "time = \"1 h\"\nevents = [{ time = \"1 h\", amount = \"1 mg\" }]\n";
    expect(&format!("{DOSE}{both}"), "S5015", "4:1", &["`events`"]);
    expect(&format!("{LEVEL}measure = \"peak\"\nlevel = \"1 mg/L\"\n"), "S5015", "4:1", &["`peak`"]);
    expect("[[set]]\nparameter = \"CL\"\nvalue = \"-1 L/h\"\n", "S5018", "3:9", &["`CL`"]);
    expect("[[covariate]]\nname = \"weight\"\nvalue = \"7000 kg\"\n", "S5018", "3:9", &["plausible"]);
    expect(&format!("{LEVEL}measure = \"peak\"\nunit = \"kg\"\n"), "U1002", "4:8", &["`mg/L`"]);
}

#[test]
fn what_has_no_effect_is_said() {
    expect(
        "[[remove]]\ninput = \"dose\"\nfrom = \"9 h\"\nto = \"10 h\"\n",
        "S5012",
        "1:1",
        &["removes nothing", "3 of it"],
    );
    expect("[[scale]]\ninput = \"meal\"\nfactor = 2\nfrom = \"40 h\"\n", "S5012", "1:1", &["scales nothing"]);
    expect("[[shift]]\ninput = \"dose\"\nby = \"1 h\"\nto = \"2 h\"\n", "S5012", "1:1", &["moves nothing"]);
    expect("[[shift]]\ninput = \"dose\"\nby = \"20 h\"\nfrom = \"30 h\"\n", "S5013", "1:1", &["52 h", "no effect"]);
}

#[test]
fn all_mistakes_are_found_at_once() {
    let text =
        "frm = \"1 h\"\n[[scale]]\ninput = \"does\"\nfactor = -1\n[[outcome]]\noutput = \"level\"\nmeasure = \"top\"\n";
    let mut codes: Vec<&str> = found(text, None).iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["S5003", "S5006", "S5007", "S5010"]);
}

#[test]
fn names_that_mean_two_things() {
    let scenario = |file: &str, text: &str| (Source::new(file, text), read(text));
    let named = |name: &str| format!("name = \"{name}\"\n");
    let codes = |scenarios: &[_]| check_together(scenarios).iter().map(|f| f.code).collect::<Vec<_>>();
    assert_eq!(codes(&[scenario("a.toml", &named("a b")), scenario("b.toml", &named("b"))]), [""; 0]);
    assert_eq!(codes(&[scenario("a.toml", &named("a b")), scenario("b.toml", &named("a_b"))]), ["S5014"]);
    assert_eq!(codes(&[scenario("a.toml", &named("as it was"))]), ["S5014"]);
    let asks = |name: &str, measure: &str| format!("{}{LEVEL}measure = \"{measure}\"\nname = \"m\"\n", named(name));
    assert_eq!(codes(&[scenario("a", &asks("a", "peak")), scenario("b", &asks("b", "trough"))]), ["S5014"]);
    assert_eq!(codes(&[scenario("a", &asks("a", "peak")), scenario("b", &asks("b", "peak"))]), [""; 0]);
}

#[test]
fn every_code_has_a_page() {
    for code in (5001..=5018).chain([5020]) {
        assert!(explain(&format!("S{code}")).is_some(), "S{code}");
    }
    assert!(explain("C6001").is_some());
}
