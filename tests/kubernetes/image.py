"""The image of the Dockerfile, built as docs/kubernetes.md says, but on a Debian that is put together here.

python -m tests.kubernetes.image ARCHIVE.tar
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
PACKAGES = {"podman": "podman", "debootstrap": "debootstrap"}
"""What is needed, and the Debian package that has it."""
LACKING = 3
"""The exit code where this machine cannot make the image's base; why is printed."""
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
        check_out(context)
        (Path(folder) / "pip.conf").write_text(_pip_settings())
        mounts = [f"{folder}/pip.conf:/etc/pip.conf:ro", f"{CERTIFICATES}:{CERTIFICATES}:ro"]
        if (links := Path(os.environ.get("PIP_FIND_LINKS") or "-")).is_dir():
            mounts.append(f"{links}:{links}:ro")
        build = [*map(str, PODMAN), "build", "--quiet", "--isolation", "chroot", "--network", "host"]
        build += ["--build-arg", f"BASE={BASE}", *(word for mount in mounts for word in ("--volume", mount))]
        (documented,) = (line for line in commands("make install").splitlines() if line.startswith("docker build "))
        execute(documented, context, dict(os.environ), {"docker build": shlex.join(build)})
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
    main(Path(sys.argv[1]).absolute())
