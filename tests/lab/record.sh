#!/bin/bash
# Records what a real Xen prints, for the parsers' tests: tests/lab/record.sh [FOLDER]. It starts a fresh lab machine,
# brings domains into every state that matters, and leaves one text file per command in FOLDER (default
# tests/unit/recorded). A .json, .txt or .cfg file is standard output or input byte for byte; a .session file is
# "$ command", then both streams as a terminal shows them, then "[exit N, S s]". Domids, UUIDs that were not
# asked for, and times differ from one recording to the next.
#
# Environment: LAB, the lab command (default: the one beside this file).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lab=${LAB:-$here/lab}
into=${1:-$here/../unit/recorded}
machine=record.$$

trap '"$lab" stop "$machine"' EXIT
"$lab" start "$machine"
"$lab" sh "$machine" -t 600 <"$here/record-dom0.sh"
mkdir -p "$into"
cp "$("$lab" share "$machine")"/recorded/* "$into/"
