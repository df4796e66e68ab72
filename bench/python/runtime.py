"""A function's process under Lambda's runtime API, as AWS's own Python runtime is one, with the standard library only.

Usage: runtime.py FUNCTION PACKAGES MODULE — imports MODULE from the directory FUNCTION, and what it needs from the
directory PACKAGES, then answers events with its `lambda_handler`, for ever.
"""

import http.client
import json
import os
import sys

BASE = "/2018-06-01/runtime"


def describe(error):
    return json.dumps({"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": []})


class Context:
    """The part of Lambda's context object that functions here look at."""

    def __init__(self, headers):
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers.get("Lambda-Runtime-Invoked-Function-Arn")


class Runtime:
    def __init__(self, address):
        self.connection = http.client.HTTPConnection(address)

    def call(self, method, path, body=None):
        self.connection.request(method, BASE + path, body)
        response = self.connection.getresponse()
        return response.headers, response.read()

    def serve(self, handler):
        while True:
            headers, event = self.call("GET", "/invocation/next")
            context = Context(headers)
            try:
                kind, body = "response", json.dumps(handler(json.loads(event), context))
            except Exception as error:  # whatever a function raises is its answer
                kind, body = "error", describe(error)
            self.call("POST", f"/invocation/{context.aws_request_id}/{kind}", body)


def main(function, packages, module):
    sys.path[:0] = [function, packages]
    runtime = Runtime(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = __import__(module).lambda_handler
    except Exception as error:
        runtime.call("POST", "/init/error", describe(error))
        sys.exit(1)
    runtime.serve(handler)


main(*sys.argv[1:])
