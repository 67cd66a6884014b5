"""What Prefect's settings say of its API, from an environment and files given to it; without importing Prefect."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.model.errors import UsageError
from flows.model.safe_text import unended, without_password

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

TEST_MODES = (
    "PREFECT_TEST_MODE",
    "PREFECT_UNIT_TEST_MODE",
    "PREFECT_TESTING_UNIT_TEST_MODE",
    "PREFECT_TESTING_TEST_MODE",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Where Prefect's settings are looked for."""

    environ: Mapping[str, str]
    folder: Path
    """Holds `.env`, `prefect.toml` and `pyproject.toml`: the working directory."""
    home: Path
    """The person's home directory."""

    @property
    def api_configured(self) -> bool:
        """Whether Prefect would talk to an API of its own accord.

        Raises UsageError for a file that Prefect could not read either, and for an address with a password: Prefect
        shows it to whoever reads its logs.
        """
        url = str(self.value("api", "url") or "")
        if (shown := without_password(url)) != url:
            raise UsageError(
                f"PREFECT_API_URL is '{shown}': Prefect shows who signs in there and by which password in its logs. "
                f"Set PREFECT_API_URL={shown.replace('***@', '')} and PREFECT_API_AUTH_STRING=<user>:<password>"
            )
        return bool(url)

    def value(self, *path: str) -> object:
        """Return a setting, as `("api", "url")`; None where nobody has set it. Raises UsageError as `values` does."""
        return self.values([path]).get(path)

    def values(self, paths: Collection[tuple[str, ...]]) -> dict[tuple[str, ...], object]:
        """Return some settings, those of them that somebody has set; reads no file twice.

        Looks where Prefect does, in its order: the environment, `.env`, `prefect.toml`, `pyproject.toml`, then the
        active profile. The first that has a setting decides, even if it is empty.
        Raises UsageError for a file that Prefect could not read either.
        """
        found: dict[tuple[str, ...], object] = {}
        for source in self._sources():
            for path in paths:
                if path not in found and (value := source(path)) is not None:
                    found[path] = value
            if len(found) == len(paths):
                break
        return found

    def _sources(self) -> Iterator[Callable[[tuple[str, ...]], object]]:
        """Read one after the other, and give what finds a setting in it."""
        yield _among(self.environ)
        yield _among(self._dotenv())
        yield partial(_dig, _toml(self.folder / "prefect.toml"))
        own = _toml(self.folder / "pyproject.toml")
        yield lambda path: _dig(own, ("tool", "prefect", *path))
        yield _among(self._profile())

    def _dotenv(self) -> dict[str, str | None]:
        path = self.folder / ".env"
        if not path.is_file():
            return {}
        from dotenv import dotenv_values  # noqa: PLC0415 - most projects have no such file

        try:
            return dotenv_values(path)
        except UnicodeDecodeError:
            raise UsageError(f"{path} is not UTF-8 text. Prefect reads its settings there: save it as UTF-8.") from None

    def _profile(self) -> dict[str, Any]:
        """Return the active profile's settings; the built-in default profile has no API."""
        if any(self.environ.get(name) for name in TEST_MODES):
            return {}
        try:
            data = _toml(self._profiles_path())
        except UsageError:  # Prefect warns and goes on without
            return {}
        name = self.environ.get("PREFECT_PROFILE") or data.get("active")
        profile = _dig(data, ("profiles", str(name)))
        return profile if isinstance(profile, dict) else {}

    def _profiles_path(self) -> Path:
        named = (
            self.environ.get("PREFECT_PROFILES_PATH")
            or self._dotenv().get("PREFECT_PROFILES_PATH")
            or _dig(_toml(self.folder / "prefect.toml"), ("profiles_path",))
            or _dig(_toml(self.folder / "pyproject.toml"), ("tool", "prefect", "profiles_path"))
        )
        if named:
            return self.folder / str(named)
        if home := self.environ.get("PREFECT_HOME"):
            return self.folder / home / "profiles.toml"
        own = self.home / ".prefect" / "profiles.toml"
        prefect = find_spec("prefect")
        if own.exists() or prefect is None or prefect.origin is None:
            return own
        return Path(prefect.origin).parent / "settings" / "profiles.toml"


def variable(*path: str) -> str:
    """Return the environment variable of a setting."""
    return "_".join(("PREFECT", *path)).upper()


def _among(values: Mapping[str, Any]) -> Callable[[tuple[str, ...]], object]:
    """Return what finds a setting by its variable, of which the first counts that has the name in any case."""
    by_name = {name.upper(): value for name, value in reversed(list(values.items()))}
    return lambda path: by_name.get(variable(*path))


def _toml(path: Path) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - not needed where the environment decides

    try:
        return tomllib.loads(path.read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"{path} is not valid TOML: {unended(error)}. Prefect reads its settings there: mend it."
        ) from None


def _dig(data: object, keys: tuple[str, ...]) -> object:
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data
