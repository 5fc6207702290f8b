# SPDX-License-Identifier: MIT
"""headers of base and wire stand alone, in C11 and C++17, with three system headers only"""

import os
import subprocess
import tempfile

from source import ROOT, files, includes

SYSTEM = {"stdbool.h", "stddef.h", "stdint.h"}
FLAGS = ["-Iharness", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-fsyntax-only"]
COMPILERS = (["gcc", "-std=c11"], ["clang", "-std=c11"], ["g++", "-std=c++17", "-xc++"],
             ["clang++", "-std=c++17", "-xc++"])


def compile_problems(path, folder):
    source = os.path.join(folder, "alone.c")
    with open(source, "w", encoding="utf-8") as out:
        out.write(f'#include "{path[len("harness/"):]}"\nint drill_not_empty;\n')
    for compiler in COMPILERS:
        done = subprocess.run([*compiler, *FLAGS, source], cwd=ROOT, check=False,
                              capture_output=True, text=True)
        if done.returncode:
            yield f"{path}: {' '.join(compiler)}: {done.stderr.strip()}"


def check(_build):
    with tempfile.TemporaryDirectory(prefix="milterdrill-headers-") as folder:
        for path in files("harness/base", "harness/wire", ending=".h"):
            for line, name, system in includes(path):
                if system and name not in SYSTEM:
                    yield f"{path}:{line}: includes <{name}>"
            yield from compile_problems(path, folder)
