//! The equations of `t1d_day` as someone would write them in Rust for one person, and when food and insulin change.

use homeostat::sim::Schedule;

use super::number::{Number, Over};

pub const STATES: usize = 14;
pub const Q1: usize = 0;
pub const Q2: usize = 1;
pub const D: usize = 3;
pub const GP: usize = 4;
pub const GS: usize = 13;

/// Sizes that states typically have, q1 to Gs: absolute tolerances are relative to them.
pub const SIZES: [f64; STATES] =
    [5e4, 5e4, 2e4, 8e4, 300.0, 200.0, 100.0, 400.0, 400.0, 20.0, 10.0, 300.0, 200.0, 300.0];

/// The calibrated parameters that stand in the equations; those of the sensor do not.
pub const PARAMETERS: [&str; 18] = [
    "Gb", "EGPb", "kmax", "kmin", "kabs", "b", "d", "Vg", "k1", "k2", "Vmx", "p2u", "kp2", "kp3", "ki", "ksc", "kd",
    "ka2",
];
pub const VG: usize = 7;

const F: f64 = 0.9;
const FSNC: f64 = 1.0;
const KM0: f64 = 235.7;
const KE1: f64 = 0.0005;
const KE2: f64 = 339.0;
const VI: f64 = 0.0509;
const M1: f64 = 0.189;
const M2: f64 = 0.267;
const M4: f64 = 0.107;
const M30: f64 = 0.284;
const KA1: f64 = 0.00328;
const INSULIN_UNIT: f64 = 6000.0;

/// Body weight [kg] and usual basal insulin [U/h].
#[derive(Clone, Copy, Debug)]
pub struct Covariates {
    pub weight: f64,
    pub usual_basal_insulin: f64,
}

/// A person's parameters and what follows from them, once a person.
#[derive(Clone, Copy, Debug)]
pub struct Person<P> {
    parameters: [P; 18],
    kp1: P,
    gpb: P,
    gtb: P,
    vm0: P,
    /// Factors of the two bends of stomach emptying.
    slow: P,
    fast: P,
    half_span: P,
    weight: f64,
    ib: f64,
    insulin: f64,
}

impl<P: Number> Person<P> {
    pub fn new(parameters: [P; 18], covariates: Covariates) -> Self {
        let [gb, egpb, kmax, kmin, _, b, d, vg, k1, k2, _, _, kp2, kp3, ..] = parameters;
        let weight = covariates.weight;
        let insulin = covariates.usual_basal_insulin / 60.0 * INSULIN_UNIT / weight;
        let ib = insulin / (M2 + M4 - M1 * M2 / (M1 + M30)) / VI;
        let gpb = gb * vg;
        let eb = (gpb - KE2).positive() * KE1;
        let kp1 = egpb + kp2 * gpb + kp3 * ib;
        let gtb = (eb - egpb + k1 * gpb + FSNC) / k2;
        let vm0 = (egpb - eb - FSNC) * (gtb + KM0) / gtb;
        let (slow, fast) = (P::from(2.5) / (-b + 1.0), P::from(2.5) / d);
        let half_span = (kmax - kmin) * 0.5;
        Self { parameters, kp1, gpb, gtb, vm0, slow, fast, half_span, weight, ib, insulin }
    }

    /// The basal steady state.
    pub fn start(&self) -> [P; STATES] {
        let (kd, ka2) = (self.parameters[16], self.parameters[17]);
        let (zero, ip) = (P::from(0.0), self.ib * VI);
        let s1 = P::from(self.insulin) / (kd + KA1);
        let [ip, il, ib] = [ip, M2 * ip / (M1 + M30), self.ib].map(P::from);
        [zero, zero, zero, zero, self.gpb, self.gtb, zero, s1, kd * s1 / ka2, ip, il, ib, ib, self.gpb]
    }

    /// Derivatives by time of the states.
    #[inline(always)]
    pub fn rates<N: Number + Over<P>>(&self, inputs: Inputs, x: &[N; STATES]) -> [N; STATES] {
        let [q1, q2, qg, eaten, gp, gt, remote, s1, s2, ip, il, i1, id, gs] = *x;
        let [_, _, kmax, kmin, kabs, b, d, _, k1, k2, vmx, p2u, kp2, kp3, ki, ksc, kd, ka2] = self.parameters;
        let emptied = if eaten.value() > 0.0 {
            let share = (q1 + q2) / eaten;
            let (slow, fast) = (((share - b) * self.slow).tanh(), ((share - d) * self.fast).tanh());
            q2 * ((slow - fast + 2.0) * self.half_span + kmin)
        } else {
            q2 * kmax
        };
        let (ground, absorbed) = (q1 * kmax, qg * kabs);
        let insulin = ip * (1.0 / VI);
        let production = (-(gp * kp2) - id * kp3 + self.kp1).positive();
        let urine = (gp - KE2).positive() * KE1;
        let uptake = (remote * vmx + self.vm0) * gt / (gt + KM0);
        let (to_tissue, to_plasma) = (gp * k1, gt * k2);
        [
            -ground + inputs.carbohydrate,
            ground - emptied,
            emptied - absorbed,
            N::from(inputs.carbohydrate),
            production + absorbed * (F / self.weight) - FSNC - urine - to_tissue + to_plasma,
            to_tissue - to_plasma - uptake,
            (insulin - self.ib - remote) * p2u,
            -(s1 * kd) - s1 * KA1 + inputs.insulin / self.weight,
            s1 * kd - s2 * ka2,
            il * M1 - ip * (M2 + M4) + s1 * KA1 + s2 * ka2,
            ip * M2 - il * (M1 + M30),
            (insulin - i1) * ki,
            (i1 - id) * ki,
            (gp - gs) * ksc,
        ]
    }
}

/// Rates in force: carbohydrate [mg/min] and insulin [pmol/min].
#[derive(Clone, Copy, Debug, Default)]
pub struct Inputs {
    carbohydrate: f64,
    insulin: f64,
}

/// A span of time in which inputs are constant.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    pub until: f64,
    pub inputs: Inputs,
    /// Whether a meal begins with it: the stomach's content is counted anew.
    pub meal: bool,
}

/// The spans of a schedule; `input` gives the number of an input by its name.
pub fn segments(schedule: &Schedule, input: &dyn Fn(&str) -> usize) -> Vec<Segment> {
    let [food, bolus, basal] = ["carbohydrate_intake", "bolus_insulin", "basal_insulin"].map(input);
    assert!(schedule.boluses.is_empty() && schedule.series.is_empty() && schedule.held.len() == 1);
    assert!(schedule.held[0].input == basal && schedule.held[0].time <= schedule.start);
    let mut edges: Vec<f64> = schedule.infusions.iter().flat_map(|i| [i.time, i.time + i.duration]).collect();
    edges.extend([schedule.start, schedule.end]);
    edges.retain(|edge| *edge >= schedule.start && *edge <= schedule.end);
    edges.sort_by(f64::total_cmp);
    edges.dedup();
    let of_span = |span: &[f64]| {
        let middle = 0.5 * (span[0] + span[1]);
        let of = |input: usize| {
            let mine = schedule.infusions.iter().filter(move |infusion| infusion.input == input);
            mine.filter(|i| i.time < middle && middle < i.time + i.duration).map(|i| i.rate).sum::<f64>()
        };
        let insulin = (schedule.held[0].rate + of(bolus)) * INSULIN_UNIT;
        let meal = schedule.infusions.iter().any(|infusion| infusion.input == food && infusion.time == span[0]);
        Segment { until: span[1], inputs: Inputs { carbohydrate: 1000.0 * of(food), insulin }, meal }
    };
    edges.windows(2).map(of_span).collect()
}
