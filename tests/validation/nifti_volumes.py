"""Writes label maps with nibabel in every number type, byte order, version and way to give a voxel's size, and what nibabel
says of their volumes: tests/golden/nifti/. Run: pip install nibabel==5.4.2; python tests/validation/nifti_volumes.py"""

import gzip
import pathlib
import struct

import nibabel as nib
import numpy as np

folder = pathlib.Path(__file__).parents[1] / "golden" / "nifti"
folder.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(20)
SHAPE = (7, 6, 5)
OBLIQUE = np.array([[0.7, -0.31, 0.22, -40], [0.28, 0.81, -0.4, 12.5], [-0.05, 0.37, 2.9, 7], [0, 0, 0, 1]])
PLAIN = np.diag([0.9, 1.1, 2.5, 1])


def turned(edges, flip=1):
    """A rotation by no round angle, times edges: what a qform can say."""
    a, b, c = 0.3, -0.7, 1.1
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = x @ y @ z @ np.diag([edges[0], edges[1], edges[2] * flip])
    affine[:3, 3] = [-91.5, 126, -72.25]
    return affine


# name: number type, version, byte order, way, affine, unit, stored slope and addend
CASES = {}
for at, kind in enumerate(["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]):
    CASES[f"n1_{kind}"] = (kind, 1, "<>"[at % 2], "sform", OBLIQUE if at % 3 else PLAIN, "mm", None)
    CASES[f"n2_{kind}"] = (kind, 2, "><"[at % 2], "sform", PLAIN if at % 3 else OBLIQUE, "mm", None)
CASES["qform_n1"] = ("u1", 1, "<", "qform", turned([0.8, 1.3, 2.1]), "mm", None)
CASES["qform_flip_n1_be"] = ("i2", 1, ">", "qform", turned([0.8, 1.3, 2.1], -1), "mm", None)
CASES["qform_flip_n2"] = ("i2", 2, "<", "qform", turned([1.7, 0.6, 1.9], -1), "mm", None)
CASES["pixdim_n1"] = ("u1", 1, "<", "pixdim", PLAIN, "mm", None)
CASES["pixdim_n2_be"] = ("u2", 2, ">", "pixdim", PLAIN, "mm", None)
CASES["both_differ"] = ("u1", 1, "<", "both", OBLIQUE, "mm", None)
CASES["metre"] = ("u1", 1, "<", "sform", OBLIQUE * [[1e-3], [1e-3], [1e-3], [1]], "meter", None)
CASES["micron"] = ("u1", 2, "<", "qform", turned([800.0, 1300.0, 2100.0]), "micron", None)
CASES["unit_untold"] = ("u1", 1, "<", "sform", OBLIQUE, "unknown", None)
CASES["slope_i2"] = ("i2", 1, "<", "sform", OBLIQUE, "mm", (0.5, -3.0))
CASES["slope_u1_be"] = ("u1", 1, ">", "sform", PLAIN, "mm", (2.0, 1.0))
CASES["slope_f4_n2"] = ("f4", 2, "<", "sform", OBLIQUE, "mm", (0.25, 0.0))
CASES["four_dimensions"] = ("u1", 1, "<", "sform", OBLIQUE, "mm", None)

TO_MM = {"mm": 1.0, "meter": 1e3, "micron": 1e-3, "unknown": 1.0}
rows = ["file,label,volume_mm3"]
for at, (name, (kind, version, order, way, affine, unit, scaling)) in enumerate(CASES.items()):
    labels = rng.choice([0, 1, 2, 5, 77], size=SHAPE, p=[0.4, 0.2, 0.2, 0.15, 0.05]).astype("f8")
    stored = labels if scaling is None else (labels - scaling[1]) / scaling[0]
    if name == "four_dimensions":
        stored = stored[..., np.newaxis]
    # Of the wide types, what narrow ones cannot hold.
    dtype = np.dtype(order + kind)
    header = (nib.Nifti1Header if version == 1 else nib.Nifti2Header)(endianness=order)
    header.set_data_dtype(dtype)
    image = (nib.Nifti1Image if version == 1 else nib.Nifti2Image)(stored.astype(dtype), affine, header=header)
    image.header.set_xyzt_units(unit if unit != "unknown" else 0)
    if way == "sform":
        image.set_sform(affine, 2)
        image.set_qform(None, 0)
    elif way == "qform":
        image.set_sform(None, 0)
        image.set_qform(affine, 1)
    elif way == "pixdim":
        image.set_sform(None, 0)
        image.set_qform(None, 0)
    else:
        image.set_qform(turned([2.0, 2.0, 2.0]), 1)
        image.set_sform(affine, 2)
    # `update_header` would write an sform back.
    data = bytearray(image.to_bytes())
    if scaling is not None:
        place, letter = (112, "f") if version == 1 else (176, "d")
        size = struct.calcsize(letter)
        data[place : place + 2 * size] = struct.pack(order + 2 * letter, *scaling)
    packed = at % 2 == 1
    path = folder / f"{name}.nii{'.gz' if packed else ''}"
    path.write_bytes(gzip.compress(bytes(data), mtime=0) if packed else bytes(data))

    back = nib.load(path)
    assert back.header.endianness == order and back.header.get_data_dtype() == dtype, name
    codes = (int(back.header["sform_code"]), int(back.header["qform_code"]))
    assert codes == {"sform": (2, 0), "qform": (0, 1), "pixdim": (0, 0), "both": (2, 1)}[way], (name, codes)
    voxel = abs(np.linalg.det(back.affine[:3, :3])) * TO_MM[unit] ** 3
    values, counts = np.unique(back.get_fdata(), return_counts=True)
    assert set(values) <= {0, 1, 2, 5, 77}, name
    rows += [f"{path.name},{int(v)},{c * voxel!r}" for v, c in zip(values, counts) if v]
(folder / "volumes.csv").write_text("\n".join(rows).replace("np.float64(", "").replace(")", "") + "\n")

# Two images of one grid: what the second has inside the labels of the first, without their outermost voxels.
x, y, z = np.indices((16, 14, 12))
labels = np.zeros(x.shape, "u1")
labels[(x - 5) ** 2 + (y - 6) ** 2 + (z - 6) ** 2 < 18] = 1
labels[(x - 11) ** 2 / 2 + (y - 7) ** 2 + (z - 5) ** 2 < 9] = 2
labels[(x > 10) & (y > 9) & (z > 8)] = 3
values = np.round(rng.normal([0, 45, -60, -100], 60, size=x.shape + (4,)))[x, y, z, labels]
image = nib.Nifti1Image(labels, OBLIQUE)
(folder / "inside_map.nii.gz").write_bytes(gzip.compress(image.to_bytes(), mtime=0))
image = nib.Nifti1Image((values + 1024).astype("i2"), OBLIQUE)
data = bytearray(image.to_bytes())
data[112:120] = struct.pack("<ff", 1.0, -1024.0)
(folder / "inside_hu.nii.gz").write_bytes(gzip.compress(bytes(data), mtime=0))
values = nib.load(folder / "inside_hu.nii.gz").get_fdata()
voxel = abs(np.linalg.det(nib.load(folder / "inside_map.nii.gz").affine[:3, :3]))
rows = ["label,measure,value"]
padded = np.pad(labels, 1)
for label in (1, 2, 3):
    inner = labels == label
    for axis in range(3):
        for step in (-1, 1):
            inner &= np.roll(padded, step, axis)[1:-1, 1:-1, 1:-1] == label
    muscle, fat = values[inner & (values >= -29) & (values <= 150)], values[(labels == label) & (values >= -190) & (values <= -30)]
    for measure, value in {
        "mean_hu": values[inner].mean(),
        "median_hu": np.median(values[inner]),
        "muscle_hu": muscle.mean(),
        "fat_volume": fat.size * voxel / 1000,
        "volume": (labels == label).sum() * voxel / 1000,
        "surface": ((labels == label) & ~inner).sum(),
    }.items():
        rows.append(f"{label},{measure},{float(value)!r}")
(folder / "inside.csv").write_text("\n".join(rows) + "\n")
print(len(CASES) + 2, "files")
