from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.api.settings import TEST_MODES
from flows.model.errors import UsageError
from flows.wiring import api_configured
from tests.prefect_api import clean_environment

URL = "http://127.0.0.1:4200/api"
urls = st.sampled_from([None, "", URL])


def _write(folder, file, text, url):
    if url is not None:
        path = folder / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.format(url=url))


@pytest.fixture(scope="module")
def prefect_says():
    """What Prefect's own settings say; asked as a fresh process would see them."""
    from prefect.settings import Settings, sources  # noqa: PLC0415 - seconds to import

    def ask():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sources, "DEFAULT_PREFECT_HOME", Path.home() / ".prefect")
            return bool(Settings().api.url)

    return ask


@settings(max_examples=40, deadline=None)
@given(
    url=st.fixed_dictionaries(dict.fromkeys(["variable", "dotenv", "toml", "pyproject", "profile"], urls)),
    profiles=st.fixed_dictionaries(
        {
            "place": st.sampled_from(["default", "home", "path", "dotenv path", "toml path", "missing"]),
            "active": st.sampled_from(['active = "work"\n', 'active = "gone"\n', ""]),
            "chosen": st.sampled_from([None, "", "work", "local", "gone"]),
        }
    ),
    testing=st.booleans(),
)
def test_an_api_is_configured_where_prefect_would_use_one(prefect_says, url, profiles, testing):
    """Whatever combination of environment, files and profiles names an API, the answer is Prefect's."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        root = Path(folder)
        place = profiles["place"]
        home = root / "elsewhere" if place in {"home", "path", "dotenv path", "toml path"} else root / ".prefect"
        path = home / "profiles.toml"
        for name in ("PREFECT_API_URL", "PREFECT_PROFILE", "PREFECT_HOME", "PREFECT_PROFILES_PATH", *TEST_MODES):
            patch.delenv(name, raising=False)
        patch.setenv("HOME", folder)
        (root / "project").mkdir()
        patch.chdir(root / "project")

        named = f'profiles_path = "{path}"\n' if place == "toml path" else ""
        named_dotenv = f"PREFECT_PROFILES_PATH={path}\n" if place == "dotenv path" else ""
        _write(root, "project/.env", named_dotenv + "PREFECT_API_URL={url}\n", url["dotenv"])
        _write(root, "project/prefect.toml", named + '[api]\nurl = "{url}"\n', url["toml"])
        _write(root, "project/pyproject.toml", '[tool.prefect.api]\nurl = "{url}"\n', url["pyproject"])
        if place != "missing":
            _write(root, str(path), profiles["active"] + '[profiles.work]\nPREFECT_API_URL = "{url}"\n', url["profile"])
        if place == "home":
            patch.setenv("PREFECT_HOME", str(home))
        if place == "path":
            patch.setenv("PREFECT_PROFILES_PATH", str(path))
        for name, value in {"PREFECT_API_URL": url["variable"], "PREFECT_PROFILE": profiles["chosen"]}.items():
            if value is not None:
                patch.setenv(name, value)
        if testing:
            patch.setenv("PREFECT_TEST_MODE", "1")
        assert api_configured() == prefect_says()


def test_an_api_that_does_not_answer_is_said_so(tmp_path):
    """The message names the API and how to run without it; there is no traceback."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/api"
        done = subprocess.run(
            [sys.executable, "-m", "flows.derive", "derived.any"],
            cwd=tmp_path,
            env=clean_environment(PREFECT_API_URL=url, PREFECT_HOME=str(tmp_path)),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith(f"Failed to reach API at {url}")
    assert "unset PREFECT_API_URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_settings_file_that_is_no_toml_is_named(tmp_path, monkeypatch):
    """The message names the file; Prefect could not read it either."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prefect.toml").write_text("[api\n")
    with pytest.raises(UsageError, match=r"prefect\.toml is not valid TOML"):
        api_configured()
