#!/usr/bin/env bash
# Builds each fuzz target with AddressSanitizer and UndefinedBehaviorSanitizer; runs them for SECONDS in all.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}
out=${FUZZ_BUILD:-../../build/fuzz}
mkdir -p "$out"
targets=(*_fuzz.cpp)
mapfile -t shared < <(find ../../native -mindepth 2 -name '*.cpp' -not -path '*/bindings/*')
shared+=(driver.cpp)

compile="${CXX:-g++} -std=c++20 -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all -I../../native -c"
printf '%s\n' "${shared[@]}" "${targets[@]}" |
    xargs -P "$(nproc)" -I{} sh -c "$compile {} -o $out/\$(basename {} .cpp).o"

objects=()
for source in "${shared[@]}"; do objects+=("$out/$(basename "$source" .cpp).o"); done
# So that the driver can keep the input, as failed-input beside the programs.
export ASAN_OPTIONS=abort_on_error=1 UBSAN_OPTIONS=abort_on_error=1:print_stacktrace=1
for target in "${targets[@]}"; do
    program=${target%.cpp}
    ${CXX:-g++} -fsanitize=address,undefined "$out/$program.o" "${objects[@]}" -o "$out/$program" -pthread
    echo "-- $program"
    (cd "$out" && "./$program" "$(awk "BEGIN {print $seconds / ${#targets[@]}}")")
done
