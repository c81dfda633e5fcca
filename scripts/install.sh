#!/usr/bin/env bash
# Installs the built module, and the program if it is there: `make install` runs it, and the archive of `make dist` contains it.
#
#   sudo scripts/install.sh          where the server of this machine may load it, see below
#   PREFIX=/opt/redis ...            into /opt/redis/lib/redis/modules and /opt/redis/bin
#   MODULEDIR=/srv/modules ...       the module into this folder
#   DESTDIR=/tmp/root ...            everything below this folder, for packages; PREFIX is /usr/local then, and no server is started
#
# Without PREFIX and DESTDIR the module is installed below the prefix of each server of the PATH. A distribution's server is
# /usr/bin/redis-server: its module goes into /usr/lib/redis/modules (for Valkey /usr/lib/valkey/modules), because the services
# of Debian and Ubuntu may execute files in /usr/lib and /lib only. Of /usr/local/bin/redis-server it is
# /usr/local/lib/redis/modules, and so it is without any server. The program goes into /usr/local/bin.
#
# Then each server is started on a socket in a temporary folder, to see whether it loads the module. It fails if one does not.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
module=${MODULE:-$here/lib/redis/modules/libqadmin.so}
tool=${TOOL:-$here/bin/qadmin}
DESTDIR=${DESTDIR:-}
# Where a package goes does not depend on the machine that makes it.
if [ -n "$DESTDIR" ]; then PREFIX=${PREFIX:-/usr/local}; fi

[ -f "$module" ] || { echo "there is no $module: run make build first"; exit 1; }

# Replaces a file in one step: a running server may have the old one in its memory, and must not see it change. $1: mode, $2: from,
# $3: to
place() {
  install -d "$(dirname "$3")"
  install -m "$1" "$2" "$3.new"
  mv -f "$3.new" "$3"
}

# Prints the folder for modules of the server program $1, whose name is $2 (redis or valkey).
folder_of() {
  local prefix
  prefix=$(dirname "$(dirname "$1")")
  case "$prefix" in
    / | /usr) if [ -d "/usr/lib64/$2/modules" ]; then echo "/usr/lib64/$2/modules"; else echo "/usr/lib/$2/modules"; fi ;;
    *) echo "$prefix/lib/redis/modules" ;;
  esac
}

# Prints the configuration that the service of the server $1 (redis or valkey) reads, as far as it is known.
configuration_of() {
  local file
  for file in "/etc/$1/$1.conf" "/etc/$1.conf"; do
    if [ -e "$file" ]; then
      echo "$file"
      return
    fi
  done
  echo "$1.conf"
}

# Prints the service of the server $1 (redis or valkey) and the folders of its ExecPaths, if systemd lets it execute no other
# files. systemd, too, looks for units in the folders of SYSTEMD_UNIT_PATH, the first of which wins, and adds files from <unit>.d.
restriction_of() {
  local folders folder unit file main added
  IFS=: read -r -a folders <<<"${SYSTEMD_UNIT_PATH:-/etc/systemd/system:/run/systemd/system:/usr/lib/systemd/system:/lib/systemd/system}"
  for unit in "$1-server.service" "$1.service"; do
    main='' added=()
    for folder in "${folders[@]}"; do
      if [ -z "$main" ] && [ -f "$folder/$unit" ]; then main=$folder/$unit; fi
      # Since /usr was merged, /lib is /usr/lib.
      if [ "$(readlink -f "$folder")" = "$folder" ]; then
        for file in "$folder/$unit.d"/*.conf; do
          if [ -f "$file" ]; then added+=("$file"); fi
        done
      fi
    done
    [ -n "$main" ] || continue
    # An empty value takes back what was said before. A leading - or + has no meaning here.
    awk -F= -v unit="$unit" '
      $1 == "NoExecPaths" { no = $2 == "" ? "" : no " " $2 }
      $1 == "ExecPaths" { yes = $2 == "" ? "" : yes " " $2 }
      END {
        gsub(/ [-+]+/, " ", no); gsub(/ [-+]+/, " ", yes)
        if ((no " ") ~ / \/ /) print unit yes
      }' "$main" ${added[@]+"${added[@]}"}
    return
  done
}

# Whether the file $1 is in or below one of the other arguments.
is_below() {
  local file=$1 folder
  shift
  for folder; do
    case "$file" in "${folder%/}" | "${folder%/}"/*) return 0 ;; esac
  done
  return 1
}

# Starts the server $1, whose name is $2, with the module $3, and stops it again. It fails if the server does not load it, and prints
# why.
loads() {
  local work pid as=() restriction version said tries=0
  version=$("$1" --version 2>&1 | sed -n 's/.*[ v]v=\{0,1\}\([0-9][0-9.]*\).*/\1/p' | head -1)
  # TMPDIR may be a folder that only root can enter.
  work=$(TMPDIR=/tmp mktemp -d)
  # A distribution's server runs as a user of its own, who may not see every folder.
  if [ "${1%/*}" = /usr/bin ] && command -v setpriv >/dev/null && chown "$2" "$work" 2>/dev/null; then
    as=(setpriv "--reuid=$2" "--regid=$(id -g "$2")" --clear-groups)
  fi
  (cd "$work" && exec ${as[@]+"${as[@]}"} "$1" --port 0 --unixsocket "$work/socket" --dir "$work" --save '' --appendonly no \
    --logfile "$work/log" --daemonize no --loadmodule "$3") >"$work/output" 2>&1 </dev/null &
  pid=$!
  until grep -qis 'ready to accept connections' "$work/log" || ! kill -0 "$pid" 2>/dev/null || [ $((tries += 1)) -gt 300 ]; do
    sleep 0.1
  done
  if grep -qis 'ready to accept connections' "$work/log" && grep -qs 'qadmin [0-9.]* loaded' "$work/log"; then
    kill "$pid" && wait "$pid" 2>/dev/null || true
    rm -rf "$work"
  else
    kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true
    echo "$1 ${version:-of an unknown version} cannot load $3. It says:"
    said=$(cat "$work/log" "$work/output" 2>/dev/null)
    { grep -iE 'module|abort' <<<"$said" || echo "$said"; } | tail -5 | sed 's/^/  /'
    rm -rf "$work"
    return 1
  fi
  restriction=$(restriction_of "$2")
  # shellcheck disable=SC2086 # one folder a word
  if [ -n "$restriction" ] && ! is_below "$3" ${restriction#* }; then
    echo "$1 $version loads $3 when it is started by hand,"
    echo "but its service ${restriction%% *} may execute files in these places only: ${restriction#* }"
    echo "Run this without PREFIX and MODULEDIR, or add a folder to ExecPaths with systemctl edit ${restriction%% *}."
    return 1
  fi
  echo "$1 $version loads $3."
}

# The servers of this machine, as program:name.
servers=()
if [ -n "${QADMIN_SERVER:-}" ]; then
  case "$("$QADMIN_SERVER" --version 2>&1 || true)" in Valkey*) servers=("$QADMIN_SERVER:valkey") ;; *) servers=("$QADMIN_SERVER:redis") ;; esac
else
  for name in redis valkey; do
    if found=$(command -v "$name-server"); then servers+=("$found:$name"); fi
  done
fi

# The folder of each server, or one for all.
folders=()
for each in ${servers[@]+"${servers[@]}"}; do
  folders+=("${MODULEDIR:-${PREFIX:+$PREFIX/lib/redis/modules}}")
  if [ -z "${folders[-1]}" ]; then folders[-1]=$(folder_of "${each%:*}" "${each##*:}"); fi
done
if [ "${#folders[@]}" = 0 ]; then folders=("${MODULEDIR:-${PREFIX:-/usr/local}/lib/redis/modules}"); fi

for folder in $(printf '%s\n' "${folders[@]}" | sort -u); do
  if command -v dpkg-query >/dev/null && [ -z "$DESTDIR" ] && dpkg-query -S "$folder/libqadmin.so" >/dev/null 2>&1; then
    echo "$folder/libqadmin.so belongs to the Debian package qadmin, which would replace it with its own file."
    echo "Install a newer package (make dist), or remove the package first."
    exit 1
  fi
  place 755 "$module" "$DESTDIR$folder/libqadmin.so"
done
bin=${PREFIX:-/usr/local}
if [ -f "$tool" ]; then place 755 "$tool" "$DESTDIR$bin/bin/qadmin"; fi
if [ -d "$here/share" ]; then
  (cd "$here" && find share -type f) | while read -r file; do place 644 "$here/$file" "$DESTDIR$bin/$file"; done
fi
if [ -n "$DESTDIR" ]; then exit 0; fi

failed=0
for at in ${!servers[*]}; do
  program=${servers[at]%:*} name=${servers[at]##*:} file=${folders[at]}/libqadmin.so
  if loads "$program" "$name" "$file"; then
    echo "Add this line to $(configuration_of "$name") and restart the server:"
    echo "  loadmodule $file"
  else
    failed=1
  fi
done
if [ "${#servers[@]}" = 0 ]; then
  echo "There is no redis-server or valkey-server on the PATH, so nobody has tried to load the module. Add this line to the"
  echo "server's configuration and restart the server:"
  echo "  loadmodule ${folders[0]}/libqadmin.so"
fi
exit $failed
