"""One table, written for programs, for notes and for the page."""

from BreastFusionLib.studies.table import Column, StudyTable

TABLE = StudyTable(
    "table2",
    "Table 2. Models",
    (
        Column("model", "Model", "text"),
        Column("auc", "AUC", with_ends=True),
        Column("rate", "Specificity", "share", with_ends=True),
        Column("p", "P", "p"),
        Column("seed", "Seed", "count"),
        Column("paper", "Paper", "coarse", with_rank=True),
        Column("rank", "Rank", "rank"),
    ),
    [
        {
            "model": "A|B",
            "auc": {"value": 0.84912, "low": 0.8, "high": 0.9},
            "rate": {"value": 0.301, "low": 0.231, "high": 0.37},
            "p": 0.0004,
            "seed": 3,
            "paper": {"value": 2.55, "rank": 3},
            "rank": 16.5,
        },
        {
            "model": "C",
            "auc": {"value": -0.05, "low": None, "high": None},
            "rate": None,
            "p": None,
            "seed": 0,
            "rank": 2,
        },
    ],
    "What it is.",
)


def test_a_program_gets_every_digit_and_the_ends_in_columns_of_their_own():
    assert TABLE.csv().splitlines() == [
        "model,auc,auc_low,auc_high,rate,rate_low,rate_high,p,seed,paper,paper_rank,rank",
        "A|B,0.84912,0.8,0.9,0.301,0.231,0.37,0.0004,3,2.55,3,16.5",
        "C,-0.05,,,,,,,0,,,2",
    ]


def test_notes_get_rounded_numbers_with_intervals_as_a_paper_prints_them():
    assert TABLE.markdown() == (
        "### Table 2. Models\n\n"
        "| Model | AUC | Specificity | P | Seed | Paper | Rank |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| A/B | 0.849 [0.800, 0.900] | 30.1 % [23.1, 37.0] | < .001 | 3 | 2.55 (3) | 16.5 |\n"
        "| C | −0.050 | – | – | 0 | – | 2 |\n\n"
        "What it is.\n"
    )


def test_the_page_gets_the_same_words_and_only_leading_text_is_set_left():
    html = TABLE.html()
    assert "0.849 <small>[0.800, 0.900]</small>" in html
    assert "2.55 <small>(3)</small>" in html
    assert html.count('<td class="number">') == 2 * 6
