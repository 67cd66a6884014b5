"""The image of the Dockerfile, without a registry: on a Debian that is put together here, with the shop's tables.

python -m tests.kubernetes.image ARCHIVE.tar
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.prefect_api import REPOSITORY
from tests.servers.demo import make_project

BASE = "localhost/python-base:bookworm"
IMAGE = "localhost/derived:1"
PACKAGES = {"podman": "podman", "debootstrap": "debootstrap"}
"""What is needed, and the Debian package that has it."""
PARTS = ("Dockerfile", ".dockerignore", "requirements-runtime.lock", "prefect.yaml", "flows", "blocks", "work-pools")
CERTIFICATES = Path("/etc/ssl/certs")
LEFT_OUT = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale", "dev")
HOME = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "derived-tests/images"
PODMAN = ("podman", "--root", HOME / "root", "--runroot", HOME / "run", "--storage-driver", "overlay")


def main(archive: Path) -> None:
    """Build the image and write it to a file."""
    _install()
    HOME.mkdir(parents=True, exist_ok=True)
    if subprocess.run([*PODMAN, "image", "exists", BASE], check=False).returncode:
        _make_base()
    with tempfile.TemporaryDirectory(prefix="derived-image-") as folder:
        context = Path(folder) / "context"
        context.mkdir()
        for part in PARTS:
            copy = shutil.copytree if (REPOSITORY / part).is_dir() else shutil.copy
            copy(REPOSITORY / part, context / part)
        make_project(REPOSITORY / "tables", context)
        (Path(folder) / "pip.conf").write_text(_pip_settings())
        mounts = [f"{folder}/pip.conf:/etc/pip.conf:ro", f"{CERTIFICATES}:{CERTIFICATES}:ro"]
        if (links := Path(os.environ.get("PIP_FIND_LINKS") or "-")).is_dir():
            mounts.append(f"{links}:{links}:ro")
        build = [*PODMAN, "build", "--quiet", "--isolation", "chroot", "--network", "host", "--tag", IMAGE]
        build += ["--build-arg", f"BASE={BASE}", "--build-arg", "COMMIT=0123abc"]
        build += [word for mount in mounts for word in ("--volume", mount)]
        subprocess.run([*build, context], check=True)
    archive.unlink(missing_ok=True)  # podman adds to no archive
    save = [*PODMAN, "save", "--quiet", "--format", "docker-archive", "--output", archive, IMAGE]
    subprocess.run(save, check=True)


def _install() -> None:
    missing = [
        package
        for command, package in PACKAGES.items()
        if not shutil.which(command, path=f"{os.environ['PATH']}:/usr/sbin")
    ]
    if missing:
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        apt = ("apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300")
        subprocess.run([*apt, "update"], check=True, env=environment, stdout=sys.stderr)
        subprocess.run(
            [*apt, "install", "--no-install-recommends", *missing], check=True, env=environment, stdout=sys.stderr
        )


def _make_base() -> None:
    """Make what python:3.11-slim-bookworm is, of Debian's own packages."""
    with tempfile.TemporaryDirectory(prefix="debian-", dir=HOME) as root:
        wanted = "python3,python3-venv,ca-certificates"
        environment = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
        debootstrap = ["debootstrap", "--variant=minbase", f"--include={wanted}", "bookworm", root]
        subprocess.run(debootstrap, check=True, env=environment, stdout=subprocess.DEVNULL)
        for name in LEFT_OUT:
            shutil.rmtree(f"{root}/{name}", ignore_errors=True)
            Path(root, name).mkdir(exist_ok=True)
        with subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE) as tar:
            subprocess.run([*PODMAN, "import", "-", BASE], check=True, stdin=tar.stdout, capture_output=True)


def _pip_settings() -> str:
    """Return how pip finds packages on this machine, as a file that says the same in the image's build."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True)
    found: dict[str, str] = {}
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        found[name.rpartition(".")[2].replace("_", "-")] = value.strip("'\"")
    known = (
        "index-url",
        "extra-index-url",
        "find-links",
        "trusted-host",
        "proxy",
        "cert",
        "timeout",
        "default-timeout",
    )
    return "[global]\n" + "".join(f"{name} = {found[name]}\n" for name in known if name in found)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
