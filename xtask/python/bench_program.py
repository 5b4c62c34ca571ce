"""Timed starts of a program, for `cargo xtask bench infer`.

`bench_program.py PROGRAM ARGUMENTS` prints `ready`. Each line on stdin is a number of times; it starts the program that
often, each time after the last has ended, and prints {"cpu": seconds, "wall": seconds, "memory": the largest peak of one
in bytes}.
"""

import json
import os
import subprocess
import sys
import time


def main():
    print("ready", flush=True)
    for line in sys.stdin:
        cpu = memory = 0
        start = time.perf_counter()
        for _ in range(int(line)):
            process = subprocess.Popen(
                sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
            messages = process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
            if status:
                sys.exit(f"{sys.argv[1]}: status {os.waitstatus_to_exitcode(status)}\n{messages}")
            cpu += usage.ru_utime + usage.ru_stime
            # Kilobytes, on macOS bytes.
            memory = max(memory, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
        print(json.dumps({"cpu": cpu, "wall": time.perf_counter() - start, "memory": memory}), flush=True)


main()
