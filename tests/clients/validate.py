"""Validates what a server says of itself, and JSON against the schemas of its messages.

    validate.py HOST:PORT DIRECTORY
"""

import json
import pathlib
import sys
import urllib.request

import jsonschema
import openapi_spec_validator

DEADLINE = 20

address, directory = sys.argv[1], pathlib.Path(sys.argv[2])
with urllib.request.urlopen(f"http://{address}/openapi.json", timeout=DEADLINE) as answer:
    assert answer.headers["content-type"] == "application/json", answer.headers
    description = json.load(answer)
openapi_spec_validator.validate(description, cls=openapi_spec_validator.OpenAPIV31SpecValidator)
print("openapi: valid")


def validator(name):
    """What checks JSON against the schema of a message."""
    schema = json.loads((directory / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


torture = validator("torture")
for path in sorted(directory.glob("torture.*.json")):
    if not path.name.endswith(".schema.json"):
        torture.validate(json.loads(path.read_text()))

good = [
    {"long": 5}, {"long": "-5"}, {"ulong": "18446744073709551615"}, {"double": "NaN"},
    {"maybeInt": None}, {"status": "STATUS_ACTIVE"}, {"status": 5}, {"statuses": ["STATUS_ACTIVE"]},
    {"byNumber": {"7": "1"}}, {"tree": {"left": {"left": {"value": "1"}}}}, {"newer": True},
]  # fmt: skip
bad = [
    {"long": "five"}, {"ulong": "-1"}, {"int": 1 << 31}, {"flag": "true"}, {"text": 1},
    {"status": "ACTIVE!"}, {"numbers": 1}, {"byNumber": {"x": "1"}}, {"timeout": "1.5"},
    {"tree": {"left": {"left": {"value": {}}}}}, {"shape": {"circle": 1.0, "nothing": {}}},
]  # fmt: skip
# An enum with data is the only kind of field without a value that means absent.
needed = {"shape": {"circle": 1.0}}
torture.validate(needed)
assert not torture.is_valid({}), "without a shape"
for json_value in good:
    torture.validate(needed | json_value)
for json_value in bad:
    assert not torture.is_valid(needed | json_value), json_value

payment = validator("payment")
payment.validate({"card": "1"})
payment.validate({"coins": {"count": "3", "currency": "EUR"}})
assert not payment.is_valid({"card": "1", "nothing": {}})
print("schemas: valid")
