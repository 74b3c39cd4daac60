import pytest

from BreastFusionLib.errors import first_few, nearest_known

pytestmark = pytest.mark.fast


def test_of_a_long_list_the_first_and_the_number_of_the_others_are_told():
    assert first_few([1, 2, 3]) == "1, 2, 3"
    assert first_few(f"case{n}" for n in range(9)) == "case0, case1, case2 and 6 more"
    assert first_few([]) == ""


def test_a_mistyped_name_is_answered_with_the_nearest_or_with_all():
    assert nearest_known("fusoin", ["fusion", "demo"]) == "Did you mean 'fusion'? Known: demo, fusion."
    assert nearest_known("label", ["LABEL", "age"]) == "Did you mean 'LABEL'? Known: LABEL, age."
    assert nearest_known("xyz", ["fusion", "demo"]) == "Known: demo, fusion."
