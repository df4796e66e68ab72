"""The article's function in Python: registers the repository and takes a snapshot, with `requests` and an AWS4 signer."""

import os
from datetime import datetime

import requests
from requests_aws4auth import AWS4Auth


def lambda_handler(event, context):
    endpoint = event["Endpoint"].rstrip("/")
    repository = f"{endpoint}/_snapshot/{event['RepositoryName']}"
    auth = AWS4Auth(os.environ["ACCESS_KEY"], os.environ["SECRET_KEY"], event["Region"], "es")

    settings = {"bucket": event["S3Bucket"], "region": event["Region"], "role_arn": event["RoleArn"]}
    response = requests.put(repository, auth=auth, json={"type": "s3", "settings": settings}, timeout=60)
    response.raise_for_status()

    snapshot = f"{event['RepositoryName']}-{datetime.now():%d-%m-%Y-%I-%M-%S}".lower()
    response = requests.put(f"{repository}/{snapshot}", auth=auth, timeout=60)
    response.raise_for_status()
    return {"repository": event["RepositoryName"], "snapshot": snapshot, "answer": response.json()}
