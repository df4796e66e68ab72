"""The same job with the AWS SDK's session and signer; requests go through urllib3, which the SDK brings along."""

import json
import os
from datetime import datetime

import boto3
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

session = boto3.Session()
http = urllib3.PoolManager(ca_certs=os.environ.get("AWS_CA_BUNDLE"), timeout=60, retries=False)


def signed_put(url, region, body=None):
    request = AWSRequest("PUT", url, data=body, headers={"Content-Type": "application/json"} if body else {})
    SigV4Auth(session.get_credentials(), "es", region).add_auth(request)
    response = http.request("PUT", url, body=body, headers=dict(request.headers))
    if response.status >= 300:
        raise RuntimeError(f"{response.status}: {response.data[:500]!r}")
    return json.loads(response.data)


def lambda_handler(event, context):
    endpoint = event["Endpoint"].rstrip("/")
    repository = f"{endpoint}/_snapshot/{event['RepositoryName']}"
    settings = {"bucket": event["S3Bucket"], "region": event["Region"], "role_arn": event["RoleArn"]}
    signed_put(repository, event["Region"], json.dumps({"type": "s3", "settings": settings}))

    snapshot = f"{event['RepositoryName']}-{datetime.now():%d-%m-%Y-%I-%M-%S}".lower()
    answer = signed_put(f"{repository}/{snapshot}", event["Region"])
    return {"repository": event["RepositoryName"], "snapshot": snapshot, "answer": answer}
