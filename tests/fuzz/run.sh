#!/usr/bin/env bash
# Builds each fuzz target with AddressSanitizer and UndefinedBehaviorSanitizer; runs them for SECONDS in all.
set -euo pipefail
shopt -s extglob
cd "$(dirname "$0")"
seconds=${1:-60}
out=${FUZZ_BUILD:-../../build/fuzz}
mkdir -p "$out"
targets=(*_fuzz.cpp)
# So that the driver can keep the input, as failed-input beside the programs.
export ASAN_OPTIONS=abort_on_error=1 UBSAN_OPTIONS=abort_on_error=1:print_stacktrace=1
flags=(-std=c++20 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -I../../native)
shared=()
for source in driver.cpp ../../native/!(bindings)/*.cpp; do
    shared+=("$out/$(basename "${source%.cpp}").o")
    ${CXX:-g++} "${flags[@]}" -c "$source" -o "${shared[-1]}"
done
for target in "${targets[@]}"; do
    program="$out/${target%.cpp}"
    ${CXX:-g++} "${flags[@]}" "$target" "${shared[@]}" -o "$program"
    echo "-- ${target%.cpp}"
    (cd "$out" && "./${target%.cpp}" "$(awk "BEGIN {print $seconds / ${#targets[@]}}")")
done
