"""Raw clinical values as a network's inputs: dummies by hand, training cases only, what is missing, round trips."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.files import to_plain
from BreastFusionLib.reading import Case, ClinicalEncoder, ColumnSpec, Reader, load_bundle, write_bundle
from BreastFusionLib.reading.bundle import read_bundle_header, read_clinical_encoder, recipe_network
from BreastFusionLib.reading.recipe import ReadingRecipe
from BreastFusionLib.reading.scalers import scalers_from_json, scalers_to_json

BPE = ("minimal", "mild", "moderate", "marked")
DENSITY = ("fatty", "scattered", "heterogeneous", "extreme")
SCANNERS = tuple(f"software {number}" for number in range(11))
INDICATIONS = ("other", "screening", "diagnostic", "extent")
NUMBERS = (
    "age", "shift_days", "mip_maximum", "mip_pixel_mm", "mip_height_mm", "mip_width_mm", "flip_angle_deg",
    "reconstruction_diameter_mm", "imaging_frequency_mhz", "echo_time_ms", "repetition_time_ms", "echo_train_length",
)  # fmt: skip
HOLSTE = (
    *map(ColumnSpec, NUMBERS),
    ColumnSpec("left_breast", standardise=False),
    ColumnSpec("density", "categorical", levels=DENSITY),
    ColumnSpec("bpe", "categorical", levels=BPE),
    ColumnSpec("indication", "categorical", levels=INDICATIONS),
    ColumnSpec("field_strength_t", "categorical", levels=("1.5", "3")),
    ColumnSpec("scanner", "categorical"),
)
"""The 18 columns of holste2021 (author code): 13 numbers, of which 12 are standardised, and 5 categories."""


def holste_rows(count: int = 44) -> list[dict]:
    random = np.random.default_rng(0)
    return [
        {
            **{name: 50.0 + 10.0 * float(random.standard_normal()) for name in NUMBERS},
            "left_breast": float(number % 2),
            "density": DENSITY[number % 4],
            "bpe": BPE[number % 3],  # no 'marked' among the training cases
            "indication": INDICATIONS[number % 4],
            "field_strength_t": ("1.5", "3")[number % 2],
            "scanner": SCANNERS[number % 11],
        }
        for number in range(count)
    ]


def fitted(columns, rows, **given) -> ClinicalEncoder:
    columns = columns if isinstance(columns, tuple) else (columns,)
    return ClinicalEncoder.fit(columns, [r if isinstance(r, dict) else {columns[0].name: r} for r in rows], **given)


def encoded(encoder: ClinicalEncoder, **values) -> list[float]:
    return encoder.standardise(values).tolist()


def test_the_18_columns_of_holste2021_are_33_inputs():
    rows = holste_rows()
    encoder = fitted(HOLSTE, rows)
    assert len(encoder.parts) == 18
    sizes = {name: len(places) for name, places in encoder.parts.items()}
    assert [sizes.pop(name) for name in (*NUMBERS, "left_breast")] == [1] * 13
    assert sizes == {"bpe": 3, "density": 3, "field_strength_t": 1, "scanner": 10, "indication": 3}
    assert len(encoder.names) == 33
    assert encoder.names[12:20] == (
        "left_breast", "density=scattered", "density=heterogeneous", "density=extreme", "bpe=mild", "bpe=moderate",
        "bpe=marked", "indication=screening",
    )  # fmt: skip
    table = np.array([encoder.standardise(row) for row in rows])
    assert table.shape == (44, 33)
    np.testing.assert_allclose(table[:, :12].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(table[:, :12].std(axis=0), 1, rtol=1e-6)
    assert set(np.unique(table[:, 12:])) == {0.0, 1.0}  # the breast's side is as it was, dummies are 0 or 1


@pytest.mark.parametrize(
    ("level", "expected"), [("minimal", [0, 0, 0]), ("mild", [1, 0, 0]), ("moderate", [0, 1, 0]), ("marked", [0, 0, 1])]
)
def test_dummies_by_hand(level, expected):
    encoder = fitted(ColumnSpec("bpe", "categorical", levels=BPE), BPE)
    assert encoded(encoder, bpe=level) == expected


def test_the_base_level_is_the_one_that_is_named():
    encoder = fitted(ColumnSpec("bpe", "categorical", levels=BPE, base="moderate"), BPE)
    assert encoder.names == ("bpe=minimal", "bpe=mild", "bpe=marked")
    assert encoded(encoder, bpe="moderate") == [0, 0, 0]


def test_levels_that_nobody_named_are_those_of_the_training_cases_numbers_by_size():
    encoder = fitted(ColumnSpec("birads", "ordinal", standardise=False), ["10", "2", "4a", "2"])
    assert encoder.code("birads").levels == ("2", "10", "4a")
    assert encoded(encoder, birads="10") == [1.0]


def test_words_whose_order_nobody_named_are_told(caplog):
    fitted(ColumnSpec("birads", "ordinal"), ["1", "3", "2"])
    fitted(ColumnSpec("bpe", "ordinal", levels=BPE), BPE)
    assert caplog.text == ""
    fitted(ColumnSpec("bpe", "ordinal"), BPE)
    assert "'bpe', whose words are taken in the order of the alphabet: marked, mild, minimal, moderate." in caplog.text


def test_an_ordinal_column_is_its_rank_standardised():
    encoder = fitted(ColumnSpec("bpe", "ordinal", levels=BPE), ["minimal", "minimal", "moderate", "moderate"])
    # Ranks 0, 0, 2, 2: mean 1, deviation 1.
    assert [encoded(encoder, bpe=level)[0] for level in BPE] == [-1.0, 0.0, 1.0, 2.0]


def test_missing_numbers_become_the_median_and_statistics_are_those_of_the_imputed_values():
    encoder = fitted(ColumnSpec("age", unit="years"), [40.0, 50.0, 90.0, None])
    # Imputed: 40, 50, 90, 50. Mean 57.5; deviation root of (306.25 + 56.25 + 1056.25 + 56.25) / 4.
    assert encoded(encoder, age=None) == pytest.approx([(50 - 57.5) / math.sqrt(368.75)])
    assert encoded(encoder, age=90.0) == pytest.approx([(90 - 57.5) / math.sqrt(368.75)])
    assert encoder.measured.training_range("age") == (40.0, 90.0)  # quantiles are those of real patients
    assert encoder.measured.percentile("age", 50.0) == 50.0


def test_mode_and_ties():
    assert fitted(ColumnSpec("n", impute="mode"), [3.0, 1.0, 3.0, 1.0, 9.0]).code("n").fill == 1.0
    assert fitted(ColumnSpec("bpe", "categorical", levels=BPE), ["mild", "minimal"]).code("bpe").fill == "minimal"
    ordinal = ColumnSpec("bpe", "ordinal", levels=BPE)
    values = ["minimal", "minimal", "mild", "moderate", "marked"]
    assert fitted(ordinal, values).code("bpe").fill == "mild"
    assert fitted(replace(ordinal, impute="mode"), values).code("bpe").fill == "minimal"


def test_an_indicator_says_what_was_missing():
    columns = (
        ColumnSpec("age", impute="indicator", standardise=False),
        ColumnSpec("bpe", "categorical", levels=BPE[:2], impute="indicator"),
    )
    rows = [{"age": 40.0, "bpe": "mild"}, {"age": 60.0, "bpe": "mild"}, {"age": None, "bpe": "minimal"}]
    rows.append({"age": 50.0, "bpe": None})
    encoder = fitted(columns, rows)
    assert encoder.names == ("age", "age:missing", "bpe=mild", "bpe:missing")
    assert encoded(encoder, age=None, bpe="minimal") == [50.0, 1.0, 0.0, 0.0]
    assert encoded(encoder, age=40.0, bpe=None) == [40.0, 0.0, 1.0, 1.0]
    assert encoder.parts == {"age": (0, 1), "bpe": (2, 3)}


def test_what_was_imputed_is_said():
    columns = (
        ColumnSpec("age", unit="years", title="Age"),
        ColumnSpec("bpe", "ordinal", levels=BPE),
        ColumnSpec("scanner", "categorical"),
    )
    rows = [{"age": 50.0 + n, "bpe": BPE[n], "scanner": "ab"[n % 2]} for n in range(3)]
    encoder = fitted(columns, rows)
    assert encoder.notes({"age": 51.0, "bpe": "marked", "scanner": "a"}) == ()
    assert encoder.notes({"age": None, "bpe": None, "scanner": "c"}) == (
        "Age is missing: the training cases' median (51 years) was taken.",
        "bpe is missing: the training cases' median ('mild') was taken.",
        "scanner 'c' was not among the training cases: the training cases' most frequent value ('a') was taken.",
    )
    assert encoder.notes(dict.fromkeys(("age", "bpe", "scanner"))) == ()  # the whole source is missing


def test_an_allowed_category_without_a_training_case_is_imputed():
    # Nothing was ever learnt about it: its input would enter with the weight it happened to start with.
    encoder = fitted(ColumnSpec("bpe", "categorical", levels=BPE), ["mild", "mild", "minimal"])
    assert encoded(encoder, bpe="marked") == encoded(encoder, bpe="mild") == [1, 0, 0]
    assert len(encoder.notes({"bpe": "marked"})) == 1


def test_a_wild_number_is_clipped_unless_it_is_taken_as_it_is():
    assert encoded(fitted(ColumnSpec("age"), [40.0, 60.0]), age=1e6) == [8.0]
    assert encoded(fitted(ColumnSpec("age", standardise=False), [40.0, 60.0]), age=1e6) == [1e6]


def test_a_number_that_never_varied_in_training_is_as_good_as_unknown():
    encoder = fitted(ColumnSpec("flip_angle_deg", impute="indicator"), [10.0, 10.0, None])
    assert encoded(encoder, flip_angle_deg=20.0) == encoded(encoder, flip_angle_deg=10.0) == [0.0, 0.0]


@pytest.mark.parametrize("column", [ColumnSpec("left_breast"), ColumnSpec("left_breast", "ordinal", levels=("0", "1"))])
def test_a_number_taken_as_it_is_that_never_varied_is_as_good_as_unknown_too(column):
    encoder = fitted(replace(column, standardise=False), ["1", "1"] if column.levels else [1.0, 1.0])
    right, left = ("0", "1") if column.levels else (0.0, 1.0)
    assert encoded(encoder, left_breast=right) == encoded(encoder, left_breast=left) == [1.0]


def test_an_indicator_of_what_was_never_missing_in_training_says_nothing():
    # Its weight is still the one it began with.
    columns = (ColumnSpec("age", impute="indicator"), ColumnSpec("bpe", "categorical", levels=BPE, impute="indicator"))
    encoder = fitted(columns, [{"age": 40.0, "bpe": "mild"}, {"age": 60.0, "bpe": "minimal"}])
    again = ClinicalEncoder.from_mapping(json.loads(json.dumps(to_plain(encoder.to_mapping()))), "here")
    for one in (encoder, again):
        assert encoded(one, age=None, bpe=None) == [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
        assert len(one.notes({"age": None, "bpe": "mild"})) == 1


def test_a_column_without_any_value_is_refused():
    with pytest.raises(InputError, match="'age' has no value that can be used in any of the 2 training cases"):
        fitted(ColumnSpec("age"), [None, None])
    with pytest.raises(InputError, match="base level 'X' of the clinical column 'scanner' occurs in no training case"):
        fitted(ColumnSpec("scanner", "categorical", base="X"), ["a", "b"])
    with pytest.raises(InputError, match="lacks the clinical column age"):
        fitted(ColumnSpec("age"), [50.0]).standardise({})


def test_json_keeps_every_digit():
    rows = holste_rows()
    encoder = fitted(HOLSTE, [{**row, "age": None} if n % 5 == 0 else row for n, row in enumerate(rows)])
    text = json.dumps(to_plain(scalers_to_json({"clinical": encoder})), allow_nan=False)
    back = scalers_from_json(json.loads(text), "scalers.json")["clinical"]
    assert back.codes == encoder.codes and back.names == encoder.names
    for row in (*rows, {**rows[0], "scanner": "new", "age": None}):
        np.testing.assert_array_equal(back.standardise(row), encoder.standardise(row))
        assert back.notes(row) == encoder.notes(row)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"more": 1}, "expected the keys kind, columns, measured"),
        ({"columns": []}, "'columns' and 'measured' name other columns"),
        ({"columns": [{"spec": {"name": "age"}}]}, "age: what a missing value becomes is missing"),
    ],
)
def test_damaged_json_is_refused(change, message):
    content = to_plain(scalers_to_json({"clinical": fitted(ColumnSpec("age"), [40.0, 60.0])}))
    content["clinical"] |= change
    with pytest.raises(InputError, match=f"scalers.json, clinical.*{message}"):
        scalers_from_json(content, "scalers.json")


RECIPE = {
    "name": "columns",
    "inputs": {
        "sequences": ["dce"],
        "patch": None,
        "clinical": ["age", {"name": "bpe", "kind": "categorical", "levels": list(BPE)}],
    },
    "model": {"encoder": None},
}


@pytest.fixture
def clinical_bundle(tmp_path, metadata):
    recipe = ReadingRecipe.from_mapping(RECIPE, "columns")
    rows = [{"age": 40.0 + number, "bpe": BPE[number % 4]} for number in range(20)]
    scalers = {"clinical": fitted(recipe.inputs.clinical, rows, labels=np.arange(20) % 2)}
    network = recipe_network(recipe, scalers, load_weights=False).eval()
    return write_bundle(tmp_path / "bundle", metadata, RECIPE, network, scalers)


def test_a_bundle_brings_its_encoder_along_and_its_network_is_as_wide(clinical_bundle):
    bundle = load_bundle(clinical_bundle)
    assert bundle.scalers["clinical"].names == ("age", "bpe=mild", "bpe=moderate", "bpe=marked")
    assert bundle.network.vector_sizes == {"clinical": 4}


def test_a_form_reads_the_encoder_without_the_network(clinical_bundle):
    encoder = read_clinical_encoder(read_bundle_header(clinical_bundle))
    assert encoder.names == ("age", "bpe=mild", "bpe=moderate", "bpe=marked")
    assert encoder.code("age").note(None) == "age is missing: the training cases' median (49.5) was taken."
    scalers = clinical_bundle / "scalers.json"
    header = read_bundle_header(clinical_bundle)
    scalers.write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="its columns are not those of the recipe"):
        read_clinical_encoder(header)


def test_a_reading_says_what_was_imputed_and_gives_each_column_its_share(clinical_bundle, make_exam, lesion, tmp_path):
    bundle = load_bundle(clinical_bundle)
    reading = Reader(bundle).read(Case(make_exam(), lesion, clinical={"bpe": "moderate"}))
    assert "age is missing: the training cases' median (49.5) was taken." in reading.warnings
    assert reading.sources_used == ("clinical",)
    rows = {row["name"]: row for row in reading.evidence.features}
    assert (rows["bpe"]["value"], rows["age"]["value"]) == ("moderate", None)
    # Of the dummies only 'moderate' is 1, so the column's share is its weight; the imputed age lies at the mean.
    weights = bundle.network.state_dict()[next(name for name in bundle.network.state_dict() if "weight" in name)]
    assert rows["bpe"]["contribution"] == pytest.approx(float(weights[1, 2] - weights[0, 2]))
    assert rows["age"]["contribution"] == pytest.approx(0.0, abs=1e-6)
    content = json.loads(reading.write(tmp_path / "reading").read_text())
    assert {row["name"]: row["value"] for row in content["features"]} == {"bpe": "moderate", "age": None}


def test_a_reading_without_clinical_values_works_and_says_so(bundle_folder, make_exam, lesion):
    reading = Reader(load_bundle(bundle_folder)).read(Case(make_exam(), lesion))
    assert 0 < reading.probability < 1
    assert reading.sources_missing == ("clinical",)
    assert reading.warnings.count("clinical data missing: the model used its neutral value.") == 1


def test_a_bundle_of_other_columns_is_refused(clinical_bundle, metadata, tmp_path):
    bundle = load_bundle(clinical_bundle)
    other = {**RECIPE, "inputs": {**RECIPE["inputs"], "clinical": ["age", *RECIPE["inputs"]["clinical"][1:]][::-1]}}
    write_bundle(tmp_path / "other", metadata, other, bundle.network, bundle.scalers)
    with pytest.raises(InputError, match=r"scalers\.json, clinical: its columns are not those of the recipe"):
        load_bundle(tmp_path / "other")
