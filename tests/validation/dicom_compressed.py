"""Writes DICOM segmentations that are compressed as runs (RLE Lossless) or as a whole (Deflated Explicit VR Little Endian), and their
volumes by pydicom's own decoding, to tests/golden/dicom.

python tests/validation/dicom_compressed.py        # needs pydicom (3.0) and numpy
"""

from pathlib import Path

import numpy
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, RLELossless

OUT = Path(__file__).resolve().parents[1] / "golden" / "dicom"
ROWS, COLUMNS, FRAMES = 11, 13, 4
VOXEL = 0.8 * 1.5 * 2.5  # mm³


def item(**elements):
    made = Dataset()
    for name, value in elements.items():
        setattr(made, name, value)
    return made


def segmentation(kind, bits, pixels, segments):
    meta = FileMetaDataset()
    label_map = kind == "LABELMAP"
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.66." + ("7" if label_map else "4")
    meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    made.SOPClassUID, made.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    made.Rows, made.Columns, made.NumberOfFrames = ROWS, COLUMNS, FRAMES
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PixelRepresentation = 1, "MONOCHROME2", 0
    made.BitsAllocated, made.BitsStored, made.HighBit = bits, bits, bits - 1
    made.SegmentationType = kind
    if kind == "FRACTIONAL":
        made.MaximumFractionalValue, made.SegmentationFractionalType = 200, "OCCUPANCY"
    made.SegmentSequence = Sequence([item(SegmentNumber=number, SegmentLabel=label) for number, label in segments])
    made.SharedFunctionalGroupsSequence = Sequence([item(
        PixelMeasuresSequence=Sequence([item(PixelSpacing=[1.5, 0.8], SliceThickness=2.5, SpacingBetweenSlices=2.5)]),
        PlaneOrientationSequence=Sequence([item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])]),
    )])
    frames = []
    for frame in range(FRAMES):
        groups = item(PlanePositionSequence=Sequence([item(ImagePositionPatient=[0, 0, 2.5 * frame])]))
        if not label_map:
            groups.SegmentIdentificationSequence = Sequence([item(ReferencedSegmentNumber=1)])
        frames.append(groups)
    made.PerFrameFunctionalGroupsSequence = Sequence(frames)
    made.PixelData = pydicom.pixels.pack_bits(pixels) if bits == 1 else pixels.tobytes()
    made["PixelData"].VR = "OW" if bits == 16 else "OB"
    return made


def main():
    OUT.mkdir(exist_ok=True)
    random = numpy.random.default_rng(20261126)
    shape = (FRAMES, ROWS, COLUMNS)
    # Runs of all lengths: noise, and stretches of one value.
    noise = random.integers(0, 4, shape)
    patches = numpy.repeat(random.integers(0, 3, shape[0] * shape[1]), shape[2]).reshape(shape)
    mixed = numpy.where(random.random(shape) < 0.25, noise, patches)
    one, three = [(1, "one")], [(1, "one"), (2, "two"), (3, "three")]
    cases = {
        "fractional": ("FRACTIONAL", 8, (mixed * 60).astype("u1"), one),
        "label_map": ("LABELMAP", 8, mixed.astype("u1"), three),
        "label_map_16": ("LABELMAP", 16, numpy.array([0, 257, 258, 3])[mixed].astype("<u2"), [(257, "one"), (258, "two"), (3, "three")]),
        "binary": ("BINARY", 1, (mixed > 1).astype("u1"), one),
    }
    lines = ["file,label,volume_mm3"]
    for name, (kind, bits, pixels, segments) in cases.items():
        for way, syntax in (("deflated", DeflatedExplicitVRLittleEndian), ("runs", RLELossless)):
            if way == "runs" and bits == 1:
                continue
            made = segmentation(kind, bits, pixels, segments)
            if way == "runs":
                made.compress(RLELossless)
            else:
                made.file_meta.TransferSyntaxUID = syntax
            file = f"{name}_{way}.dcm"
            made.save_as(OUT / file, enforce_file_format=True)
            read = pydicom.dcmread(OUT / file)
            assert read.file_meta.TransferSyntaxUID == syntax
            decoded = read.pixel_array
            for number, label in segments:
                count = decoded.sum() / (200 if kind == "FRACTIONAL" else 1) if len(segments) == 1 else (decoded == number).sum()
                lines.append(f"{file},{label},{float(count) * VOXEL!r}")
    (OUT / "volumes.csv").write_text("\n".join(lines) + "\n")


main()
