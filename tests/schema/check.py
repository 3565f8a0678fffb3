#!/usr/bin/python3
"""Holds the JSON Schema against the manifests of tests/good and tests/bad.

usage: check.py SCHEMA BEYOND GOOD-FOLDER BAD-FOLDER

A good manifest must pass. A bad one must fail, unless BEYOND names it: a list of the cases that only rules across
fields or files catch, which JSON Schema has no words for. A name in BEYOND that the schema does catch is a failure
too, so that the list stays short and true.
"""
import json
import pathlib
import re
import sys

import jsonschema
import yaml


MOST_NODES = 100000
LOOSE = 0.5  # what no field takes: neither text nor integer nor boolean


class Loader(yaml.SafeLoader):
    """YAML as the manifests mean it: booleans are true and false, integers decimal, no dates, no key twice.

    What YAML 1.1 reads as a boolean or a number in any other spelling is LOOSE.
    """


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def mapping(loader, node, deep=False):
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    if len({repr(key) for key in keys}) != len(keys):
        raise yaml.constructor.ConstructorError(None, None, "duplicate key", node.start_mark)
    return yaml.SafeLoader.construct_mapping(loader, node, deep)


def boolean(_, node):
    return {"true": True, "false": False}.get(node.value, LOOSE)


def integer(_, node):
    return int(node.value) if re.fullmatch(r"-?(0|[1-9][0-9]*)", node.value) else LOOSE


Loader.add_constructor("tag:yaml.org,2002:bool", boolean)
Loader.add_constructor("tag:yaml.org,2002:int", integer)
Loader.add_constructor("tag:yaml.org,2002:map", lambda loader, node: mapping(loader, node, deep=True))


def nodes(value, counted):
    """How many nodes a document has with its aliases followed; each shared part is counted once and added often."""
    if not isinstance(value, (dict, list)):
        return 1
    if id(value) not in counted:
        inside = value.values() if isinstance(value, dict) else value
        counted[id(value)] = 1 + sum(nodes(item, counted) for item in inside)
    return counted[id(value)]


def verdict(validator, path):
    """The first complaint about a file, or None."""
    try:
        documents = [d for d in yaml.load_all(path.read_bytes(), Loader) if d is not None]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return f"not readable: {str(error).splitlines()[0]}"
    if path.stat().st_size == 0:
        return "empty file"
    for document in documents:
        # the complaint would quote it, with every alias followed
        if nodes(document, {}) > MOST_NODES:
            return "too large with its aliases followed"
        error = jsonschema.exceptions.best_match(validator.iter_errors(document))
        if error:
            return f"{error.json_path}: {error.message[:200]}"
    return None


def manifests(folder):
    endings = {".yaml", ".yml", ".json"}
    return sorted(p for p in pathlib.Path(folder).rglob("*") if p.suffix in endings and p.is_file())


def main():
    schema_path, beyond_path, good, bad = sys.argv[1:]
    schema = json.loads(pathlib.Path(schema_path).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    lines = pathlib.Path(beyond_path).read_text().splitlines()
    beyond = {line.split("#")[0].strip() for line in lines} - {""}
    failures = checked = 0
    for path in manifests(good):
        checked += 1
        complaint = verdict(validator, path)
        if complaint:
            failures += 1
            print(f"{path}: good, but the schema says: {complaint}")
    for path in manifests(bad):
        checked += 1
        name = str(path.relative_to(bad))
        caught = verdict(validator, path) is not None
        if caught == (name in beyond):
            failures += 1
            print(f"{path}: " + ("caught, but listed as beyond the schema" if caught else "bad, but the schema passes it"))
    print(f"{checked} manifests, {failures} disagreements")
    return 1 if failures or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
