"""An address says which project and where, or what to write instead."""

import pytest

from flows.model.errors import UsageError
from flows.warehouses.bigquery.settings import BigQuerySettings, emulator_of, parse_address


def test_an_address_names_a_project_and_its_location():
    """A limit of bytes may follow."""
    assert parse_address("bigquery://my-project?location=EU") == BigQuerySettings("my-project", "EU")
    assert parse_address("bigquery://example.com:shop-1?location=europe-west3&maximum_bytes_billed=1000") == (
        BigQuerySettings("example.com:shop-1", "europe-west3", 1000)
    )


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("bigquery://?location=EU", "names no project of BigQuery. Write it as bigquery://my-project?location=EU."),
        ("bigquery://my-project/core?location=EU", "names no project"),
        ("bigquery://[my-project", "'bigquery://[my-project' names no project"),
        ("mysql://reader:hunter2@db.example.com/shop", "'mysql://***@db.example.com/shop' names no project"),
        ("bigquery://my-project", "says no location, which cannot be changed later. Write it as"),
        ("bigquery://my-project?location=", "says no location"),
        ("bigquery://my-project?loaction=EU", "BigQuery has no setting 'loaction'. Did you mean 'location'?"),
        ("bigquery://my-project?location=EU&maximum_bytes_billed=50GB", "'50GB' is no number of bytes"),
    ],
)
def test_what_cannot_be_understood_is_told(address, told):
    """With what to write instead."""
    with pytest.raises(UsageError) as refused:
        parse_address(address)
    assert told in str(refused.value)


def test_an_emulator_is_named_by_a_whole_address():
    """Without a scheme the client would ask nobody, and tell so in words that nobody understands."""
    told = "BIGQUERY_EMULATOR_HOST: 'localhost:9050' is no address of an emulator. Write it as http://127.0.0.1:9050."
    with pytest.raises(UsageError) as refused:
        emulator_of({"BIGQUERY_EMULATOR_HOST": "localhost:9050"})
    assert str(refused.value) == told
    assert emulator_of({"BIGQUERY_EMULATOR_HOST": "http://localhost:9050"}) == "http://localhost:9050"
    assert emulator_of({"BIGQUERY_EMULATOR_HOST": ""}) is None
