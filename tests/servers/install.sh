#!/bin/sh
# Installs the servers that the tests start themselves, without starting any service: MariaDB, a MongoDB server in Java,
# which is built once, and an emulator of BigQuery. Packages are installed on Debian or Ubuntu as root.
set -e

have() { command -v "$1" >/dev/null; }

# install PACKAGES COMMANDS: the packages, unless all the commands are there.
install() {
    missing=
    for command in $2; do have "$command" || missing=yes; done
    [ -n "$missing" ] || return 0
    have apt-get && [ "$(id -u)" = 0 ] || return 1
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    apt-get update -q
    # shellcheck disable=SC2086 - they are several words
    apt-get install -y -q --no-install-recommends $1
}

install mariadb-server "mariadbd mariadb-install-db" ||
    echo "MariaDB is not installed. Install it (Debian: apt-get install mariadb-server), or set DERIVED_TEST_MYSQL." >&2

without="or put mongod on the PATH, or set DERIVED_TEST_MONGODB=mongodb://user:password@host:port/."
java="java javac mvn openssl"
if ! install "openjdk-17-jdk-headless maven openssl" "$java" && ! install "default-jdk-headless maven openssl" "$java"; then
    echo "Java 17, Maven or openssl is not installed. Install them (Debian: apt-get install default-jdk-headless maven openssl), $without" >&2
elif ! "$(dirname "$0")/mongodb/serve" --build; then
    echo "The MongoDB server for tests cannot be built, see above. Do without: ${without#or }" >&2
fi

here=$(dirname "$0")
"$here/bigquery/serve" --build "$here/../../.venv/bin/python" ||
    echo "The emulator of BigQuery cannot be installed, see above. Do without: set DERIVED_TEST_BIGQUERY=project?location=EU" >&2
