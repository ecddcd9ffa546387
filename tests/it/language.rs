//! The model language: what it means, by closed forms, and every mistake with its code, place and a way out.

use std::fs;

use homeostat::diagnostic::{Diagnostic, Diagnostics, Severity, Source};
use homeostat::model::{Composed, Library, ParameterValue, Program};
use homeostat::sim::{Bolus, Ensemble, Held, Schedule, Settings};
use homeostat::stats::Distribution;

/// Loads `top.model` of a folder with these files.
fn load(files: &[(&str, &str)]) -> Result<(Composed, Diagnostics), Diagnostics> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let top = folder.path().join("top.model");
    Library::embedded().load(top.to_str().unwrap())
}

/// The body of a component, line 4 on.
fn component(body: &str) -> String {
    format!("component top\n  \"For a test.\"\ntime [h]\n{body}")
}

fn good(body: &str) -> Composed {
    load(&[("top.model", &component(body))]).unwrap_or_else(|found| panic!("{body}\n{found}")).0
}

/// Every finding of a component with this body.
fn found(body: &str) -> Vec<Diagnostic> {
    match load(&[("top.model", &component(body))]) {
        Ok((_, warnings)) => warnings.iter().cloned().collect(),
        Err(errors) => errors.iter().cloned().collect(),
    }
}

/// One finding, with this code, at this line and column, whose text has all the words.
#[track_caller]
fn expect(body: &str, code: &str, place: (usize, usize), words: &[&str]) {
    let all = found(body);
    assert_eq!(all.len(), 1, "{body}\n{all:#?}");
    let finding = &all[0];
    let location = finding.location.as_ref().unwrap();
    let at = (location.line.unwrap_or(0), location.column.unwrap_or(0));
    let mut shown = Diagnostics::new();
    shown.push(finding.clone());
    let text = shown.to_string();
    assert_eq!((finding.code, at), (code, place), "{body}\n{text}");
    assert!(location.file.ends_with("top.model"), "{text}");
    for word in words {
        assert!(text.contains(word), "`{word}` is not in\n{text}");
    }
}

/// A state and its derivative, so that a mistake stands alone.
const STATE: &str = "state x [mg] = 1 [mg]\nd x = -x / 1 [h]\n";

#[test]
fn expressions_of_any_depth_end_in_a_diagnostic() {
    const MANY: usize = 100_000;
    let value = |text: String| found(&format!("let y = {text}\noutput z [1] = y\n"));
    let nested = format!("{}1{}", "(".repeat(MANY), ")".repeat(MANY));
    let called = format!("{}1{}", "exp(".repeat(MANY), ")".repeat(MANY));
    let chains = [" + 2", " * 2", " and 2", "^2"].map(|next| format!("1{}", next.repeat(MANY)));
    let signs = ["-", "not "].map(|sign| format!("{}1", sign.repeat(MANY)));
    for text in [nested, called].into_iter().chain(chains).chain(signs) {
        let all = value(text.clone());
        assert!(all.iter().any(|one| one.code == "M1005"), "{}: {:?}", &text[..20], all.first());
    }
    let sum = format!("1{}", " + 2".repeat(400));
    assert!(value(sum).is_empty(), "a sum of 400 terms");

    // Through names: in order each is known when the next one needs it, backwards each needs the next one first.
    let name = |at: usize| format!("let a{at} = time / 1 [h] * a{}\n", at - 1);
    let forwards = (1..20_000).fold(String::from("let a0 = 2\n"), |text, at| text + &name(at));
    assert!(found(&format!("{forwards}output z [1] = a19999\n")).is_empty());
    let backwards: String = (1..2000).rev().map(name).collect();
    let all = found(&format!("{backwards}let a0 = 2\noutput z [1] = a1999\n"));
    assert!(!all.is_empty() && all.iter().all(|one| one.code == "M1005"), "{:?}", all.first());
}

#[test]
fn what_is_not_written_as_it_must_be() {
    expect("state x [mg] = 1 [mg] §\nd x = 0\n", "M1001", (4, 23), &["`§`"]);
    expect("parameter k [1/h] = 0.5.3\n", "M1001", (4, 21), &["0.5.3"]);
    expect("parameter k [1/h] 0.5\n", "M1002", (4, 19), &["expected", "found"]);
    expect(&format!("{STATE}paramter k [1/h] = 1\n"), "M1002", (6, 1), &["did you mean `parameter`"]);
    let observed = |span: &str| format!("{STATE}output y [mg] = x\nobserve y ~ Normal(y, 1 [mg]) averaged {span}\n");
    expect(&observed("0 [min]"), "M4003", (7, 40), &["above 0"]);
    assert_eq!(found(&observed("5 [mg]"))[0].code, "U1002");
    assert_eq!(found(&observed(""))[0].code, "M1002");
    assert!(found(&observed("5 [min]")).is_empty());
    expect(&format!("{STATE}let y [mg] = 2 * (x + x\n"), "M1002", (6, 24), &["`)`"]);
    expect("state x [mg] = 0 \"the drug\nd x = 0\n", "M1003", (4, 18), &["quote"]);
    assert_eq!(found("state x [mg = 1\n")[0].code, "M1003");
    let files = [("top.model", "state x [mg] = 1 [mg]\n")];
    assert_eq!(load(&files).unwrap_err().iter().next().unwrap().code, "M1004");
    assert_eq!(load(&[("top.model", "")]).unwrap_err().iter().next().unwrap().code, "M1004");
}

#[test]
fn names() {
    expect(&format!("{STATE}let y [mg] = 2 * xx\n"), "M2001", (6, 18), &["`xx`", "did you mean `x`"]);
    expect(&format!("{STATE}let x [mg] = 1\n"), "M2002", (6, 5), &["defined twice", "top.model:4:7"]);
    expect(&format!("{STATE}d x = x / 2 [h]\n"), "M2002", (6, 3), &["two derivatives"]);
    expect(
        "let a [1] = b + 1\nlet b [1] = c\nlet c [1] = 2 * a\n",
        "M2003",
        (6, 17),
        &["`a` needs `b` needs `c` needs `a`"],
    );
    expect("let a [1] = a\n", "M2003", (4, 13), &["defined by itself"]);
    expect("state x [mg] = 1 [mg]\n", "M2004", (4, 7), &["no derivative", "d x ="]);
    expect(&format!("{STATE}parameter k [1/h] = 1\nd k = 0\n"), "M2005", (7, 3), &["`k` is not a state"]);
    expect(&format!("{STATE}let y = expo(x / 1 [mg])\n"), "M2006", (6, 9), &["did you mean `exp`"]);
    expect(&format!("{STATE}let y = if(x > 0, 1)\n"), "M2007", (6, 9), &["`if` takes 3"]);
    expect("let time [h] = 1\n", "M2009", (4, 5), &["word of the language"]);
    expect("let exp [h] = 1\n", "M2009", (4, 5), &["word of the language"]);
}

#[test]
fn what_stands_where_it_may_not() {
    let dose = "input dose [mg] bolus\nstate x [mg] = 0 receives dose\n";
    expect(&format!("{dose}d x = dose / 1 [h]\n"), "M2008", (6, 7), &["bolus", "receives"]);
    expect(
        "input dose [mg] bolus lag x / 1 [mg/h]\nstate x [mg] = 0 receives dose\nd x = 0\n",
        "M2008",
        (4, 27),
        &["`x`"],
    );
    let late = "input level [mg] series linear lag 1 [h]\nstate x [mg] = 0\nd x = level / 1 [h]\n";
    expect(late, "M2008", (4, 36), &["`level` cannot come later", "amounts and rates"]);
    let scaled = "parameter k [1/h] ~ LogNormal(1, 20%) scales x / 1 [mg]\nstate x [mg] = 1 [mg]\nd x = -k * x\n";
    expect(scaled, "M2008", (4, 46), &["covariates"]);
    expect(&format!("{STATE}let y [mg] = steady\n"), "M2008", (6, 14), &["initial value"]);
    expect(&format!("{STATE}let y [mg] = x > 1 [mg]\n"), "M2008", (6, 14), &["condition"]);
    expect(&format!("{STATE}let y = if(x, 1, 2)\n"), "M2008", (6, 12), &["condition"]);
    expect("input dose [mg] bolus\n", "M2010", (4, 7), &["no state receives"]);
    let sum = "input a [mg] bolus\ninput b [mg] bolus\nstate x [mg] = 0 receives a + b\nd x = 0\n";
    assert!(
        found(sum).iter().any(|finding| finding.code == "M2010" && finding.help.as_ref().unwrap().contains("commas"))
    );
    let unused = found(&format!("{STATE}parameter k [1/h] ~ LogNormal(1, 20%)\n"));
    assert_eq!((unused[0].code, unused[0].severity), ("M2011", Severity::Warning));
    let beside = |start: &str| {
        let load =
            format!("parameter s [mg] ~ LogNormal(1 [mg], 20%)\nstate gut [mg] = {start}\nd gut = -gut / 1 [h]\n");
        found(&format!("{load}state x [mg] = steady\nd x = (gut - x) / 1 [h] + 1 [mg/h]\n"))
    };
    let held = beside("s");
    assert_eq!((held[0].code, held[0].severity, held.len()), ("M2015", Severity::Warning, 1));
    for fine in ["s held", "steady + s", "0", "2 [mg]"] {
        assert!(beside(fine).iter().all(|finding| finding.code != "M2015"), "{fine}");
    }
}

#[test]
fn units() {
    expect("state x [pints] = 0\nd x = 0\n", "U1001", (4, 9), &["pints"]);
    expect("state x [mg] = 1 [mg]\nd x = -x\n", "U1002", (5, 7), &["mg", "rate of change of `x`"]);
    expect(&format!("{STATE}let y [mg] = x + 3 [L]\n"), "U1002", (6, 18), &["`L`", "`mg`"]);
    expect(&format!("{STATE}output y [mg/L] = x\n"), "U1002", (6, 19), &["mg/L"]);
    expect(&format!("{STATE}let y = exp(x)\n"), "U1002", (6, 13), &["`exp`"]);
    expect(&format!("{STATE}let y = x^0.75\n"), "M3001", (6, 9), &["divide by a reference"]);
    expect("covariate t [Cel] = 37\nlet y = 2 * t\n", "M3001", (5, 13), &["`K`"]);
    expect(&format!("{STATE}observe y ~ Normal(x, 1 [L])\n"), "U1002", (6, 23), &["`L`"]);
}

#[test]
fn priors() {
    let prior = |prior: &str| format!("parameter k [1/h] ~ {prior}\nstate x [mg] = 1 [mg]\nd x = -k * x\n");
    expect(&prior("Normall(1, 2)"), "M4001", (4, 21), &["did you mean `Normal`"]);
    expect(&prior("3"), "M4001", (4, 21), &["expected a prior"]);
    expect(&prior("Uniform(2, 1)"), "M4002", (4, 21), &["lower"]);
    expect(&prior("Normal(1, -1)"), "M4002", (4, 21), &["sd"]);
    expect(&prior("LogNormal(-1, 30%)"), "M4002", (4, 21), &["median"]);
    expect(&prior("Truncated(Normal(1, 1), 3, 2)"), "M4002", (4, 21), &[]);
    expect(&prior("Normal(1)"), "M4002", (4, 21), &["mean", "sd"]);
    expect(&prior("Mixture(0.5, Normal(1, 1), 0.5)"), "M4002", (4, 21), &["pairs"]);
    expect(&prior("Normal(x, 1)"), "U1002", (4, 28), &[]);
    expect(&prior("LogNormal(1 [L], 30%)"), "U1002", (4, 31), &["`L`"]);
    expect("parameter k [mg] = 2 * x\nstate x [mg] = k\nd x = 0\n", "M4003", (4, 20), &["constant"]);
    expect(&format!("{STATE}observe x ~ Poisson(x)\n"), "M4001", (6, 13), &["OU"]);
    expect(&format!("{STATE}observe x ~ Normal(x)\n"), "M4002", (6, 9), &["mean, sd"]);
    let beta = "parameter k [mg] ~ Beta(2, 3)\nstate x [mg] = k\nd x = 0\n";
    expect(beta, "M4002", (4, 25), &["0 to 1"]);
}

#[test]
fn all_mistakes_are_found_at_once() {
    let body = "parameter k [1/h] ~ Uniform(2, 1)\nstate x [mg] = 1 [mg]\nd x = -kk * x\nlet y [mg] = x + 1 [L]\nlet z = expp(1)\n";
    let mut codes: Vec<&str> = found(body).iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["M2001", "M2006", "M4002", "U1002"]);
}

#[test]
fn files_that_cannot_be_had() {
    let missing = Library::embedded().load("theophyline").unwrap_err();
    assert!(missing.to_string().contains("did you mean `theophylline`"), "{missing}");
    let nowhere = Library::embedded().load("nowhere/x.model").unwrap_err();
    assert_eq!(nowhere.iter().next().unwrap().code, "M2014");
    let ring =
        [("top.model", "composition top\n  \"\"\nuse part\n"), ("part.model", "component part\n  \"\"\nuse top\n")];
    let ring = load(&ring).unwrap_err();
    assert!(ring.to_string().contains("`top` uses `part` uses `top`"), "{ring}");
    let unknown = load(&[("top.model", "composition top\n  \"\"\nuse theophyline\n")]).unwrap_err();
    let finding = unknown.iter().next().unwrap();
    assert_eq!((finding.code, finding.location.as_ref().unwrap().line), ("M2014", Some(3)));
}

const PART: &str = "component part\n  \"A store that empties.\"\ntime [h]\n\
    covariate weight [kg]\nparameter k [1/h] ~ LogNormal(0.5, 30%)\nparameter size [L] = 2 scales weight / 70 [kg]\n\
    input dose [mg] bolus\ninput drip [mg/h] rate\ninput warmth [1] series linear\n\
    state x [mg] = 0 receives dose\nd x = drip - k * warmth * x\noutput level [mg/L] = x / size\n";

#[test]
fn connections() {
    let composed = |lines: &str| {
        let top = format!("composition top\n  \"Two stores.\"\nuse part as a\nuse part as b\n{lines}");
        load(&[("top.model", &top), ("part.model", PART)])
    };
    let code = |lines: &str| composed(lines).unwrap_err().iter().next().unwrap().code;
    assert_eq!(code("connect a.level = 3 [mg/L]\n"), "M2013");
    assert_eq!(code("connect a.dose = 3 [mg]\n"), "M2013");
    assert_eq!(code("fix a.x = 3\n"), "M2013");
    assert_eq!(code("connect a.drip = 1 [mg/h]\nconnect a.drip = 2 [mg/h]\n"), "M2002");
    assert_eq!(code("connect a.drip = 1 [mg]\n"), "U1002");
    assert_eq!(code("fix a.kk = 3\n"), "M2001");

    // What leaves `a` enters `b`; both have the same person's weight; their inputs have names of their own.
    let lines = "input dose [mg] bolus\nconnect a.dose = dose\nconnect b.drip = a.k * a.x\nconnect a.warmth = 1\n\
                 connect b.warmth = 1\nfix b.k = 0.25 source \"a test\"\nprior a.k ~ LogNormal(60 [1/d], 10%) source \"b\"\n";
    let model = composed(lines).unwrap().0;
    let names: Vec<&str> = model.inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(names, ["a.drip", "b.dose", "dose"]);
    assert_eq!(model.covariates.len(), 1);
    let parameter = |name: &str| model.parameters.iter().find(|p| p.name == name).unwrap();
    assert!(matches!(parameter("b.k").value, ParameterValue::Fixed(value) if value == 0.25));
    assert_eq!(parameter("b.k").source.as_deref(), Some("a test"));
    let ParameterValue::Prior(prior) = &parameter("a.k").value else { panic!("a.k is fixed") };
    assert!((prior.median() - 2.5).abs() < 1e-12);

    // Bateman: b = dose · ka / (ka − kb) · (e^(−kb t) − e^(−ka t)), in 2 L · 140 / 70.
    let index = model.outputs.iter().position(|output| output.name == "b.level").unwrap();
    let schedule =
        Schedule { end: 6.0, boluses: vec![Bolus { input: 2, time: 1.0, amount: 100.0 }], ..Schedule::default() };
    let values: Vec<f64> = model
        .parameters
        .iter()
        .map(|p| match p.name.as_str() {
            "a.k" => 1.5,
            "b.k" => 0.25,
            _ => 4.0,
        })
        .collect();
    let level = run(model, &schedule, &values, &[140.0], 6.0, index);
    let expected = 100.0 * 1.5 / 1.25 * ((-0.25f64 * 5.0).exp() - (-1.5f64 * 5.0).exp()) / 4.0;
    assert!((level / expected - 1.0).abs() < 1e-7, "{level} {expected}");
}

/// One output at one time, at a tolerance of 1e-9.
fn run(model: Composed, schedule: &Schedule, values: &[f64], covariates: &[f64], time: f64, output: usize) -> f64 {
    let program = Program::compile(std::sync::Arc::new(model));
    let ensemble = Ensemble {
        program: &program,
        covariates,
        schedule,
        times: &[time],
        settings: Settings { tolerance: 1e-9, ..Settings::default() },
    };
    let found = ensemble.outputs(&mut ensemble.workspace(), &[values.to_vec()], &[output]).remove(0).unwrap();
    found[0]
}

#[test]
fn expressions_mean_what_they_say() {
    let value = |expression: &str, unit: &str| {
        let model = good(&format!("{STATE}parameter p [1] = 3\noutput y [{unit}] = {expression}\n"));
        run(model, &Schedule { end: 1.0, ..Schedule::default() }, &[3.0], &[], 0.0, 0)
    };
    for (expression, unit, expected) in [
        ("2 + 3 * 4", "1", 14.0),
        ("(2 + 3) * 4", "1", 20.0),
        ("2 - 3 - 4", "1", -5.0),
        ("2 / 4 / 5", "1", 0.1),
        ("-2^2", "1", -4.0),
        ("2^3^2", "1", 512.0),
        ("2^-1", "1", 0.5),
        ("1 [g/L] + 1 [mg/mL]", "mg/L", 2000.0),
        ("3 [h] / 1 [min]", "1", 180.0),
        ("sqrt(4 [kg2])", "g", 2000.0),
        ("30%", "1", 0.3),
        ("30%", "%", 30.0),
        ("max(1, p, 2)", "1", 3.0),
        ("min(1 [h], 30 [min])", "min", 30.0),
        ("if(p >= 3 and not (p > 4), 1, 2)", "1", 1.0),
        ("if(p < 3 or p == 3, 1, 2)", "1", 1.0),
        ("pow(p, 2) + exp(0) + log(1) + abs(-1)", "1", 11.0),
        ("smooth_step(0 , 1) + smooth_positive(0, 2)", "1", 1.5),
        ("cos(2 * pi) + sin(0) + tanh(0)", "1", 1.0),
        ("time + 2 [h]", "min", 120.0),
        ("x", "g", 1e-3),
    ] {
        let found = value(expression, unit);
        assert!((found - expected).abs() <= 1e-12 * expected.abs(), "{expression}: {found}, expected {expected}");
    }
}

#[test]
fn steady_starts_lags_and_assignments() {
    let body = "parameter k [1/h] = 0.5\nparameter delay [h] = 0.5\ninput drip [mg/h] rate\n\
                input dose [mg] bolus lag delay\nstate x [mg] = steady receives dose / 2\n\
                state y [mg] = 3 * steady(x)\nstate z [mg] = 0\nd x = drip - k * x\nd y = 0\nd z = 0\n\
                on dose: z = x\noutput ox [mg] = x\noutput oy [mg] = y\noutput oz [mg] = z\n";
    let held = vec![Held { input: 0, time: 0.0, rate: 10.0 }];
    let schedule =
        Schedule { end: 3.0, boluses: vec![Bolus { input: 1, time: 1.0, amount: 8.0 }], held, ..Schedule::default() };
    let at = |time: f64, output: usize| run(good(body), &schedule, &[0.5, 0.5], &[], time, output);
    // Rests at 10 / 0.5 until the dose arrives, half of it, half an hour late.
    assert!((at(1.4, 0) - 20.0).abs() < 1e-6);
    assert!((at(2.5, 0) - (20.0 + 4.0 * (-0.5f64).exp())).abs() < 1e-6);
    assert!((at(0.5, 1) - 60.0).abs() < 1e-6);
    assert!((at(2.5, 2) - 20.0).abs() < 1e-5);
}

#[test]
fn priors_are_those_written() {
    let prior = |text: &str, unit: &str| -> Distribution {
        let model =
            good(&format!("parameter k [{unit}] ~ {text}\nstate x [1] = 1\nd x = -x / 1 [h]\noutput y [1] = 1\n"));
        let ParameterValue::Prior(prior) = model.parameters[0].value.clone() else { panic!("{text}") };
        prior
    };
    // A coefficient of variation of 30 % is an sd of the logarithm of √ln(1 + 0.3²).
    let sigma = (1.0f64 + 0.09).ln().sqrt();
    let log = prior("LogNormal(2 [L/h], 30%)", "mL/min");
    assert!((log.median() - 2000.0 / 60.0).abs() < 1e-9);
    assert!((log.quantile(0.841_344_746_068_542_9) / log.median() - sigma.exp()).abs() < 1e-9);
    let within = prior("Truncated(Normal(0, 1 [g]), 0, inf)", "mg");
    assert!(within.support().0 == 0.0 && (within.median() - 674.489_750_196_081_7).abs() < 1e-6);
    let two = prior("Mixture(0.25, Normal(0, 1), 0.75, Normal(10, 1))", "1");
    assert!((two.cdf(5.0) - 0.25).abs() < 1e-5);
    assert!((prior("Uniform(1, 3)", "1").median() - 2.0).abs() < 1e-12);
    assert!((prior("Exponential(2 [1/min])", "s").median() - 2f64.ln() * 30.0).abs() < 1e-9);
}

#[test]
fn an_input_passed_on_is_what_it_is_connected_to_further_out() {
    let file = |name: &str, text: &str| Source::new(format!("{name}.model"), text);
    let inner = "component inner\n  \"A rate in.\"\ntime [min]\ninput act [mg/min] series constant \"In.\"\noutput told [mg/min] = 2 * act \"Out.\"\n";
    let middle = "composition middle\n  \"Passes it on.\"\nuse inner as b\ninput act [mg/h] series constant \"In.\"\nconnect b.act = act\n";
    let outer = "composition outer\n  \"Gives it.\"\nuse middle as m\nparameter p [mg/h] = 180 \"A value.\"\n  source \"assumed: a test\"\nconnect m.act = p\n";
    let further = "composition further\n  \"Passes it on again, in another unit.\"\nuse middle as m\ninput given [g/d] series constant \"In.\"\nconnect m.act = given\n";
    let files = || vec![file("inner", inner), file("middle", middle), file("outer", outer), file("further", further)];
    // 180 mg/h and 4.32 g/d are 3 mg/min.
    for (name, value) in [("outer", 180.0), ("further", 4.32)] {
        let (model, found) = Library::of(files()).load(name).unwrap_or_else(|found| panic!("{found}"));
        assert!(found.is_empty(), "{found}");
        let told = model.outputs.iter().find(|output| output.name == "m.b.told").unwrap();
        let found = model.graph.evaluate(told.value, &|_| value);
        assert!((found - 6.0).abs() < 1e-12, "{name}: {found}");
    }
}

#[test]
fn counts_have_a_family_of_their_own_and_no_unit() {
    let text = |observe: &str| {
        format!(
            "component counted\n  \"Counts.\"\ntime [min]\nparameter rate [1/min] ~ LogNormal(5, 50%) \"A rate.\"\n  source \"assumed: a test\"\n\
             parameter size [1] = 3 \"Scatter.\"\n  source \"assumed: a test\"\noutput speed [1/min] = rate \"The rate.\"\n{observe}\n"
        )
    };
    let load = |observe: &str| Library::of(vec![Source::new("counted.model", text(observe))]).load("counted");
    let (model, _) =
        load("observe steps [1] ~ NegBinomial(rate * 1 [min], size)").unwrap_or_else(|found| panic!("{found}"));
    assert_eq!(model.observations[0].arguments.len(), 2);
    let found = load("observe speed ~ NegBinomial(rate, size)").err().unwrap();
    assert!(found.iter().any(|finding| finding.code == "M4005"), "{found}");
}
