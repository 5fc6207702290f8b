# SPDX-License-Identifier: MIT
"""sizes to hold: C function 60, file 600, header 250, fuzz target 120, scenario 40, Python function 25"""

import ast
import re

import catalogue
from source import c_files, files, text

NOTES_ONLY = True  # a hint to whoever reads the log, not a failure
CASE = re.compile(r"\s*(case\b.*|default:)(;|:)\s*(//.*|/\*.*)?$")


def c_functions(path):
    """(line, lines) of every function: clang-format puts its braces into column 0. A case that
    takes one line does not count: a dispatch switch may be long."""
    began = None
    short = 0
    for number, line in enumerate(text(path).splitlines(), 1):
        if line == "{":
            began, short = number, 0
        elif line == "}" and began:
            yield began - 1, number - began - 1 - short
            began = None
        elif CASE.match(line):
            short += 1


def python_functions(path):
    for node in ast.walk(ast.parse(text(path))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.end_lineno - node.lineno + 1


def too_long(path, functions, limit):
    for line, lines in functions:
        if lines > limit:
            yield f"{path}:{line}: a function of {lines} lines (limit {limit})"


def too_large(paths, limit):
    for path in paths:
        lines = text(path).count("\n")
        if lines > limit:
            yield f"{path}: {lines} lines (limit {limit})"


def check(_build):
    for path in c_files("harness", "fuzz", "ci"):
        yield from too_long(path, c_functions(path), 60)
    for path in files("ci", ending=".py"):
        yield from too_long(path, python_functions(path), 25)
    yield from too_large(files("harness", ending=".c"), 600)
    yield from too_large(files("harness", ending=".h"), 250)
    yield from too_large(files("fuzz", ending=".c"), 120)
    yield from too_large(catalogue.paths(), 40)
