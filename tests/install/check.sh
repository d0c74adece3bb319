#!/usr/bin/env bash
# usage: check.sh BUILD_DIR COMPILER VERSION
#
# Installs BUILD_DIR, moves the result elsewhere, builds tests/install/example against it as a project
# of its own, and runs it. Then looks at what libjammi.so offers to others.
set -euo pipefail
source_dir=$(cd "$(dirname "$0")" && pwd)
build=$1 compiler=$2 version=$3
unset LD_LIBRARY_PATH CMAKE_PREFIX_PATH

fail() {
  echo "tests/install: $*" >&2
  exit 1
}

# What the README shows is what is tested.
diff <(sed -n '/^```cpp$/,/^```$/p' "$source_dir/../../README.md" | sed '1d;$d') "$source_dir/example/main.cc" ||
  fail "the program in README.md is not tests/install/example/main.cc"

work=$build/install_test
rm -rf "$work" && mkdir -p "$work"
cmake --install "$build" --prefix "$work/first" >"$work/install.log" || fail "cmake --install failed"
mv "$work/first" "$work/moved"  # the package must not know where it was

# The same linker as anybody's: the default one.
cmake -S "$source_dir/example" -B "$work/example" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" \
  -DCMAKE_PREFIX_PATH="$work/moved" -DWANTED_VERSION="$version" >"$work/configure.log" ||
  fail "find_package(Jammi) failed; see $work/configure.log"
cmake --build "$work/example" || fail "the example does not build against the installed package"
seen=$(cd "$work" && example/example) || fail "the example fails"
[[ $seen == "offset 1:"*6.4* ]] || fail "the example printed: $seen"

library=$work/moved/lib/libjammi.so
exported=$(nm -D -C --defined-only "$library" | sed -E 's/^[0-9a-f]+ . //')
[[ -n $exported ]] || fail "libjammi.so exports nothing"
ours='^((typeinfo( name)?|vtable|VTT|guard variable) for |(non-)?virtual thunk to )?(jammi::|std::hash<jammi::)'
foreign=$(grep -Ev "$ours" <<<"$exported" || true)
[[ -z $foreign ]] || fail "libjammi.so exports what is not Jammi's:"$'\n'"$(head -n 20 <<<"$foreign")"

# The sinks alone: a package of their own, and a program that loads nothing but them.
if [[ -e $work/moved/lib/libjammi_events.so ]]; then
  cmake --install "$build" --component events --prefix "$work/sink_first" >>"$work/install.log" ||
    fail "cmake --install --component events failed"
  mv "$work/sink_first" "$work/sink"
  [[ ! -e $work/sink/lib/libjammi.so && ! -e $work/sink/lib/jammi ]] ||
    fail "the package of the sinks has more than the sinks"
  cmake -S "$source_dir/../../examples/event-sink" -B "$work/sink_example" -G Ninja \
    -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_PREFIX_PATH="$work/sink" -DWANTED_VERSION="$version" \
    >"$work/sink_configure.log" || fail "find_package(Jammi COMPONENTS events) failed"
  cmake --build "$work/sink_example" || fail "examples/event-sink does not build against the package"
  program=$work/sink_example/event_sink_example
  seen=$(cd "$work" && CELL_OS_USE_NOOP_SINK=1 CELL_OS_JSONL_EVENTS=sink.jsonl "$program") ||
    fail "examples/event-sink fails"
  [[ $seen == "emitted "*" to noop" && $(wc -l <"$work/sink.jsonl") == 1 ]] || fail "it printed: $seen"
  loaded=$(ldd "$program")
  [[ $loaded != *arrow* && $loaded != *duckdb* && $loaded != *libjammi.so* ]] ||
    fail "a program of the sinks loads more than the sinks:"$'\n'"$loaded"
  (cd / && "$work/sink/bin/evsink" --version) || fail "the installed bin/evsink does not run"
fi

if [[ -x $work/moved/bin/jammi ]]; then
  (cd / && "$work/moved/bin/jammi" --version) || fail "the installed bin/jammi does not run"
fi
server=$work/moved/bin/jammi-server
if [[ -x $server ]]; then
  (cd / && "$server" --version) || fail "the installed bin/jammi-server does not run"
  "$source_dir/server.sh" "$server" "$work/state" || fail "the installed bin/jammi-server does not serve"
  [[ -e $work/moved/lib/systemd/system/jammi-server.service ]] || fail "the unit of systemd is not there"
fi
echo "installed, moved, built against, run"
