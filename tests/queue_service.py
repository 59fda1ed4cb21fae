"""A queue service that really listens: moto's server, a program of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

_RUNNING = re.compile(r"Running on (http://127\.0\.0\.1:[0-9]+)")
CREDENTIALS = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "queues"}


class QueueService:
    """Queues of the account 123456789012, at a free port of loopback."""

    account = "123456789012"

    def __init__(self, region: str = "us-east-1") -> None:
        program = shutil.which("moto_server", path=str(Path(sys.executable).parent))
        assert program is not None
        self._process = subprocess.Popen(
            [program, "-H", "127.0.0.1", "-p", "0"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stderr is not None
        for line in self._process.stderr:
            found = _RUNNING.search(line)
            if found is not None:
                self.url = found[1]
                break
        else:
            raise AssertionError("moto_server did not start")
        from boto3.session import Session

        create: Any = Session().client
        self.sqs: Any = create("sqs", region_name=region, endpoint_url=self.url, **CREDENTIALS)
        self._region = region

    def create(self, name: str) -> str:
        """The ARN of a new queue."""
        self.sqs.create_queue(QueueName=name)
        return f"arn:aws:sqs:{self._region}:{self.account}:{name}"

    def queue_url(self, arn: str) -> str:
        return f"{self.url}/{self.account}/{arn.rpartition(':')[2]}"

    def receive(self, arn: str, seconds: int = 20) -> list[dict[str, Any]]:
        """The next messages of a queue, taken out of it; waits for one."""
        url = self.queue_url(arn)
        answer = self.sqs.receive_message(
            QueueUrl=url, WaitTimeSeconds=seconds, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        for message in messages:
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return messages

    def close(self) -> None:
        self.sqs.close()
        self._process.terminate()
        self._process.wait(timeout=20)
        assert self._process.stderr is not None
        self._process.stderr.close()
