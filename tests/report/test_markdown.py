"""What an artifact says."""

from flows.report.markdown import artifact_key


def test_an_artifact_key_is_one_that_prefect_takes():
    """It has lowercase letters, digits and dashes, and tells dataset and name apart."""
    assert artifact_key("core.User_Plans") == "core--user-plans"
    assert artifact_key("a.b_c") != artifact_key("a_b.c")
