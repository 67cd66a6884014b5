#!/bin/sh
# Installs the database servers that the tests start themselves, on Debian or Ubuntu as root, without starting any service.
set -e
command -v mariadbd >/dev/null && command -v mariadb-install-db >/dev/null && exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    echo "MariaDB is not installed. Install it (Debian: apt-get install mariadb-server), or set DERIVED_TEST_MYSQL." >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
apt-get update -q
apt-get install -y -q --no-install-recommends mariadb-server
