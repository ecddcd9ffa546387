//! Stiff models against published values and closed forms; the implicit methods against the explicit one.

use std::path::Path;
use std::sync::Arc;

use homeostat::diagnostic::Source;
use homeostat::likelihood::{Matched, match_patient};
use homeostat::model::{Library, Program, Reading};
use homeostat::patient::Patient;
use homeostat::population::Prior;
use homeostat::sim::{
    Bolus, Ensemble, Failure, Held, Infusion, Method, Schedule, Settings, Solve, Statistics, Used, Workspace,
};
use homeostat::stats::Seed;

fn program(text: &str) -> Arc<Program> {
    let name = text.split_whitespace().nth(1).unwrap();
    let library = Library::of(vec![Source::new(format!("{name}.model"), text)]);
    let (composed, _) = library.load(name).unwrap_or_else(|found| panic!("{found:?}"));
    Arc::new(Program::compile(Arc::new(composed)))
}

fn until(end: f64) -> Schedule {
    Schedule { start: 0.0, end, ..Schedule::default() }
}

fn settings(method: Method, tolerance: f64) -> Settings {
    Settings { tolerance, method, ..Settings::default() }
}

/// Outputs `[time][output]` in the first lane, and what the solve cost.
/// Outputs in lanes, `[time][output]`.
type Rows<const W: usize> = Vec<Vec<[f64; W]>>;

fn solve<const W: usize>(
    program: &Program,
    reading: Reading,
    schedule: &Schedule,
    times: &[f64],
    settings: Settings,
    set: &dyn Fn(&mut Workspace<W>),
) -> Result<(Rows<W>, Statistics), Failure> {
    let mut workspace = Workspace::<W>::new(program, reading);
    set(&mut workspace);
    let mut found = Vec::new();
    let outputs = program.model.outputs.len();
    let statistics = Solve { program, schedule, settings }.run(&mut workspace, times, &mut |index, workspace| {
        assert_eq!(index, found.len());
        found.push((0..outputs).map(|output| workspace.output(program, output).0).collect());
    })?;
    Ok((found, statistics))
}

fn plain(program: &Program, values: &[f64], times: &[f64], settings: Settings) -> (Vec<Vec<f64>>, Statistics) {
    let schedule = until(times[times.len() - 1]);
    let set = |workspace: &mut Workspace<2>| {
        values.iter().enumerate().for_each(|(index, value)| workspace.set_parameter(index, &[*value; 2]));
    };
    let (found, statistics) = solve(program, Reading::Lanes, &schedule, times, settings, &set).unwrap();
    let first = |row: &Vec<[f64; 2]>| row.iter().map(|lanes| lanes[0]).collect();
    (found.iter().map(first).collect(), statistics)
}

/// Values and tangents by all parameters, `[time][output]`.
fn tangents(
    program: &Program,
    values: &[f64],
    schedule: &Schedule,
    times: &[f64],
    settings: Settings,
) -> (Vec<Vec<[f64; 8]>>, Statistics) {
    let set = |workspace: &mut Workspace<8>| {
        values.iter().enumerate().for_each(|(index, value)| workspace.set_tangent(index, *value, Some(index)));
    };
    solve(program, Reading::Tangents, schedule, times, settings, &set).unwrap()
}

const ROBERTSON: &str = "component robertson
  \"Robertson's reactions: rates from 0.04 to 3e7.\"
time [s]
parameter k1 [1/s] ~ LogNormal(0.04, 10%)
parameter k2 [1/s] ~ LogNormal(3e7, 10%)
parameter k3 [1/s] ~ LogNormal(1e4, 10%)
state y1 [1] = 1
state y2 [1] = 0
state y3 [1] = 0
d y1 = -k1 * y1 + k3 * y2 * y3
d y2 = k1 * y1 - k3 * y2 * y3 - k2 * y2^2
d y3 = k2 * y2^2
output o1 [1] = y1
output o2 [1] = y2
output o3 [1] = y3
";
const RATES: [f64; 3] = [0.04, 3e7, 1e4];

/// Robertson 1966 as in Hairer and Wanner 1996 (IV.1) and the CVODE manual; the digits are those of SciPy 1.16's
/// Radau at rtol 1e-12, which agree with every digit printed there.
const ROBERTSON_AT: [(f64, [f64; 3]); 4] = [
    (0.4, [0.985_172_113_861, 3.386_395_378_97e-5, 0.014_794_022_185_2]),
    (40.0, [0.715_827_068_719, 9.185_534_764_56e-6, 0.284_163_745_746]),
    (4e3, [0.183_202_257_777, 8.942_371_252_78e-7, 0.816_796_847_986]),
    (4e5, [0.004_938_274_520_98, 1.984_994_087_95e-8, 0.995_061_705_629]),
];

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found / expected - 1.0).abs() <= tolerance, "{what}, {index}: {found} {expected}");
    }
}

#[test]
fn robertson_by_both_implicit_methods_and_by_the_automatic_choice() {
    let program = program(ROBERTSON);
    let times = ROBERTSON_AT.map(|(time, _)| time);
    let (bdf, statistics) = plain(&program, &RATES, &times, settings(Method::Implicit, 1e-9));
    assert_eq!(statistics.used, Used::Implicit);
    let (automatic, chosen) = plain(&program, &RATES, &times, Settings::default());
    assert!(matches!(chosen.used, Used::ImplicitFrom(time) if time < 40.0), "{chosen:?}");
    let schedule = until(4e5);
    let (esdirk, _) = tangents(&program, &RATES, &schedule, &times, settings(Method::Implicit, 1e-8));
    for (index, (time, expected)) in ROBERTSON_AT.iter().enumerate() {
        assert_close(&bdf[index], expected, 2e-6, &format!("BDF at {time}"));
        assert_close(&automatic[index], expected, 1e-3, &format!("automatic at {time}"));
        let values: Vec<f64> = esdirk[index].iter().map(|lanes| lanes[0]).collect();
        assert_close(&values, expected, 1e-6, &format!("ESDIRK at {time}"));
    }
}

const CHAIN: &str = "component chain
  \"What passes seven places, one after the other, and is counted at the end of each.\"
input dose [mg] bolus
input flow [mg/h] rate
parameter k [1/h] ~ LogNormal(2, 10%)
state s0 [mg] = 0 receives dose
state s1 [mg] = 0
state s2 [mg] = 0
state s3 [mg] = 0
state s4 [mg] = 0
state s5 [mg] = 0
state s6 [mg] = 0
state s7 [mg] = 0
d s0 = flow - k * s0
d s1 = k * (s0 - s1)
d s2 = k * (s1 - s2)
d s3 = k * (s2 - s3)
d s4 = k * (s3 - s4)
d s5 = k * (s4 - s5)
d s6 = k * (s5 - s6)
d s7 = k * (s6 - s7)
output last [mg] = s7
";

#[test]
fn what_is_reached_through_many_places_is_followed_by_every_method() {
    // The last place holds dose (kt)^7 / 7! exp(-kt): at the start far less than any step of order 5 could follow.
    let program = program(CHAIN);
    let schedule = Schedule { boluses: vec![Bolus { input: 0, time: 0.0, amount: 5.0 }], ..until(6.0) };
    let times = [0.5, 1.0, 3.0, 6.0];
    let held = |time: f64| 5.0 * (2.0 * time).powi(7) / 5040.0 * (-2.0 * time).exp();
    // Of a constant inflow: flow / k (1 - the first eight terms of exp(kt) / exp(kt)).
    let terms =
        |x: f64| (0..8).scan(1.0, |term, n| Some(std::mem::replace(term, *term * x / f64::from(n + 1)))).sum::<f64>();
    let filled = |time: f64| 3.0 / 2.0 * (1.0 - terms(2.0 * time) * (-2.0 * time).exp());
    let inflow = Schedule { held: vec![Held { input: 1, time: 0.0, rate: 3.0 }], ..until(6.0) };
    for method in [Method::Automatic, Method::Explicit, Method::Implicit] {
        let set = |workspace: &mut Workspace<2>| workspace.set_parameter(0, &[2.0; 2]);
        let (found, _) = solve::<2>(&program, Reading::Lanes, &schedule, &times, settings(method, 1e-8), &set).unwrap();
        let (tangent, _) = tangents(&program, &[2.0], &schedule, &times, settings(method, 1e-8));
        let (flowing, _) = solve::<2>(&program, Reading::Lanes, &inflow, &times, settings(method, 1e-8), &set).unwrap();
        let (tangent_of_flow, _) = tangents(&program, &[2.0], &inflow, &times, settings(method, 1e-8));
        for (at, time) in times.into_iter().enumerate() {
            assert_close(
                &[found[at][0][0], tangent[at][0][0]],
                &[held(time); 2],
                1e-6,
                &format!("{method:?} at {time}"),
            );
            let slope = held(time) * (7.0 / 2.0 - time);
            assert_close(&[tangent[at][0][1]], &[slope], 1e-4, &format!("slope, {method:?} at {time}"));
            assert_close(
                &[flowing[at][0][0], tangent_of_flow[at][0][0]],
                &[filled(time); 2],
                1e-6,
                &format!("inflow, {method:?} at {time}"),
            );
        }
    }
}

#[test]
fn explicit_steps_alone_give_up_on_a_stiff_model_and_say_so() {
    let program = program(ROBERTSON);
    let failed = solve::<2>(&program, Reading::Lanes, &until(4e5), &[4e5], settings(Method::Explicit, 1e-6), &|w| {
        RATES.iter().enumerate().for_each(|(index, value)| w.set_parameter(index, &[*value; 2]));
    });
    assert!(matches!(failed, Err(Failure::TooManySteps { .. })), "{failed:?}");
}

#[test]
fn gradient_through_the_fallback_follows_differences() {
    let program = program(ROBERTSON);
    let times = [0.4, 40.0, 4e3, 4e5];
    let schedule = until(4e5);
    let (found, statistics) = tangents(&program, &RATES, &schedule, &times, settings(Method::Automatic, 1e-8));
    assert!(matches!(statistics.used, Used::ImplicitFrom(_)), "{statistics:?}");
    for parameter in 0..3 {
        let at = |factor: f64| {
            let mut values = RATES;
            values[parameter] *= factor;
            plain(&program, &values, &times, settings(Method::Implicit, 1e-11)).0
        };
        let (up, down) = (at(1.0 + 1e-3), at(1.0 - 1e-3));
        for (index, time) in times.iter().enumerate() {
            for output in 0..3 {
                let expected = (up[index][output] - down[index][output]) / (2e-3 * RATES[parameter]);
                let slope = found[index][output][parameter + 1];
                // Relative to the elasticity's size: some slopes vanish.
                let size = expected.abs().max(1e-3 * up[index][output] / RATES[parameter]);
                assert!((slope - expected).abs() < 3e-5 * size, "{time} {parameter} {output}: {slope} {expected}");
            }
        }
    }
}

#[test]
fn van_der_pol_with_mu_1000() {
    let program = program(
        "component van_der_pol
  \"A relaxation oscillator.\"
time [s]
parameter mu [1] ~ LogNormal(1000, 10%)
state x [1] = 2
state v [1/s] = 0
d x = v
d v = mu * (1 - x^2) * v * 1 [1/s] - x * 1 [1/s2]
output o1 [1] = x
output o2 [1/s] = v
",
    );
    // Test Set for IVP Solvers (Mazzia and Magherini 2008) at 2000; the others by SciPy 1.16's Radau at rtol 1e-12.
    let expected = [
        (500.0, [1.596_768_951_05, -1.030_391_187_84e-3]),
        (810.0, [-1.998_132_477_81, 6.677_058_663_13e-4]),
        (2000.0, [1.706_167_732_170_469, -8.928_097_010_248e-4]),
    ];
    let times = expected.map(|(time, _)| time);
    let (bdf, _) = plain(&program, &[1000.0], &times, settings(Method::Implicit, 1e-10));
    let (automatic, statistics) = plain(&program, &[1000.0], &times, settings(Method::Automatic, 1e-8));
    assert!(matches!(statistics.used, Used::ImplicitFrom(_)), "{statistics:?}");
    let (esdirk, _) = tangents(&program, &[1000.0], &until(2000.0), &times, settings(Method::Implicit, 1e-8));
    for (index, (time, expected)) in expected.iter().enumerate() {
        assert_close(&bdf[index], expected, 1e-6, &format!("BDF at {time}"));
        assert_close(&automatic[index], expected, 1e-5, &format!("automatic at {time}"));
        let values: Vec<f64> = esdirk[index].iter().map(|lanes| lanes[0]).collect();
        assert_close(&values, expected, 1e-5, &format!("ESDIRK at {time}"));
    }
}

const COMPARTMENT: &str = "component compartment
  \"Absorption and elimination, with an infusion and its steady state, and a lag.\"
time [h]
input dose [mg] bolus lag delay
input infusion [mg/h] rate
parameter ka [1/h] ~ LogNormal(1.5, 60%)
parameter CL [L/h] ~ LogNormal(2.8, 30%)
parameter V [L] ~ LogNormal(32, 20%)
parameter delay [h] ~ LogNormal(0.5, 20%)
state depot [mg] = 0 receives dose
state central [mg] = steady
d depot = -ka * depot
d central = ka * depot + infusion - CL / V * central
output concentration [mg/L] = central / V
";

fn compartment_schedule() -> Schedule {
    Schedule {
        start: 0.0,
        end: 24.0,
        boluses: vec![Bolus { input: 0, time: 0.5, amount: 320.0 }, Bolus { input: 0, time: 12.0, amount: 160.0 }],
        infusions: vec![Infusion { input: 1, time: 2.0, rate: 10.0, duration: 3.0 }],
        held: vec![Held { input: 1, time: -1.0, rate: 5.0 }],
        ..Schedule::default()
    }
}

/// Superposition of the steady state, the doses (Bateman functions) and the infusion.
fn closed_form([ka, cl, v, delay]: [f64; 4], t: f64) -> f64 {
    let k = cl / v;
    let dose = |at: f64, amount: f64| {
        let s = t - at - delay;
        if s > 0.0 { amount / v * ka / (ka - k) * ((-k * s).exp() - (-ka * s).exp()) } else { 0.0 }
    };
    let (during, after) = ((t - 2.0).clamp(0.0, 3.0), (t - 5.0).max(0.0));
    let infused = 10.0 / cl * (1.0 - (-k * during).exp()) * (-k * after).exp();
    5.0 / cl + dose(0.5, 320.0) + dose(12.0, 160.0) + infused
}

const TIMES: [f64; 8] = [0.0, 0.4, 1.3, 2.0, 3.0, 7.5, 12.6, 24.0];

const TWO_RESTS: &str = "component two_rests
  \"A state that rests at low, and could at high.\"
time [h]
parameter k [1/h] ~ LogNormal(1, 30%)
parameter low [1] ~ LogNormal(1, 30%)
parameter high [1] ~ LogNormal(5, 30%)
state x [1] = steady near low
d x = k * (x - low) * (x - high)
output place [1] = x
";

#[test]
fn lanes_and_gradients_find_the_same_of_two_steady_states() {
    let program = program(TWO_RESTS);
    // From where the first person rests, Newton's method leads the second to the other root.
    let people = [[1.0, 6.0, 9.0], [1.0, 1.0, 5.0]];
    let set = |w: &mut Workspace<2>| {
        (0..3).for_each(|p| w.set_parameter(p, &std::array::from_fn::<f64, 2, _>(|lane| people[lane][p])));
    };
    let schedule = until(1.0);
    let chosen = settings(Method::Explicit, 1e-8);
    let (found, _) = solve::<2>(&program, Reading::Lanes, &schedule, &[0.0, 1.0], chosen, &set).unwrap();
    for (lane, person) in people.iter().enumerate() {
        let (alone, _) = tangents(&program, person, &schedule, &[0.0, 1.0], chosen);
        for (together, alone) in found.iter().zip(&alone) {
            assert!((together[0][lane] - person[1]).abs() < 1e-9, "{together:?}");
            assert!((alone[0][0] - person[1]).abs() < 1e-9, "{alone:?}");
        }
    }
}

#[test]
fn implicit_methods_handle_events_as_the_explicit_one_does() {
    let program = program(COMPARTMENT);
    // The second person's absorption is a million times faster than the elimination: stiff.
    let people = [[1.5, 2.8, 32.0, 0.7], [1e5, 2.8, 32.0, 0.2]];
    let set = |w: &mut Workspace<2>| {
        (0..4).for_each(|p| w.set_parameter(p, &std::array::from_fn::<f64, 2, _>(|lane| people[lane][p])));
    };
    let schedule = compartment_schedule();
    let (found, _) =
        solve::<2>(&program, Reading::Lanes, &schedule, &TIMES, settings(Method::Implicit, 1e-9), &set).unwrap();
    for (row, time) in found.iter().zip(TIMES) {
        for (lane, person) in people.iter().enumerate() {
            let expected = closed_form(*person, time);
            assert!((row[0][lane] / expected - 1.0).abs() < 1e-6, "BDF t {time}: {} {expected}", row[0][lane]);
        }
    }
    for person in people {
        let (found, _) = tangents(&program, &person, &schedule, &TIMES, settings(Method::Implicit, 1e-8));
        for (row, time) in found.iter().zip(TIMES) {
            let expected = closed_form(person, time);
            assert!((row[0][0] / expected - 1.0).abs() < 1e-6, "ESDIRK t {time}: {} {expected}", row[0][0]);
            for p in 0..4 {
                let step = 1e-6 * person[p];
                let (mut up, mut down) = (person, person);
                up[p] += step;
                down[p] -= step;
                let expected = (closed_form(up, time) - closed_form(down, time)) / (2.0 * step);
                let size = expected.abs().max(1e-3 * closed_form(person, time) / person[p]);
                assert!((row[0][p + 1] - expected).abs() < 1e-5 * size, "t {time} {p}: {} {expected}", row[0][p + 1]);
            }
        }
    }
}

#[test]
fn tangents_change_the_values_by_no_more_than_the_tolerance() {
    // Tangents have a loose say in the steps, so that a step that is unstable for them alone is refused.
    let program = program(ROBERTSON);
    let times = [40.0, 4e5];
    let run = |with: &[usize]| {
        let set = |workspace: &mut Workspace<8>| {
            for (index, value) in RATES.iter().enumerate() {
                workspace.set_tangent(index, *value, with.iter().position(|p| *p == index));
            }
        };
        let automatic = settings(Method::Automatic, 1e-6);
        solve::<8>(&program, Reading::Tangents, &until(4e5), &times, automatic, &set).unwrap().0
    };
    let (all, none) = (run(&[2, 0, 1]), run(&[]));
    for (a, b) in all.iter().flatten().zip(none.iter().flatten()) {
        assert!((a[0] - b[0]).abs() <= 1e-6 * b[0].abs(), "{} {}", a[0], b[0]);
    }
}

#[test]
fn what_cannot_be_solved_is_a_failure() {
    let explode = program(
        "component explode
  \"Reaches infinity at 1/k.\"
time [s]
parameter k [1/s] ~ LogNormal(1, 10%)
state x [1] = 1
d x = k * x^2
output o [1] = x
",
    );
    let undefined = program(
        "component undefined
  \"Has no derivative after half a second.\"
time [s]
parameter k [1/s] ~ LogNormal(1, 10%)
state x [1] = 1
d x = k * log(1 - 2 * time * k)
output o [1] = x
",
    );
    for program in [explode, undefined] {
        for method in [Method::Automatic, Method::Explicit, Method::Implicit] {
            let set = |w: &mut Workspace<2>| w.set_parameter(0, &[1.0; 2]);
            let lanes = solve::<2>(&program, Reading::Lanes, &until(2.0), &[0.1, 2.0], settings(method, 1e-6), &set);
            assert!(lanes.is_err(), "{method:?} {lanes:?}");
            let set = |w: &mut Workspace<2>| w.set_tangent(0, 1.0, Some(0));
            let tangents =
                solve::<2>(&program, Reading::Tangents, &until(2.0), &[0.1, 2.0], settings(method, 1e-6), &set);
            assert!(tangents.is_err(), "{method:?} {tangents:?}");
        }
    }
}

fn patient(model: &str, folder: &str) -> (Arc<Program>, Matched, Prior) {
    let (composed, _) = Library::embedded().load(model).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (patient, _) = Patient::load(&root.join(folder)).unwrap();
    let (matched, _) = match_patient(&composed, &patient).unwrap();
    let prior = Prior::new(&composed, &matched.covariates).unwrap();
    (Arc::new(Program::compile(Arc::new(composed))), matched, prior)
}

#[test]
fn both_library_models_agree_with_bdf_on_patients_schedules() {
    for (model, folder) in [("theophylline", "patients/theophylline_01"), ("t1d_day", "patients/virtual_adult_001")] {
        let (program, matched, prior) = patient(model, folder);
        let people: Vec<Vec<f64>> = (0..12)
            .map(|draw| prior.complete(&prior.natural(&prior.draw(&mut Seed(7).stream("stiff", draw)))))
            .collect();
        let outputs: Vec<usize> = (0..program.model.outputs.len()).collect();
        let end = matched.schedule.end;
        let times: Vec<f64> = (0..=200).map(|i| matched.schedule.start + i as f64 / 200.0 * end).collect();
        let run = |method, tolerance| {
            let ensemble = Ensemble {
                program: &program,
                covariates: &matched.covariates,
                schedule: &matched.schedule,
                times: &times,
                settings: settings(method, tolerance),
            };
            ensemble.outputs(&mut ensemble.workspace(), &people, &outputs)
        };
        let (explicit, bdf) = (run(Method::Explicit, 1e-9), run(Method::Implicit, 1e-9));
        let mut compared = 0;
        for (person, (explicit, bdf)) in explicit.iter().zip(&bdf).enumerate() {
            let (Ok(explicit), Ok(bdf)) = (explicit, bdf) else {
                // Draws from wide priors may have no steady state; both methods must say the same.
                assert_eq!(explicit.as_ref().err(), bdf.as_ref().err());
                continue;
            };
            compared += 1;
            for output in &outputs {
                let range = output * times.len()..(output + 1) * times.len();
                let largest = bdf[range.clone()].iter().fold(0.0f64, |a, b| a.max(b.abs()));
                for (time, (a, b)) in times.iter().zip(explicit[range.clone()].iter().zip(&bdf[range])) {
                    let worst = (a - b).abs() / b.abs().max(1e-3 * largest);
                    assert!(worst <= 1e-6, "{model} {person} output {output} at {time}: {a} {b}");
                }
            }
        }
        assert!(compared >= 6, "{model}: {compared} of 12 people could be compared");
    }
}
