"""Prints what the module and the program of a release contain, as CycloneDX 1.5 in JSON: the crates that are compiled into
them for any of the targets, with the checksums of Cargo.lock, and what the tools add. What only builds or tests them is left out.

It needs nothing but cargo and rustc. The same sources and tools make the same bytes.

    python3 scripts/sbom.py > qadmin.cdx.json
"""

import datetime
import json
import os
import pathlib
import re
import subprocess
import sys

TARGETS = [
    f"{processor}-unknown-linux-{library}" for processor in ("x86_64", "aarch64") for library in ("gnu", "musl")
]
# The packages that are shipped, and what they are.
SHIPPED = {"qadmin": "library", "qadmin-console": "application"}


def run(*command):
    """Returns what a command prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def metadata():
    """Returns what cargo knows of the workspace for all targets together."""
    filters = [word for target in TARGETS for word in ("--filter-platform", target)]
    cargo = os.environ.get("CARGO", "cargo")
    return json.loads(run(cargo, "metadata", "--locked", "--format-version", "1", *filters))


def checksums():
    """Returns the SHA-256 of each crate by name and version."""
    blocks = pathlib.Path("Cargo.lock").read_text().split("[[package]]")
    found = {}
    for block in blocks:
        members = dict(re.findall(r'^(\w+) = "(.*)"$', block, re.MULTILINE))
        if "checksum" in members:
            found[members["name"], members["version"]] = members["checksum"]
    return found


def linked(nodes, packages, root):
    """Returns the ids of the packages that are compiled into `root`, with itself. Procedural macros run in the compiler."""
    found, waiting = set(), [root]
    while waiting:
        package = waiting.pop()
        kinds = {kind for target in packages[package]["targets"] for kind in target["kind"]}
        if package in found or "proc-macro" in kinds:
            continue
        found.add(package)
        waiting.extend(dependencies(nodes[package]))
    return found


def dependencies(node):
    """Returns the ids of the packages that the package of a node contains; those of its build script and tests are none."""
    return [
        dep["pkg"] for dep in node["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])
    ]


def reference(package):
    """Returns the name by which one part refers to another."""
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, sums):
    """Returns the description of a crate."""
    own = package["source"] is None
    part = {
        "type": SHIPPED.get(package["name"], "library"),
        "bom-ref": reference(package),
        "name": package["name"],
        "version": package["version"],
    }
    if package["license"]:
        # Older crates write a slash for OR.
        expression = re.sub(r"\s*/\s*", " OR ", package["license"])
        part["licenses"] = [{"expression": expression}]
    if not own:
        part["purl"] = reference(package)
        part["hashes"] = [{"alg": "SHA-256", "content": sums[package["name"], package["version"]]}]
        if package["repository"]:
            part["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return part


def tools():
    """Returns what the compiler and the linker put into every file."""
    rust = dict(re.findall(r"^([\w-]+): (.*)$", run("rustc", "-vV"), re.MULTILINE))["release"]
    parts = [("rust-std", rust, "the standard library of Rust", "MIT OR Apache-2.0")]
    zig = pathlib.Path("target/tools/zig/bin/python-zig")
    if zig.exists():
        version = run(str(zig), "version").strip()
        parts.append(("zig", version, "libunwind and compiler-rt of LLVM; in the program also musl", "MIT"))
    return [
        {
            "type": "library",
            "bom-ref": f"{name}@{version}",
            "name": name,
            "version": version,
            "description": what,
            "licenses": [{"expression": terms}],
        }
        for name, version, what, terms in parts
    ]


def main():
    """Prints the list."""
    known = metadata()
    sums = checksums()
    packages = {package["id"]: package for package in known["packages"]}
    roots = [package["id"] for package in known["packages"] if package["name"] in SHIPPED and package["source"] is None]
    nodes = {node["id"]: node for node in known["resolve"]["nodes"]}
    found = set().union(*(linked(nodes, packages, root) for root in roots))
    when = int(os.environ.get("SOURCE_DATE_EPOCH") or run("git", "log", "-1", "--format=%ct"))
    version = next(packages[root]["version"] for root in roots if packages[root]["name"] == "qadmin")
    parts = sorted((component(packages[each], sums) for each in found), key=lambda part: part["bom-ref"])
    added = tools()
    needs = []
    for each in found:
        of = sorted(reference(packages[of]) for of in dependencies(nodes[each]) if of in found)
        if each in roots:
            of += [part["bom-ref"] for part in added]
        needs.append({"ref": reference(packages[each]), "dependsOn": of})
    release = f"qadmin-release@{version}"
    needs.append({"ref": release, "dependsOn": sorted(reference(packages[root]) for root in roots)})
    json.dump(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "version": 1,
            "metadata": {
                "timestamp": datetime.datetime.fromtimestamp(when, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "component": {"type": "application", "bom-ref": release, "name": "qadmin", "version": version},
            },
            "components": parts + added,
            "dependencies": sorted(needs, key=lambda need: need["ref"]),
        },
        sys.stdout,
        indent=1,
        sort_keys=True,
    )
    print()


if __name__ == "__main__":
    main()
