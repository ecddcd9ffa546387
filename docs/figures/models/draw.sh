#!/bin/sh
# Draws the typical responses that docs/models.md shows: 200 people from each model's prior, median, 50 and 90 % of them.
# From the project's folder: sh docs/figures/models/draw.sh && target/release/homeostat model doc -o docs/models.md --figures figures/models
set -e

# Model, and what is done to its people.
draw() {
    model=$1
    shift
    target/release/homeostat simulate "$model" --draws 200 --seed 1 -o "docs/figures/models/$model.svg" "$@"
}

man="--set weight=75 --set height=1.77m --set age=40 --set sex=1"
older="--set weight=95 --set height=1.77m --set age=58 --set sex=1"
# A dose a day for as many days.
daily() {
    day=0
    while [ "$day" -lt "$2" ]; do
        printf ' --give %s@%sd' "$1" "$day"
        day=$((day + 1))
    done
}

draw theophylline --set weight=70 --give oral_theophylline=320 --to 24h
draw two_compartment --give injected_dose=100 --to 24h --output drug_in_plasma
draw midazolam --give oral_midazolam=7.5 --to 12h --output plasma_midazolam
draw omeprazole --give oral_omeprazole=20 --to 12h --output plasma_omeprazole
draw metoprolol --give oral_metoprolol=100 --to 24h --output plasma_metoprolol --output heart_rate_factor
draw caffeine --give oral_caffeine=100 --to 24h --output plasma_caffeine
draw rosuvastatin $(daily oral_rosuvastatin=10 42) --to 42d --output ldl_cholesterol
draw metformin $(daily oral_metformin=1000 7) --to 7d --output plasma_metformin --output glucose_production_factor
draw dapagliflozin --give oral_dapagliflozin=10 --to 48h --output plasma_dapagliflozin --output urinary_glucose
draw liraglutide $(daily injected_liraglutide=1.8 14) --to 14d --output plasma_liraglutide --output intake_factor
draw warfarin $(daily oral_warfarin=5 21) --to 21d --output plasma_warfarin --output inr
draw midazolam_pbpk $man --give oral_midazolam=7.5 --to 12h --output plasma_midazolam
draw caffeine_pbpk $man --give oral_caffeine=100 --to 24h --output plasma_caffeine
draw t1d_day --set weight=75 --set usual_basal_insulin=1.2 --hold basal_insulin=0.02 --give carbohydrate_intake=50g@1h \
    --give bolus_insulin=4@1h --to 8h --output plasma_glucose --output plasma_insulin
# Nothing but what is left of the evening before: where its people begin, and that it passes.
draw t1d_window --set weight=75 --set usual_basal_insulin=1.2 --hold basal_insulin=0.02 --to 8h --output plasma_glucose \
    --output plasma_insulin
draw dalla_man_2007 --set weight=78 --give carbohydrate_intake=78g --to 7h --output plasma_glucose --output plasma_insulin
draw dalla_man_2007_type2 --set weight=91 --give carbohydrate_intake=78g --to 7h --output plasma_glucose --output plasma_insulin
draw ogtt $man --give carbohydrate_intake=75g --to 5h --output plasma_glucose --output plasma_insulin --output c_peptide
draw metabolic_day --set weight=75 --give carbohydrate_intake=50g@7h --give carbohydrate_intake=80g@12h \
    --give carbohydrate_intake=70g@19h --to 24h --output plasma_glucose --output plasma_insulin
draw energy_balance $man --hold energy_intake_change=-500 --to 365d --output body_mass --output fat_mass
draw kidney $man --hold filtration_change=-0.5 --to 30d --output creatinine --output cystatin_c
draw lipids --set sex=1 --hold saturated_fat_change=-0.05 --to 90d --output ldl_cholesterol --output triglycerides
draw hba1c --hold mean_glucose_change=50 --to 180d --output hba1c
draw heart_rate --hold activity=3 --to 24h --output demanded_heart_rate
draw circulation --hold activity=4 --to 3h --output mean_pressure --output cardiac_output
draw lotka_volterra --to 20a
draw whole_body $man --give carbohydrate_intake=60g@8h --give carbohydrate_intake=80g@13h --give carbohydrate_intake=70g@19h --to 24h \
    --output plasma_glucose --output heart_rate --output mean_pressure
draw whole_body_year $man --hold energy_intake_change=-500 --to 365d --output body_mass --output ldl_cholesterol --output hba1c
draw whole_body_type2 $older --give carbohydrate_intake=60g@8h --give carbohydrate_intake=80g@13h --give carbohydrate_intake=70g@19h \
    --to 24h --output plasma_glucose --output plasma_insulin --output hba1c
draw whole_body_year_type2 $older --hold daily_metformin=2000mg/d --to 365d --output plasma_glucose --output hba1c
draw whole_person $man --hold activity=1 --give carbohydrate_intake=60g@8h --give carbohydrate_intake=80g@13h --give carbohydrate_intake=70g@19h \
    --give oral_omeprazole=20@8h --to 24h --output cgm_glucose --output heart_rate --output plasma_omeprazole
