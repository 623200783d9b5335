#!/usr/bin/env bash
# Installs the Debian packages that the tests need, if they are missing:
#
#     scripts/need.sh gcc chromium postgresql
#
# Running it again changes nothing. Without root or apt-get it fails, and prints the
# command for an administrator.
set -euo pipefail

# have NAME: whether NAME is installed.
have() {
	case "$1" in
	gcc) command -v gcc >/dev/null && echo 'int main(void){return 0;}' | gcc -x c -o /dev/null - 2>/dev/null ;;
	git) command -v git >/dev/null ;;
	node) node --version 2>/dev/null | grep -qE '^v([2-9][0-9])' && command -v npm >/dev/null ;;
	chromium) command -v chromium >/dev/null ;;
	postgresql) ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 ;;
	pgbouncer) [ -x /usr/sbin/pgbouncer ] || command -v pgbouncer >/dev/null ;;
	php) command -v php >/dev/null ;;
	python3) command -v python3 >/dev/null ;;
	*)
		echo "need.sh: \"$1\" is not known here; add it to have and packages in scripts/need.sh" >&2
		exit 2
		;;
	esac
}

# packages NAME: the Debian packages that contain NAME.
packages() {
	case "$1" in
	gcc) echo gcc libc6-dev ;; # the race detector is linked with cgo
	node) echo nodejs npm ;; # 20 or newer: on an older Debian it is installed by hand
	php) echo php-cli ;;
	*) echo "$1" ;;
	esac
}

missing=()
for name in "$@"; do
	if have "$name"; then
		echo "need: $name is here"
	else
		read -r -a found <<<"$(packages "$name")"
		missing+=("${found[@]}")
	fi
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
	echo "need.sh: missing, and not mine to install: ${missing[*]}" >&2
	echo "need.sh: as root on Debian: apt-get update && apt-get install -y ${missing[*]}" >&2
	exit 1
fi

echo "need: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q </dev/null
apt-get install -q -y --no-install-recommends "${missing[@]}" </dev/null

for name in "$@"; do
	if ! have "$name"; then
		echo "need.sh: ${missing[*]} installed, but $name still does not work; install it by hand and try again" >&2
		exit 1
	fi
done
