#!/usr/bin/env bash
# Library: onnxruntime-web 1.30.0 (npm), under Node.js.
#
# A session made with `logSeverityLevel: 4` (fatal only) still prints an error line
# when one of its runs fails, and `env.logLevel = "fatal"` does not stop it. The run
# does not take over the session's level: each `run` has its own, and without one it
# is 2 (warnings), whatever the session was told. Only `logSeverityLevel: 4` among
# the options of that very run keeps it silent. The error is raised in any case.
#
# Seen (the run looks up index 7 in a tensor of two values):
#   session 4, run not told: 1 error line; raised
#   session 4, run 4: 0 error lines; raised
#   session 2, run 4: 0 error lines; raised
#
# Needs: node, npm.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

echo '{ "private": true }' > package.json
npm install --silent --no-audit --no-fund onnxruntime-web@1.30.0

cat > run.mjs <<'EOF'
import * as ort from "onnxruntime-web";

// Just enough of the protobuf format to write a model of one Gather node.
const field = (number, content) => [(number << 3) | 2, content.length, ...content];
const text = (number, value) => field(number, [...Buffer.from(value)]);
const int = (number, value) => [number << 3, value];
const FLOAT = 1, INT64 = 7;
const vector = (name, type, length) => [
  ...text(1, name),
  ...field(2, field(1, [...int(1, type), ...field(2, field(1, text(2, length)))])),
];
const node = [...text(1, "values"), ...text(1, "places"), ...text(2, "picked"), ...text(4, "Gather")];
const graph = [
  ...field(1, node),
  ...text(2, "graph"),
  ...field(11, vector("values", FLOAT, "n")),
  ...field(11, vector("places", INT64, "m")),
  ...field(12, vector("picked", FLOAT, "m")),
];
const model = new Uint8Array([...int(1, 8), ...field(7, graph), ...field(8, [...text(1, ""), ...int(2, 17)])]);

const [ofSession, ofRun] = process.argv.slice(2);
ort.env.logLevel = "fatal";
ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(model, { logSeverityLevel: Number(ofSession) });
const values = new ort.Tensor("float32", [1, 2]);
const pick = (place, options) =>
  session.run({ values, places: new ort.Tensor("int64", [place]) }, options);
if ((await pick(1n, { logSeverityLevel: 4 })).picked.data[0] !== 2) throw new Error("the model does not work");
try {
  await pick(7n, ofRun === undefined ? undefined : { logSeverityLevel: Number(ofRun) });
  console.log("not raised");
} catch (error) {
  console.log("raised");
}
EOF

# Prints what came of the failing run; the arguments are the two levels.
try() {
    node run.mjs "$@" > printed 2>&1
    local lines
    lines=$(grep -c 'E:onnxruntime' printed || true)
    echo "$lines error line$([ "$lines" = 1 ] || echo s); $(grep -x 'raised\|not raised' printed)"
}

{
    echo "session 4, run not told: $(try 4)"
    echo "session 4, run 4: $(try 4 4)"
    echo "session 2, run 4: $(try 2 4)"
} | tee seen

cat > expected <<'EOF'
session 4, run not told: 1 error line; raised
session 4, run 4: 0 error lines; raised
session 2, run 4: 0 error lines; raised
EOF
cmp -s seen expected || { echo "no longer so: the session's level reaches its runs" >&2; exit 1; }
