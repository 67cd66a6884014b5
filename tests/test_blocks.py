"""The Prefect blocks of connections, on a real Prefect server."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.prefect_api import REPOSITORY
from tests.servers import mongodb
from tests.servers.google_login import key_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.prefect_api import Server
    from tests.servers.mysql import MysqlServer

PAGE = (REPOSITORY / "docs/connections.md").read_text()
SECRET = "hunter2hunter2"  # noqa: S105 - the tests look for it
WRONG = f"""
from blocks import MongodbDatabase, MysqlDatabase
from flows.model.errors import SourceError
mysql = dict(user="reader", password="{SECRET}", database="shop")
for block in (
    MysqlDatabase(host="a..b", **mysql),
    MysqlDatabase(host="db", ssl_mode="verify_ca", **mysql),
    MysqlDatabase(host="db", ssl_mode="required", ssl_ca="/etc/ca.pem", **mysql),
    MongodbDatabase(uri="mongodb://reader:{SECRET}@db/?tsl=true", database="shop"),
    MongodbDatabase(uri="mongo://reader:{SECRET}@db/", database="shop"),
):
    try:
        block.test_connection()
    except SourceError as error:
        print(error)
"""
SAVE = f"""
from blocks import MongodbDatabase, MysqlDatabase
shop = MysqlDatabase(host="127.0.0.1", port=1, user="reader", password="{SECRET}", database="shop", max_connections=2)
shop.save("shop-eu")
shop.save("twice")
MongodbDatabase(uri="mongodb://reader@127.0.0.1:1/?tls=false", database="docs").save("twice")
MongodbDatabase(uri="mongodb://reader:{SECRET}@127.0.0.1:1/?tls=false", database="docs").save("docs")
"""
LOOK_UP = """
import asyncio
from blocks import connection, kind_of
from flows.model.errors import SourceError
from flows.sources.connections import MongodbConnection, MysqlConnection
print(repr(connection("shop_eu", MysqlConnection)))
print(connection("shop-eu", MysqlConnection).password.get_secret_value())
print(connection("docs", MongodbConnection).uri.get_secret_value())
print(connection("by-url", MysqlConnection).host)
async def inside_a_loop():
    return connection("shop-eu", MysqlConnection).max_connections
print(asyncio.run(inside_a_loop()))
print(*(kind_of(name).__name__ for name in ("shop_eu", "docs", "by-url")))
try:
    connection("nowhere", MysqlConnection)
except SourceError as error:
    print(error)
try:
    kind_of("twice")
except SourceError as error:
    print(error)
"""
TEST_MYSQL = """
from blocks import MysqlDatabase
from flows.model.errors import SourceUnavailableError
try:
    MysqlDatabase.load("shop-eu").test_connection()
except SourceUnavailableError as error:
    print(error)
"""
TEST_MONGODB = f"""
import sys
from blocks import MongodbDatabase
from flows.model.errors import SourceError
for uri in sys.argv[1], sys.argv[1].replace("{SECRET}", "wrong-{SECRET}"):
    MongodbDatabase(uri=uri, database="shop").save("real", overwrite=True)
    try:
        print(MongodbDatabase.load("real").test_connection())
    except SourceError as error:
        print(error)
"""


REFUSED = """
import sys
from pathlib import Path
import typer
from blocks.__main__ import main
for file in sys.argv[1:]:
    try:
        main(Path(file))
    except typer.Exit as end:
        print(f"exit {end.exit_code}", file=sys.stderr)
"""
WAREHOUSE = """
import os
from blocks.warehouse import DerivedWarehouse
from flows.model.errors import UsageError
from flows.wiring import open_warehouse
DerivedWarehouse(address="bigquery://my-project?location=EU&maximum_bytes_billed=1000").save("prod")
DerivedWarehouse(address="bigquery://my-project").save("nowhere")
os.environ["BIGQUERY_EMULATOR_HOST"] = "http://127.0.0.1:1"
for name in ("prod", "nowhere", "missing"):
    os.environ["DERIVED_WAREHOUSE"] = name
    try:
        print(open_warehouse(None, print)._opened.settings)
    except UsageError as error:
        print(error)
"""


SAVED = """
from blocks import GcsBucket, connection
from blocks.warehouse import DerivedWarehouse
from flows.sources.connections import MysqlConnection
print(repr(connection("shop_us", MysqlConnection)))
bucket = GcsBucket.load("derived")
print(f"{bucket.bucket}/{bucket.bucket_folder.rstrip('/')}")
warehouse = DerivedWarehouse.load("derived")
print(warehouse.settings().location)
print(warehouse.credentials().service_account_email)
"""


PIECES = {
    "saved": SAVE,
    "look up": LOOK_UP,
    "test": TEST_MYSQL,
    "wrong": WRONG,
    "warehouse": WAREHOUSE,
    "from a file": SAVED,
}


@pytest.fixture(scope="module")
def api(prefect_server: Server) -> Server:
    """A Prefect server that knows the blocks."""
    registered = run(prefect_server, *documented("python -m prefect block register"))
    assert "MySQL database" in registered
    assert "MongoDB database" in registered
    for name in ("Derived warehouse", "GCP Credentials", "GCS Bucket"):
        assert name in registered
    return prefect_server


@pytest.fixture(scope="module")
def from_file(api: Server, mysql_server: MysqlServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What is said where blocks are saved from a file: of connections, credentials, warehouse and stage."""
    folder = tmp_path_factory.mktemp("connections")
    with key_file(folder) as key:
        (folder / "connections.env").write_text(
            f"DERIVED_CONNECTION_SHOP_US='mysql://reader:{SECRET}@db.example.com/shop?max_connections=3'\n"
            f"DERIVED_CONNECTION_EVENTS=mongodb://reader:{SECRET}@db.example.com/events\n"
            f"DERIVED_CONNECTION_SHOP={mysql_server.url('shop_test')}\n"
            "DERIVED_WAREHOUSE=bigquery://my-project?location=EU\nDERIVED_STAGE=gs://stage/shop\n"
            f"GOOGLE_APPLICATION_CREDENTIALS={key}\n"
        )
        yield run(api, *documented("python -m blocks connections.env"), folder=folder)
    # Others of this server give their connection of that name in the environment.
    saved = api.call("GET", "block_types/slug/mysql-database/block_documents/name/shop")
    api.call("DELETE", f"block_documents/{saved['id']}")


@pytest.fixture(scope="module")
def said(api: Server, from_file: str) -> dict[str, str]:
    """What pieces of Python print in one process, which takes seconds to begin."""
    assert from_file  # the last piece looks at what was saved
    printed = python(api, "\nprint('--')\n".join(PIECES.values())).split("--\n")
    return dict(zip(PIECES, printed, strict=True))


def documented(beginning: str) -> list[str]:
    """Return the command of docs/connections.md that begins so."""
    (command,) = re.findall(rf"(?:^|`)({re.escape(beginning)}[^`\n]*)", PAGE, flags=re.MULTILINE)
    return [sys.executable, *shlex.split(command, comments=True)[1:]]


def run(api: Server, *command: str, folder: Path | None = None) -> str:
    """Return what a command prints."""
    environment = api.environment | {"DERIVED_CONNECTION_BY_URL": "mysql://reader@db.example.com/shop"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stderr
    return done.stdout


def python(api: Server, code: str, *arguments: str) -> str:
    """Return what a piece of Python prints."""
    return run(api, sys.executable, "-c", code, *arguments)


def test_blocks_look_right_in_the_ui(api: Server) -> None:
    """Each type has a logo and a description, each field a description, and the secrets are marked."""
    types = {item["slug"]: item for item in api.call("POST", "block_types/filter", limit=200)}
    for slug, secret in (("mysql-database", "password"), ("mongodb-database", "uri")):
        assert types[slug]["logo_url"].startswith("https://")
        assert "core tables" in types[slug]["description"]
        schemas = api.call(
            "POST", "block_schemas/filter", block_schemas={"block_type_id": {"any_": [types[slug]["id"]]}}
        )
        fields = schemas[0]["fields"]
        assert fields["secret_fields"] == [secret]
        assert all(field["description"] for field in fields["properties"].values())


def test_a_connection_is_found_by_its_name(said: dict[str, str]) -> None:
    """A block first, then the environment; else the message says what to set or save."""
    shown, password, uri, host, connections, kinds, error, twice = said["look up"].splitlines()
    assert SECRET not in shown
    assert "max_connections=2" in shown
    assert (password, host, connections) == (SECRET, "db.example.com", "2")
    assert uri == f"mongodb://reader:{SECRET}@127.0.0.1:1/?tls=false"
    assert kinds == "MysqlConnection MongodbConnection MysqlConnection"
    assert "Set DERIVED_CONNECTION_NOWHERE" in error
    assert "save a block mysql-database/nowhere" in error
    assert twice.endswith("python -m prefect block delete mysql-database/twice or mongodb-database/twice")


def test_a_warehouse_is_found_by_its_name(said: dict[str, str]) -> None:
    """What is wrong with a block is told, and what to write where there is none."""
    found, wrong, missing = said["warehouse"].splitlines()
    assert found == "BigQuerySettings(project='my-project', location='EU', maximum_bytes_billed=1000)"
    assert "says no location" in wrong
    assert "there is no block derived-warehouse/missing. Write duckdb or bigquery://my-project?location=EU" in missing


def test_blocks_are_saved_from_a_file(from_file: str, said: dict[str, str]) -> None:
    """Of connections, credentials, warehouse and stage, which refer to each other; runs find them, and no secret is shown."""
    assert from_file.splitlines() == [
        "saved mongodb-database/events, from DERIVED_CONNECTION_EVENTS",
        "saved mysql-database/shop, from DERIVED_CONNECTION_SHOP",
        "saved mysql-database/shop-us, from DERIVED_CONNECTION_SHOP_US",
        "saved gcp-credentials/derived, from GOOGLE_APPLICATION_CREDENTIALS",
        "saved derived-warehouse/derived, from DERIVED_WAREHOUSE",
        "saved gcs-bucket/derived, from DERIVED_STAGE",
    ]
    shown, bucket, warehouse, account = said["from a file"].splitlines()
    assert "max_connections=3" in shown
    assert (bucket, warehouse, account) == ("stage/shop", "EU", "ingest@test-project.iam.gserviceaccount.com")


def test_nothing_is_saved_where_one_is_wrong(api: Server, tmp_path: Path) -> None:
    """The message names the variable or the line, and shows neither what it holds nor a traceback."""
    refused = (
        (
            f"DERIVED_CONNECTION_A=mysql://reader:{SECRET}@db/shop\nDERIVED_CONNECTION_B=mysqll://x:{SECRET}@db/x",
            "DERIVED_CONNECTION_B begins with no known kind",
        ),
        ("DERIVED_WAREHOUSE=bigquery://my-project", "says no location"),
        (
            "DERIVED_CONNECTION_A=mysql://r@db/shop\nDERIVED_STAGE=gcs-bucket/The stage",
            "'gcs-bucket/The stage' is no stage",
        ),
        (f"DERIVED_WAREHOUSE=mysql://reader:{SECRET}@db/shop", "names no project of BigQuery"),
        (f"DERIVED_STAGE=s3://key:{SECRET}@bucket", "'s3://***@bucket' is no stage"),
        (
            f"DERIVED_CONNECTION_A=mysql://{SECRET}@db/shop\nDERIVED_CONNECTION_a=mysql://r@db/shop",
            "DERIVED_CONNECTION_A and DERIVED_CONNECTION_a are both connection 'a'. Leave one of them out.",
        ),
        ("GOOGLE_APPLICATION_CREDENTIALS_JSON=1", "Nothing to save"),
        (f"DERIVED_CONECTION_A=mysql://reader:{SECRET}@db/shop", "Did you mean 'DERIVED_CONNECTION_A'?"),
        (f"DERIVED_CONNECTION_A=mysql://r@db/shop\nDERIVED_STAEG={SECRET}", "Did you mean 'DERIVED_STAGE'?"),
        ("DERIVED_STAGE=stage\nDERIVED_SPEED=1", "DERIVED_SPEED is no variable of Derived. Blocks are made of"),
        (
            f"DERIVED_CONNECTION_A=mysql://reader@db/shop\n\n{SECRET}\n",
            "FILE:3: this is no variable. Write it as NAME=",
        ),
        (f"# one\nDERIVED_CONNECTION_A='mysql://{SECRET}@db/shop\n", "FILE:2: this is no variable"),
        (
            f"DERIVED_CONNECTION_A=mysql://reader@db/shop\nDERIVED_CONNECTION_A=mysql://{SECRET}@db/shop",
            "FILE:2: DERIVED_CONNECTION_A stands here a second time. Leave one of them out.",
        ),
    )
    files = [tmp_path / f"{place}.env" for place in range(len(refused))]
    for file, (text, _) in zip(files, refused, strict=True):
        file.write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", REFUSED, *map(str, files)],
        env=api.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not done.stdout
    assert SECRET not in done.stderr
    assert "Traceback" not in done.stderr
    for file, (_, message), said in zip(files, refused, done.stderr.split("exit 2\n"), strict=False):
        assert message.replace("FILE", str(file)) in said
    assert done.stderr.count("exit 2\n") == len(refused)
    assert "a" not in [one["name"] for one in api.call("POST", "block_documents/filter")]


def test_testing_a_connection_says_what_is_wrong_without_the_secret(said: dict[str, str]) -> None:
    """Nothing listens on port 1."""
    assert "MySQL reader@127.0.0.1:1/shop: Can't connect to MySQL server" in said["test"]
    assert SECRET not in said["test"]


def test_testing_a_mysql_connection_says_what_it_reached(api: Server, from_file: str, database: str) -> None:
    """The command of the page, once its block was saved from the environment's variable."""
    assert from_file
    reached = run(api, *documented("python -m blocks --test"))
    assert re.fullmatch(rf"Connected to .+: 0 tables in '{database}'\.\n", reached)


def test_testing_a_mongodb_connection_says_what_it_reached_or_what_is_wrong(api: Server) -> None:
    """With TLS and a password, on a real server."""
    with mongodb.serving(tls=True, user="reader", password=SECRET) as server:
        server.client.shop.orders.insert_one({"sku": "a"})
        reached, refused = python(api, TEST_MONGODB, server.uri()).splitlines()
    assert reached.startswith("Connected to MongoDB ")
    assert reached.endswith(": 1 collection in 'shop'.")
    assert "MongoDB database 'shop': Authentication failed." in refused
    assert SECRET not in refused


def test_testing_a_connection_with_wrong_values_says_which(said: dict[str, str]) -> None:
    """In a message of one line, where a block can be saved with them."""
    host, without, unread, option, scheme = said["wrong"].splitlines()
    assert "block mysql-database has wrong values: host: Value error, it is no host name." in host
    assert "ssl_mode verify_ca needs ssl_ca" in without
    assert "ssl_ca is not looked at with ssl_mode required" in unread
    assert (
        "block mongodb-database has wrong values: uri: Value error, 'tsl' is not an option. Did you mean 'tls'?"
        in option
    )
    assert "it does not start with mongodb://" in scheme
    assert SECRET not in host + without + unread + option + scheme
