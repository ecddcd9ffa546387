//! What a genotype does to a drug's level, against studies that compared people by genotype.

use super::drug_values::{Dose, METOPROLOL, OMEPRAZOLE, OMEPRAZOLE_INJECTED, Profile, ROSUVASTATIN, WARFARIN, profile};

fn within(label: &str, found: f64, published: f64) {
    let fold = (found / published).max(published / found);
    println!("{label}: {found:.2} of {published:.2}, {fold:.2}-fold");
    assert!(fold <= 1.5, "{label}: {found} of {published}, {fold}");
}

fn area(of: &Profile, over: &Profile) -> f64 {
    of.area / over.area
}

#[test]
fn poor_metabolisers_have_the_levels_that_were_measured() {
    // Omeprazole takes its enzyme away, the more the higher the dose: each study at its own.
    let omeprazole = |amount: f64, score: f64| profile(&Dose { amount, ..OMEPRAZOLE }, &[("cyp2c19_score", score)]);
    let (none, one, both) = (omeprazole(40.0, 0.0), omeprazole(40.0, 1.0), omeprazole(40.0, 2.0));
    // Curves as in the Omeprazole-Model of Open Systems Pharmacology: Uno 2007 (injected 20 mg), Andersson 1998, Cho 2002.
    within("omeprazole, Uno 2007", area(&none, &both), 7.8);
    within("omeprazole, Hu 2006", area(&none, &both), 7.5);
    within("omeprazole, Cho 2002", area(&none, &both), 4.9);
    within("omeprazole, Andersson 1998", area(&omeprazole(20.0, 0.0), &omeprazole(20.0, 2.0)), 5.9);
    within("omeprazole, one allele, Uno 2007", area(&one, &both), 3.2);
    // doi:10.1007/s00228-005-0063-1.
    within("omeprazole, one allele, Hu 2006", area(&one, &both), 2.8);
    let injected = |score: f64| profile(&OMEPRAZOLE_INJECTED, &[("cyp2c19_score", score)]);
    within("omeprazole injected, Uno 2007", area(&injected(0.0), &injected(2.0)), 4.5);

    // Blake 2013, doi:10.1038/clpt.2013.96, a meta-analysis of 264 people. The first and last gave the parameters, the others did not.
    let metoprolol = |score: f64| profile(&METOPROLOL, &[("cyp2d6_score", score)]);
    let (none, both, three) = (metoprolol(0.0), metoprolol(2.0), metoprolol(3.0));
    within("metoprolol, area", area(&none, &both), 4.9);
    within("metoprolol, peak", none.peak / both.peak, 2.3);
    within("metoprolol, half-life", none.half_life / both.half_life, 2.3);
    within("metoprolol, ultrarapid, peak", none.peak / three.peak, 5.3);
    within("metoprolol, ultrarapid, area", area(&none, &three), 13.0);
    within("metoprolol, ultrarapid, half-life", none.half_life / three.half_life, 2.6);
    // Genotypes between: more with each allele that is missing.
    assert!(metoprolol(1.0).area > both.area && metoprolol(1.0).area < none.area);

    // Lane 2012, doi:10.1111/j.1365-2125.2011.04051.x, 306 people: clearance of S-warfarin against *1/*1; ours are of Lindh 2009.
    let warfarin = |two: f64, three: f64| profile(&WARFARIN, &[("cyp2c9_star2", two), ("cyp2c9_star3", three)]);
    let normal = warfarin(0.0, 0.0);
    for (label, two, three, clearance) in [
        ("S-warfarin *1/*2", 1.0, 0.0, 0.855),
        ("S-warfarin *2/*2", 2.0, 0.0, 0.672),
        ("S-warfarin *1/*3", 0.0, 1.0, 0.454),
        ("S-warfarin *2/*3", 1.0, 1.0, 0.496),
        ("S-warfarin *3/*3", 0.0, 2.0, 0.286),
    ] {
        within(label, area(&warfarin(two, three), &normal), 1.0 / clearance);
    }

    // Wagner 2020, Clin Transl Sci 13:628, 28 people of 8 to 21 years.
    let rosuvastatin = |alleles: f64| profile(&ROSUVASTATIN, &[("slco1b1_c", alleles)]);
    within("rosuvastatin 521C/C", area(&rosuvastatin(2.0), &rosuvastatin(0.0)), 2.2);
    within("rosuvastatin 521T/C", area(&rosuvastatin(1.0), &rosuvastatin(0.0)), 1.4);
}
