"""Makes models/genes/positions.csv and alleles.csv from allele definitions and functions as PharmCAT ships them.

    python3 tests/validation/gene_tables.py DEFINITIONS FUNCTIONS.csv

DEFINITIONS: a folder of `GENE.json` (formatVersion 2); FUNCTIONS.csv: gene,allele,activity_value,function.
Bases that are the reference's are left out; an allele is the reference wherever it names no base.
"""

import csv
import json
import pathlib
import re
import sys

CALLED = "ABCG2 CYP2B6 CYP2C19 CYP2C9 CYP3A4 CYP3A5 CYP4F2 NAT2 SLCO1B1 TPMT UGT1A1 VKORC1".split()
TOLD_ONLY = ["CYP2D6"]  # copies and hybrids need more than a table of bases
# Other spellings of one allele, of papers and of older files; the gene is on the reverse strand.
ALSO = {
    ("VKORC1", "rs9923231 reference (C)"): "-1639G|c.-1639G|rs9923231C",
    ("VKORC1", "rs9923231 variant (T)"): "-1639A|c.-1639A|rs9923231T",
    ("ABCG2", "rs2231142 reference (G)"): "rs2231142G|c.421C",
    ("ABCG2", "rs2231142 variant (T)"): "rs2231142T|c.421A",
}


def main(definitions, functions):
    told = {}
    with open(functions) as file:
        for row in csv.DictReader(file):
            told[row["gene"], row["allele"]] = (row["activity_value"], row["function"].capitalize())
    positions, alleles = [], []
    for gene in CALLED:
        table = json.loads(pathlib.Path(definitions, f"{gene}.json").read_text())
        variants = table["variants"]
        for at in variants:
            alts = "|".join(at["alts"])
            positions.append([gene, at["chromosome"], at["position"], at["rsid"] or "", at["ref"], alts])
        for allele in table["namedAlleles"]:
            assert not allele["structuralVariant"]
            pairs = [(at, base) for at, base in zip(variants, allele["alleles"]) if base and base != at["ref"]]
            bases = " ".join(f"{at['position']}:{base}" for at, base in pairs) or "reference"
            name = re.sub(r"\.\d+$", "", allele["name"])
            value, function = told.pop((gene, name), None) or next(
                ([row[3], row[4]] for row in alleles if row[:2] == [gene, name]), ("", ""))
            alleles.append([gene, name, ALSO.get((gene, name), ""), value, function, bases])
    for (gene, name), (value, function) in told.items():
        if gene in CALLED + TOLD_ONLY:
            alleles.append([gene, name, "", value, function, ""])
    write("positions.csv", ["gene", "chromosome", "position", "rsid", "ref", "alts"], positions)
    write("alleles.csv", ["gene", "allele", "also", "value", "function", "bases"], alleles)


def write(name, head, rows):
    path = pathlib.Path(__file__).parents[2] / "models" / "genes" / name
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([head, *rows])


main(*sys.argv[1:])
