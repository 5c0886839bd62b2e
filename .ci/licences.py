"""Licences and sources of all dependencies, by the lists in deny.toml. Not security advisories."""

import json
import re
import subprocess
import sys
import tomllib

with open("deny.toml", "rb") as file:
    rules = tomllib.load(file)
allowed = set(rules["licenses"]["allow"])
output = subprocess.run(
    ["cargo", "metadata", "--locked", "--format-version", "1"],
    check=True,
    capture_output=True,
)
packages = json.loads(output.stdout)["packages"]


def accepts(expression):
    """Whether an SPDX expression can be met with the allowed licences alone."""
    words = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))
    words = [word for word in words if word != "WITH"]

    def either(words):
        met = both(words)
        while words and words[0] == "OR":
            words.pop(0)
            other = both(words)
            met = met or other
        return met

    def both(words):
        met = one(words)
        while words and words[0] == "AND":
            words.pop(0)
            other = one(words)
            met = met and other
        return met

    def one(words):
        word = words.pop(0)
        if word == "(":
            met = either(words)
            words.pop(0)
            return met
        met = word in allowed
        if words and words[0].endswith("exception"):
            words.pop(0)
        return met

    return either(words)


for expression, wanted in [
    ("MIT", True),
    ("GPL-3.0-only", False),
    ("MIT OR GPL-3.0-only", True),
    ("MIT AND GPL-3.0-only", False),
    ("(MIT OR GPL-3.0-only) AND Apache-2.0 WITH LLVM-exception", True),
]:
    assert accepts(expression) is wanted, expression

wrong = []
for package in packages:
    name = f"{package['name']} {package['version']}"
    if not accepts(package["license"] or "none"):
        wrong.append(f"{name}: licence {package['license']}")
    source = package["source"]
    if source and source.partition("+")[2] not in rules["sources"]["allow-registry"]:
        wrong.append(f"{name}: from {source}")

print(f"{len(packages)} packages, {len(wrong)} wrong")
print("\n".join(wrong))
sys.exit(bool(wrong))
