"""Performs what it is told on standard input with botocore, a JSON line for each operation, and tells how it went.

usage: botocore-operations.py ENDPOINT OTHER_KEY_ID OTHER_SECRET

In: {"operation": "CreateThing", "input": {}, "byOther": false}. Out: {"answer": {}}, or {"error": "the class's name",
"modelled": whether the client has a class for it}, or {"unknown": true} when this botocore has no such operation or member.
"""

import json
import sys

import botocore.session
from botocore.exceptions import ClientError, ParamValidationError

endpoint, other_id, other_secret = sys.argv[1:]
session = botocore.session.Session()
iot = session.create_client("iot", endpoint_url=endpoint)
other = session.create_client(
    "iot", endpoint_url=endpoint, aws_access_key_id=other_id, aws_secret_access_key=other_secret
)
methods = {operation: method for method, operation in iot.meta.method_to_api_mapping.items()}


def perform(operation, input, byOther):
    client = other if byOther else iot
    if operation not in methods:
        return {"unknown": True}
    try:
        return {"answer": getattr(client, methods[operation])(**input)}
    except ParamValidationError as error:
        if "Unknown parameter in input" in str(error):
            return {"unknown": True}
        return {"error": "ParamValidationError", "modelled": True, "message": str(error)}
    except ClientError as error:
        # A class of the client's own, not only the general one.
        name = type(error).__name__
        code = error.response["Error"]["Code"]
        return {"error": code, "modelled": name == code, "message": str(error)}


for line in sys.stdin:
    print(json.dumps(perform(**json.loads(line)), default=str), flush=True)
