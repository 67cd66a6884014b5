"""The image of the Dockerfile, built as docs/kubernetes.md says, but on a Debian that is put together here.

python -m tests.kubernetes.image          builds it
python -m tests.kubernetes.image --save   writes the built one to the standard output, as a docker-archive
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.kubernetes.documented import IMAGE, check_out, commands, execute

BASE = "localhost/python-base:bookworm"
LACKING = 3
"""The exit code where this machine cannot make the image's base; why is printed."""
CERTIFICATES = Path("/etc/ssl/certs")
LEFT_OUT = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale", "dev")
HOME = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "derived-tests/images"
PODMAN = ("podman", "--root", HOME / "root", "--runroot", HOME / "run", "--storage-driver", "overlay")


def build() -> None:
    """Build the image; podman and debootstrap are there (tests/kubernetes/run)."""
    HOME.mkdir(parents=True, exist_ok=True)
    if subprocess.run([*PODMAN, "image", "exists", BASE], check=False).returncode:
        _make_base()
    with tempfile.TemporaryDirectory(prefix="derived-image-") as folder:
        context = Path(folder) / "context"
        check_out(context)
        (Path(folder) / "pip.conf").write_text(_pip_settings())
        mounts = [f"{folder}/pip.conf:/etc/pip.conf:ro", f"{CERTIFICATES}:{CERTIFICATES}:ro"]
        if (links := Path(os.environ.get("PIP_FIND_LINKS") or "-")).is_dir():
            mounts.append(f"{links}:{links}:ro")
        build = [*map(str, PODMAN), "build", "--quiet", "--isolation", "chroot", "--network", "host"]
        build += ["--build-arg", f"BASE={BASE}", *(word for mount in mounts for word in ("--volume", mount))]
        (documented,) = (line for line in commands("make install").splitlines() if line.startswith("docker build "))
        execute(documented, context, dict(os.environ), {"docker build": shlex.join(build)})


def save() -> None:
    """Write the image to the standard output."""
    subprocess.run([*PODMAN, "save", "--quiet", "--format", "docker-archive", IMAGE], check=True)


def _make_base() -> None:
    """Make what python:3.11-slim-bookworm is, of Debian's own packages."""
    with tempfile.TemporaryDirectory(prefix="debian-", dir=HOME) as root:
        wanted = "python3,python3-venv,ca-certificates"
        environment = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
        debootstrap = ["debootstrap", "--variant=minbase", f"--include={wanted}", "bookworm", root]
        if subprocess.run(debootstrap, check=False, env=environment, stdout=subprocess.DEVNULL).returncode:
            print("debootstrap cannot download a Debian here, see above")  # noqa: T201 - for who runs this
            sys.exit(LACKING)
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
    save() if sys.argv[1:] == ["--save"] else build()
