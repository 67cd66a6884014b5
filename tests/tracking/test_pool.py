"""`python -m flows.deploy --pool` and the pods that its template makes."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid

import pytest

from flows.model.errors import UsageError
from tests.prefect_api import REPOSITORY, clean_environment

TEMPLATE = json.loads((REPOSITORY / "work-pools/kubernetes.json").read_text(encoding="utf-8"))


@pytest.fixture
def pool(prefect_server, monkeypatch, capsys):
    """Make a pool of a name of its own, or bring it up to date: what was said, and what the server knows of it."""
    from prefect.settings import PREFECT_API_URL, temporary_settings  # noqa: PLC0415 - seconds to import

    from flows.commands.pool import make_pool  # noqa: PLC0415 - the same

    name = f"pool-{uuid.uuid4().hex}"
    monkeypatch.setenv("PREFECT_API_URL", prefect_server.url)

    def bring(image=None, claim=None, **options):
        with temporary_settings({PREFECT_API_URL: prefect_server.url}):
            make_pool(name, image, claim, **options)
        return capsys.readouterr().out.replace(name, "kubernetes"), prefect_server.call("GET", f"work_pools/{name}")

    bring.name = name
    return bring


def _default(pool, variable):
    return pool["base_job_template"]["variables"]["properties"][variable].get("default")


def test_the_pool_is_made_once_and_then_brought_up_to_date(pool):
    """What a cluster gave of its own stays when the template is renewed; a claim limits the pods that share it, until it is taken off."""
    said, made = pool(image="registry.example.com/derived:7")
    assert said == "The work pool 'kubernetes' was made.\n"
    assert (made["type"], made["concurrency_limit"]) == ("kubernetes", None)
    assert _default(made, "image") == "registry.example.com/derived:7"
    assert made["base_job_template"]["job_configuration"] == TEMPLATE["job_configuration"]

    said, renewed = pool(claim="warehouse")
    assert said == "The work pool 'kubernetes' was brought up to date.\n"
    assert renewed["concurrency_limit"] == 2
    assert _default(renewed, "image") == "registry.example.com/derived:7"
    assert _default(renewed, "warehouse_claim") == {"claimName": "warehouse"}
    assert pool()[1]["concurrency_limit"] == 2

    _, freed = pool(no_claim=True)
    assert freed["concurrency_limit"] is None
    assert _default(freed, "warehouse_claim") is None
    assert _default(freed, "image") == "registry.example.com/derived:7"


@pytest.mark.parametrize(("own", "shared", "freed"), [(1, 1, 1), (5, 2, None)])
def test_a_limit_that_a_person_set_stays(prefect_server, pool, own, shared, freed):
    """A claim lowers one that is higher, and its end takes off no other than the claim's."""
    pool()
    prefect_server.call("PATCH", f"work_pools/{pool.name}", concurrency_limit=own)
    assert pool(no_claim=True)[1]["concurrency_limit"] == own
    assert pool(claim="warehouse")[1]["concurrency_limit"] == shared
    assert pool(no_claim=True)[1]["concurrency_limit"] == freed
    prefect_server.call("PATCH", f"work_pools/{pool.name}", concurrency_limit=2)
    assert pool(no_claim=True)[1]["concurrency_limit"] == 2


def test_a_pool_that_a_worker_has_made_gets_our_template(prefect_server, pool):
    """Prefect's own has variables of the same names without a value, which nobody gave."""
    properties = {"image": {"type": "string", "default": None}}
    template = {"variables": {"type": "object", "properties": properties}, "job_configuration": {"command": ""}}
    prefect_server.call("POST", "work_pools/", name=pool.name, type="kubernetes", base_job_template=template)
    assert pool()[1]["base_job_template"] == TEMPLATE


def test_a_pool_of_another_type_is_left_alone(prefect_server, pool):
    """It may be somebody's; the message says how to be rid of it."""
    prefect_server.call("POST", "work_pools/", name=pool.name, type="process")
    with pytest.raises(UsageError, match=rf"is of type process.*prefect work-pool delete {pool.name}"):
        pool()
    assert prefect_server.call("GET", f"work_pools/{pool.name}")["type"] == "process"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "No Prefect API is configured"),
        (("--write",), "Give one of --write, --check and --pool."),
        (("--claim", "warehouse", "--no-claim"), "Give one of --claim and --no-claim."),
        (("--image", ""), "--image and --claim need a name"),
    ],
)
def test_wrong_usage_is_told(options, said, tmp_path):
    """Without an API there is no pool to make."""
    done = subprocess.run(
        [sys.executable, "-m", "flows.deploy", "--pool", *options],
        env=clean_environment(HOME=str(tmp_path), PREFECT_HOME=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert said in done.stderr


def test_the_worker_makes_a_restricted_job_of_the_template():
    """Every placeholder is filled or gone, the limits are the variables', and PodSecurity `restricted` holds."""
    from prefect.client.schemas.objects import FlowRun  # noqa: PLC0415 - seconds to import
    from prefect.utilities.templating import apply_values  # noqa: PLC0415
    from prefect_kubernetes.worker import KubernetesWorkerJobConfiguration  # noqa: PLC0415

    properties = TEMPLATE["variables"]["properties"]
    values = {name: variable["default"] for name, variable in properties.items() if "default" in variable}
    given = {"memory": "4Gi", "cpu": "2", "timeout": 900, "warehouse_claim": {"claimName": "warehouse"}}
    configuration = KubernetesWorkerJobConfiguration(**apply_values(TEMPLATE["job_configuration"], values | given))
    configuration.prepare_for_flow_run(FlowRun(flow_id=uuid.uuid4(), name="core.orders"))
    job = configuration.job_manifest
    assert "{{" not in json.dumps(job)
    assert job["spec"]["activeDeadlineSeconds"] == 900
    assert job["spec"]["parallelism"] == job["spec"]["completions"] == 1
    assert job["spec"]["podReplacementPolicy"] == "Failed"  # else a pod that is told to go counts as failed at once
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["resources"] == {"requests": {"cpu": "2", "memory": "4Gi"}, "limits": {"memory": "4Gi"}}
    assert pod["volumes"][1] == {"name": "warehouse", "persistentVolumeClaim": {"claimName": "warehouse"}}
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not pod["automountServiceAccountToken"]
    assert not pod["enableServiceLinks"]
